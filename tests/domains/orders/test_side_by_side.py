"""Old and new shape side by side: every reader gets the contract it was promised, for every event, from one log."""

import json
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from old_orders import OLD_EVENTS, TOTALS

from esworkbench.domains.orders import ORDER_EVENT_TYPES, ORDER_UPCASTERS, Shop, contract_v1
from esworkbench.domains.orders.contracts import (
    CONTRACT_V1,
    CONTRACT_V3,
    ORDER_DOWNCASTERS,
    order_publisher,
)
from esworkbench.domains.orders.conversion import TotalsConversion
from esworkbench.errors import InvalidEvent, MissingUpcaster, UnknownEventType, UnusableInput
from esworkbench.events import NewEvent
from esworkbench.published_contracts import PublishedContract, PublishedEvent, Publisher
from esworkbench.upcasters import Shaped
from esworkbench.upcasters.downcasters import Downcaster, Downcasters
from esworkbench.upcasters.one_payload import upcast

FROZEN_V1 = {
    "OrderPlaced": {"order_id": str, "customer": str, "total": Decimal},
    "OrderPaid": {"order_id": str, "payment_reference": str},
    "ParcelShipped": {"order_id": str, "tracking_number": str},
    "OrderCancelled": {"order_id": str, "reason": str},
}
"""The contract v1 as it was signed, in this test's own words: field names and JSON types, no more and no less."""

V1_TOTALS = {
    "o1": "10.005", "o2": "20.10", "o3": "0.0149", "o4": "7.50", "o5": "1.005", "o6": "19.99", "o7": "5.00",
}  # fmt: skip


def read_all(publisher: Publisher, consumer: str, contract: str, *, limit: int = 3) -> list[PublishedEvent]:
    """Page by page, as a consumer does."""
    events: list[PublishedEvent] = []
    after = -1
    page = publisher.read(consumer, contract, limit=limit)
    while page.position != after:
        events += page.events
        after = page.position
        page = publisher.read(consumer, contract, after=after, limit=limit)
    return events


def content(event: PublishedEvent) -> dict[str, object]:
    found: dict[str, object] = json.loads(event.payload, parse_float=Decimal, parse_int=Decimal)
    return found


def test_a_consumer_of_v1_gets_every_event_in_the_frozen_shape(shop: Shop) -> None:
    TotalsConversion(shop, run_id="once").catch_up()
    events = read_all(order_publisher(shop.store), "reports", "v1")
    assert {event.event_type for event in events} == set(FROZEN_V1)
    for event in events:
        assert event.schema_version == 1
        assert {name: type(value) for name, value in content(event).items()} == FROZEN_V1[event.event_type]


def test_dollars_and_cents_from_one_log(shop: Shop) -> None:
    publisher = order_publisher(shop.store)
    old = {content(each)["order_id"]: content(each) for each in read_all(publisher, "reports", "v1") if placed(each)}
    new = {content(each)["order_id"]: content(each) for each in read_all(publisher, "tax", "v3") if placed(each)}
    assert {order_id: str(payload["total"]) for order_id, payload in old.items()} == V1_TOTALS
    assert {order_id: payload["total_cents"] for order_id, payload in new.items()} == TOTALS


def placed(event: PublishedEvent) -> bool:
    return event.event_type == "OrderPlaced"


def test_old_and_new_differ_in_nothing_but_the_total(shop: Shop) -> None:
    publisher = order_publisher(shop.store)
    old, new = read_all(publisher, "reports", "v1"), read_all(publisher, "tax", "v3")
    assert [each[:4] for each in old] == [each[:4] for each in new]
    assert [each.payload for each in old if not placed(each)] == [each.payload for each in new if not placed(each)]
    assert [(each.position, each.ordinal) for each in new if each.event_type == "ParcelShipped"] == [(5, 0), (5, 1)]


def test_a_page_of_nothing_but_dropped_events_still_moves_on(sqlite_shop: Shop) -> None:
    publisher = order_publisher(sqlite_shop.store)
    last = len(OLD_EVENTS)
    assert publisher.read("reports", "v1", after=last - 1, limit=1) == ([], last)


