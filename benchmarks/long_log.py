"""What the order of ids costs once a log is long: the unique index on them takes each where it belongs."""

from collections.abc import Callable
from uuid import uuid4

from benchmarks.databases import Databases
from benchmarks.ours import Append, open_store
from benchmarks.rounds import Experiment
from benchmarks.workload import deposits
from esworkbench.event_store.store import time_ordered_id

TITLE = "Batches of 1,000 into a long log"
BATCH = 1000


class AppendToLongLog(Append):
    """``Append`` in batches, to a log that already holds ``events``, with ids drawn by ``new_id``."""

    def __init__(self, url: str, size: int, events: int, name: str, new_id: Callable[[], str]) -> None:
        super().__init__(open_store(url, new_id), size, BATCH)
        self.name = name
        batch = deposits(BATCH)
        for number in range(events // BATCH):
            self.store.append(f"BankAccount-before-{number}", batch, expected_version=0)


def by_order_of_ids(databases: Databases, engine: str, size: int, events: int) -> Experiment:
    ordered = AppendToLongLog(databases.fresh(engine), size, events, "ids in the order of time", time_ordered_id)
    drawn = AppendToLongLog(databases.fresh(engine), size, events, "random ids", lambda: str(uuid4()))
    return Experiment(f"{TITLE}: {events:,} events", engine, size, ordered.name, [ordered, drawn])
