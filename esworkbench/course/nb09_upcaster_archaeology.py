"""Exercises of notebook 09: sample a log, tell a version by its fields, prove a step dead, compare two readings."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from decimal import Decimal
from itertools import accumulate, combinations, pairwise
from typing import Any

from hypothesis import strategies as st

from esworkbench.course.grader.exercise import Exercise, Exercises, Mistake
from esworkbench.upcasters.archaeology import ShapedEvent, encode_payload, same_event

# --- spread -----------------------------------------------------------------------------------------------------------


def spread(positions: Sequence[int], size: int) -> list[int]:
    """Both ends, and even steps between."""
    last = len(positions) - 1
    return [positions[last * number // (size - 1)] for number in range(size)]


def _the_first_ones(positions: Sequence[int], size: int) -> Sequence[int]:
    return positions[:size]


def _the_newest_ones(positions: Sequence[int], size: int) -> Sequence[int]:
    return positions[-size:]


def _without_the_last(positions: Sequence[int], size: int) -> list[int]:
    return [positions[len(positions) * number // size] for number in range(size)]


def _newest_first(positions: Sequence[int], size: int) -> list[int]:
    return spread(positions, size)[::-1]


def _both_ends_only(positions: Sequence[int], size: int) -> list[int]:
    return [*positions[: size - 1], positions[-1]]


def _one_too_many(positions: Sequence[int], size: int) -> list[int]:
    return spread(positions, size + 1) if size < len(positions) else [*positions, positions[-1]]


def _even_along_the_log(positions: Sequence[int], size: int) -> list[int]:
    step = (positions[-1] - positions[0]) / (size - 1)
    wanted = [positions[0] + step * number for number in range(size)]
    return [min(positions, key=lambda position: abs(position - each)) for each in wanted]


def _made_up(positions: Sequence[int], size: int) -> list[int]:
    step = (positions[-1] - positions[0]) / (size - 1)
    return [round(positions[0] + step * number) for number in range(size)]


def _cut_off(positions: Sequence[int], size: int) -> list[int]:
    step = (len(positions) - 1) / (size - 1)
    return [*(positions[int(number * step)] for number in range(size - 1)), positions[-1]]


def _added_up(positions: Sequence[int], size: int) -> list[int]:
    step = (len(positions) - 1) / (size - 1)
    places = accumulate([step] * (size - 2), initial=0.0)
    return [*(positions[int(place)] for place in places), positions[-1]]


def _play_spread(answer: Any, positions: list[int], size: int) -> Any:
    """An even sample is as good as any other: each choice may be a neighbour of where the even step falls."""
    chosen = answer(positions, size)
    if not isinstance(chosen, Iterable) or isinstance(chosen, Set):
        return chosen
    chosen = list(chosen)
    last = len(positions) - 1
    places = [positions.index(each) if each in positions else -1 for each in chosen]
    in_order = all(before < after for before, after in pairwise(places))
    even = all(abs(place * (size - 1) - last * number) < size - 1 for number, place in enumerate(places))
    return spread(positions, size) if len(chosen) == size and in_order and even else chosen


@st.composite
def _positions_and_size(draw: st.DrawFn) -> tuple[list[int], int]:
    """Positions of a type that was written now more, now less often, and as many as there are at most."""
    steps = draw(st.lists(st.sampled_from([1, 1, 2, 3, 40]), min_size=2, max_size=12))
    steps *= draw(st.sampled_from([1] * 9 + [10]))
    positions = [sum(steps[: number + 1]) for number in range(len(steps))]
    return positions, draw(st.integers(2, len(positions)))


SPREAD = Exercise(
    name="spread",
    task=(
        "`positions` are those of one event type in the log, ascending. Choose `size` of them, at least 2 and at most "
        "all, so that rare old shapes get their share: a list in the order of the log, with the first and the last, "
        "and even steps between, counted in events of that type and not in positions. Where a step falls on an event, "
        "take that one; where it falls between two, take either of them, but none twice."
    ),
    stub="def my_spread(positions: list[int], size: int) -> list[int]: ...",
    reference=spread,
    cases=_positions_and_size(),
    examples=[
        (list(range(10, 1010, 10)), 5),
        ([1, 2, 3, 4, 5, 6, 100, 200], 4),
        (list(range(1, 101)), 50),
        ([3, 7, 8], 3),
        (list(range(1, 14)), 10),
        (list(range(1, 32)), 23),
        (list(range(1, 47)), 36),
    ],
    play=_play_spread,
    hints=(
        "Number the choices 0 to `size - 1`; number 0 is the first event, number `size - 1` the last.",
        "`positions[last * number // (size - 1)]`, where `last` is `len(positions) - 1`.",
    ),
    mistakes={
        "the first ones": Mistake(
            _the_first_ones, "these are the first ones in the log: shapes that came later are never seen"
        ),
        "the newest ones": Mistake(
            _the_newest_ones, "these are the last ones in the log: shapes that were given up earlier are never seen"
        ),
        "off by one": Mistake(
            _without_the_last, "it stops a step before the end: include the first event and the last as well"
        ),
        "wrong order": Mistake(
            _newest_first, "the sample isn't in the order of the log, and shapes are dated by who came first"
        ),
        "both ends only": Mistake(
            _both_ends_only, "the steps are uneven, and a long stretch in a row is never looked at: spread them evenly"
        ),
        "one too many": Mistake(_one_too_many, "there is one more than was asked for: return exactly `size` of them"),
        "even along the log": Mistake(
            _even_along_the_log,
            "the steps are even in positions of the log, where this type is written now more, now less often: count "
            "its own events",
        ),
        "made up": Mistake(
            _made_up, "there are positions among them at which the type has no event: choose from those given"
        ),
        "cut off": Mistake(
            _cut_off,
            "a float may come out a hair below the event that a step falls on, and cutting it off takes the one "
            "before: divide whole numbers, and last",
        ),
        "added up": Mistake(
            _added_up,
            "a float that grows step by step gathers errors, until it misses the event that a step falls on: compute "
            "each place from its number",
        ),
    },
)

# --- order_placed_version ---------------------------------------------------------------------------------------------

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

# --- dead_steps -------------------------------------------------------------------------------------------------------


def dead_steps(written: Mapping[int, int], steps: Sequence[int]) -> list[int]:
    """The steps that no event starts at or passes through."""
    return [step for step in steps if not any(written[version] for version in written if version <= step)]


def _the_obvious_query(written: Mapping[int, int], steps: Sequence[int]) -> list[int]:
    return [step for step in steps if not written.get(step)]


def _only_what_passes(written: Mapping[int, int], steps: Sequence[int]) -> list[int]:
    return [step for step in steps if not any(written[version] for version in written if version < step)]


def _newer_ones_too(written: Mapping[int, int], steps: Sequence[int]) -> list[int]:
    return [step for step in steps if not any(written.values())]


def _only_the_oldest(written: Mapping[int, int], steps: Sequence[int]) -> list[int]:
    return dead_steps(written, steps)[:1]


def _not_in_written(written: Mapping[int, int], steps: Sequence[int]) -> list[int]:
    return [step for step in steps if not any(version <= step for version in written)]


def _the_living(written: Mapping[int, int], steps: Sequence[int]) -> list[int]:
    return [step for step in steps if step not in dead_steps(written, steps)]


def _play_dead_steps(answer: Any, written: dict[int, int], steps: list[int]) -> Any:
    dead = answer(written, steps)
    return sorted(dead) if isinstance(dead, Iterable) else dead


@st.composite
def _written_and_steps(draw: st.DrawFn) -> tuple[dict[int, int], list[int]]:
    """Versions without events have a 0 or are left out; the oldest may be gone, and their steps with them."""
    written = draw(st.dictionaries(st.integers(1, 5), st.sampled_from([0, 0, 0, 1, 59]), max_size=5))
    first, end = draw(st.integers(1, 3)), draw(st.integers(3, 5))
    steps = list(range(first, end))
    return {version: count if version >= first else 0 for version, count in written.items()}, steps


DEAD_STEPS = Exercise(
    name="dead_steps",
    task=(
        "`written` says how many events of one type were really written in each version; where a version isn't in it "
        "or has 0, there is none. `steps` are the versions that the type's upcasters start from, ascending, each "
        "leading to the next version and none left out; nothing was written in a version before the first. An event is "
        "read through all steps from its version on. Return those of `steps` that no event needs any more: a list in "
        "any order, empty where all are needed."
    ),
    stub=(
        "from collections.abc import Mapping, Sequence\n\n\n"
        "def my_dead_steps(written: Mapping[int, int], steps: Sequence[int]) -> list[int]: ..."
    ),
    reference=dead_steps,
    cases=_written_and_steps(),
    examples=[
        ({1: 59, 2: 0, 3: 0, 4: 99}, [1, 2, 3]),
        ({2: 106, 3: 182, 4: 168}, [1, 2, 3]),
        ({1: 0, 2: 0, 4: 10}, [1, 2, 3]),
        ({}, [6, 7, 8, 9, 10, 11, 12]),
        ({12: 1, 10: 5, 9: 0}, [8, 9, 10, 11]),
    ],
    play=_play_dead_steps,
    hints=("Who needs the step from v2? Also those who were v1 first.", "Count the events at or below the version."),
    mistakes={
        "the obvious query": Mistake(
            _the_obvious_query,
            "nothing was written in the version of that step, and yet every older event passes through it on its way",
        ),
        "off by one version": Mistake(
            _only_what_passes, "events that were written in the version of a step begin with it, and so need it"
        ),
        "newer ones too": Mistake(
            _newer_ones_too, "events in newer versions never pass through the steps before: these may be dead"
        ),
        "only the oldest": Mistake(
            _only_the_oldest,
            "not only the oldest step can be dead: nor does anything need the next one, or all of them",
        ),
        "not in written": Mistake(
            _not_in_written, "a version may stand in `written` with 0 events: look at how many, not whether it is there"
        ),
        "the living": Mistake(_the_living, "these are the steps that are still needed: the others are dead"),
    },
)

# --- same -------------------------------------------------------------------------------------------------------------


def _dumped(event: ShapedEvent, *, default: Callable[[Any], Any]) -> str:
    return json.dumps(event, default=default, sort_keys=True)


def _plain_equality(left: ShapedEvent, right: ShapedEvent) -> bool:
    return left == right


def _bools_apart(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _bools_apart(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_bools_apart(each) for each in value]
    return (bool, value) if isinstance(value, bool) else value


def _numbers_by_value(left: ShapedEvent, right: ShapedEvent) -> bool:
    return left[:2] == right[:2] and bool(_bools_apart(left.payload) == _bools_apart(right.payload))


def _text_as_it_comes(left: ShapedEvent, right: ShapedEvent) -> bool:
    return left[:2] == right[:2] and encode_payload(left.payload) == encode_payload(right.payload)


def _outer_keys_sorted(left: ShapedEvent, right: ShapedEvent) -> bool:
    texts = [encode_payload(dict(sorted(each.payload.items()))) for each in (left, right)]
    return left[:2] == right[:2] and texts[0] == texts[1]


def _payload_only(left: ShapedEvent, right: ShapedEvent) -> bool:
    return same_event(ShapedEvent(right.event_type, right.schema_version, left.payload), right)


def _version_ignored(left: ShapedEvent, right: ShapedEvent) -> bool:
    return same_event(left._replace(schema_version=right.schema_version), right)


def _type_ignored(left: ShapedEvent, right: ShapedEvent) -> bool:
    return same_event(left._replace(event_type=right.event_type), right)


def _fields_only(left: ShapedEvent, right: ShapedEvent) -> bool:
    return left[:2] == right[:2] and left.payload.keys() == right.payload.keys()


def _decimals_as_floats(left: ShapedEvent, right: ShapedEvent) -> bool:
    return _dumped(left, default=float) == _dumped(right, default=float)


def _decimals_as_texts(left: ShapedEvent, right: ShapedEvent) -> bool:
    return _dumped(left, default=str) == _dumped(right, default=str)


TWINS: list[list[Any]] = [
    [1, True, Decimal("1.0"), "1"],
    [5, Decimal("5.00"), Decimal("5.0"), "5.00"],
    [0, False, None, Decimal("0.0"), Decimal("-0.0"), ""],
    [None, "None", "null"],
    [{}, [], "{}", [{}]],
    [[1, 2], [2, 1], [True, 2], [1], [1, 2, 2], []],
    [[{"sku": "S"}], [{"sku": "S"}, {"sku": "S"}]],
    ["Ada", "ada", "Ad a", " Ada"],
]
"""Values that one or another way of comparing takes for equal."""


@st.composite
def _two_events(draw: st.DrawFn) -> tuple[ShapedEvent, ShapedEvent]:
    """Twice the same event as a rule, its keys the other way round, but for one thing or two."""
    rights, lefts = [], []
    for name in draw(st.lists(st.sampled_from(["by", "cents", "paid"]), max_size=2, unique=True)):
        twins = draw(st.sampled_from(TWINS))
        left = draw(st.sampled_from(twins))
        lefts.append((name, left))
        if draw(st.sampled_from([True, True, True, False])):
            rights.append((name, draw(st.sampled_from([left, left, *twins]))))
    payloads = [dict(lefts), dict(rights[::-1])]
    match draw(st.sampled_from(["flat", "flat", "inside", "in a list", "deep"])):
        case "inside":
            payloads = [{"order": payload, "id": "o1"} for payload in payloads]
        case "in a list":
            payloads = [{"lines": [payload]} for payload in payloads]
        case "deep":
            payloads = [{"order": {"lines": [{"parts": [payload]}]}} for payload in payloads]
    kinds = st.sampled_from(["OrderPlaced", "OrderPlaced", "OrderPlaced", "OrderPaid"])
    versions = st.sampled_from([3, 3, 3, 2])
    left, right = (ShapedEvent(draw(kinds), draw(versions), payload) for payload in payloads)
    return (left, right) if draw(st.booleans()) else (right, left)


def _event(payload: dict[str, Any], event_type: str = "OrderPlaced", version: int = 3) -> ShapedEvent:
    return ShapedEvent(event_type, version, payload)


def _play_same(answer: Any, left: ShapedEvent, right: ShapedEvent) -> Any:
    """What it says, unless it changes a payload over that."""
    before = repr((left, right))
    said = answer(left, right)
    return said if repr((left, right)) == before else {"it says": said, "and leaves": [left.payload, right.payload]}


SAME = Exercise(
    name="same",
    task=(
        "A new reader may replace the old one when both say the same about every event. Return whether two "
        "`ShapedEvent`s, each with `event_type`, `schema_version` and `payload`, say the same to whoever reads them as "
        "JSON. The order of keys, at any depth, makes no difference. That of a list does, and so does how a value is "
        'written: `5`, `5.0`, `5.00` and `"5.00"` are four values, `1` and `true` are two, and a field that is `null` '
        "isn't a missing one. Payloads hold what JSON can hold; numbers with a point are Decimals."
    ),
    stub=(
        "from esworkbench.upcasters.archaeology import ShapedEvent, encode_payload\n\n\n"
        "def my_same(left: ShapedEvent, right: ShapedEvent) -> bool: ..."
    ),
    reference=same_event,
    cases=_two_events(),
    examples=[
        (_event({"cents": 5, "by": "Ada"}), _event({"by": "Ada", "cents": 5})),
        (_event({"order": {"cents": 5, "by": "Ada"}}), _event({"order": {"by": "Ada", "cents": 5}})),
        (_event({"cents": 5}), _event({"cents": 6})),
        (_event({"cents": 5}), _event({"cents": 5}, version=2)),
        (_event({"cents": 5}), _event({"cents": 5}, "OrderPaid")),
        (_event({"paid": True}), _event({"paid": 1})),
        (_event({"total": Decimal("5.00")}), _event({"total": 5})),
        (_event({"total": Decimal("5.00")}), _event({"total": Decimal("5.0")})),
        (_event({"total": Decimal("5.00")}), _event({"total": "5.00"})),
        (_event({"by": "Ada", "coupon": None}), _event({"by": "Ada"})),
        (_event({"order": {"lines": [{"paid": {"all": True}}]}}), _event({"order": {"lines": [{"paid": {"all": 1}}]}})),
        (_event({"by": None}), _event({"by": "None"})),
        (_event({"parts": {}}), _event({"parts": []})),
        *[(_event({"by": left}), _event({"by": right})) for twins in TWINS for left, right in combinations(twins, 2)],
        (_event({"parts": [1]}), _event({"parts": [1, 2]})),
        (_event({"parts": [1, 2]}), _event({"parts": [1]})),
    ],
    play=_play_same,
    hints=(
        "Python's `==` takes True for 1, and Decimal('5.00') for 5.",
        "Compare types and versions, and then the payloads as text: `encode_payload` writes one as JSON, Decimals "
        "digit by digit. Sort the keys before, at any depth.",
    ),
    mistakes={
        "plain ==": Mistake(
            _plain_equality, "true and 1, or 5.00 and 5, are written differently, and only Python takes them for equal"
        ),
        "numbers by value": Mistake(
            _numbers_by_value, "numbers are compared by their value, but 5.00 and 5 are written differently"
        ),
        "text as it comes": Mistake(
            _text_as_it_comes, "two payloads that differ only in the order of their keys say the same"
        ),
        "outer keys sorted": Mistake(
            _outer_keys_sorted, "only the outer keys are sorted: their order says nothing at any depth"
        ),
        "payload only": Mistake(_payload_only, "equal payloads don't make one event of two types or two versions"),
        "version ignored": Mistake(
            _version_ignored, "the schema versions differ, and equal payloads of two versions may mean two things"
        ),
        "type ignored": Mistake(_type_ignored, "the event types differ, and equal payloads don't make them one event"),
        "fields only": Mistake(_fields_only, "only the names of the fields are compared: look at their values, too"),
        "decimals as floats": Mistake(
            _decimals_as_floats, "5.00 and 5.0 are taken for one: the digits as they were written are lost"
        ),
        "decimals as texts": Mistake(
            _decimals_as_texts, 'a Decimal became a text, and so the number 5.00 is taken for the text "5.00"'
        ),
    },
)

exercises = Exercises(__name__, SPREAD, ORDER_PLACED_VERSION, DEAD_STEPS, SAME)
