"""The three wrong ways to change the shape of an event, each tried for real, and how each fails."""

from collections.abc import Sequence

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from esworkbench.aggregates.repository import Repository
from esworkbench.domains.orders import ORDER_EVENT_TYPES, Order, OrderPlaced, Shop
from esworkbench.errors import InvalidEvent, MissingUpcaster
from esworkbench.event_store import write_transaction
from esworkbench.event_store.chain import event_hash
from esworkbench.event_store.guards import drop_guards
from esworkbench.events import EventTypes, RecordedEvent
from esworkbench.upcasters import EventDecoder, UpcasterChain

MIGRATE_IN_PLACE = text(
    "UPDATE events SET schema_version = 3, payload = :payload WHERE stream_id = 'Order-o1' AND version = 1"
).bindparams(payload='{"order_id":"o1","customer":"Ada","total_cents":1001}')


def broken_links(events: Sequence[RecordedEvent]) -> list[int]:
    """Positions of events whose hash is not that of what they hold."""
    return [
        each.global_position
        for each in events
        if each.hash
        != event_hash(
            each.prev_hash, each.stream_id, each.version, each.event_id, each.event_type, each.schema_version,
            each.recorded_at, each.valid_at, each.payload, each.metadata,
        )
    ]  # fmt: skip


def test_migrating_in_place_is_refused_by_the_database(shop: Shop) -> None:
    with pytest.raises(DBAPIError, match="append-only"), write_transaction(shop.store.engine) as connection:
        connection.execute(MIGRATE_IN_PLACE)


def test_migrating_in_place_past_the_guards_breaks_the_hash_chain_and_loses_what_was_written(shop: Shop) -> None:
    assert broken_links(shop.store.read_all()) == []
    with write_transaction(shop.store.engine) as connection:
        drop_guards(connection)
        connection.execute(MIGRATE_IN_PLACE)
    assert broken_links(shop.store.read_all()) == [1]
    assert b"10.005" not in shop.store.read_stream("Order-o1")[0].payload, "finance can't be told any more"


class OrderWithBranches(Order):
    """What an aggregate becomes when the shapes of the past are its business: a museum, and no end to it."""

    def apply_stored(self, event_type: str, schema_version: int, payload: dict[str, object]) -> None:
        if event_type == "OrderPlaced":
            if schema_version == 1:
                self.total_cents = round(float(str(payload["total"])) * 100)
            elif schema_version == 2:
                self.total_cents = int(float(str(payload["total_dollars"])) * 100)
            else:
                self.total_cents = int(str(payload["total_cents"]))


def test_branches_in_the_domain_round_each_in_their_own_way() -> None:
    """Each branch was right when it was written. Together they make two totals of one price."""
    totals = []
    for version, name in ((1, "total"), (2, "total_dollars")):
        order = OrderWithBranches("o")
        order.apply_stored("OrderPlaced", version, {name: "19.99"})
        totals.append(order.total_cents)
    assert totals == [1999, 1998]


def test_branches_in_the_domain_are_not_even_reached_by_an_event_of_the_next_version() -> None:
    order = OrderWithBranches("o")
    with pytest.raises(KeyError, match="total_cents"):
        order.apply_stored("OrderPlaced", 4, {"total": {"cents": 1999, "currency": "USD"}})


def test_without_upcasters_no_old_order_can_be_loaded(sqlite_shop: Shop) -> None:
    ignoring = Repository(sqlite_shop.store, Order, EventDecoder(ORDER_EVENT_TYPES, UpcasterChain()))
    for order_id in ("o1", "o2", "o3", "o4", "o5"):
        with pytest.raises(MissingUpcaster, match=r"no upcaster takes OrderPlaced from v[12] to v[23]"):
            ignoring.load(order_id)
    assert ignoring.load("o6").total_cents == 1999, "which is all that a test of today's code would have shown"


def test_changing_a_shape_without_a_new_version_breaks_every_load_too(sqlite_shop: Shop) -> None:
    """The class changed and its schema_version didn't: now two shapes are both called v1."""
    pretending = type("OrderPlaced", (OrderPlaced,), {"schema_version": 1})
    decoder = EventDecoder(EventTypes(pretending), UpcasterChain())
    with pytest.raises(InvalidEvent, match=r"OrderPlaced v1 at position 1 .* can't be read: .*unknown field `total`"):
        Repository(sqlite_shop.store, Order, decoder).load("o1")
