"""An order's rules stand in its commands; what they refuse leaves nothing in the log."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from support import SequentialIds, StepClock

from esworkbench.cqrs.commands import Command
from esworkbench.domains.orders import CancelOrder, NoteConversion, Order, PayOrder, PlaceOrder, ShipParcel, Shop
from esworkbench.errors import AggregateNotFound, CommandRejected
from esworkbench.event_store import EventStore

PLACE = PlaceOrder(order_id="a", customer="Ada", total_cents=1001)
PAY = PayOrder(order_id="a", payment_reference="p")
SHIP = ShipParcel(order_id="a", tracking_number="t")
CANCEL = CancelOrder(order_id="a", reason="changed my mind")
NOTE = NoteConversion(order_id="a", from_dollars=Decimal("10.005"), to_cents=1001)


@pytest.fixture
def empty_shop(sqlite_url: str) -> Iterator[Shop]:
    shop = Shop(EventStore.open(sqlite_url, clock=StepClock(), new_id=SequentialIds("e")))
    yield shop
    shop.store.engine.dispose()


def test_an_order_is_placed_paid_and_shipped(empty_shop: Shop) -> None:
    for command in (PLACE, PAY, SHIP, ShipParcel(order_id="a", tracking_number="u")):
        reply = empty_shop.handle(command)
    assert reply.state == {
        "status": "shipped", "customer": "Ada", "total_cents": 1001, "parcels": ["t", "u"], "total_converted": False,
    }  # fmt: skip
    restored = Order("a")
    restored.restore(reply.state)
    assert restored.state() == reply.state


@pytest.mark.parametrize(
    ("before", "command", "words"),
    [
        ([PLACE], PLACE, "placed already"),
        ([], PlaceOrder(order_id="a", customer="Ada", total_cents=0), "total_cents must be above 0, not 0"),
        ([], PlaceOrder(order_id="a", customer="Ada", total_cents=10.5), "must be a whole number of minor units"),  # type: ignore[arg-type]
        ([], PlaceOrder(order_id="a", customer=" ", total_cents=1), "customer must not be empty"),
        ([PLACE], SHIP, "order a is placed, and must be paid or shipped for this"),
        ([PLACE, PAY], PAY, "order a is paid, and must be placed"),
        ([PLACE, PAY], CANCEL, "order a is paid, and must be placed"),
        ([PLACE, CANCEL], PAY, "order a is cancelled, and must be placed"),
        ([PLACE, PAY, SHIP], SHIP, "parcel t of order a is shipped already"),
        ([PLACE, NOTE], NOTE, "is on record already"),
        ([PLACE], NoteConversion(order_id="a", from_dollars=Decimal("10.01"), to_cents=1001), "cents exactly"),
        ([PLACE], NoteConversion(order_id="a", from_dollars=Decimal("10.005"), to_cents=1000), "round to 1001, not to"),
        ([PLACE], NoteConversion(order_id="a", from_dollars=Decimal("9.995"), to_cents=1000), "counts 1001 cents"),
    ],
)
def test_what_can_not_be_is_refused(empty_shop: Shop, before: list[Command], command: Command, words: str) -> None:
    for each in before:
        empty_shop.handle(each)
    with pytest.raises(CommandRejected, match=words):
        empty_shop.handle(command)
    assert empty_shop.store.head_position() == len(before)


@pytest.mark.parametrize("command", [PAY, SHIP, CANCEL, NOTE])
def test_an_order_nobody_placed_is_not_found(empty_shop: Shop, command: Command) -> None:
    with pytest.raises(AggregateNotFound):
        empty_shop.handle(command)
