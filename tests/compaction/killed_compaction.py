"""A process made to be killed: it compacts one store into another.

Arguments: the old URL, the new URL, the batch size, and the crash point with how often it is passed before it strikes,
or ``none``. It says ``ready``, waits for a line, and then says ``entry`` before each entry of its record.
"""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from compaction_logs import splits_and_drops

from esworkbench.compaction import compact, copy
from esworkbench.compaction.record import CompactionRecord
from esworkbench.event_store import EventStore
from esworkbench.event_store.postgres.append import PostgresTransaction
from esworkbench.event_store.sqlite.log import SqliteTransaction

copy.HEADS_IN_ONE_EVENT = 2

CRASH_POINTS: dict[str, tuple[list[Any], str, bool]] = {
    "before an entry": ([CompactionRecord], "write", False),
    "after an entry": ([CompactionRecord], "write", True),
    "between insert and commit": ([SqliteTransaction, PostgresTransaction], "insert", True),
    "before the keys": ([copy], "_carry_keys", False),
    "after the keys": ([copy], "_carry_keys", True),
}
"""Which function dies, and whether it does its work first."""


def die_at(point: str, passes: int) -> None:
    """SIGKILL this process when it reaches the crash point after passing it ``passes`` times."""
    owners, name, afterwards = CRASH_POINTS[point]
    left = passes

    def dying(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            nonlocal left
            result = function(*arguments, **named) if afterwards or left > 0 else None
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1
            return result

        return call

    for owner in owners:
        setattr(owner, name, dying(getattr(owner, name)))


def say_each_entry() -> None:
    write = CompactionRecord.write

    def saying(*arguments: Any, **named: Any) -> None:
        print("commit", flush=True)
        write(*arguments, **named)

    CompactionRecord.write = saying  # type: ignore[method-assign]


def main(old_url: str, new_url: str, batch_size: str, point: str, passes: str) -> None:
    old, new = EventStore.open(old_url, create=False), EventStore.open(new_url)
    say_each_entry()
    if point != "none":
        die_at(point, int(passes))
    print("ready", flush=True)
    sys.stdin.readline()
    compact(old, new, splits_and_drops, batch_size=int(batch_size))


if __name__ == "__main__":
    main(*sys.argv[1:])
