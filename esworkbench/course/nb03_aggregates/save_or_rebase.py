"""The exercise ``save_or_rebase``: unsaved edits, made again where somebody was faster."""

from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import strategies as st
from sqlalchemy.exc import OperationalError

from esworkbench.aggregates.repository import Repository
from esworkbench.course.grader.exercise import Exercise, Mistake
from esworkbench.course.grader.meaning import Raised
from esworkbench.course.grader.observe import reply
from esworkbench.course.store_in_memory import StoreInMemory
from esworkbench.domains.document import Document, document_decoder
from esworkbench.errors import CommandRejected, ConcurrencyError, StoreBusy
from esworkbench.event_store import ANY_VERSION, Idempotency, StreamAppend
from esworkbench.event_store.store import AppendResult

TASK = (
    "Save `document`, which has unsaved edits, with `documents.save`. If it raises ConcurrencyError, load a fresh "
    "copy, make the unsaved edits on that one again with `rebase`, which takes a list of edits "
    "(`document.uncommitted` holds them, each as `.event`), and save it instead: all edits "
    "together or none. Once is enough: if that save raises ConcurrencyError again, let it out. A real conflict is "
    "for a person to settle: let out the CommandRejected that `rebase` raises. Any other error goes to the caller, "
    "too. Nothing is returned."
)


def save_or_rebase(documents: Repository[Document], document: Document) -> None:
    """Save; if somebody was faster, make the same edits on a fresh copy and save that."""
    try:
        documents.save(document)
    except ConcurrencyError:
        fresh = documents.load(document.id)
        fresh.rebase([unsaved.event for unsaved in document.uncommitted])
        documents.save(fresh)


ERRORS: dict[str, Exception] = {
    "busy": StoreBusy("the store takes no writes at the moment"),
    "OperationalError": OperationalError("INSERT", None, Exception("database is locked")),
    "TimeoutError": TimeoutError("no answer for 30 s"),
    "ValueError": ValueError("no such stream"),
    "CommandRejected": CommandRejected("the document is closed"),
}


class AnEarlierConflict(Exception):
    """A ConcurrencyError that isn't the one that the last save raised."""


CAROLS = {"Carol": "carol", "Carol, under the id of his": "bob-0"}
"""What Carol saves before somebody's save, as a new line, under which id."""


class _BusyStore(StoreInMemory):
    """``next``: what is in the way of each of the next writes, by default nothing. ``lost``: the last lost race."""

    def __init__(self) -> None:
        super().__init__()
        self.next: list[str] = []
        self.lost: ConcurrencyError | None = None

    def append_many(self, appends: Sequence[StreamAppend], *, idempotency: Idempotency | None = None) -> AppendResult:
        trouble = self.next.pop(0) if self.next else ""
        if trouble in ERRORS:
            raise ERRORS[trouble]
        if trouble in CAROLS:
            documents = Repository(self, Document, document_decoder())
            hers = documents.load("d")
            hers.insert(CAROLS[trouble], "new by carol", after=None, editor="carol")
            rest, self.next = self.next, []
            documents.save(hers)
            self.next = rest
        try:
            return super().append_many(appends, idempotency=idempotency)
        except ConcurrencyError as error:
            self.lost = error
            raise


Change = tuple[str, str]
"""What somebody does to which line: rewrite it, remove it, insert one after it."""


TROUBLES: Mapping[str, Sequence[str]] = {
    "": (),
    "the store is busy at the first save": ("busy",),
    "the store is busy at the second save": ("", "busy"),
    **{f"the first save raises {name}": (name,) for name in ERRORS if name != "busy"},
    **{f"the second save raises {name}": ("", name) for name in ERRORS if name != "busy"},
    "Carol saves right before the first save": ("Carol",),
    "Carol saves right before the second save": ("", "Carol"),
    "Carol saves a line under the id of Bob's first edit right before the first save": ("Carol, under the id of his",),
}
"""What is in the way of the saves; in the second it only gets where there is one."""


def _edit(document: Document, editors: Sequence[str], changes: Sequence[Change]) -> None:
    """What no longer fits, such as rewriting a line just removed, is left out."""
    for number, (editor, (verb, line)) in enumerate(zip(editors, changes, strict=False)):
        edit_id = f"{editor}-{number}"
        try:
            if verb == "rewrite":
                document.rewrite(edit_id, line, f"{line} by {editor}", editor=editor)
            elif verb == "remove":
                document.remove(edit_id, line, editor=editor)
            else:
                document.insert(edit_id, f"new by {editor}", after=line, editor=editor)
        except CommandRejected:
            continue


HERS = ["ada", "ada"]
HIS = ["bob", "eve"]
"""Eve comes to Bob's copy and makes its second edit."""


def _play_save_or_rebase(answer: Any, ada: list[Change], bob: list[Change], trouble: str) -> Any:
    """Bob's copy is to be saved; Ada, if she changes something, has saved hers in between."""
    store = _BusyStore()
    documents = Repository(store, Document, document_decoder())
    document = Document("d")
    document.start("Minutes")
    for line in ("two", "one"):
        document.insert(line, line, after=None, editor="ada")
    documents.save(document)
    hers, his = documents.load("d"), documents.load("d")
    _edit(his, HIS, bob)
    _edit(hers, HERS, ada)
    if hers.uncommitted:
        documents.save(hers)
    store.next = list(TROUBLES[trouble])

    def watched() -> Any:
        try:
            return answer(documents, his)
        except ConcurrencyError as error:
            if error is not store.lost:
                raise AnEarlierConflict(str(error)) from error
            raise

    said = reply(watched)
    saved = documents.load("d")
    decided_on: Mapping[str, Any] = {
        edit.edit_id: recorded.metadata_dict().get("decided_on_version")
        for edit, recorded in zip(saved.edits, store.read_stream("Document-d", after_version=1), strict=True)
    }
    raised = said if isinstance(said, Raised) else None
    told = {"raised": raised, "text": saved.text(), "decided on version": decided_on}
    return told if said is None or raised else {**told, "returned": "something"}


