"""Promises 8 and 12: where counting in cents lost a fraction, one event says so, however often the job runs or dies."""

import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from killed_conversion import CRASH_POINTS
from old_orders import OLD_EVENTS, ROUNDED, rows_of, run, written

from esworkbench.domains.orders import Shop, TotalConverted, order_decoder
from esworkbench.domains.orders.conversion import Converted, TotalsConversion
from esworkbench.domains.orders.read_models import ConvertedTotals, converted_totals
from esworkbench.errors import InvalidEvent
from esworkbench.event_store import EventStore
from esworkbench.event_store.drafts import ANY_VERSION
from esworkbench.events import RecordedEvent

WORKER = Path(__file__).parent / "killed_conversion.py"


def conversions(shop: Shop) -> dict[str, TotalConverted]:
    """By order; fails when an order has two, or one that doesn't name the event that caused it."""
    records = shop.store.read_all()
    placed = {each.stream_id: each for each in records if each.event_type == "OrderPlaced"}
    found: dict[str, TotalConverted] = {}
    for recorded in records:
        if recorded.event_type == "TotalConverted":
            data = order_decoder().decode(recorded).data
            assert isinstance(data, TotalConverted)
            assert data.order_id not in found, "twice on record"
            cause = placed[recorded.stream_id]
            assert recorded.metadata_dict()["causation_id"] == cause.event_id
            assert recorded.metadata_dict()["correlation_id"] == cause.metadata_dict()["correlation_id"]
            found[data.order_id] = data
    return found


def assert_all_on_record(shop: Shop) -> None:
    assert {order_id: str(data.from_dollars) for order_id, data in conversions(shop).items()} == {
        order_id: dollars for order_id, (dollars, _) in ROUNDED.items()
    }


@pytest.mark.parametrize("batch_size", [1, 1000])
def test_exactly_the_lost_fractions_are_put_on_record_once(shop: Shop, batch_size: int) -> None:
    head = shop.store.head_position()
    job = TotalsConversion(shop, run_id="once", batch_size=batch_size)
    done = job.catch_up()
    assert done.recorded == len(ROUNDED)
    assert conversions(shop)["o1"] == TotalConverted(
        order_id="o1", from_dollars=Decimal("10.005"), to_cents=1001, rounding="half_up"
    )
    assert_all_on_record(shop)
    assert job.catch_up().recorded == 0
    assert shop.store.head_position() == head + len(ROUNDED)
    stored = [recorded.payload.decode("utf-8") for recorded in shop.store.read_all(limit=len(OLD_EVENTS))]
    assert stored == [payload for *_, payload in OLD_EVENTS]


def test_reading_never_writes(shop: Shop) -> None:
    run(shop, ConvertedTotals())
    shop.orders.load("o1")
    assert conversions(shop) == {}
    assert rows_of(shop, converted_totals) == []


def test_finance_can_list_them(shop: Shop) -> None:
    TotalsConversion(shop, run_id="once").catch_up()
    run(shop, ConvertedTotals())
    assert [row[:5] for row in rows_of(shop, converted_totals)] == [
        (order_id, dollars, shop.orders.load(order_id).total_cents, difference, "half_up")
        for order_id, (dollars, difference) in ROUNDED.items()
    ]
    events = {recorded.event_id: recorded.stream_id for recorded in shop.store.read_all()}
    assert [events[row[5]] for row in rows_of(shop, converted_totals)] == [f"Order-{order_id}" for order_id in ROUNDED]


def test_two_runs_at_once_put_each_conversion_on_record_once(shop: Shop) -> None:
    """The second run does everything between the first one's reading and its first command."""
    second = Shop(EventStore(shop.store.engine, clock=shop.store.clock))
    first = Shop(EventStore(shop.store.engine, clock=shop.store.clock))
    first.store.read_all = overtaken(first.store.read_all, TotalsConversion(second, run_id="second"))  # type: ignore[method-assign]
    assert TotalsConversion(first, run_id="first").catch_up().recorded == 0
    assert_all_on_record(shop)


def overtaken(
    read_all: Callable[..., list[RecordedEvent]], faster: TotalsConversion
) -> Callable[..., list[RecordedEvent]]:
    def read(**options: int) -> list[RecordedEvent]:
        batch = read_all(**options)
        faster.catch_up()
        return batch

    return read


def test_an_old_release_that_still_writes_is_caught_up_with(shop: Shop) -> None:
    job = TotalsConversion(shop, run_id="once")
    job.catch_up()
    late = written("OrderPlaced", 1, '{"order_id":"o9","customer":"Ada","total":2.675}')
    shop.store.append("Order-o9", [late], expected_version=0)
    assert job.catch_up() == Converted(seen=2, recorded=1)
    assert conversions(shop)["o9"].to_cents == 268


def test_a_total_that_can_not_be_read_stops_the_job_and_is_named(shop: Shop) -> None:
    bad = written("OrderPlaced", 1, '{"order_id":"o9","customer":"Ada","total":"2.675"}')
    shop.store.append("Order-o9", [bad], expected_version=ANY_VERSION)
    with pytest.raises(
        InvalidEvent,
        match=r"OrderPlaced v1 at position 14 .* upcaster count_in_cents can't take this .*2\.675.* is no exact number",
    ):
        TotalsConversion(shop, run_id="once", batch_size=1).catch_up()
    assert_all_on_record(shop)


def kill_at(shop: Shop, url: str, point: str, *, batch_size: int, passes: int, deaths: int) -> None:
    """Kill the job at the point, so many times; then let it run to its end, and check what is on record."""
    for _ in range(deaths):
        arguments = [url, str(batch_size), point, str(passes)]
        assert subprocess.run([sys.executable, str(WORKER), *arguments], check=False).returncode == -9
    TotalsConversion(shop, run_id="after").catch_up()
    assert_all_on_record(shop)


@pytest.mark.parametrize("point", CRASH_POINTS)
def test_the_job_may_be_killed_at_each_named_point(shop: Shop, store_url: str, point: str) -> None:
    kill_at(shop, store_url, point, batch_size=4, passes=1, deaths=1)


@pytest.mark.sweep
@pytest.mark.parametrize("point", CRASH_POINTS)
@pytest.mark.parametrize("batch_size", [1, 2, 3])
def test_the_job_may_be_killed_several_times_in_a_row(shop: Shop, store_url: str, point: str, batch_size: int) -> None:
    kill_at(shop, store_url, point, batch_size=batch_size, passes=0, deaths=2)
