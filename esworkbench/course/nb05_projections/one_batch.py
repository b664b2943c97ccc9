"""The exercise ``one_batch``: rows and checkpoint are kept together or not at all, whoever is killed when."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from hypothesis import strategies as st

from esworkbench.course.grader.exercise import Exercise, Mistake
from esworkbench.course.grader.observe import Interrupted
from esworkbench.course.nb05_projections.database_errors import locked, overtaken
from esworkbench.lab.models.crash import (
    Connection,
    Transaction,
    Write,
    checkpoint_first,
    kept_after_a_kill,
    one_transaction,
    rows_first,
)

TASK = (
    "Apply one batch so that every event counts once, at whichever step the process is killed. `transaction()` is "
    "a context manager. It gives the connection that `write_rows(connection)` and `save_checkpoint(connection)` "
    "take; it commits at its end, and undoes everything when an error leaves it. If a write raises an error, that "
    "error must get out, and nothing of the batch may be kept: the next process begins the batch again."
)


class WriteFailed(Exception):
    """What a write raises when the database refuses it."""


ERRORS_OF_A_WRITE: dict[str, Callable[[], BaseException]] = {
    each.__name__: each
    for each in (WriteFailed, ValueError, Interrupted, KeyError, RuntimeError, TimeoutError, ConnectionError)
} | {"OperationalError": locked, "ConcurrencyError": overtaken}
Failing = tuple[int, str]
"""Which write fails, counted from 1, and what it raises."""


def _play_one_batch(
    answer: Any, amounts: list[int], batch_size: int, killed_after: int | None, failing: Failing | None
) -> dict[str, int]:
    """The log is run to its end, however often the process has to be started again."""
    writes, errors, left_open = 0, 0, 0
    raised: list[BaseException] = []

    def at_times(write: Write) -> Write:
        def write_or_fail(connection: Connection) -> None:
            nonlocal writes
            writes += 1
            if failing and writes == failing[0]:
                raised.append(ERRORS_OF_A_WRITE[failing[1]]())
                raise raised[0]
            write(connection)

        return write_or_fail

    def one_life(transaction: Transaction, write_rows: Write, save_checkpoint: Write) -> None:
        nonlocal errors, left_open
        opened = 0

        @contextmanager
        def counted() -> Iterator[Connection]:
            nonlocal opened
            opened += 1
            try:
                with transaction() as connection:
                    yield connection
            finally:
                opened -= 1

        try:
            answer(counted, at_times(write_rows), at_times(save_checkpoint))
        except BaseException as error:
            if error not in raised:
                raise
            errors += 1
        left_open += opened

    kept = kept_after_a_kill(one_life, amounts, batch_size=batch_size, lives_steps=killed_after)
    return {
        "balance": kept.balance_minor,
        "checkpoint": kept.checkpoint,
        "errors let out": errors,
        "transactions left open": left_open,
    }


def _given_one_batch(amounts: list[int], batch_size: int, killed_after: int | None, failing: Failing | None) -> str:
    killed = "nobody is killed" if killed_after is None else f"killed after {killed_after} steps (writes and commits)"
    fails = "no write fails" if failing is None else f"write number {failing[0]} raises {failing[1]}"
    return f"events of {amounts}, in batches of {batch_size}; {killed}; {fails}"


# --- mistakes ---------------------------------------------------------------------------------------------------------


def _rows_only(transaction: Transaction, write_rows: Write, save_checkpoint: Write) -> None:
    with transaction() as connection:
        write_rows(connection)


def _checkpoint_only(transaction: Transaction, write_rows: Write, save_checkpoint: Write) -> None:
    with transaction() as connection:
        save_checkpoint(connection)


def _swallows_and_saves(transaction: Transaction, write_rows: Write, save_checkpoint: Write) -> None:
    with transaction() as connection:
        with suppress(Exception):
            write_rows(connection)
        save_checkpoint(connection)


def _swallows_all(transaction: Transaction, write_rows: Write, save_checkpoint: Write) -> None:
    with suppress(Exception):
        one_transaction(transaction, write_rows, save_checkpoint)


def _one_within_the_other(transaction: Transaction, write_rows: Write, save_checkpoint: Write) -> None:
    with transaction() as rows:
        write_rows(rows)
        with transaction() as checkpoint:
            save_checkpoint(checkpoint)


def _raises_after_the_commit(transaction: Transaction, write_rows: Write, save_checkpoint: Write) -> None:
    failed = None
    with transaction() as connection:
        try:
            write_rows(connection)
            save_checkpoint(connection)
        except Exception as error:  # noqa: BLE001 - the mistake
            failed = error
    if failed:
        raise failed


# --- the exercise -----------------------------------------------------------------------------------------------------

ONE_BATCH = Exercise(
    name="one_batch",
    task=TASK,
    stub=(
        "from collections.abc import Callable\nfrom contextlib import AbstractContextManager\n\n"
        "from esworkbench.lab.models.crash import Connection\n\n\n"
        "def my_one_batch(\n    transaction: Callable[[], AbstractContextManager[Connection]],\n"
        "    write_rows: Callable[[Connection], None],\n    save_checkpoint: Callable[[Connection], None],\n"
        ") -> None: ..."
    ),
    reference=one_transaction,
    cases=st.tuples(
        st.lists(st.sampled_from([1, 20, 300, -4]), max_size=4),
        st.integers(1, 3),
        st.none() | st.integers(0, 7),
        st.none() | st.tuples(st.integers(1, 6), st.sampled_from(list(ERRORS_OF_A_WRITE))),
    ),
    examples=[
        ([20], 1, 2, None),
        ([20], 1, 3, None),
        *[([20], 1, None, (write, name)) for write in (1, 2) for name in ERRORS_OF_A_WRITE],
    ],
    play=_play_one_batch,
    given=_given_one_batch,
    hints=(
        "The rows in one transaction, the checkpoint in another: which order is right, if amounts are added up and the "
        "process can be killed between the two?",
        "Begin with `with transaction() as connection:`, put both writes inside it, and catch nothing.",
    ),
    mistakes={
        "rows first": Mistake(
            rows_first, "when it dies between the two, a batch counts twice: its rows are kept, its checkpoint isn't"
        ),
        "checkpoint first": Mistake(
            checkpoint_first, "when it dies between the two, a batch is lost: its checkpoint is kept, its rows aren't"
        ),
        "no checkpoint": Mistake(
            _rows_only, "the checkpoint is never saved, so each run begins where the last one began"
        ),
        "no rows": Mistake(_checkpoint_only, "the checkpoint moves past events whose rows were never written"),
        "swallowed and saved": Mistake(
            _swallows_and_saves,
            "the error of a write is swallowed and the checkpoint is saved all the same: the batch is lost for good",
        ),
        "swallowed": Mistake(
            _swallows_all, "the error of a write doesn't get out: whoever runs this never hears of it"
        ),
        "one within the other": Mistake(
            _one_within_the_other,
            "two transactions are open at a time, and neither sees what the other writes: put both writes into one",
        ),
        "after the commit": Mistake(
            _raises_after_the_commit,
            "the error is raised once the transaction has ended, and committed what was written until then: let it "
            "leave the `with`",
        ),
    },
)
