"""A shop whose log was compacted reads as before, and its chain is no longer needed: renamed, split and dropped too."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from old_orders import run
from sqlalchemy import Table, select

from esworkbench.compaction import compact
from esworkbench.compaction.record import RECORD_TYPES
from esworkbench.domains.orders import ORDER_EVENT_TYPES, ORDER_UPCASTERS, Shop
from esworkbench.domains.orders.read_models import OrderTotals, Parcels, order_totals, parcels
from esworkbench.event_store import EventStore
from esworkbench.events import LOG_RECORDS
from esworkbench.evidence import capture
from esworkbench.forensics.repair import carry_over
from esworkbench.projections.tables import dead_letters
from esworkbench.resources import data_path
from esworkbench.upcasters.archaeology import dead_upcasters, through_chain

PLACES = ("position", "version", "ordinal")
LATEST_SHAPE = through_chain(
    ORDER_UPCASTERS, {name: ORDER_EVENT_TYPES.latest_version(name) for name in ORDER_EVENT_TYPES.names()}
)


@pytest.fixture
def compacted(shop: Shop, tmp_path: Path) -> Iterator[EventStore]:
    new = EventStore.open(f"sqlite:///{tmp_path / 'compacted.db'}")
    compact(shop.store, new, LATEST_SHAPE, batch_size=4)
    yield new
    new.engine.dispose()


def test_the_read_models_of_both_logs_agree_and_nothing_is_parked(shop: Shop, compacted: EventStore) -> None:
    other = Shop(compacted)
    for projection, table in ((OrderTotals(), order_totals), (Parcels(), parcels)):
        for each in (shop, other):
            run(each, projection)
        assert without_places(other, table) == without_places(shop, table) != []
    with compacted.engine.connect() as connection:
        assert connection.execute(select(dead_letters)).all() == []


def without_places(shop: Shop, table: Table) -> list[dict[str, object]]:
    """The rows but for where their event stands, which splitting and dropping has shifted."""
    with shop.store.engine.connect() as connection:
        rows = [dict(row) for row in connection.execute(select(table)).mappings()]
    kept = [{name: value for name, value in row.items() if name not in PLACES} for row in rows]
    return sorted(kept, key=repr)


def test_the_log_s_own_records_are_no_fault_of_the_ledger(compacted: EventStore, tmp_path: Path) -> None:
    url = compacted.engine.url.render_as_string(hide_password=False)
    ledger = data_path("ledgers", "orders.toml")
    evidence = capture(url, tmp_path / "evidence", ledger=ledger, progress=False)
    assert evidence.manifest.unposted == {}


def test_every_type_of_record_is_known_as_one() -> None:
    of_restoring = carry_over.RECORD_TYPES.names()
    assert frozenset([*RECORD_TYPES.names(), *of_restoring]) == LOG_RECORDS


def test_every_step_is_dead_after_it_and_none_before(shop: Shop, compacted: EventStore) -> None:
    with shop.store.engine.connect() as connection:
        before = [use.dead for use in dead_upcasters(connection, ORDER_UPCASTERS)]
    with compacted.engine.connect() as connection:
        after = [use.dead for use in dead_upcasters(connection, ORDER_UPCASTERS)]
    assert (set(before), set(after)) == ({False}, {True})