def _given_save_or_rebase(ada: list[Change], bob: list[Change], trouble: str) -> str:
    def told(changes: list[Change]) -> str:
        return ", ".join(f"{verb} {line}" for verb, line in changes) or "nothing"

    his = [f"{verb} {line} ({editor})" for editor, (verb, line) in zip(HIS, bob, strict=False)]
    return "; ".join(
        ["lines one, two", f"Ada has saved: {told(ada)}", f"to be saved: {', '.join(his)}", *filter(None, [trouble])]
    )


CHANGES = st.tuples(st.sampled_from(["insert after", "rewrite", "remove"]), st.sampled_from(["one", "two"]))


# --- mistakes ---------------------------------------------------------------------------------------------------------


def _drops_the_edits(documents: Repository[Document], document: Document) -> None:
    try:
        documents.save(document)
    except ConcurrencyError:
        documents.load(document.id)


def _saves_the_stale_copy(documents: Repository[Document], document: Document) -> None:
    try:
        documents.save(document)
    except ConcurrencyError:
        documents.save(document)


def _saves_the_fresh_copy_alone(documents: Repository[Document], document: Document) -> None:
    try:
        documents.save(document)
    except ConcurrencyError:
        documents.save(documents.load(document.id))


def _checks_no_version(documents: Repository[Document], document: Document) -> None:
    append = documents.append_of(document, {})
    documents._store.append_many([StreamAppend(append.stream_id, ANY_VERSION, append.events)])


def _records_unchecked(documents: Repository[Document], document: Document) -> None:
    try:
        documents.save(document)
    except ConcurrencyError:
        fresh = documents.load(document.id)
        for event, valid_at in document.uncommitted:
            fresh.record(event, valid_at=valid_at)
        documents.save(fresh)


def _tells_nobody(documents: Repository[Document], document: Document) -> None:
    try:
        save_or_rebase(documents, document)
    except CommandRejected:
        return


def _rebases_after_any_error(documents: Repository[Document], document: Document) -> None:
    try:
        documents.save(document)
    except Exception:  # noqa: BLE001 - the mistake
        fresh = documents.load(document.id)
        fresh.rebase([unsaved.event for unsaved in document.uncommitted])
        documents.save(fresh)


def _returns_the_copy(documents: Repository[Document], document: Document) -> Document:
    save_or_rebase(documents, document)
    return document


# --- the exercise -----------------------------------------------------------------------------------------------------

SAVE_OR_REBASE = Exercise(
    name="save_or_rebase",
    task=TASK,
    stub=(
        "from esworkbench.aggregates.repository import Repository\n"
        "from esworkbench.domains.document import Document\n"
        "from esworkbench.errors import ConcurrencyError\n\n\n"
        "def my_save_or_rebase(documents: Repository[Document], document: Document) -> None: ..."
    ),
    reference=save_or_rebase,
    cases=st.tuples(
        st.lists(CHANGES, max_size=2),
        st.lists(CHANGES, min_size=1, max_size=2),
        st.sampled_from(["", "", *TROUBLES]),
    ),
    examples=[
        ([("insert after", "one")], [("rewrite", "one"), ("rewrite", "two")], ""),
        *(([("insert after", "one")], [("rewrite", "one")], trouble) for trouble in TROUBLES),
        ([], [("rewrite", "one")], "Carol saves right before the first save"),
        ([], [("rewrite", "one"), ("rewrite", "two")], list(TROUBLES)[-1]),
    ],
    play=_play_save_or_rebase,
    given=_given_save_or_rebase,
    hints=(
        "`documents.load(document.id)` gives the fresh copy, and `document.uncommitted` says what to make again on it.",
        "`fresh.rebase([unsaved.event for unsaved in document.uncommitted])`, then save `fresh`.",
    ),
    mistakes={
        "the edit is dropped": Mistake(
            _drops_the_edits, "a refused save is followed by none: the edits must be made again, not dropped"
        ),
        "stale again": Mistake(
            _saves_the_stale_copy, "the stale copy is saved again, and it stays stale: load a fresh one first"
        ),
        "without rebase": Mistake(
            _saves_the_fresh_copy_alone,
            "the fresh copy is saved as it was loaded, with nothing new on it: `rebase` makes the edits in its "
            "list, each the `.event` of an unsaved one",
        ),
        "missing expected version": Mistake(
            _checks_no_version, "it goes in without the expected version: nobody checks whether the edits still fit"
        ),
        "recorded unchecked": Mistake(
            _records_unchecked,
            "the edits are saved behind what the others have saved, and nobody asks whether they still fit: `rebase` "
            "does",
        ),
        "tells nobody": Mistake(
            _tells_nobody,
            "two people changed one line and nobody is told: let CommandRejected out",
        ),
        "any error": Mistake(
            _rebases_after_any_error,
            "it rebases whatever the error was: only ConcurrencyError says that somebody else was faster",
        ),
        "returns the copy": Mistake(
            _returns_the_copy, "it returns something, but the task says that nothing is returned"
        ),
    },
)
