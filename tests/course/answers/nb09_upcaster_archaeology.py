"""Answers to the exercises of notebook 09."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import accumulate
from math import ceil
from typing import Any

import numpy as np

from esworkbench.lab.inherited.upcasters.telltales import INHERITED_TELLTALES
from esworkbench.upcasters.archaeology import ShapedEvent, encode_payload


def spread_by_rounding(positions: list[int], size: int) -> list[int]:
    return [positions[round(number * (len(positions) - 1) / (size - 1))] for number in range(size)]


def spread_by_numpy(positions: list[int], size: int) -> Any:
    return np.array(positions)[np.linspace(0, len(positions) - 1, size).round().astype(int)]


def spread_upwards(positions: list[int], size: int) -> Iterator[int]:
    last = len(positions) - 1
    yield from (positions[-(-last * number // (size - 1))] for number in range(size))


def spread_by_slicing(positions: list[int], size: int) -> list[int]:
    return positions[:: len(positions) // size][:size]


def spread_by_slicing_with_ends(positions: list[int], size: int) -> list[int]:
    return [*positions[:: max(1, (len(positions) - 1) // (size - 1))][: size - 1], positions[-1]]


def spread_as_indexes(positions: list[int], size: int) -> list[int]:
    return [(len(positions) - 1) * number // (size - 1) for number in range(size)]


def spread_with_doubles(positions: list[int], size: int) -> list[int]:
    return [positions[0]] * (size - 1) + [positions[-1]]


def spread_in_a_set(positions: list[int], size: int) -> set[int]:
    return set(spread_by_rounding(positions, size))


def spread_by_value(positions: list[int], size: int) -> list[int]:
    first, last = positions[0], positions[-1]
    wanted = [first + (last - first) * number / (size - 1) for number in range(size)]
    return [next(position for position in positions if position >= each) for each in wanted]


def spread_of_both_halves(positions: list[int], size: int) -> list[int]:
    return [*positions[: size // 2], *positions[len(positions) - (size - size // 2) :]]


def spread_capped(positions: list[int], size: int) -> list[int]:
    return spread_by_rounding(positions, min(size, 33))


def spread_by_numpy_cut_off(positions: list[int], size: int) -> Any:
    return np.array(positions)[np.linspace(0, len(positions) - 1, size).astype(int)]


def spread_step_by_step(positions: list[int], size: int) -> list[int]:
    step, place, chosen = (len(positions) - 1) / (size - 1), 0.0, []
    for _ in range(size - 1):
        chosen.append(positions[int(place)])
        place += step
    return [*chosen, positions[-1]]


def spread_by_ceilings(positions: list[int], size: int) -> list[int]:
    step = (len(positions) - 1) / (size - 1)
    return [positions[min(ceil(number * step), len(positions) - 1)] for number in range(size)]


def version_by_telltales(payload: Mapping[str, Any], recorded: int) -> int:
    moment = datetime(2020, 1, 1, tzinfo=UTC)
    return next(
        each.version for each in INHERITED_TELLTALES if each.event_type == "OrderPlaced" and each.fits(payload, moment)
    )


def version_by_branches(payload: Mapping[str, Any], recorded: int) -> int:
    if "total" in payload:
        return 2 if "currency" in payload else 1
    if "lines" not in payload:
        return 3
    return 4 if "channel" not in payload else 5


def version_by_counting_news(payload: Mapping[str, Any], recorded: int) -> int:
    return 1 + len({"currency", "total_cents", "lines", "channel"} & payload.keys())


def version_by_get(payload: Mapping[str, Any], recorded: int) -> int:
    return 5 if payload.get("channel") else 4 if payload.get("lines") else 3 if payload.get("total_cents") else 2


def version_by_coupon(payload: Mapping[str, Any], recorded: int) -> int:
    return 2 if "coupon" in payload and recorded == 1 else version_by_branches(payload, recorded)


def version_by_last_field(payload: Mapping[str, Any], recorded: int) -> int:
    return {"total": 1, "currency": 2, "lines": 4, "channel": 5}.get(list(payload)[-1], 3)


def version_by_type_of_total(payload: Mapping[str, Any], recorded: int) -> int:
    return 1 if isinstance(payload.get("total"), Decimal) else version_by_branches(payload, recorded)


def version_by_whole_total(payload: Mapping[str, Any], recorded: int) -> int:
    return 3 if isinstance(payload.get("total"), int) else version_by_branches(payload, recorded)


def version_without_nulls(payload: Mapping[str, Any], recorded: int) -> int:
    return version_by_branches({name: each for name, each in payload.items() if each is not None}, recorded)


def version_by_text(payload: Mapping[str, Any], recorded: int) -> int:
    text = repr(dict(payload))
    fields = ["'channel'", "'lines'", "'total_cents'", "'currency'"]
    return next((version for version, field in zip((5, 4, 3, 2), fields, strict=True) if field in text), 1)


def dead_by_range(written: Mapping[int, int], steps: Sequence[int]) -> list[int]:
    return [step for step in steps if sum(written.get(version, 0) for version in range(step + 1)) == 0]


def dead_by_the_oldest(written: Mapping[int, int], steps: Sequence[int]) -> set[int]:
    oldest = min((version for version, count in written.items() if count > 0), default=99)
    return {step for step in steps if step < oldest}


def dead_by_accumulating(written: Mapping[int, int], steps: Sequence[int]) -> Iterator[int]:
    upto = dict(enumerate(accumulate(written.get(version, 0) for version in range(20))))
    return (step for step in reversed(steps) if not upto[step])


def dead_by_counting_up(written: Mapping[int, int], steps: Sequence[int]) -> list[int]:
    dead, passing = [], 0
    for step in steps:
        passing += written.get(step, 0)
        if not passing:
            dead.append(step)
    return dead


def dead_of_five_versions(written: Mapping[int, int], steps: Sequence[int]) -> list[int]:
    oldest = min((version for version, count in written.items() if count), default=6)
    return [step for step in steps if step < oldest]


def dead_where_absent(written: Mapping[int, int], steps: Sequence[int]) -> list[int]:
    return [step for step in steps if step not in written]


def dead_below_the_oldest_key(written: Mapping[int, int], steps: Sequence[int]) -> list[int]:
    return [step for step in steps if step < min(written, default=99)]


def dead_or_next(written: Mapping[int, int], steps: Sequence[int]) -> list[int]:
    return [step for step in steps if not written.get(step) and not written.get(step - 1)]


def dead_versions(written: Mapping[int, int], steps: Sequence[int]) -> list[int]:
    return [version for version in written if not written[version]]


def dead_below_newest(written: Mapping[int, int], steps: Sequence[int]) -> list[int]:
    newest = max((version for version, count in written.items() if count), default=99)
    return [step for step in steps if step < newest and not written.get(step)]


def same_by_kinds(left: ShapedEvent, right: ShapedEvent) -> bool:
    return (left.event_type, left.schema_version) == (right.event_type, right.schema_version) and _alike(
        left.payload, right.payload
    )


def _alike(left: Any, right: Any) -> bool:
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(_alike(left[name], right[name]) for name in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(_alike, left, right))
    return str(left) == str(right)


def same_by_text(left: ShapedEvent, right: ShapedEvent) -> bool:
    def canonical(event: ShapedEvent) -> str:
        read = json.loads(encode_payload(event.payload), parse_float=lambda digits: {"digits": digits})
        return json.dumps([event.event_type, event.schema_version, read], sort_keys=True)

    return canonical(left) == canonical(right)


def same_with_floats(left: ShapedEvent, right: ShapedEvent) -> bool:
    return json.dumps(left, default=float, sort_keys=True) == json.dumps(right, default=float, sort_keys=True)


def same_with_texts(left: ShapedEvent, right: ShapedEvent) -> bool:
    return json.dumps(left, default=str, sort_keys=True) == json.dumps(right, default=str, sort_keys=True)


def same_by_sorted_repr(left: ShapedEvent, right: ShapedEvent) -> bool:
    return repr(sorted(left.payload.items())) == repr(sorted(right.payload.items())) and left[:2] == right[:2]


def same_by_letters(left: ShapedEvent, right: ShapedEvent) -> bool:
    return left[:2] == right[:2] and sorted(encode_payload(left.payload)) == sorted(encode_payload(right.payload))


def same_by_get(left: ShapedEvent, right: ShapedEvent) -> bool:
    names = left.payload.keys() | right.payload.keys()
    return left[:2] == right[:2] and all(_alike(left.payload.get(name), right.payload.get(name)) for name in names)


def same_one_way(left: ShapedEvent, right: ShapedEvent) -> bool:
    return left[:2] == right[:2] and all(
        name in right.payload and _alike(value, right.payload[name]) for name, value in left.payload.items()
    )


def same_with_sorted_lists(left: ShapedEvent, right: ShapedEvent) -> bool:
    def ordered(value: Any) -> Any:
        if isinstance(value, dict):
            return sorted((name, repr(ordered(each))) for name, each in value.items())
        return sorted(map(repr, map(ordered, value))) if isinstance(value, list) else value

    return repr(ordered(left.payload)) == repr(ordered(right.payload)) and left[:2] == right[:2]


def same_with_null_as_text(left: ShapedEvent, right: ShapedEvent) -> bool:
    return _same_but(left, right, lambda value: "None" if value is None else value)


def same_with_empty_ones_alike(left: ShapedEvent, right: ShapedEvent) -> bool:
    return _same_but(left, right, lambda value: [] if value == {} else value)


def same_to_some_depth(left: ShapedEvent, right: ShapedEvent) -> bool:
    def alike(left: Any, right: Any, depth: int) -> bool:
        if depth > 3 or type(left) is not type(right):
            return bool(left == right) if depth > 3 else False
        if isinstance(left, dict):
            return left.keys() == right.keys() and all(alike(left[name], right[name], depth + 1) for name in left)
        if isinstance(left, list):
            return len(left) == len(right) and all(alike(*pair, depth + 1) for pair in zip(left, right, strict=True))
        return str(left) == str(right)

    return left[:2] == right[:2] and alike(left.payload, right.payload, 0)


def same_lists_as_far_as_both_go(left: ShapedEvent, right: ShapedEvent) -> bool:
    def alike(left: Any, right: Any) -> bool:
        if type(left) is not type(right):
            return False
        if isinstance(left, dict):
            return left.keys() == right.keys() and all(alike(left[name], right[name]) for name in left)
        return all(map(alike, left, right)) if isinstance(left, list) else str(left) == str(right)

    return left[:2] == right[:2] and alike(left.payload, right.payload)


def same_in_small_letters(left: ShapedEvent, right: ShapedEvent) -> bool:
    return _same_but(left, right, lambda value: value.casefold() if isinstance(value, str) else value)


def same_without_spaces(left: ShapedEvent, right: ShapedEvent) -> bool:
    return _same_but(left, right, lambda value: value.replace(" ", "") if isinstance(value, str) else value)


def same_without_a_negative_zero(left: ShapedEvent, right: ShapedEvent) -> bool:
    return _same_but(left, right, lambda value: abs(value) if isinstance(value, Decimal) and not value else value)


def same_that_empties_both(left: ShapedEvent, right: ShapedEvent) -> bool:
    if left[:2] != right[:2]:
        return False
    assert isinstance(left.payload, dict)
    assert isinstance(right.payload, dict)
    while left.payload:
        name, value = left.payload.popitem()
        if name not in right.payload or not _alike(value, right.payload.pop(name)):
            return False
    return not right.payload


def _same_but(left: ShapedEvent, right: ShapedEvent, change: Callable[[Any], Any]) -> bool:
    def changed(value: Any) -> Any:
        if isinstance(value, dict) and value:
            return {name: changed(each) for name, each in value.items()}
        return [changed(each) for each in value] if isinstance(value, list) else change(value)

    return left[:2] == right[:2] and _alike(changed(left.payload), changed(right.payload))


def same_but_for_lists_in_lists(left: ShapedEvent, right: ShapedEvent) -> bool:
    def in_order(value: dict[str, Any]) -> dict[str, Any]:
        return {name: in_order_of(value[name]) for name in sorted(value)}

    def in_order_of(value: Any) -> Any:
        if isinstance(value, list):
            return [in_order(each) if isinstance(each, dict) else each for each in value]
        return in_order(value) if isinstance(value, dict) else value

    texts = [encode_payload(in_order(each.payload)) for each in (left, right)]
    return left[:2] == right[:2] and texts[0] == texts[1]


def same_letters_beside_equality(left: ShapedEvent, right: ShapedEvent) -> bool:
    letters = [sorted(encode_payload(each.payload)) for each in (left, right)]
    return left == right and letters[0] == letters[1]


RIGHT = {
    "spread": [spread_by_rounding, spread_by_numpy, spread_upwards],
    "order_placed_version": [version_by_telltales, version_by_branches, version_by_counting_news],
    "dead_steps": [dead_by_range, dead_by_the_oldest, dead_by_accumulating, dead_by_counting_up],
    "same": [same_by_kinds, same_by_text],
}
WRONG = {
    "spread": [
        spread_by_slicing,
        spread_by_slicing_with_ends,
        spread_as_indexes,
        spread_with_doubles,
        spread_in_a_set,
        spread_by_value,
        spread_of_both_halves,
        spread_capped,
        spread_by_numpy_cut_off,
        spread_step_by_step,
        spread_by_ceilings,
    ],
    "order_placed_version": [
        version_by_get,
        version_by_coupon,
        version_by_last_field,
        version_by_type_of_total,
        version_by_whole_total,
        version_without_nulls,
        version_by_text,
    ],
    "dead_steps": [
        dead_where_absent,
        dead_below_the_oldest_key,
        dead_or_next,
        dead_versions,
        dead_below_newest,
        dead_of_five_versions,
    ],
    "same": [
        same_letters_beside_equality,
        same_but_for_lists_in_lists,
        same_with_floats,
        same_with_texts,
        same_by_sorted_repr,
        same_by_letters,
        same_by_get,
        same_one_way,
        same_with_sorted_lists,
        same_with_null_as_text,
        same_with_empty_ones_alike,
        same_to_some_depth,
        same_lists_as_far_as_both_go,
        same_in_small_letters,
        same_without_spaces,
        same_without_a_negative_zero,
        same_that_empties_both,
    ],
}
EQUIVALENT: dict[str, dict[str, str]] = {}
