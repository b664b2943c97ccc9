"""A read model that dies at a chosen step: rows and checkpoint, and what is left of them after a restart.

A model of a database with one account, to play with: every step of a transaction may be the last. What it keeps is
what a real process leaves behind when it is killed there (see ``killed_script``).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import NamedTuple


class Killed(BaseException):
    """The process is dead. No exception handler would get to see that, so this is no Exception."""


class Committed(NamedTuple):
    """What is committed: the balance in minor units, and the position up to which events were seen."""

    balance_minor: int
    checkpoint: int


NOTHING = Committed(balance_minor=0, checkpoint=0)


class Connection:
    """Writes of one transaction, which nobody else sees before its commit."""

    def __init__(self, kept: Committed, step: Callable[[str], None]) -> None:
        self.kept = kept
        self._step = step

    def add(self, amount_minor: int) -> None:
        self._step("write the rows")
        self.kept = self.kept._replace(balance_minor=self.kept.balance_minor + amount_minor)

    def move(self, checkpoint: int) -> None:
        self._step("move the checkpoint")
        self.kept = self.kept._replace(checkpoint=checkpoint)


class MortalDatabase:
    """``steps_left`` is how many more steps (a write, a commit) the process lives; None: for ever.

    ``stopped_before`` names the step at which it died, and ``unseen`` what its transaction had written by then.
    """

    def __init__(self, kept: Committed = NOTHING) -> None:
        self.kept = kept
        self.steps_left: int | None = None
        self.stopped_before = ""
        self._open: Connection | None = None

    @property
    def unseen(self) -> Committed | None:
        return self._open.kept if self._open else None

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Commits at its end; leaves nothing where the process dies, or the body raises."""
        self._open = connection = Connection(self.kept, self._step)
        yield connection
        self._step("commit")
        self.kept, self._open = connection.kept, None

    def _step(self, name: str) -> None:
        if self.steps_left == 0:
            self.stopped_before = name
            raise Killed
        if self.steps_left is not None:
            self.steps_left -= 1


Transaction = Callable[[], AbstractContextManager[Connection]]
Write = Callable[[Connection], None]
ApplyBatch = Callable[[Transaction, Write, Write], None]
"""Takes the transaction, what writes the rows, and what saves the checkpoint; each of these takes the connection."""


def kept_after_a_kill(
    apply_batch: ApplyBatch, amounts: Sequence[int], *, batch_size: int, lives_steps: int | None
) -> Committed:
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


class PlayedStep(NamedTuple):
    """One line of what happened: the step that was made, or ``killed``, and what was committed after it."""

    what: str
    kept: Committed
    off_by_minor: int


class CrashPlayer:
    """A projection advanced by hand, step by step, and killed anywhere. The next process begins the batch again.

    Every step is a short life of its own: the batch is begun again and dies one step later. So any ``apply_batch`` can
    be played, without knowing it.
    """

    def __init__(self, apply_batch: ApplyBatch, amounts: Sequence[int], *, batch_size: int) -> None:
        self.amounts = tuple(amounts)
        self.log: list[PlayedStep] = []
        self._apply_batch = apply_batch
        self._batch_size = batch_size
        self._begin_batch(NOTHING)

    @property
    def kept(self) -> Committed:
        """What is committed."""
        return self._database.kept

    @property
    def unseen(self) -> Committed | None:
        """What the open transaction would commit; None where none is open."""
        return self._database.unseen

    @property
    def off_by_minor(self) -> int:
        """The committed balance less the sum of the events up to the committed checkpoint."""
        return self.kept.balance_minor - sum(self.amounts[: self.kept.checkpoint])

    @property
    def next_step(self) -> str:
        """The step before which the process stands; empty when the log is done."""
        return self._database.stopped_before

    @property
    def deaths(self) -> int:
        return sum(step.what == "killed" for step in self.log)

    def advance(self) -> None:
        """Make the next step; nothing when the log is done."""
        made = self.next_step
        if not made:
            return
        self._lived += 1
        self._live()
        self._tell(made)
        if not self.next_step:
            self._begin_batch(self.kept)

    def kill(self) -> None:
        """The process dies before its next step, and another one takes up from what is committed.

        Nothing when the log is done: no process is at work then.
        """
        if not self.next_step:
            return
        self._begin_batch(self.kept)
        self._tell("killed")

    def _tell(self, what: str) -> None:
        self.log.append(PlayedStep(what, self.kept, self.off_by_minor))

    def _begin_batch(self, kept: Committed) -> None:
        self._begun_with = kept
        self._lived = 0
        self._live()

    def _live(self) -> None:
        self._database = MortalDatabase(self._begun_with)
        self._database.steps_left = self._lived
        after = self._begun_with.checkpoint
        batch = self.amounts[after : after + self._batch_size]
        if not batch:
            return
        try:
            self._apply_batch(self._database.transaction, _adding(sum(batch)), _moving(after + len(batch)))
        except Killed:
            return
        self._database.stopped_before = ""


def _adding(amount_minor: int) -> Write:
    return lambda connection: connection.add(amount_minor)


def _moving(checkpoint: int) -> Write:
    return lambda connection: connection.move(checkpoint)
