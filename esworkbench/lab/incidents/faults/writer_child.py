"""The child of ``writer_process``: runs one broken writer, and waits at each of its points."""

import sys
from datetime import datetime

import msgspec

from esworkbench.event_store import EventStore
from esworkbench.lab.incidents.faults.broken_writers import WRITERS
from esworkbench.lab.incidents.faults.writer_process import WriterTask


def main() -> None:
    task = msgspec.json.decode(sys.stdin.buffer.readline(), type=WriterTask)
    now = task.now
    ids = iter(task.ids)

    def wait_at(point: str) -> None:
        nonlocal now
        print(point, flush=True)
        told = sys.stdin.buffer.readline().decode("utf-8").strip()
        if not told:
            sys.exit(1)  # whoever started us is gone
        now = datetime.fromisoformat(told)

    store = EventStore.open(task.url, create=False, clock=lambda: now, new_id=lambda: next(ids))
    WRITERS[task.writer](store, task, wait_at)


if __name__ == "__main__":
    main()
