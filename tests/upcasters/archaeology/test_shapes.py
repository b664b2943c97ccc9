"""Shapes are what was written: optional fields are told from new versions by time, and stragglers change nothing."""

from typing import Any

import pytest
from archaeology_logs import names_of, written
from hypothesis import given
from hypothesis import strategies as st

from esworkbench.errors import UnusableInput
from esworkbench.event_store import EventStore
from esworkbench.upcasters.archaeology import (
    RecoveredShape,
    all_events,
    field_presence,
    recover_shapes,
    sample_events,
)
from esworkbench.upcasters.archaeology.fields import json_type

ORDERS = {"customer_id", "order_id"}
REVIEW = {"stars", "text?"}
ADDRESS = {"address", "address.city", "address.street"}
PERSON = {"customer_id", "email", "first_name", "last_name"}
LINES = {"lines", "lines[]", "lines[].sku", "lines[].price_cents"}

INHERITED_SHAPES: dict[str, list[set[str]]] = {
    "CustomerRegistered": [
        {"customer_id", "email", "name"},
        PERSON,
        PERSON | ADDRESS | {"address.zip", "phone?"},
        PERSON | ADDRESS | {"address.postal_code", "address.country", "phone?"},
    ],
    "LoyaltyPointsGranted": [{"customer_id", "points"}, {"customer_id", "points", "reason", "expires_on"}],
    "OrderCancelled": [{"order_id", "reason"}, {"order_id", "reason_code", "note"}],
    "OrderPlaced": [
        ORDERS | {"total"},
        ORDERS | {"total", "currency", "coupon?"},
        ORDERS | {"total_cents", "currency", "coupon?"},
        ORDERS | {"total_cents", "currency", "coupon?", "lines[].quantity?"} | LINES,
        ORDERS | {"total_cents", "currency", "coupon?", "lines[].quantity", "channel"} | LINES,
    ],
    "OrderShipped": [
        {"order_id", "tracking"},
        {"order_id", "tracking_number", "carrier", "signed_by?"},
        {"order_id", "tracking_number", "carrier", "signed_by?", "parcels"},
    ],
    "PaymentReceived": [
        {"order_id", "amount", "method"},
        {"order_id", "amount", "method"},
        {"order_id", "amount_cents", "currency", "method", "method.kind", "method.last4"},
    ],
    "RefundIssued": [{"order_id", "amount", "reason"}, {"order_id", "refund_cents", "reason"}],
    "ReviewPosted": [
        REVIEW | {"product"},
        REVIEW | {"sku", "customer_id"},
        REVIEW | {"sku", "customer_id", "verified"},
    ],
    "StockAdjusted": [
        {"sku", "delta"},
        {"sku", "delta", "warehouse"},
        {"sku", "quantity_change", "warehouse", "cause"},
    ],
}


def shapes_of(*payloads: dict[str, Any]) -> list[RecoveredShape]:
    return recover_shapes(written(*payloads)).get("Noted", [])


def test_every_shape_of_the_inherited_log_is_recovered(inherited: EventStore) -> None:
    with inherited.engine.connect() as connection:
        found = recover_shapes(all_events(connection))
    assert {name: list(map(names_of, shapes)) for name, shapes in found.items()} == INHERITED_SHAPES


@pytest.mark.parametrize("seed", [*range(4), 62])
def test_a_sample_across_the_whole_life_is_enough(inherited_sqlite: EventStore, seed: int) -> None:
    check_samples(inherited_sqlite, seed)


@pytest.mark.sweep
def test_a_sample_across_the_whole_life_is_enough_for_many_seeds(inherited_sqlite: EventStore) -> None:
    for seed in range(200):
        check_samples(inherited_sqlite, seed)


def check_samples(store: EventStore, seed: int) -> None:
    with store.engine.connect() as connection:
        for name, expected in INHERITED_SHAPES.items():
            [shapes] = recover_shapes(sample_events(connection, name, 250, seed)).values()
            assert list(map(names_of, shapes)) == expected


def test_a_field_that_some_have_all_the_time_is_optional() -> None:
    [shape] = shapes_of(*[{"a": 1}, {"a": 1, "b": 2}, {"a": 1}] * 20)
    assert names_of(shape) == {"a", "b?"}
    assert [(field.path, field.events) for field in shape.fields] == [("a", 60), ("b", 20)]


def test_two_optional_fields_make_one_shape_of_four_sets() -> None:
    [shape] = shapes_of(*[{"a": 1, "b": 2}, {"a": 1, "c": 3}, {"a": 1}, {"a": 1, "b": 2, "c": 3}] * 20)
    assert names_of(shape) == {"a", "b?", "c?"}


@pytest.mark.parametrize(("with_c", "bare"), [((1, 20, 30, 35), (50, 60)), ((20, 30, 35), (1, 10, 11))])
def test_a_rare_set_joins_through_another_that_is_rare_elsewhere(with_c: tuple[int], bare: tuple[int]) -> None:
    """What has c lacks q, so it is tied to the whole only through the few that have neither, at another time."""
    payloads = [{"a": 1, "q": 1} for _ in range(100)]
    for position in with_c:
        payloads[position - 1] = {"a": 1, "c": 1}
    for position in bare:
        payloads[position - 1] = {"a": 1}
    [shape] = shapes_of(*payloads)
    assert names_of(shape) == {"a", "c?", "q?"}


