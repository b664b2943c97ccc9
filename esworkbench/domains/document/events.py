"""What happens to a shared document.

Lines have ids and keep their place when they are removed, so an edit means the same whatever others did elsewhere in
the meantime; counting lines by number would let every edit above move all edits below. (Roh and others, *Replicated
abstract data types*, 2011, keep removed elements as tombstones for the same reason.) An edit also says what it
replaced, so that its inverse can be told from itself alone.
"""

from esworkbench.events import DomainEvent, EventTypes


class DocumentStarted(DomainEvent, frozen=True, kw_only=True):
    title: str


class Edit(DomainEvent, frozen=True, kw_only=True):
    """Base of the edits. ``undoes`` is the id of the edit that this one takes back.

    An undo is an edit like any other: taking it back in turn is a redo.
    """

    edit_id: str
    editor: str
    line_id: str
    undoes: str | None = None


class LineInserted(Edit, frozen=True, kw_only=True):
    """A new line right after the line ``after``; None: at the top."""

    after: str | None
    text: str


class LineRemoved(Edit, frozen=True, kw_only=True):
    text: str


class LineRestored(Edit, frozen=True, kw_only=True):
    text: str


class LineRewritten(Edit, frozen=True, kw_only=True):
    text: str
    new_text: str


DOCUMENT_EVENT_TYPES = EventTypes(DocumentStarted, LineInserted, LineRemoved, LineRestored, LineRewritten)


def inverse(edit: Edit, edit_id: str) -> Edit:
    """The edit that takes ``edit`` back, under an id of its own."""
    line = {"edit_id": edit_id, "editor": edit.editor, "line_id": edit.line_id, "undoes": edit.edit_id}
    match edit:
        case LineInserted(text=text) | LineRestored(text=text):
            return LineRemoved(**line, text=text)
        case LineRemoved(text=text):
            return LineRestored(**line, text=text)
        case LineRewritten(text=text, new_text=new_text):
            return LineRewritten(**line, text=new_text, new_text=text)
    raise TypeError(f"{type(edit).__name__} has no inverse")
