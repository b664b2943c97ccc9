"""A document that several people edit: undo and redo are appended, and a stale editor rebases."""

from collections.abc import Iterable
from typing import Any, ClassVar

import msgspec

from esworkbench.aggregates.aggregate import Aggregate
from esworkbench.cqrs.commands import require_text
from esworkbench.domains.document.events import (
    DOCUMENT_EVENT_TYPES,
    DocumentStarted,
    Edit,
    LineInserted,
    LineRemoved,
    LineRestored,
    LineRewritten,
    inverse,
)
from esworkbench.errors import CommandRejected
from esworkbench.events import DomainEvent


class Line(msgspec.Struct):
    """A line that is or was there; a removed one keeps its place."""

    line_id: str
    text: str
    there: bool = True


class Document(Aggregate):
    """``lines`` in their order, removed ones included; ``edits``, every edit ever made, is what undo looks through.

    The caller draws ``edit_id``; an insertion's is also the new line's id.
    """

    category: ClassVar[str] = "Document"

    def __init__(self, aggregate_id: str) -> None:
        super().__init__(aggregate_id)
        self.title = ""
        self.lines: list[Line] = []
        self.edits: list[Edit] = []

    def text(self) -> list[str]:
        """The lines a reader sees."""
        return [line.text for line in self.lines if line.there]

    def apply(self, event: DomainEvent) -> None:
        match event:
            case DocumentStarted():
                self.title = event.title
            case LineInserted():
                place = 0 if event.after is None else self._place_of(event.after) + 1
                self.lines.insert(place, Line(event.line_id, event.text))
            case LineRemoved():
                self.lines[self._place_of(event.line_id)].there = False
            case LineRestored():
                self.lines[self._place_of(event.line_id)].there = True
            case LineRewritten():
                self.lines[self._place_of(event.line_id)].text = event.new_text
            case _:
                raise TypeError(f"a document doesn't know {type(event).__name__}")
        if isinstance(event, Edit):
            self.edits.append(event)

    def start(self, title: str) -> None:
        require_text("title", title)
        if self.title:
            raise CommandRejected(f"document {self.id} was started already")
        self.record(DocumentStarted(title=title))

    def insert(self, edit_id: str, text: str, *, after: str | None, editor: str) -> None:
        """A new line right after the line ``after``; None: at the top. Raises CommandRejected."""
        self._edit(LineInserted(edit_id=edit_id, editor=editor, line_id=edit_id, after=after, text=text))

    def remove(self, edit_id: str, line_id: str, *, editor: str) -> None:
        text = self._line(line_id).text
        self._edit(LineRemoved(edit_id=edit_id, editor=editor, line_id=line_id, text=text))

    def rewrite(self, edit_id: str, line_id: str, new_text: str, *, editor: str) -> None:
        text = self._line(line_id).text
        self._edit(LineRewritten(edit_id=edit_id, editor=editor, line_id=line_id, text=text, new_text=new_text))

    def undo(self, edit_id: str, *, editor: str) -> None:
        """Append the inverse of this editor's last edit that still stands.

        Raises CommandRejected when there is none, or when somebody has changed that line since.
        """
        self._take_back(edit_id, self.undoable(editor), "undo", editor)

    def redo(self, edit_id: str, *, editor: str) -> None:
        """Append the inverse of this editor's last undo. A new edit of theirs ends what can be redone."""
        self._take_back(edit_id, self.redoable(editor), "redo", editor)

    def undoable(self, editor: str) -> list[Edit]:
        """The editor's edits that still stand; the next to be undone is the last."""
        return self._standing(editor, undos=False)

    def redoable(self, editor: str) -> list[Edit]:
        """The editor's undos that still stand, since their last new edit; the next to be redone is the last."""
        return self._standing(editor, undos=True)

    def rebase(self, unsaved: Iterable[DomainEvent]) -> None:
        """Record again, on this fresh copy, the edits that a stale one decided and could not save, in their order.

        Raises CommandRejected at the first that no longer fits, because somebody else changed its line: only a person
        can say which of the two is meant. This copy is then to be thrown away.
        """
        for event in unsaved:
            if isinstance(event, Edit):
                self._edit(event)

    def state(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "lines": [msgspec.structs.asdict(line) for line in self.lines],
            "edits": [{"type": type(edit).__name__, **msgspec.structs.asdict(edit)} for edit in self.edits],
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.title = state["title"]
        self.lines = msgspec.convert(state["lines"], list[Line])
        self.edits = [_edit_of(dict(fields)) for fields in state["edits"]]

    def _edit(self, edit: Edit) -> None:
        """Record the edit if the document is still as the edit takes it to be."""
        require_text("edit_id", edit.edit_id)
        require_text("editor", edit.editor)
        if not self.title:
            raise CommandRejected(f"document {self.id} was never started")
        if any(edit.edit_id == earlier.edit_id for earlier in self.edits):
            raise CommandRejected(f"edit {edit.edit_id} was made already: draw a new id for each edit")
        if isinstance(edit, LineInserted):
            if edit.after is not None:
                self._line(edit.after)
        else:
            self._require_unchanged(edit)
        self.record(edit)

    def _require_unchanged(self, edit: Edit) -> None:
        line = self._line(edit.line_id)
        assert isinstance(edit, LineRemoved | LineRestored | LineRewritten)
        if (line.text, line.there) != (edit.text, not isinstance(edit, LineRestored)):
            last = next(each for each in reversed(self.edits) if each.line_id == edit.line_id)
            raise CommandRejected(
                f"line {edit.line_id} is not as {edit.editor} saw it: {last.editor} changed it (edit {last.edit_id}); "
                "look at it again and decide anew"
            )

    def _standing(self, editor: str, *, undos: bool) -> list[Edit]:
        taken_back = {edit.undoes for edit in self.edits}
        is_undo: dict[str, bool] = {}
        standing: list[Edit] = []
        for edit in self.edits:
            is_undo[edit.edit_id] = edit.undoes is not None and not is_undo[edit.undoes]
            if edit.editor != editor:
                continue
            if undos and edit.undoes is None:
                standing.clear()
            if is_undo[edit.edit_id] == undos and edit.edit_id not in taken_back:
                standing.append(edit)
        return standing

    def _take_back(self, edit_id: str, standing: list[Edit], verb: str, editor: str) -> None:
        if not standing:
            raise CommandRejected(f"{editor} has nothing to {verb} in document {self.id}")
        self._edit(inverse(standing[-1], edit_id))

    def _line(self, line_id: str) -> Line:
        for line in self.lines:
            if line.line_id == line_id:
                return line
        raise CommandRejected(f"document {self.id} has no line {line_id}")

    def _place_of(self, line_id: str) -> int:
        return next(place for place, line in enumerate(self.lines) if line.line_id == line_id)


def _edit_of(fields: dict[str, Any]) -> Edit:
    edit = DOCUMENT_EVENT_TYPES.decode(fields.pop("type"), fields)
    assert isinstance(edit, Edit)
    return edit
