"""A process made to be killed: it feeds every read model of the bank and rebuilds them, over and over.

Arguments: database URL, batch size, runner (``sound`` or a naive one's name), and the crash point with how often it is
passed before it strikes, or ``none``. It says ``ready``, waits for a line, and works until it dies, with a line for
each commit it comes to.
"""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Engine, event

from esworkbench.domains.bank import bank_decoder
from esworkbench.domains.bank.read_models import BANK_PROJECTIONS
from esworkbench.event_store import EventStore, write_transaction
from esworkbench.projections import ProjectionRunner, checkpoints, tables

STATEMENT_CRASH_POINTS = {
    "before the rows": "INSERT INTO account_balances",
    "between rows and checkpoint": "UPDATE checkpoints",
    "between checkpoint and log": "INSERT INTO checkpoint_log",
    "inside a savepoint": "RELEASE SAVEPOINT",
    "before a dead letter": "INSERT INTO dead_letters",
    "between drop and create": "CREATE TABLE",
    "before the dead letters go": "DELETE FROM dead_letters",
}
CRASH_POINTS = [*STATEMENT_CRASH_POINTS, "before the commit", "after the commit"]


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_at(engine: Engine, point: str, passes: int) -> None:
    """SIGKILL this process when it reaches the crash point after passing it ``passes`` times."""
    left, committed = passes, False

    def reached() -> None:
        nonlocal left
        if left == 0:
            die()
        left -= 1

    def statement(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        nonlocal committed
        if point == "after the commit" and committed:
            committed = False
            reached()
        if point in STATEMENT_CRASH_POINTS and statement.lstrip().startswith(STATEMENT_CRASH_POINTS[point]):
            reached()

    def commit(_connection: Connection) -> None:
        nonlocal committed
        committed = True
        if point == "before the commit":
            reached()

    event.listen(engine, "before_cursor_execute", statement)
    event.listen(engine, "commit", commit)


class CheckpointAfterwards(ProjectionRunner):
    """Naive: rows in one transaction, checkpoint in the next. Killed between the two, it applies a batch twice."""

    def run_once(self, *, up_to: int | None = None) -> int:
        self._prepare()
        after = self.checkpoint()
        batch = self.store.read_all(after=after, limit=self.batch_size)
        if not batch:
            return 0
        with write_transaction(self.store.engine) as connection:
            self.handle(batch, connection)
        with write_transaction(self.store.engine) as connection:
            checkpoints.advance(connection, self.run, after=after, to=batch[-1].global_position, now=self.clock())
        return len(batch)


class CheckpointFirst(ProjectionRunner):
    """Naive the other way round. Killed between the two, it loses a batch."""

    def run_once(self, *, up_to: int | None = None) -> int:
        self._prepare()
        after = self.checkpoint()
        batch = self.store.read_all(after=after, limit=self.batch_size)
        if not batch:
            return 0
        with write_transaction(self.store.engine) as connection:
            checkpoints.advance(connection, self.run, after=after, to=batch[-1].global_position, now=self.clock())
        with write_transaction(self.store.engine) as connection:
            self.handle(batch, connection)
        return len(batch)


RUNNERS: dict[str, type[ProjectionRunner]] = {
    "sound": ProjectionRunner,
    "checkpoint afterwards": CheckpointAfterwards,
    "checkpoint first": CheckpointFirst,
}


def main(url: str, batch_size: str, runner: str, crash_point: str, passes: str) -> None:
    store = EventStore.open(url)
    make: Callable[..., ProjectionRunner] = RUNNERS[runner]
    runners = [
        make(store, projection(), bank_decoder(), run_id="killed", batch_size=int(batch_size))
        for projection in BANK_PROJECTIONS.values()
    ]
    with write_transaction(store.engine) as connection:
        tables.make_missing(connection)
    print("ready", flush=True)
    sys.stdin.readline()
    event.listen(store.engine, "commit", lambda _connection: print("commit", flush=True))
    if crash_point != "none":
        die_at(store.engine, crash_point, int(passes))
    while True:
        for each in runners:
            each.catch_up()
        for each in runners:
            each.rebuild()


if __name__ == "__main__":
    main(*sys.argv[1:])
