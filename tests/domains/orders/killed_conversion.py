"""A process made to be killed: it puts conversions on record, and dies by SIGKILL at a named point.

Arguments: database URL, batch size, the crash point, and how often it is passed before it strikes.
"""

import os
import signal
import sys
from typing import Any

from sqlalchemy import Connection, event

from esworkbench.domains.orders import Shop
from esworkbench.domains.orders.conversion import TotalsConversion
from esworkbench.event_store import EventStore

STATEMENT_CRASH_POINTS = {
    "before the checkpoint": "UPDATE checkpoints",
    "between checkpoint and log": "INSERT INTO checkpoint_log",
}
AFTER_AN_EVENT = "after an event is on record"
BEFORE_A_COMMIT = "before a commit of the checkpoint"
CRASH_POINTS = [*STATEMENT_CRASH_POINTS, AFTER_AN_EVENT, BEFORE_A_COMMIT]


def main(url: str, batch_size: str, point: str, passes: str) -> None:
    left = int(passes)
    store = EventStore.open(url)

    def reached() -> None:
        nonlocal left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1

    def statement(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if point in STATEMENT_CRASH_POINTS and STATEMENT_CRASH_POINTS[point] in statement:
            reached()

    def commit(_connection: Connection) -> None:
        if point == BEFORE_A_COMMIT:
            reached()

    event.listen(store.engine, "before_cursor_execute", statement)
    event.listen(store.engine, "commit", commit)
    if point == AFTER_AN_EVENT:
        store.subscribe(lambda _events: reached())
    TotalsConversion(Shop(store), run_id="killed", batch_size=int(batch_size)).catch_up()


if __name__ == "__main__":
    main(*sys.argv[1:])
