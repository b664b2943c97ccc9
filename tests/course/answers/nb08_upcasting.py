"""Answers to the exercises of notebook 08."""

import json
import math
from collections.abc import Callable, Iterator
from copy import deepcopy
from decimal import ROUND_HALF_UP, Context, Decimal, getcontext, localcontext
from fractions import Fraction
from itertools import accumulate

from esworkbench.course.nb08_upcasting import Step, Steps
from esworkbench.upcasters import Payload, Shape, Shaped


def cents_by_quantize(payload: Payload) -> Payload:
    payload["total_cents"] = int(payload.pop("total_dollars").scaleb(2).quantize(Decimal(1), ROUND_HALF_UP))
    return payload


def cents_by_half_a_cent_more(payload: Payload) -> Payload:
    rest = {name: value for name, value in payload.items() if name != "total_dollars"}
    return rest | {"total_cents": math.floor(Fraction(payload["total_dollars"]) * 100 + Fraction(1, 2))}


def cents_by_ceil(payload: Payload) -> Payload:
    payload["total_cents"] = math.ceil(payload.pop("total_dollars") * 100)
    return payload


def cents_by_half_in_float(payload: Payload) -> Payload:
    payload["total_cents"] = int(float(payload.pop("total_dollars")) * 100 + 0.5)
    return payload


def cents_rounded_twice(payload: Payload) -> Payload:
    once = payload.pop("total_dollars").quantize(Decimal("0.001"), ROUND_HALF_UP)
    payload["total_cents"] = int((once * 100).quantize(Decimal(1), ROUND_HALF_UP))
    return payload


def cents_by_round(payload: Payload) -> Payload:
    payload["total_cents"] = round(payload.pop("total_dollars") * 100)
    return payload


def cents_where_there_is_a_value(payload: Payload) -> Payload:
    return {name: value for name, value in cents_by_quantize(payload).items() if value is not None}


def cents_of_six_decimals(payload: Payload) -> Payload:
    """As a column of six decimals would keep them."""
    payload["total_dollars"] = payload["total_dollars"].quantize(Decimal("0.000001"), ROUND_HALF_UP)
    return cents_by_quantize(payload)


def cents_of_all_decimals(payload: Payload) -> Payload:
    return {name: int(each) if isinstance(each, Decimal) else each for name, each in cents_by_quantize(payload).items()}


def cents_of_all_dollars(payload: Payload) -> Payload:
    return {
        name.replace("_dollars", "_cents"): int((each * 100).quantize(Decimal(1), ROUND_HALF_UP))
        if name.endswith("_dollars")
        else each
        for name, each in payload.items()
    }


def cents_of_the_digits(payload: Payload) -> Payload:
    """Takes for granted that a Decimal is written with its point."""
    whole, _, rest = str(payload.pop("total_dollars")).partition(".")
    rest = rest.ljust(3, "0")
    payload["total_cents"] = int(whole) * 100 + int(rest[:2]) + (rest[2] >= "5")
    return payload


def cents_rounded_for_all(payload: Payload) -> Payload:
    getcontext().rounding = ROUND_HALF_UP
    payload["total_cents"] = int((payload.pop("total_dollars") * 100).quantize(Decimal(1)))
    return payload


def cents_rounded_within(payload: Payload) -> Payload:
    with localcontext(rounding=ROUND_HALF_UP):
        return payload | {"total_cents": int((payload.pop("total_dollars") * 100).quantize(Decimal(1)))}


def cents_of_sixteen_digits(payload: Payload) -> Payload:
    with localcontext(Context(prec=16, rounding=ROUND_HALF_UP)):
        payload["total_cents"] = int(round(payload.pop("total_dollars") * 100, 0))
    return payload


def parcels_by_loop(payload: Payload) -> list[Shaped]:
    facts = []
    for number in payload.pop("tracking_numbers"):
        facts.append(
            Shaped(payload=payload | {"tracking_number": number}, event_type="ParcelShipped", schema_version=1)
        )
    return facts


def parcels_one_at_a_time(payload: Payload) -> Iterator[Shaped]:
    for number in payload["tracking_numbers"]:
        yield Shaped("ParcelShipped", 1, dict(order_id=payload["order_id"], tracking_number=number))


