"""The child of ``killed_process``: runs one batch of the naive runner, and waits at the crash point to be killed."""

import sys

import msgspec

from esworkbench.domains.bank import bank_decoder
from esworkbench.domains.bank.read_models import BANK_PROJECTIONS
from esworkbench.event_store import EventStore
from esworkbench.lab.incidents.faults.killed_process import Order
from esworkbench.lab.incidents.faults.naive_runner import NaiveRunner


def main() -> None:
    order = msgspec.json.decode(sys.stdin.buffer.readline(), type=Order)

    def stop_at(point: str) -> None:
        if point == order.crash_point:
            print(point, flush=True)
            sys.stdin.buffer.read()

    store = EventStore.open(order.url, create=False, clock=lambda: order.now)
    NaiveRunner(
        store,
        BANK_PROJECTIONS[order.projection](),
        bank_decoder(),
        run_id=order.run_id,
        batch_size=order.batch_size,
        at=stop_at,
    ).run_once()


if __name__ == "__main__":
    main()
