"""The exercise ``inverse``: the edit that undoes an edit."""

from collections.abc import Sequence
from typing import Any

import msgspec
from hypothesis import strategies as st

from esworkbench.course.grader.exercise import Exercise, Mistake
from esworkbench.domains.document import Edit, LineInserted, LineRemoved, LineRestored, LineRewritten, inverse

TASK = (
    "Return the edit that undoes `edit`. An inserted or a restored line is removed, a removed one is restored, and "
    "a rewritten one is rewritten back: a LineRewritten says in `text` what it replaces and in `new_text` what "
    "stands there afterwards; the others say in `text` what the line reads. The new edit has the id `edit_id`, "
    "names in `undoes` the id of the edit it undoes, and keeps `editor` and `line_id`. An edit of any other class "
    "raises TypeError."
)


class LineMoved(Edit, frozen=True, kw_only=True):
    """An edit that nobody knows the inverse of."""

    text: str


class LineCopied(LineMoved, frozen=True, kw_only=True):
    """Another, with the fields of an inserted line."""

    after: str | None


class LineCorrected(LineMoved, frozen=True, kw_only=True):
    """Another, with the fields of a rewritten line."""

    new_text: str


@st.composite
def edits(draw: st.DrawFn) -> Edit:
    """One edit of any kind; some are an undo themselves."""
    line: dict[str, Any] = {
        "edit_id": "e1",
        "editor": draw(st.sampled_from(["ada", "bob"])),
        "line_id": draw(st.sampled_from(["one", "two"])),
        "undoes": draw(st.sampled_from([None, "e0"])),
        "text": draw(st.sampled_from(["old", "older", "", " old "])),
    }
    made: Sequence[Edit] = [
        LineInserted(**line, after=draw(st.sampled_from([None, "zero"]))),
        LineRemoved(**line),
        LineRestored(**line),
        LineRewritten(**line, new_text=draw(st.sampled_from(["new", "", " new "]))),
        LineMoved(**line),
        LineCopied(**line, after=None),
        LineCorrected(**line, new_text="new"),
    ]
    return draw(st.sampled_from(made))


# --- mistakes ---------------------------------------------------------------------------------------------------------


def _without_undoes(edit: Edit, edit_id: str) -> Edit:
    return msgspec.structs.replace(inverse(edit, edit_id), undoes=None)


def _undoes_what_it_undid(edit: Edit, edit_id: str) -> Edit:
    return msgspec.structs.replace(inverse(edit, edit_id), undoes=edit.undoes)


def _under_the_same_id(edit: Edit, edit_id: str) -> Edit:
    return inverse(edit, edit.edit_id)


def _the_wrong_way_round(edit: Edit, edit_id: str) -> Edit:
    undo = inverse(edit, edit_id)
    if isinstance(undo, LineRewritten):
        return msgspec.structs.replace(undo, text=undo.new_text, new_text=undo.text)
    return undo


def _inserts_again(edit: Edit, edit_id: str) -> Edit:
    if isinstance(edit, LineRemoved):
        return LineInserted(edit_id=edit_id, editor=edit.editor, line_id=edit.line_id, undoes=edit.edit_id, after=None,
                            text=edit.text)  # fmt: skip
    return inverse(edit, edit_id)


def _no_inverse_for_the_unknown(edit: Edit, edit_id: str) -> Edit | None:
    return None if isinstance(edit, LineMoved) else inverse(edit, edit_id)


# --- the exercise -----------------------------------------------------------------------------------------------------

INVERSE = Exercise(
    name="inverse",
    task=TASK,
    stub=(
        "from esworkbench.domains.document import Edit, LineInserted, LineRemoved, LineRestored, LineRewritten\n\n\n"
        "def my_inverse(edit: Edit, edit_id: str) -> Edit: ..."
    ),
    reference=inverse,
    cases=st.tuples(edits(), st.sampled_from(["e2", "undo"])),
    examples=[
        (LineInserted(edit_id="e1", editor="ada", line_id="one", after=None, text="old", undoes="e0"), "e2"),
        (LineRewritten(edit_id="e1", editor="ada", line_id="one", text=" old ", new_text=""), "e2"),
        (LineCopied(edit_id="e1", editor="ada", line_id="one", text="old", after="zero"), "e2"),
        (LineCorrected(edit_id="e1", editor="ada", line_id="one", text="old", new_text="new"), "e2"),
    ],
    hints=(
        "Inserted and restored lines are removed, removed ones restored, never inserted anew.",
        "A rewrite says `text` (what it replaced) and `new_text`: the inverse replaces the second with the first.",
    ),
    mistakes={
        "undoes nothing": Mistake(
            _without_undoes, "`undoes` says nothing: then nobody knows what can still be undone, and what is a redo"
        ),
        "undoes another": Mistake(
            _undoes_what_it_undid, "`undoes` names what the edit itself undid, not the edit that is undone now"
        ),
        "the same id": Mistake(
            _under_the_same_id, "it takes over the id of the edit that it undoes, but it is an edit of its own"
        ),
        "wrong order": Mistake(
            _the_wrong_way_round,
            "a rewrite is undone the wrong way round: what it wrote is what the inverse finds there and replaces",
        ),
        "a new line": Mistake(
            _inserts_again, "it inserts a line anew, but a removed one has kept its place: restore it there"
        ),
        "silent on unknown edits": Mistake(
            _no_inverse_for_the_unknown,
            "for an edit it doesn't know it returns nothing, and the undo is lost without a word: raise TypeError",
        ),
    },
)