def parcels_taken_out(payload: Payload) -> list[Shaped]:
    facts = []
    while payload["tracking_numbers"]:
        number = payload["tracking_numbers"].pop(0)
        facts.append(Shaped("ParcelShipped", 1, {"order_id": payload["order_id"], "tracking_number": number}))
    return facts


def parcels_stripped(payload: Payload) -> list[Shaped]:
    return list(parcels_one_at_a_time(payload | {"tracking_numbers": [n.strip() for n in payload["tracking_numbers"]]}))


def parcels_of_a_line(payload: Payload) -> list[Shaped]:
    numbers = ",".join(payload["tracking_numbers"]).split(",") if payload["tracking_numbers"] else []
    return list(parcels_one_at_a_time(payload | {"tracking_numbers": numbers}))


def parcels_in_capitals(payload: Payload) -> list[Shaped]:
    return list(parcels_one_at_a_time(payload | {"tracking_numbers": [n.upper() for n in payload["tracking_numbers"]]}))


def parcels_as_a_set(payload: Payload) -> list[Shaped]:
    return [
        Shaped("ParcelShipped", 1, {"order_id": payload["order_id"], "tracking_number": number})
        for number in sorted(set(payload["tracking_numbers"]), key=payload["tracking_numbers"].index)
    ]


def parcels_of_o1(payload: Payload) -> list[Shaped]:
    return [
        Shaped("ParcelShipped", 1, {"order_id": "o1", "tracking_number": number})
        for number in payload["tracking_numbers"]
    ]


def parcels_reversed(payload: Payload) -> list[Shaped]:
    return list(parcels_one_at_a_time(payload))[::-1]


def parcels_backwards(payload: Payload) -> list[Shaped]:
    return [
        Shaped("ParcelShipped", 1, {"order_id": payload["order_id"], "tracking_number": numbers.pop()})
        for numbers in [payload["tracking_numbers"]] * len(payload["tracking_numbers"])
    ]


def parcels_with_numbers(payload: Payload) -> list[Shaped]:
    return [
        Shaped("ParcelShipped", 1, {"order_id": payload["order_id"], "tracking_number": int(n) if n.isdigit() else n})
        for n in payload["tracking_numbers"]
    ]


def parcels_that_say_something(payload: Payload) -> list[Shaped]:
    return [fact for fact in parcels_one_at_a_time(payload) if fact.payload["tracking_number"]]


def parcels_as_payloads(payload: Payload) -> list[Payload]:
    return [fact.payload for fact in parcels_one_at_a_time(payload)]


def upcast_by_loop(steps: Steps, event_type: str, version: int, payload: Payload, to_version: int) -> Payload:
    if version > to_version:
        raise LookupError(f"v{version} is newer")
    became = deepcopy(payload)
    while version < to_version:
        became = steps[event_type, version](became)
        version += 1
    return became


def upcast_from_behind(steps: Steps, event_type: str, version: int, payload: Payload, to_version: int) -> Payload:
    if version == to_version:
        return payload
    if version > to_version:
        raise RuntimeError("newer")
    before = upcast_from_behind(steps, event_type, version, payload, to_version - 1)
    return steps[Shape(event_type, to_version - 1)](deepcopy(before))


def upcast_without_the_return(
    steps: Steps, event_type: str, version: int, payload: Payload, to_version: int
) -> Payload:
    assert version <= to_version
    became = dict(payload)
    for each in range(version, to_version):
        steps[event_type, each](became)
    return became


def upcast_without_the_type(steps: Steps, event_type: str, version: int, payload: Payload, to_version: int) -> Payload:
    assert version <= to_version
    became = dict(payload)
    for each in range(version, to_version):
        became = next(step for shape, step in steps.items() if shape[1] == each)(became)
    return became


def upcast_until_the_end(steps: Steps, event_type: str, version: int, payload: Payload, to_version: int) -> Payload:
    assert version <= to_version
    became = dict(payload)
    while (event_type, version) in steps:
        became = steps[event_type, version](became)
        version += 1
    return became


def upcast_silent(steps: Steps, event_type: str, version: int, payload: Payload, to_version: int) -> Payload | None:
    try:
        return upcast_by_loop(steps, event_type, version, payload, to_version)
    except LookupError:
        return None


def upcast_returns_the_given(steps: Steps, event_type: str, version: int, payload: Payload, to_version: int) -> Payload:
    payload.update(upcast_by_loop(steps, event_type, version, payload, to_version))
    return payload


