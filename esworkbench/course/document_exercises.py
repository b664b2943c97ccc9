"""Exercises on a document: the inverse of an edit, and edits that came too late made again on a fresh copy."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec

from esworkbench.aggregates.repository import Repository
from esworkbench.course.mechanism import Exercise, Mistake, Wrong
from esworkbench.domains.document import (
    Document,
    Edit,
    LineInserted,
    LineRemoved,
    LineRestored,
    LineRewritten,
    document_decoder,
    inverse,
)
from esworkbench.errors import CommandRejected, ConcurrencyError
from esworkbench.event_store import ANY_VERSION, EventStore, StreamAppend

EDITS: tuple[Edit, ...] = (
    LineInserted(edit_id="one", line_id="one", after=None, text="one", editor="ada"),
    LineInserted(edit_id="two", line_id="two", after="one", text="two", editor="ada"),
    LineRewritten(edit_id="e1", line_id="two", text="two", new_text="zwei", editor="ada"),
    LineRemoved(edit_id="e2", line_id="one", text="one", editor="ada"),
    LineRestored(edit_id="e3", line_id="one", text="one", editor="ada", undoes="e2"),
)


def examine_inverse(answer: Callable[[Edit, str], Edit]) -> None:
    """Each edit is made on a document and taken back again, by way of the document's own rules."""
    document = Document("d")
    document.start("Minutes")
    for edit in EDITS:
        before = document.text()
        document.replay(edit)
        undo_id, places = f"undo {edit.edit_id}", [line.line_id for line in document.lines]
        undo = answer(edit, undo_id)
        if undo.edit_id != undo_id:
            raise Wrong(f"the inverse has the id {undo.edit_id}: it is an edit of its own, named {undo_id}")
        if undo.undoes != edit.edit_id:
            raise Wrong(f"undoes is {undo.undoes!r}, not {edit.edit_id!r}: then nobody knows what can still be undone")
        taken_back = Document("d")
        taken_back.restore(document.state())
        name = type(edit).__name__
        try:
            taken_back.rebase([undo])
        except CommandRejected as error:
            raise Wrong(f"the inverse of {name} must expect what that edit left: {error}") from error
        if [line.line_id for line in taken_back.lines] != places:
            raise Wrong(f"the inverse of {name} makes a new line: a removed one kept its place, so restore that")
        if taken_back.text() != before:
            raise Wrong(f"after {name} and its inverse the text is {taken_back.text()}, and was {before}")


def without_undoes(edit: Edit, edit_id: str) -> Edit:
    return msgspec.structs.replace(inverse(edit, edit_id), undoes=None)


def under_the_same_id(edit: Edit, edit_id: str) -> Edit:
    return inverse(edit, edit.edit_id)


def the_wrong_way_round(edit: Edit, edit_id: str) -> Edit:
    undo = inverse(edit, edit_id)
    if isinstance(undo, LineRewritten):
        return msgspec.structs.replace(undo, text=undo.new_text, new_text=undo.text)
    return undo


def inserts_again(edit: Edit, edit_id: str) -> Edit:
    undo = inverse(edit, edit_id)
    if isinstance(edit, LineRemoved):
        return LineInserted(
            edit_id=edit_id, editor=edit.editor, line_id=edit_id, undoes=edit.edit_id, after=None, text=edit.text
        )
    return undo


def save_or_rebase(documents: Repository[Document], document: Document) -> None:
    """Save; if somebody was faster, make the same edits on a fresh copy and save that."""
    try:
        documents.save(document)
    except ConcurrencyError:
        fresh = documents.load(document.id)
        fresh.rebase([unsaved.event for unsaved in document.uncommitted])
        documents.save(fresh)


def examine_save(answer: Callable[[Repository[Document], Document], None]) -> None:
    with tempfile.TemporaryDirectory(prefix="esworkbench-exercise-") as folder:
        store = EventStore.open(f"sqlite:///{Path(folder) / 'documents.db'}")
        try:
            _examine_save(answer, Repository(store, Document, document_decoder()), store)
        finally:
            store.engine.dispose()


