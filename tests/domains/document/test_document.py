"""Undo and redo append inverses, and a stale editor loses nothing: the store refuses, the editor rebases."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esworkbench.aggregates.repository import Repository
from esworkbench.aggregates.snapshots import SnapshotStore
from esworkbench.aggregates.snapshots.repository import SnapshottingRepository
from esworkbench.domains.document import Document, document_decoder
from esworkbench.errors import CommandRejected, ConcurrencyError
from esworkbench.event_store import EventStore

Documents = Repository[Document]
Choice = tuple[str, int]

BASE = ["one", "two", "three"]


@pytest.fixture
def store(store_url: str) -> Iterator[EventStore]:
    store = EventStore.open(store_url)
    yield store
    store.engine.dispose()


@pytest.fixture
def documents(store: EventStore) -> Documents:
    documents = Repository(store, Document, document_decoder())
    documents.save(written())
    return documents


def written() -> Document:
    """Lines ``one``, ``two``, ``three``, whose ids are their texts, by Ada."""
    document = Document("d")
    document.start("Minutes")
    for after, line in zip([None, *BASE], BASE, strict=False):
        document.insert(line, line, after=after, editor="ada")
    return document


def copy_of(document: Document) -> Document:
    copy = Document(document.id)
    copy.restore(document.state())
    return copy


def test_undo_appends_and_erases_nothing(store: EventStore, documents: Documents) -> None:
    document = documents.load("d")
    document.rewrite("e1", "two", "zwei", editor="ada")
    document.undo("e2", editor="ada")
    documents.save(document)
    assert documents.load("d").text() == BASE
    assert [event.event_type for event in store.read_stream("Document-d")][-2:] == ["LineRewritten", "LineRewritten"]


def test_redo_takes_an_undo_back_until_a_new_edit_ends_it() -> None:
    document = written()
    document.undo("u1", editor="ada")
    document.undo("u2", editor="ada")
    assert document.text() == ["one"]
    document.redo("r1", editor="ada")
    assert document.text() == ["one", "two"]
    document.redo("r2", editor="ada")
    assert document.text() == BASE
    document.undo("u3", editor="ada")
    document.insert("zero", "zero", after=None, editor="ada")
    with pytest.raises(CommandRejected, match="ada has nothing to redo"):
        document.redo("r3", editor="ada")


def test_an_editor_undoes_their_own_edit_and_nobody_else_s() -> None:
    document = written()
    document.insert("zero", "zero", after=None, editor="bob")
    document.undo("u1", editor="ada")
    assert document.text() == ["zero", "one", "two"]


def test_an_edit_whose_line_somebody_changed_since_is_not_undone() -> None:
    document = written()
    document.rewrite("e1", "three", "drei", editor="bob")
    with pytest.raises(CommandRejected, match=r"line three is not as ada saw it: bob changed it \(edit e1\)"):
        document.undo("u1", editor="ada")
    document.undo("u2", editor="bob")
    document.undo("u3", editor="ada")
    assert document.text() == ["one", "two"]


def test_a_stale_editor_is_refused_rebases_and_both_edits_stand(documents: Documents) -> None:
    ada, bob = documents.load("d"), documents.load("d")
    ada.remove("e1", "one", editor="ada")
    bob.insert("one and a half", "one and a half", after="one", editor="bob")
    documents.save(ada)
    with pytest.raises(ConcurrencyError):
        documents.save(bob)
    fresh = documents.load("d")
    fresh.rebase([event for event, _ in bob.uncommitted])
    documents.save(fresh)
    assert documents.load("d").text() == ["one and a half", "two", "three"]


def test_two_edits_of_one_line_are_a_conflict(documents: Documents) -> None:
    ada, bob = documents.load("d"), documents.load("d")
    ada.remove("e1", "two", editor="ada")
    bob.rewrite("e2", "two", "zwei", editor="bob")
    documents.save(ada)
    with pytest.raises(CommandRejected, match="line two is not as bob saw it: ada changed it"):
        documents.load("d").rebase([event for event, _ in bob.uncommitted])


def test_one_edit_is_not_taken_back_twice_by_two_windows(documents: Documents) -> None:
    here, there = documents.load("d"), documents.load("d")
    here.undo("u1", editor="ada")
    there.undo("u2", editor="ada")
    documents.save(here)
    with pytest.raises(CommandRejected, match=r"ada changed it \(edit u1\)"):
        documents.load("d").rebase([event for event, _ in there.uncommitted])


@pytest.mark.parametrize(
    ("edit", "complaint"),
    [
        (lambda document: document.remove("e", "ten", editor="ada"), "has no line ten"),
        (lambda document: document.insert("e", "x", after="ten", editor="ada"), "has no line ten"),
        (lambda document: document.insert("one", "x", after=None, editor="ada"), "edit one was made already"),
        (lambda document: document.undo("e", editor="bob"), "bob has nothing to undo"),
        (lambda document: document.start("Again"), "was started already"),
    ],
)
def test_what_makes_no_sense_is_refused_and_records_nothing(edit: Callable[[Document], None], complaint: str) -> None:
    document = written()
    before = document.version
    with pytest.raises(CommandRejected, match=complaint):
        edit(document)
    assert document.version == before


def test_a_snapshot_remembers_what_can_be_undone(store: EventStore) -> None:
    snapshots = SnapshotStore(store.engine, clock=store.clock)
    documents = SnapshottingRepository(store, Document, document_decoder(), snapshots=snapshots, snapshot_every=1)
    documents.save(written())
    document = documents.load("d")
    assert document.snapshot_version == 4
    document.undo("u1", editor="ada")
    assert document.text() == ["one", "two"]


choices = st.lists(st.tuples(st.sampled_from(["insert", "remove", "rewrite", "undo", "redo"]), st.integers(0, 9)))


def carry_out(document: Document, choice: Choice, editor: str, name: str) -> None:
    """What the choice asks for; nothing where the document refuses."""
    verb, number = choice
    line = document.lines[number % len(document.lines)].line_id
    steps: dict[str, Callable[[], None]] = {
        "insert": lambda: document.insert(name, name, after=line if number else None, editor=editor),
        "remove": lambda: document.remove(name, line, editor=editor),
        "rewrite": lambda: document.rewrite(name, line, name, editor=editor),
        "undo": lambda: document.undo(name, editor=editor),
        "redo": lambda: document.redo(name, editor=editor),
    }
    try:
        steps[verb]()
    except CommandRejected:
        return


def edited(document: Document, steps: Sequence[Choice], editor: str) -> Document:
    for number, step in enumerate(steps):
        carry_out(document, step, editor, f"{editor} {number}")
    return document


@given(choices)
def test_undoing_everything_gives_back_the_first_text_and_redoing_everything_the_last(steps: Sequence[Choice]) -> None:
    document = edited(written(), steps, "bob")
    last, undone = document.text(), 0
    while document.undoable("bob"):
        document.undo(f"undo {undone}", editor="bob")
        undone += 1
    assert document.text() == BASE
    for number in range(undone):
        document.redo(f"redo {number}", editor="bob")
    assert document.text() == last


@given(choices, choices)
def test_a_rebase_keeps_what_both_did_unless_both_changed_one_line(
    adas: Sequence[Choice], bobs: Sequence[Choice]
) -> None:
    base = written()
    base.uncommitted.clear()
    ada, bob = edited(copy_of(base), adas, "eve"), edited(copy_of(base), bobs, "bob")
    fresh = copy_of(ada)
    changed = [{event.line_id for event in each.edits[3:] if event.line_id in BASE} for each in (ada, bob)]
    edits = [event for event, _ in bob.uncommitted]
    if changed[0] & changed[1]:
        with suppress(CommandRejected):
            fresh.rebase(edits)
        return
    fresh.rebase(edits)
    gone = set(BASE) - (set(ada.text()) & set(bob.text()))
    assert set(fresh.text()) == (set(ada.text()) | set(bob.text())) - gone
    for each in (ada, bob):
        order = [line.line_id for line in each.lines]
        assert [line.line_id for line in fresh.lines if line.line_id in order] == order


@given(choices)
def test_the_edits_replayed_give_the_same_document(steps: Sequence[Choice]) -> None:
    document = edited(written(), steps, "bob")
    replayed = Document("d")
    for event, _ in document.uncommitted:
        replayed.replay(event)
    assert replayed.state() == document.state() == copy_of(document).state()