@given(cents=st.integers(min_value=0, max_value=2**53 - 1))
def test_cents_served_as_dollars_come_back_as_the_same_cents(cents: int) -> None:
    written = Shaped("OrderPlaced", 3, {"order_id": "o", "customer": "c", "total_cents": cents})
    served = ORDER_DOWNCASTERS.downcast(written, to_version=1)
    total = served.payload["total"]
    assert total == Decimal(cents) / 100
    assert str(total).partition(".")[2] == f"{cents % 100:02}", "exactly two decimals"
    assert upcast(ORDER_UPCASTERS, "OrderPlaced", 1, served.payload, to_version=3) == written.payload
    assert written.payload["total_cents"] == cents


def test_use_is_counted_by_version_until_one_can_be_retired(shop: Shop) -> None:
    publisher = order_publisher(shop.store)
    read_all(publisher, "reports", "v1", limit=100)
    read_all(publisher, "tax", "v3", limit=100)
    first_day = shop.store.clock().date()
    assert [each[:5] for each in publisher.use_since("v1", first_day)] == [("v1", "reports", first_day, 2, 12)]
    assert [each.consumer for each in publisher.use_since("v3", first_day)] == ["tax"]
    assert publisher.use_since("v1", date(first_day.year + 1, 1, 1)) == [], "nobody since: it can be retired"


def test_a_retired_contract_is_refused_and_the_others_are_named(sqlite_shop: Shop) -> None:
    publisher = Publisher(sqlite_shop.store, ORDER_UPCASTERS, ORDER_DOWNCASTERS, [CONTRACT_V3])
    with pytest.raises(UnusableInput, match="contract 'v1', which 'reports' asks for, is not served; served are v3"):
        publisher.read("reports", "v1")
    assert publisher.use_since("v1", date(2000, 1, 1)) == []


def test_a_new_event_type_is_neither_published_nor_withheld_by_oversight(sqlite_shop: Shop) -> None:
    sqlite_shop.store.append("Order-o1", [NewEvent(event_type="OrderReturned", payload=b"{}")], expected_version=4)
    with pytest.raises(UnknownEventType, match="'OrderReturned' has no class here"):
        read_all(order_publisher(sqlite_shop.store), "reports", "v1")


def test_a_type_the_domain_knows_and_the_contract_forgot_is_an_error(sqlite_shop: Shop) -> None:
    forgetful = PublishedContract("v1", CONTRACT_V1.event_types)
    TotalsConversion(sqlite_shop, run_id="once").catch_up()
    publisher = Publisher(sqlite_shop.store, ORDER_UPCASTERS, ORDER_DOWNCASTERS, [forgetful])
    with pytest.raises(UnknownEventType, match="TotalConverted"):
        read_all(publisher, "reports", "v1")
    assert set(CONTRACT_V1.event_types.names()) | CONTRACT_V1.left_out == set(ORDER_EVENT_TYPES.names())


def test_a_way_back_that_is_missing_is_named(sqlite_shop: Shop) -> None:
    halfway = Downcasters([step for step in ORDER_DOWNCASTERS if step.from_version == 3])
    publisher = Publisher(sqlite_shop.store, ORDER_UPCASTERS, halfway, [CONTRACT_V1])
    with pytest.raises(MissingUpcaster, match="no downcaster takes OrderPlaced from v2 back to v1"):
        read_all(publisher, "reports", "v1")


def by_two(payload: dict[str, object]) -> dict[str, object]:
    """Wrong on purpose."""
    return {"total": payload["no such field"]}


def test_a_downcaster_that_fails_names_itself() -> None:
    with pytest.raises(InvalidEvent, match="downcaster by_two can't take this OrderPlaced v2: KeyError"):
        Downcasters([Downcaster("OrderPlaced", 2, by_two)]).downcast(Shaped("OrderPlaced", 2, {}), to_version=1)


def test_downcasters_are_checked_like_upcasters() -> None:
    with pytest.raises(ValueError, match="two downcasters start at OrderPlaced v2"):
        Downcasters([Downcaster("OrderPlaced", 2, by_two), Downcaster("OrderPlaced", 2, by_two)])
    with pytest.raises(ValueError, match="needs a docstring"):
        Downcasters([Downcaster("OrderPlaced", 2, lambda payload: payload)])
    for step in ORDER_DOWNCASTERS:
        assert step.reason


def test_the_frozen_class_is_the_frozen_contract() -> None:
    assert contract_v1.OrderPlaced.__annotations__ == FROZEN_V1["OrderPlaced"]
    assert contract_v1.OrderPlaced.schema_version == 1
