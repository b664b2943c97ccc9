"""Promise 5, never rewritten: an event may be renamed, split or dropped on reading, and stays in the log as written.

A dropped event is still seen (the checkpoint passes it), and events split from one record share its place.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from old_orders import OLD_EVENTS, TOTALS, rows_of, run, written
from sqlalchemy import Connection, select

from esworkbench.domains.orders import (
    Order,
    OrderCancelled,
    OrderPaid,
    OrderPlaced,
    ParcelShipped,
    PayOrder,
    Shop,
    order_decoder,
)
from esworkbench.domains.orders.read_models import ORDER_PROJECTIONS, OrderTotals, Parcels, order_totals, parcels
from esworkbench.event_store.drafts import ANY_VERSION
from esworkbench.events import DomainEvent, Event
from esworkbench.evidence import capture
from esworkbench.forensics.compare.diff import diff
from esworkbench.forensics.replay.replay import balance_at, fold, recorded_events
from esworkbench.forensics.replay.stepping import step_aggregate, step_projection
from esworkbench.projections import ProjectionRunner
from esworkbench.projections.parked import replay_parked
from esworkbench.projections.tables import dead_letters
from esworkbench.resources import data_path


def test_every_old_record_is_the_facts_it_stood_for(shop: Shop) -> None:
    decoder = order_decoder()
    found: list[list[DomainEvent]] = [
        [event.data for event in decoder.events_in(recorded)] for recorded in shop.store.read_all(limit=len(OLD_EVENTS))
    ]
    assert found == [
        [OrderPlaced(order_id="o1", customer="Ada", total_cents=1001)],
        [],
        [OrderPaid(order_id="o1", payment_reference="p1")],
        [OrderPlaced(order_id="o2", customer="Grace", total_cents=2010)],
        [ParcelShipped(order_id="o1", tracking_number="t1"), ParcelShipped(order_id="o1", tracking_number="t2")],
        [OrderPlaced(order_id="o3", customer="Mary", total_cents=1)],
        [OrderPlaced(order_id="o4", customer="Edsger", total_cents=750)],
        [OrderCancelled(order_id="o4", reason="changed my mind")],
        [OrderPlaced(order_id="o5", customer="Barbara", total_cents=101)],
        [],
    ]


def test_the_stored_bytes_are_what_they_were_after_all_that_reading(shop: Shop) -> None:
    for make in ORDER_PROJECTIONS.values():
        run(shop, make())
    shop.orders.load("o1")
    stored = [recorded.payload.decode("utf-8") for recorded in shop.store.read_all(limit=len(OLD_EVENTS))]
    assert stored == [payload for *_, payload in OLD_EVENTS]


def test_an_order_is_loaded_through_all_of_it_at_its_streams_version(shop: Shop) -> None:
    order = shop.orders.load("o1")
    assert (order.status, order.total_cents, order.parcels) == ("shipped", 1001, ["t1", "t2"])
    assert order.version == shop.store.stream_version("Order-o1") == 4
    order.ship("t3")
    shop.orders.save(order)
    assert shop.orders.load("o1").version == 5


def test_an_order_whose_last_record_is_dropped_can_be_written_on(shop: Shop) -> None:
    assert shop.orders.load("o5").version == 2
    assert shop.handle(PayOrder(order_id="o5", payment_reference="p5")).version == 3


@pytest.mark.parametrize("batch_size", [1, 100])
def test_the_checkpoint_passes_what_is_dropped(shop: Shop, batch_size: int) -> None:
    runner = ProjectionRunner(
        shop.store, Parcels(), order_decoder(), run_id="r", batch_size=batch_size, clock=shop.store.clock
    )
    assert runner.catch_up(up_to=len(OLD_EVENTS)) == len(OLD_EVENTS)
    assert runner.checkpoint() == len(OLD_EVENTS), "the last old event is one that is dropped"
    assert rows_of(shop, parcels) == [(5, 0, "o1", "t1"), (5, 1, "o1", "t2")]


def test_the_totals_are_those_of_every_shape(shop: Shop) -> None:
    run(shop, OrderTotals())
    assert {row[0]: row[3] for row in rows_of(shop, order_totals)} == TOTALS
    assert {row[0]: row[4] for row in rows_of(shop, order_totals)} == {
        "o1": "shipped", "o2": "placed", "o3": "placed", "o4": "cancelled", "o5": "placed", "o6": "paid",
        "o7": "placed",
    }  # fmt: skip


class LosesTheSecondParcel(Parcels):
    """A handler with a defect that strikes in the middle of a record."""

    def handle(self, event: Event, connection: Connection) -> None:
        super().handle(event, connection)
        if event.ordinal == 1:
            raise ZeroDivisionError("no second parcel was expected")


def test_a_record_is_parked_whole_and_handled_late_whole(shop: Shop) -> None:
    run(shop, LosesTheSecondParcel())
    assert rows_of(shop, parcels) == [], "the first of the two parcels went with the second"
    with shop.store.engine.connect() as connection:
        assert connection.scalars(select(dead_letters.c.position)).all() == [5]
    mended = ProjectionRunner(shop.store, Parcels(), order_decoder(), run_id="mended")
    assert replay_parked(mended) == 1
    assert rows_of(shop, parcels) == [(5, 0, "o1", "t1"), (5, 1, "o1", "t2")]


def test_an_event_that_the_chain_can_not_read_is_parked_and_nothing_else(shop: Shop) -> None:
    """Also in its batch: what is split and what is dropped there is neither parked nor lost."""
    bad = written("OrderDispatched", 1, '{"order_id":"o2"}')
    shop.store.append("Order-o2", [bad], expected_version=ANY_VERSION)
    run(shop, Parcels(), batch_size=100)
    with shop.store.engine.connect() as connection:
        [letter] = connection.execute(select(dead_letters.c["position", "error"])).all()
    assert letter.position == shop.store.head_position()
    expected = "upcaster one_fact_per_parcel can't take this OrderDispatched v1: KeyError('tracking_numbers')"
    assert expected in letter.error
    assert rows_of(shop, parcels) == [(5, 0, "o1", "t1"), (5, 1, "o1", "t2")]


def test_the_second_opinion_agrees_on_every_total(shop: Shop, store_url: str, tmp_path: Path) -> None:
    """Promise 10: the ledger definition knows nothing of the upcasters, and comes to the same cents."""
    for make in ORDER_PROJECTIONS.values():
        run(shop, make())
    evidence = capture(store_url, tmp_path / "evidence", ledger=data_path("ledgers", "orders.toml"), progress=False)
    assert evidence.manifest.unposted == {}
    assert evidence.manifest.problem_count == 0
    found = diff(evidence)
    assert (found.compared, found.divergent) == (len(TOTALS), 0)
    assert {account: balance_at(evidence, account).balance for account in TOTALS} == TOTALS


def test_forensics_folds_and_steps_through_splits_and_drops(shop: Shop, store_url: str, tmp_path: Path) -> None:
    evidence = capture(store_url, tmp_path / "evidence", ledger=data_path("ledgers", "orders.toml"), progress=False)
    make: Callable[[], Order] = lambda: Order("o1")  # noqa: E731
    events = recorded_events(evidence, "Order-o1")
    folded = fold(evidence, "Order-o1", make, order_decoder())
    assert (folded.parcels, folded.version) == (["t1", "t2"], 4)
    stepped = [step.after for step in step_aggregate(events, make, order_decoder())]
    assert [(each["parcels"], each["version"]) for each in stepped] == [([], 1), ([], 2), ([], 3), (["t1", "t2"], 4)]
    steps = list(step_projection(events, Parcels(), order_decoder()))
    assert [step.error for step in steps] == [None] * 4
    assert [row["tracking_number"] for row in steps[-1].after["parcels"]] == ["t1", "t2"]
