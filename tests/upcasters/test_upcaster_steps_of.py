"""A chain watched at work shows every step that a reader's payload takes, and changes nothing by watching."""

from decimal import Decimal
from typing import Any

import pytest

from esworkbench.domains.orders import ORDER_EVENT_TYPES, ORDER_UPCASTERS
from esworkbench.errors import InvalidEvent, MissingUpcaster
from esworkbench.upcasters import Shape, Shaped, Upcaster, UpcasterChain
from esworkbench.upcasters.trace import FieldSeen, StepTaken, fields_of, steps_of

WANTED = {name: ORDER_EVENT_TYPES.latest_version(name) for name in ORDER_EVENT_TYPES.names()}
PLACED = Shaped("OrderPlaced", 1, {"order_id": "o", "customer": "Ada", "total": Decimal("10.005")})


def walk(event_type: str, version: int, payload: dict[str, Any]) -> list[StepTaken]:
    return steps_of(ORDER_UPCASTERS, Shaped(event_type, version, payload), WANTED)


def test_each_step_has_its_name_its_reason_and_both_sides() -> None:
    first, second = steps_of(ORDER_UPCASTERS, PLACED, WANTED)
    assert (first.source, first.kind, first.name) == (Shape("OrderPlaced", 1), "upcast", "name_the_unit")
    assert first.reason.startswith("A field called total was read as dollars here")
    assert first.before == PLACED.payload
    assert first.after == (
        Shaped("OrderPlaced", 2, {"order_id": "o", "customer": "Ada", "total_dollars": Decimal("10.005")}),
    )
    assert second.before == first.after[0].payload
    assert second.after[0].payload["total_cents"] == 1001


@pytest.mark.parametrize("stored", [PLACED, Shaped("OrderDispatched", 1, {"order_id": "o", "tracking_numbers": ["t"]})])
def test_it_ends_where_a_reader_ends(stored: Shaped) -> None:
    assert list(steps_of(ORDER_UPCASTERS, stored, WANTED)[-1].after) == ORDER_UPCASTERS.follow(stored, WANTED)


def test_a_split_leads_to_several_a_drop_to_nothing_and_todays_shape_nowhere() -> None:
    [split] = walk("OrderDispatched", 1, {"order_id": "o", "tracking_numbers": ["t", "u"]})
    assert [fact.payload["tracking_number"] for fact in split.after] == ["t", "u"]
    [drop] = walk("OrderViewed", 1, {"order_id": "o", "by": "Ada"})
    assert (drop.kind, drop.after) == ("drop", ())
    assert walk("OrderPlaced", 3, {"order_id": "o", "customer": "Ada", "total_cents": 1}) == []


def test_what_is_seen_is_not_changed_by_a_later_step() -> None:
    """Steps may work inside a nested value, which a shallow copy shares."""

    def add(payload: dict[str, Any]) -> dict[str, Any]:
        """Lists grow."""
        payload["numbers"].append(len(payload["numbers"]))
        return payload

    chain = UpcasterChain([Upcaster("Grown", 1, add), Upcaster("Grown", 2, add)])
    first, second = steps_of(chain, Shaped("Grown", 1, {"numbers": []}), {"Grown": 3})
    assert (first.before, first.after[0].payload) == ({"numbers": []}, {"numbers": [0]})
    assert (second.before, second.after[0].payload) == ({"numbers": [0]}, {"numbers": [0, 1]})


def test_it_raises_what_a_reader_would_get() -> None:
    with pytest.raises(InvalidEvent, match="upcaster name_the_unit can't take this OrderPlaced v1"):
        walk("OrderPlaced", 1, {"order_id": "o"})
    with pytest.raises(MissingUpcaster, match="no upcaster takes ParcelShipped from v0 to v1"):
        walk("ParcelShipped", 0, {})


def test_every_field_is_told_once() -> None:
    before = {"a": 1, "b": 2, "c": 3}
    assert fields_of(before, {"a": 1, "b": 5, "d": 3}) == [
        FieldSeen("a", "kept", 1, 1),
        FieldSeen("b", "changed", 2, 5),
        FieldSeen("c", "gone", 3, None),
        FieldSeen("d", "new", None, 3),
    ]


@pytest.mark.parametrize(("before", "after"), [(1, True), (Decimal(1), 1), (1.0, 1), (None, 0)])
def test_what_only_python_takes_for_the_same_has_changed(before: object, after: object) -> None:
    assert [field.happened for field in fields_of({"a": before}, {"a": after})] == ["changed"]
