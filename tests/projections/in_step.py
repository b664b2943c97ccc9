"""A projection that takes part in appends, and what must hold whenever an append has returned."""

from typing import Any

from projection_logs import Expected, all_rows, encoded, whole_log
from sqlalchemy import select

from esworkbench.domains.bank import MoneyDeposited, bank_decoder
from esworkbench.event_store import ANY_VERSION
from esworkbench.event_store.participants import JoinedStore
from esworkbench.events import NewEvent
from esworkbench.projections import Projection
from esworkbench.projections.synchronous import SynchronousRunner
from esworkbench.projections.tables import checkpoint_log

DEPOSIT = encoded(MoneyDeposited(amount_minor=500, currency="USD", reference="r"))


def joined(store: JoinedStore, projection: Projection, **options: Any) -> SynchronousRunner:
    runner = SynchronousRunner(store, projection, bank_decoder(), **{"run_id": "in step", "batch_size": 20, **options})
    runner.join_appends()
    return runner


def assert_in_step(store: JoinedStore, *projections: type[Projection]) -> None:
    """Rows and checkpoint are those of the whole log, and no position was covered twice or left out."""
    log, head = whole_log(store), store.head_position()
    for projection in projections:
        assert all_rows(store, projection.tables[0]) == Expected(log, head).rows(projection.name)
        ranges = select(checkpoint_log.c.from_position, checkpoint_log.c.to_position).order_by(checkpoint_log.c.id)
        with store.engine.connect() as connection:
            after = 0
            for first, last in connection.execute(ranges.where(checkpoint_log.c.projection == projection.name)):
                assert first == after + 1
                after = last
        assert after == head


def deposit(store: JoinedStore, account: str, event: NewEvent = DEPOSIT) -> int:
    return store.append(f"BankAccount-{account}", [event], expected_version=ANY_VERSION).events[0].global_position
