"""A read model that dies at a chosen step: rows and checkpoint, and what is left of them after a restart.

A model of a database with one account, to play with: every step of a transaction may be the last. What stands here is
what a real process leaves behind when it is killed there (see ``killed_script``).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import NamedTuple


class Killed(BaseException):
    """The process is dead. No handler of exceptions gets to see that, so it is none of those they catch."""


class Kept(NamedTuple):
    """What is committed: the balance in minor units, and the position up to which events were seen."""

    balance_minor: int = 0
    checkpoint: int = 0


class Connection:
    """Writes of one transaction, which nobody else sees before its commit."""

    def __init__(self, kept: Kept, step: Callable[[], None]) -> None:
        self.kept = kept
        self._step = step

    def add(self, amount_minor: int) -> None:
        self._step()
        self.kept = self.kept._replace(balance_minor=self.kept.balance_minor + amount_minor)

    def move(self, checkpoint: int) -> None:
        self._step()
        self.kept = self.kept._replace(checkpoint=checkpoint)


class MortalDatabase:
    """``steps_left`` are the steps (a write, a commit) that the process still lives; None for ever."""

    def __init__(self) -> None:
        self.kept = Kept()
        self.steps_left: int | None = None

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Commits at its end; leaves nothing where the process dies, or the body raises."""
        connection = Connection(self.kept, self._step)
        yield connection
        self._step()
        self.kept = connection.kept

    def _step(self) -> None:
        if self.steps_left == 0:
            raise Killed
        if self.steps_left is not None:
            self.steps_left -= 1


Transaction = Callable[[], AbstractContextManager[Connection]]
Write = Callable[[Connection], None]
ApplyBatch = Callable[[Transaction, Write, Write], None]
"""Takes the transaction, what writes the rows, and what saves the checkpoint; each of these takes the connection."""


def kept_after_a_kill(
    apply_batch: ApplyBatch, amounts: Sequence[int], *, batch_size: int, lives_steps: int | None
) -> Kept:
    """What is kept when the process dies after so many steps, and another one finishes the log of ``amounts``.

    At most one run per event and two more are made, so that code which never moves its checkpoint comes to an end.
    """
    database = MortalDatabase()
    database.steps_left = lives_steps
    for _ in range(len(amounts) + 2):
        after = database.kept.checkpoint
        batch = amounts[after : after + batch_size]
        if not batch:
            break
        try:
            apply_batch(database.transaction, _adding(sum(batch)), _moving(after + len(batch)))
        except Killed:
            database.steps_left = None
    return database.kept


def one_transaction(transaction: Transaction, write_rows: Write, save_checkpoint: Write) -> None:
    with transaction() as connection:
        write_rows(connection)
        save_checkpoint(connection)


def rows_first(transaction: Transaction, write_rows: Write, save_checkpoint: Write) -> None:
    with transaction() as connection:
        write_rows(connection)
    with transaction() as connection:
        save_checkpoint(connection)


def checkpoint_first(transaction: Transaction, write_rows: Write, save_checkpoint: Write) -> None:
    with transaction() as connection:
        save_checkpoint(connection)
    with transaction() as connection:
        write_rows(connection)


def _adding(amount_minor: int) -> Write:
    return lambda connection: connection.add(amount_minor)


def _moving(checkpoint: int) -> Write:
    return lambda connection: connection.move(checkpoint)