def _examine_save(
    answer: Callable[[Repository[Document], Document], None], documents: Repository[Document], store: EventStore
) -> None:
    document = Document("d")
    document.start("Minutes")
    document.insert("one", "one", after=None, editor="ada")
    documents.save(document)
    ada, bob = documents.load("d"), documents.load("d")
    ada.rewrite("e1", "one", "ONE", editor="ada")
    documents.save(ada)
    bob.insert("two", "two", after="one", editor="bob")
    bob.insert("three", "three", after="two", editor="bob")
    try:
        answer(documents, bob)
    except ConcurrencyError as error:
        raise Wrong("the stale copy is saved again: it stays stale, so load a fresh one first") from error
    last = store.read_stream("Document-d")[-1].metadata_dict()
    saved = documents.load("d")
    if saved.text() == ["ONE"]:
        raise Wrong("no error, and Bob's two lines are gone: a refused edit must be made again, not dropped")
    if saved.text() != ["ONE", "two", "three"]:
        raise Wrong(f"the document reads {saved.text()}: all of Bob's edits, each once")
    if last.get("decided_on_version") != 3:
        raise Wrong("it went in without the expected version: nobody checked whether Bob's edits still fit")
    ada, bob = documents.load("d"), documents.load("d")
    ada.remove("e2", "two", editor="ada")
    documents.save(ada)
    bob.rewrite("e3", "two", "zwei", editor="bob")
    try:
        answer(documents, bob)
    except CommandRejected:
        return
    raise Wrong("both changed one line, and nobody is told: let CommandRejected out, so that a person decides")


def drops_the_edit(documents: Repository[Document], document: Document) -> None:
    try:
        documents.save(document)
    except ConcurrencyError:
        documents.load(document.id)


def saves_the_stale_copy(documents: Repository[Document], document: Document) -> None:
    try:
        documents.save(document)
    except ConcurrencyError:
        documents.save(document)


def checks_no_version(documents: Repository[Document], document: Document) -> None:
    append = documents.append_of(document, {})
    unchecked = StreamAppend(append.stream_id, ANY_VERSION, append.events)
    documents._store.append_many([unchecked])


def tells_nobody(documents: Repository[Document], document: Document) -> None:
    try:
        save_or_rebase(documents, document)
    except CommandRejected:
        return


INVERSE = Exercise(
    name="inverse",
    task=(
        "Write `my_inverse(edit, edit_id)`: the edit that takes LineInserted, LineRemoved, LineRestored or "
        "LineRewritten back, under an id of its own, with `undoes` naming the edit it takes back."
    ),
    examine=examine_inverse,
    reference=inverse,
    hints=(
        "Inserted and restored lines are removed, removed ones restored, never inserted anew.",
        "A rewrite says `text` (what it replaced) and `new_text`: the inverse replaces the second by the first.",
    ),
    mistakes={
        "undoes nothing": Mistake(without_undoes, "what can still be undone"),
        "the same id": Mistake(under_the_same_id, "an edit of its own"),
        "wrong order": Mistake(the_wrong_way_round, "must expect what that edit left"),
        "a new line": Mistake(inserts_again, "makes a new line"),
    },
)

SAVE_OR_REBASE = Exercise(
    name="save_or_rebase",
    task=(
        "Write `my_save(documents, document)`: save; on ConcurrencyError rebase the unsaved edits on a fresh copy "
        "and save that. A real conflict is for a person: let it out."
    ),
    examine=examine_save,
    reference=save_or_rebase,
    hints=(
        "`documents.load(document.id)` gives the fresh copy.",
        "`fresh.rebase([unsaved.event for unsaved in document.uncommitted])`, then save `fresh`.",
    ),
    mistakes={
        "the edit is dropped": Mistake(drops_the_edit, "not dropped"),
        "stale again": Mistake(saves_the_stale_copy, "load a fresh one first"),
        "missing expected version": Mistake(checks_no_version, "without the expected version"),
        "tells nobody": Mistake(tells_nobody, "so that a person decides"),
    },
)
