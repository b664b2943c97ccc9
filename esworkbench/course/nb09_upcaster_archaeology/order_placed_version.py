"""The exercise ``order_placed_version``: the version that a payload is of, by its fields."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from esworkbench.course.grader.exercise import Exercise, Mistake

Payload = Mapping[str, Any]


def order_placed_version(payload: Payload, recorded: int) -> int:
    """By the newest field in it, whatever was recorded."""
    brought = {"channel": 5, "lines": 4, "total_cents": 3, "currency": 2}
    return next((version for field, version in brought.items() if field in payload), 1)


def _trusts_the_record(payload: Payload, recorded: int) -> int:
    return recorded


def _total_means_v1(payload: Payload, recorded: int) -> int:
    return 1 if "total" in payload else order_placed_version(payload, recorded)


def _counts_from_0(payload: Payload, recorded: int) -> int:
    return order_placed_version(payload, recorded) - 1


def _no_channel(payload: Payload, recorded: int) -> int:
    return min(order_placed_version(payload, recorded), 4)


def _by_number_of_fields(payload: Payload, recorded: int) -> int:
    return {3: 1, 4: 2 if "total" in payload else 3, 5: 4, 6: 5}.get(len(payload), 5)


def _no_zero(payload: Payload, recorded: int) -> int:
    return order_placed_version({name: each for name, each in payload.items() if each}, recorded)


def _oldest_field_first(payload: Payload, recorded: int) -> int:
    brought = {"total": 1, "currency": 2, "total_cents": 3, "lines": 4, "channel": 5}
    return next(version for field, version in brought.items() if field in payload)


def _placed(version: int, cents: int, coupon: str | None, customer: str = "C1") -> Payload:
    """An order as the inherited shop wrote it. Coupons came with the currency, and few orders have one."""
    payload: dict[str, Any] = {"order_id": "O1", "customer_id": customer}
    payload |= {"total": Decimal(cents).scaleb(-2)} if version < 3 else {"total_cents": cents}
    if version >= 2:
        payload["currency"] = "USD"
        if coupon:
            payload["coupon"] = coupon
    if version >= 4:
        payload["lines"] = [{"sku": "S", "price_cents": cents}] if cents else []
    if version >= 5:
        payload["channel"] = "web"
    return payload


@st.composite
def _payloads(draw: st.DrawFn) -> tuple[dict[str, Any], int]:
    """In either order; some field may be null, a whole total may have no point, a value may read like a field."""
    coupon, customer = draw(st.sampled_from([None, "SPRING", "channel"])), draw(st.sampled_from(["C1", "C1", "lines"]))
    payload = dict(_placed(draw(st.integers(1, 5)), draw(st.sampled_from([0, 1, 1250, 2000])), coupon, customer))
    if payload.get("total") == 20:
        payload["total"] = 20
    null = draw(st.sampled_from([None, None, "total", "currency", "total_cents", "lines", "channel"]))
    if null in payload:
        payload[null] = None
    return dict(list(payload.items())[:: -1 if draw(st.booleans()) else 1]), 1


ORDER_PLACED_VERSION = Exercise(
    name="order_placed_version",
    task=(
        "Every `OrderPlaced` in the inherited log is recorded as v1. Return the real version of a `payload`, 1 to 5; "
        "`recorded`, the number noted with it, is always 1. v1 has `order_id`, `customer_id` and `total`. v2 adds "
        "`currency`, and a `coupon` for some orders; v3 has `total_cents` in place of `total`; v4 adds `lines`, v5 "
        "`channel`. Fields come in any order; an order may cost nothing and have no line, a `total` may be whole, and "
        "any field may be `null`."
    ),
    stub=(
        "from collections.abc import Mapping\nfrom typing import Any\n\n\n"
        "def my_order_placed_version(payload: Mapping[str, Any], recorded: int) -> int: ..."
    ),
    reference=order_placed_version,
    cases=_payloads(),
    examples=[(_placed(version, 1250, None), 1) for version in range(1, 6)]
    + [(_placed(version, cents, "SPRING"), 1) for version, cents in ((2, 1250), (4, 0))]
    + [({**_placed(1, 2000, None), "total": 20}, 1), ({**_placed(5, 1250, None), "channel": None}, 1)]
    + [(_placed(1, 1250, None, "lines"), 1), (_placed(3, 1250, "channel", "currency"), 1)],
    hints=(
        "Ask for the fields that each version brought: look at the table of changes.",
        "`channel` came with v5, `lines` with v4, `total_cents` with v3, `currency` with v2: ask for the newest first, "
        'with `"channel" in payload`.',
    ),
    mistakes={
        "trusts the record": Mistake(
            _trusts_the_record, "that is what was recorded, and for this type the recorded number lies"
        ),
        "total means v1": Mistake(
            _total_means_v1, "v2 still has total, and is taken for v1: recognise it by its currency"
        ),
        "off by one version": Mistake(_counts_from_0, "the version is one too low: versions count from 1"),
        "no channel": Mistake(_no_channel, "v5 came with a channel: without looking at it, v4 and v5 are one"),
        "counts fields": Mistake(
            _by_number_of_fields,
            "a coupon is optional, so the number of fields doesn't tell: ask for the fields by name",
        ),
        "no zero": Mistake(
            _no_zero,
            "a field that is 0, empty or null is there all the same: ask with `in` instead of looking at its value",
        ),
        "oldest field first": Mistake(
            _oldest_field_first, "newer versions keep most of the older ones' fields: ask for the newest field first"
        ),
    },
)