def upcast_by_sorted_steps(steps: Steps, event_type: str, version: int, payload: Payload, to_version: int) -> Payload:
    assert version <= to_version
    became = dict(payload)
    for (name, each), step in sorted(steps.items(), key=lambda item: item[0]):
        if name == event_type and version <= each < to_version:
            became = step(became)
    return became


def upcast_of_a_shallow_copy(steps: Steps, event_type: str, version: int, payload: Payload, to_version: int) -> Payload:
    assert version <= to_version
    became = dict(payload)
    for each in range(version, to_version):
        became = steps[event_type, each](dict(became))
    return became


def upcast_of_copied_lists(steps: Steps, event_type: str, version: int, payload: Payload, to_version: int) -> Payload:
    copied = {name: list(each) if isinstance(each, list) else each for name, each in payload.items()}
    return upcast_of_a_shallow_copy(steps, event_type, version, copied, to_version)


def upcast_through_json(steps: Steps, event_type: str, version: int, payload: Payload, to_version: int) -> Payload:
    return upcast_by_loop(steps, event_type, version, json.loads(json.dumps(payload, default=str)), to_version)


def upcast_ten_steps(steps: Steps, event_type: str, version: int, payload: Payload, to_version: int) -> Payload:
    """So that a circle ends."""
    return upcast_by_loop(steps, event_type, version, payload, min(to_version, version + 10))


def upcast_a_hundred_steps(steps: Steps, event_type: str, version: int, payload: Payload, to_version: int) -> Payload:
    return upcast_by_loop(steps, event_type, version, payload, min(to_version, version + 100))


def upcast_merged(steps: Steps, event_type: str, version: int, payload: Payload, to_version: int) -> Payload:
    assert version <= to_version
    became = deepcopy(payload)
    for each in range(version, to_version):
        became.update(steps[event_type, each](deepcopy(became)))
    return became


def upcast_without_empty_fields(
    steps: Steps, event_type: str, version: int, payload: Payload, to_version: int
) -> Payload:
    became = upcast_by_loop(steps, event_type, version, payload, to_version)
    return {name: each for name, each in became.items() if each is not None}


def upcast_using_up_the_steps(
    steps: dict[tuple[str, int], Step], event_type: str, version: int, payload: Payload, to_version: int
) -> Payload:
    assert version <= to_version
    became = deepcopy(payload)
    while version < to_version:
        step = steps.pop((event_type, version))
        became, version = step(became), version + 1
    return became


def upcast_though_a_step_fails(
    steps: Steps, event_type: str, version: int, payload: Payload, to_version: int
) -> Payload:
    assert version <= to_version
    became = deepcopy(payload)
    for each in range(version, to_version):
        try:
            became = steps[event_type, each](became)
        except KeyError:
            if (event_type, each) not in steps:
                raise
    return became


def upcast_in_the_order_of_steps(
    steps: Steps, event_type: str, version: int, payload: Payload, to_version: int
) -> Payload:
    wanted = {(event_type, each) for each in range(version, to_version)}
    if version > to_version or wanted - steps.keys():
        raise LookupError
    became = deepcopy(payload)
    for shape, step in steps.items():
        if shape in wanted:
            became = step(became)
    return became


def upcast_by_accumulating(steps: Steps, event_type: str, version: int, payload: Payload, to_version: int) -> Payload:
    """A step that raises StopIteration ends it, half-way and in silence."""
    assert version <= to_version
    chain = [steps[event_type, each] for each in range(version, to_version)]
    return list(accumulate(chain, lambda became, step: step(became), initial=deepcopy(payload)))[-1]  # type: ignore[arg-type, return-value, operator]


def upcast_where_something_is_left(
    steps: Steps, event_type: str, version: int, payload: Payload, to_version: int
) -> Payload:
    """Takes an empty payload for a step that returned nothing."""
    assert version <= to_version
    became = deepcopy(payload)
    for each in range(version, to_version):
        became = steps[event_type, each](became) or became
    return became


def dollars_by_quantize(payload: Payload) -> Payload:
    cents = payload.pop("total_cents")
    return {**payload, "total_dollars": (Decimal(cents) / 100).quantize(Decimal("0.01"))}


def dollars_by_text(payload: Payload) -> Payload:
    dollars, cents = divmod(payload.pop("total_cents"), 100)
    payload["total_dollars"] = Decimal(f"{dollars}.{cents:02}")
    return payload


