"""Two projections in parallel, diffed: they part by the audited fractions, or an upcaster is wrong.

The legacy read model reads dollars under contract v1, the new one cents; both see every event of one log.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from old_orders import ROUNDED, TOTALS, rows_of, run
from sqlalchemy import delete, func, insert, select, update

from esworkbench.domains.orders import ORDER_EVENT_TYPES, ORDER_UPCASTERS, PlaceOrder, Shop
from esworkbench.domains.orders.contracts import CONTRACT_V1, ORDER_DOWNCASTERS
from esworkbench.domains.orders.conversion import TotalsConversion
from esworkbench.domains.orders.read_models import (
    ConvertedTotals,
    OrderTotals,
    OrderTotalsV1,
    converted_totals,
    order_totals,
    order_totals_v1,
)
from esworkbench.domains.orders.read_models.converted_totals import cents_of
from esworkbench.errors import UnusableInput
from esworkbench.projections.compare import Comparison, Difference, Key, Side, compare_projections
from esworkbench.upcasters import EventDecoder, Upcaster, UpcasterChain

OLD = Side("order_totals_v1", select(order_totals_v1.c["order_id", "total"]), cents_of)
NEW = Side("order_totals", select(order_totals.c["order_id", "total_cents"]))


def run_both(shop: Shop, new_decoder: EventDecoder | None = None) -> None:
    run(shop, OrderTotalsV1(), CONTRACT_V1.decoder(ORDER_UPCASTERS, ORDER_DOWNCASTERS))
    run(shop, OrderTotals(), new_decoder)


def audited(shop: Shop) -> dict[Key, Decimal]:
    """What finance was told, as the read model of it has it."""
    run(shop, ConvertedTotals())
    return {(row[0],): Decimal(row[3]) for row in rows_of(shop, converted_totals)}


def compare(shop: Shop, expected: dict[Key, Decimal] | None = None) -> Comparison:
    return compare_projections(shop.store.engine, OLD, NEW, expected=expected)


@pytest.fixture
def audited_shop(shop: Shop) -> Shop:
    TotalsConversion(shop, run_id="once").catch_up()
    return shop


def test_they_part_by_exactly_the_audited_fractions(audited_shop: Shop) -> None:
    run_both(audited_shop)
    found = compare(audited_shop)
    assert (found.rows, found.differing) == (len(TOTALS), len(ROUNDED))
    assert {each.key[0]: str(each.difference) for each in found.differences} == {
        order_id: difference for order_id, (_, difference) in ROUNDED.items()
    }
    assert compare(audited_shop, audited(audited_shop)) == (audited_shop.store.head_position(), len(TOTALS), 0, [])


def truncate(payload: dict[str, Any]) -> dict[str, Any]:
    """Wrong on purpose: what is below a cent is cut off."""
    payload["total_cents"] = int(payload.pop("total_dollars") * 100)
    return payload


def through_a_float(payload: dict[str, Any]) -> dict[str, Any]:
    """Wrong on purpose: 1.005 is a little less than 1.005 in a double."""
    payload["total_cents"] = round(float(payload.pop("total_dollars")) * 100)
    return payload


def half_to_even(payload: dict[str, Any]) -> dict[str, Any]:
    """Wrong on purpose: the rounding that Python does when nobody says which."""
    payload["total_cents"] = int((payload.pop("total_dollars") * 100).to_integral_value())
    return payload


@pytest.mark.parametrize(
    ("wrong", "found_on"),
    [
        (truncate, {"o1": Decimal(-1), "o5": Decimal(-1)}),
        (through_a_float, {"o5": Decimal(-1)}),
        (half_to_even, {"o1": Decimal(-1), "o5": Decimal(-1)}),
    ],
)
def test_a_planted_upcaster_bug_is_found(
    sqlite_shop: Shop, wrong: Callable[[dict[str, Any]], dict[str, Any]], found_on: dict[str, Decimal]
) -> None:
    TotalsConversion(sqlite_shop, run_id="once").catch_up()
    steps = [Upcaster("OrderPlaced", 2, wrong) if step.name == "count_in_cents" else step for step in ORDER_UPCASTERS]
    run_both(sqlite_shop, EventDecoder(ORDER_EVENT_TYPES, UpcasterChain(steps)))
    found = compare(sqlite_shop, audited(sqlite_shop))
    assert {each.key[0]: each.difference - each.expected for each in found.differences} == found_on
    assert found.differing == len(found_on)


def test_an_audit_that_never_happened_is_a_difference(shop: Shop) -> None:
    run_both(shop)
    assert compare(shop, audited(shop)).differing == len(ROUNDED)


def test_rows_that_only_one_side_has_are_found(shop: Shop) -> None:
    run_both(shop)
    with shop.store.engine.begin() as connection:
        connection.execute(delete(order_totals).where(order_totals.c.order_id == "o7"))
        connection.execute(insert(order_totals_v1), {"order_id": "o0", "total": "0.00", "position": 1})
        connection.execute(update(order_totals).where(order_totals.c.order_id == "o6").values(total_cents=2000))
    expected = {(order_id,): Decimal(difference) for order_id, (_, difference) in ROUNDED.items()}
    assert compare(shop, expected).differences == [
        Difference(("o0",), Decimal(0), None, Decimal(0), Decimal(0)),
        Difference(("o6",), Decimal(1999), Decimal(2000), Decimal(1), Decimal(0)),
        Difference(("o7",), Decimal(500), None, Decimal(-500), Decimal(0)),
    ]


def test_an_expected_key_that_neither_side_has_is_found(sqlite_shop: Shop) -> None:
    run_both(sqlite_shop)
    expected = {(order_id,): Decimal(difference) for order_id, (_, difference) in ROUNDED.items()}
    found = compare(sqlite_shop, {**expected, ("gone",): Decimal("0.5")})
    assert found.differences == [Difference(("gone",), None, None, Decimal(0), Decimal("0.5"))]


def test_lag_is_not_a_difference(shop: Shop) -> None:
    run_both(shop)
    shop.handle(PlaceOrder(order_id="o8", customer="Ada", total_cents=1))
    run(shop, OrderTotals())
    with pytest.raises(
        UnusableInput, match="order_totals_v1 has seen the log up to position 13 and order_totals up to 14"
    ):
        compare(shop)


def test_more_rows_than_are_kept_are_counted(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("esworkbench.projections.compare.DIFFERENCES_KEPT", 2)
    monkeypatch.setattr("esworkbench.projections.compare.ROWS_FETCHED", 2)
    run_both(shop)
    found = compare(shop)
    assert (found.rows, found.differing, len(found.differences)) == (len(TOTALS), len(ROUNDED), 2)


def test_any_key_and_any_expression_will_do(shop: Shop) -> None:
    run_both(shop)
    totals = order_totals.c
    by_customer = select(totals.customer, func.sum(totals.total_cents)).group_by(totals.customer)
    one = Side("order_totals", by_customer)
    twice = Side(
        "order_totals", select(totals.customer, totals.order_id, totals.total_cents * 2), lambda it: Decimal(it) / 2
    )
    once = Side("order_totals", select(totals.customer, totals.order_id, totals.total_cents))
    assert compare_projections(shop.store.engine, one, one) == (13, len(TOTALS) - 1, 0, [])
    assert compare_projections(shop.store.engine, twice, once) == (13, len(TOTALS), 0, [])
    found = compare_projections(shop.store.engine, one, one, expected={("Ada",): Decimal(7)})
    assert found.differences == [Difference(("Ada",), Decimal(1501), Decimal(1501), Decimal(0), Decimal(7))]
