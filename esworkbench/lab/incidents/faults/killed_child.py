"""The child of ``killed_process``: runs one batch of the naive runner, and waits at the crash point to be killed."""

import sys

import msgspec

from esworkbench.domains.bank import bank_decoder
from esworkbench.domains.bank.read_models import BANK_PROJECTIONS
from esworkbench.event_store import EventStore
from esworkbench.lab.incidents.faults.killed_process import RunnerTask
from esworkbench.lab.incidents.faults.naive_runner import NaiveRunner


def main() -> None:
    task = msgspec.json.decode(sys.stdin.buffer.readline(), type=RunnerTask)

    def stop_at(point: str) -> None:
        if point == task.crash_point:
            print(point, flush=True)
            sys.stdin.buffer.read()

    store = EventStore.open(task.url, create=False, clock=lambda: task.now)
    NaiveRunner(
        store,
        BANK_PROJECTIONS[task.projection](),
        bank_decoder(),
        run_id=task.run_id,
        batch_size=task.batch_size,
        at=stop_at,
    ).run_once()


if __name__ == "__main__":
    main()