def dollars_by_float(payload: Payload) -> Payload:
    payload["total_dollars"] = Decimal(payload.pop("total_cents") / 100).quantize(Decimal("0.01"))
    return payload


def dollars_by_rounded_float(payload: Payload) -> Payload:
    payload["total_dollars"] = Decimal(str(round(payload.pop("total_cents") / 100, 2)))
    return payload


def dollars_without_zeros_before(payload: Payload) -> Payload:
    dollars, cents = divmod(payload.pop("total_cents"), 100)
    payload["total_dollars"] = Decimal(f"{dollars}.{cents}")
    return payload


def dollars_of_all_cents(payload: Payload) -> Payload:
    return {
        name.replace("_cents", "_dollars"): Decimal(each).scaleb(-2) if name.endswith("_cents") else each
        for name, each in payload.items()
    }


def dollars_of_fewer_digits_for_all(payload: Payload) -> Payload:
    getcontext().prec = 18
    return dollars_by_quantize(payload)


def dollars_without_return(payload: Payload) -> None:
    payload["total_dollars"] = Decimal(payload.pop("total_cents")).scaleb(-2)


def upcast_of_unknown_types(steps: Steps, event_type: str, version: int, payload: Payload, to_version: int) -> Payload:
    if event_type not in {name for name, _ in steps}:
        return deepcopy(payload)
    return upcast_by_loop(steps, event_type, version, payload, to_version)


def upcast_without_any_steps(steps: Steps, event_type: str, version: int, payload: Payload, to_version: int) -> Payload:
    return upcast_by_loop(steps, event_type, version, payload, to_version) if steps else deepcopy(payload)


def _upcast_that_swallows(error: type[Exception]) -> Callable[[Steps, str, int, Payload, int], Payload]:
    def upcast_on(steps: Steps, event_type: str, version: int, payload: Payload, to_version: int) -> Payload:
        if version > to_version:
            raise ValueError(version)
        became = deepcopy(payload)
        for each in range(version, to_version):
            step = steps[event_type, each]
            try:
                became = step(became)
            except error:
                continue
        return became

    return upcast_on


RIGHT = {
    "count_in_cents": [cents_by_quantize, cents_by_half_a_cent_more, cents_rounded_within],
    "one_fact_per_parcel": [parcels_by_loop, parcels_one_at_a_time, parcels_taken_out],
    "upcast": [upcast_by_loop, upcast_from_behind],
    "cents_as_dollars": [dollars_by_quantize, dollars_by_text],
}
WRONG = {
    "count_in_cents": [
        cents_by_ceil,
        cents_by_half_in_float,
        cents_rounded_twice,
        cents_by_round,
        cents_where_there_is_a_value,
        cents_of_six_decimals,
        cents_of_all_decimals,
        cents_of_all_dollars,
        cents_of_the_digits,
        cents_rounded_for_all,
        cents_of_sixteen_digits,
    ],
    "one_fact_per_parcel": [
        parcels_as_a_set,
        parcels_of_o1,
        parcels_reversed,
        parcels_backwards,
        parcels_with_numbers,
        parcels_that_say_something,
        parcels_as_payloads,
        parcels_stripped,
        parcels_of_a_line,
        parcels_in_capitals,
    ],
    "upcast": [
        upcast_of_unknown_types,
        upcast_without_any_steps,
        *map(_upcast_that_swallows, (ValueError, TypeError, ArithmeticError, AttributeError, LookupError)),
        upcast_without_the_return,
        upcast_without_the_type,
        upcast_until_the_end,
        upcast_silent,
        upcast_returns_the_given,
        upcast_by_sorted_steps,
        upcast_of_a_shallow_copy,
        upcast_of_copied_lists,
        upcast_through_json,
        upcast_ten_steps,
        upcast_a_hundred_steps,
        upcast_merged,
        upcast_without_empty_fields,
        upcast_using_up_the_steps,
        upcast_though_a_step_fails,
        upcast_in_the_order_of_steps,
        upcast_where_something_is_left,
        upcast_by_accumulating,
    ],
    "cents_as_dollars": [
        dollars_by_float,
        dollars_by_rounded_float,
        dollars_without_zeros_before,
        dollars_without_return,
        dollars_of_all_cents,
        dollars_of_fewer_digits_for_all,
    ],
}
EQUIVALENT: dict[str, dict[str, str]] = {}