def test_of_two_shapes_of_its_time_a_set_joins_the_one_it_parts_from_least() -> None:
    rollout = [{"a": 1, "q": 1}, {"a": 1, "q": 1, "z": 1}] * 5
    before, after = [{"a": 1, "q": 1}] * 90, [{"a": 1, "q": 1, "z": 1}] * 90
    old, new = shapes_of(*before, *rollout, {"a": 1}, *rollout, *after)
    assert (names_of(old), names_of(new)) == ({"a", "q?"}, {"a", "q", "z"})


def test_a_field_that_comes_to_stay_is_a_new_shape() -> None:
    old, new = shapes_of(*[{"a": 1}] * 50, *[{"a": 1, "b": 2}] * 50)
    assert (names_of(old), names_of(new)) == ({"a"}, {"a", "b"})
    assert (old.last.global_position, new.first.global_position) == (50, 51)
    assert (old.share, new.share) == (0.5, 0.5)


def test_a_rollout_in_which_both_are_written_does_not_blur_two_shapes() -> None:
    rollout = [{"a": 1}, {"a": 1, "b": 2}] * 10
    old, new = shapes_of(*[{"a": 1}] * 50, *rollout, *[{"a": 1, "b": 2}] * 50)
    assert (names_of(old), names_of(new)) == ({"a"}, {"a", "b"})


def test_a_straggler_years_later_does_not_blur_them_either() -> None:
    for before, after in ((60, 100), (100, 60)):
        old, new = shapes_of(*[{"a": 1}] * before, *[{"a": 1, "b": 2}] * after, {"a": 1})
        assert (names_of(old), names_of(new)) == ({"a"}, {"a", "b"})
        assert old.last.global_position == 161


def test_a_type_that_changes_is_a_new_shape_even_side_by_side() -> None:
    number, text = shapes_of(*[{"a": 1.5}, {"a": "1.50"}] * 20)
    assert [field.json_types for shape in (number, text) for field in shape.fields] == [("number",), ("string",)]


def test_whole_and_broken_numbers_are_one_type() -> None:
    [shape] = shapes_of(*[{"a": 1}] * 20, *[{"a": 1.5}] * 20)
    assert shape.fields[0].json_types == ("number",)


@pytest.mark.parametrize("hollow", [{"a": None}, {"a": []}])
def test_what_a_null_or_an_empty_array_would_hold_parts_nobody(hollow: dict[str, Any]) -> None:
    full = {"a": [{"b": 1}]} if hollow["a"] == [] else {"a": {"b": 1}}
    [shape] = shapes_of(*[hollow] * 50, *[full] * 50)
    assert "a" in names_of(shape)
    assert names_of(shape) & {"a.b?", "a[].b?"}


def test_a_null_goes_with_the_type_of_its_time_and_never_joins_two() -> None:
    number, text, null = {"a": 1}, {"a": "1"}, {"a": None}
    for payloads, expected in (
        ([number, null] * 40 + [text] * 40, [("null", "number"), ("string",)]),
        ([number] * 40 + [text, null] * 40, [("number",), ("null", "string")]),
        ([number] * 40 + [null] * 40, [("null", "number")]),
    ):
        assert [shape.fields[0].json_types for shape in shapes_of(*payloads)] == expected
    assert len(shapes_of(*[number, null] * 40, *[text, null] * 40)) == 2


def test_data_as_keys_are_refused_unless_they_are_named() -> None:
    prices = [{"prices": {f"SKU-{number}": number}} for number in range(400)]
    with pytest.raises(UnusableInput, match="Noted has more than 300 different sets of fields by position 301"):
        shapes_of(*prices)
    [shape] = recover_shapes(written(*prices), opaque=["prices"])["Noted"]
    assert names_of(shape) == {"prices"}


def test_shapes_come_in_the_order_in_which_they_were_first_seen() -> None:
    shapes = shapes_of(*[{"z": 1}] * 5, *[{"y": 1}] * 50, *[{"x": 1}] * 20)
    assert [shape.fields[0].path for shape in shapes] == ["z", "y", "x"]


def test_the_presence_table_has_a_row_for_each_field_of_each_shape() -> None:
    rows = field_presence(shapes_of(*[{"a": 1}] * 50, *[{"a": 1, "b": 2}, {"a": 1, "b": 2, "c": 3}] * 25))
    found = [(row.shape, row.path, row.json_types, row.events, row.share) for row in rows]
    assert found == [
        (1, "a", "number", 50, 1.0), (2, "a", "number", 50, 1.0), (2, "b", "number", 50, 1.0),
        (2, "c", "number", 25, 0.5),
    ]  # fmt: skip
    assert [(row.first_position, row.last_position) for row in rows] == [(1, 50), (51, 100), (51, 100), (51, 100)]


VALUES = st.sampled_from([0, 7, "text", None])
PAYLOADS = st.lists(st.dictionaries(st.sampled_from("abcd"), VALUES, max_size=4), min_size=1, max_size=40)


@given(payloads=PAYLOADS)
def test_every_event_is_counted_once_and_lies_in_a_shape_that_fits_it(payloads: list[dict[str, Any]]) -> None:
    shapes = shapes_of(*payloads)
    assert sum(shape.events for shape in shapes) == len(payloads)
    for payload in payloads:
        assert any(
            set(payload) <= set(shape.paths)
            and all(field.optional or field.path in payload for field in shape.fields)
            and all(json_type(value) in shape.paths[path].json_types for path, value in payload.items())
            for shape in shapes
        )
