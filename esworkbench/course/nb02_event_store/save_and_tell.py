"""The exercise ``save_and_tell``: events are published once they are committed, and not before."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from hypothesis import strategies as st
from sqlalchemy.exc import OperationalError

from esworkbench.course.grader.exercise import Exercise, Mistake
from esworkbench.course.grader.meaning import Raised
from esworkbench.course.grader.observe import Interrupted, reply
from esworkbench.errors import ConcurrencyError, StoreBusy

TASK = (
    "`with transaction() as rows:` begins a transaction and gives an empty list. Extend it with `events`, of which "
    "there is at least one: at the end of the block they are committed, all of them, or rolled back. Whoever "
    "listens is told once of all, with `tell(events)`, which never fails, but of nothing that was rolled back. "
    "Whatever is raised, when `transaction` is called, or at the begin or the end of the block, goes to the "
    "caller: a KeyboardInterrupt, too."
)

Transaction = Callable[[], AbstractContextManager[list[str]]]
"""Gives a list for rows; at its end it commits them, or rolls back and raises."""
Tell = Callable[[Sequence[str]], None]


def save_and_tell(transaction: Transaction, events: list[str], tell: Tell) -> None:
    """The block's end is the commit; only what comes after it may tell anybody."""
    with transaction() as rows:
        rows.extend(events)
    tell(events)


ERRORS: dict[str, BaseException] = {
    "StoreBusy": StoreBusy("the store takes no writes"),
    "ConcurrencyError": ConcurrencyError("ACC-1001", 1, 2),
    "OperationalError": OperationalError("COMMIT", None, Exception("disk full")),
    "RuntimeError": RuntimeError("the pool is closed"),
    "ValueError": ValueError("no such isolation level"),
    "TimeoutError": TimeoutError("no connection for 30 s"),
    "KeyboardInterrupt": Interrupted(),
}
FAILS = [
    f"{where} ({name})" for where in ("can't even be had", "fails at its begin", "fails at its end") for name in ERRORS
]
"""Where a transaction raises, and what."""


def _play_save_and_tell(answer: Any, events: list[str], ends: str) -> Any:
    """What happened, in its order, and what is in the table in the end."""
    table: list[str] = []
    happened: list[Any] = []
    where, _, name = ends.removesuffix(")").partition(" (")

    def transaction() -> AbstractContextManager[list[str]]:
        if where == "can't even be had":
            happened.append("no connection")
            raise ERRORS[name]
        return block()

    @contextmanager
    def block() -> Iterator[list[str]]:
        happened.append("begin")
        rows: list[str] = []
        if where == "fails at its begin":
            raise ERRORS[name]
        yield rows
        if where == "fails at its end":
            happened.append("rollback")
            raise ERRORS[name]
        happened.append("commit")
        table.extend(rows)

    def tell(news: Sequence[str]) -> None:
        happened.append(("tell", list(news)))

    try:
        said = reply(answer, transaction, events, tell)
    except Interrupted:
        said = Raised(KeyboardInterrupt)
    return {"happened": happened, "table": table, "raised": said if isinstance(said, Raised) else None}


# --- mistakes ---------------------------------------------------------------------------------------------------------


def _tells_inside(transaction: Transaction, events: list[str], tell: Tell) -> None:
    with transaction() as rows:
        rows.extend(events)
        tell(events)


def _tells_finally(transaction: Transaction, events: list[str], tell: Tell) -> None:
    try:
        with transaction() as rows:
            rows.extend(events)
    finally:
        tell(events)


def _hides_the_failure(transaction: Transaction, events: list[str], tell: Tell) -> None:
    try:
        save_and_tell(transaction, events, tell)
    except Exception:  # noqa: BLE001 - the mistake
        return


def _has_no_connection(transaction: Transaction, events: list[str], tell: Tell) -> None:
    try:
        block = transaction()
    except Exception:  # noqa: BLE001 - the mistake
        return
    save_and_tell(lambda: block, events, tell)


def _tells_one_by_one(transaction: Transaction, events: list[str], tell: Tell) -> None:
    with transaction() as rows:
        rows.extend(events)
    for event in events:
        tell([event])


def _one_transaction_each(transaction: Transaction, events: list[str], tell: Tell) -> None:
    for event in events:
        with transaction() as rows:
            rows.append(event)
    tell(events)


# --- the exercise -----------------------------------------------------------------------------------------------------

SAVE_AND_TELL = Exercise(
    name="save_and_tell",
    task=TASK,
    stub=(
        "from collections.abc import Callable\n"
        "from contextlib import AbstractContextManager\n\n"
        "Transaction = Callable[[], AbstractContextManager[list[str]]]\n"
        "Tell = Callable[[list[str]], None]\n\n\n"
        "def my_save_and_tell(transaction: Transaction, events: list[str], tell: Tell) -> None: ..."
    ),
    reference=save_and_tell,
    cases=st.tuples(
        st.lists(st.sampled_from(["opened", "deposited"]), min_size=1, max_size=3),
        st.just("commits") | st.sampled_from(FAILS),
    ),
    examples=[(["opened"], fails) for fails in FAILS],
    play=_play_save_and_tell,
    given=lambda events, ends: f"{events}, in a transaction that {ends}",
    hints=("At which line is it certain that the events will stay?", "After the `with` block, not in it."),
    mistakes={
        "wrong order": Mistake(
            _tells_inside, "it tells before the commit, and the commit may still fail: then the news was false"
        ),
        "finally": Mistake(
            _tells_finally,
            "it tells even when the transaction failed: what runs after an error as well, `finally` or a callback of "
            "an ExitStack, is no place for it",
        ),
        "swallowed": Mistake(_hides_the_failure, "the caller must learn that nothing was written: let the error out"),
        "swallowed at the call": Mistake(
            _has_no_connection,
            "what `transaction()` raises when it is called is swallowed: then, too, nothing was written, and the "
            "caller "
            "must learn it",
        ),
        "once per event": Mistake(
            _tells_one_by_one, "it tells of each event by itself: what was written together is told together, once"
        ),
        "a transaction each": Mistake(
            _one_transaction_each,
            "each event has a transaction of its own, so some may stay while others fail: write them all in one",
        ),
    },
)
