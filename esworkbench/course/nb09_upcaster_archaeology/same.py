"""The exercise ``same``: whether two readings of an event mean the same."""

import json
from collections.abc import Callable
from decimal import Decimal
from itertools import combinations
from typing import Any

from hypothesis import strategies as st

from esworkbench.course.grader.exercise import Exercise, Mistake
from esworkbench.upcasters.archaeology import ShapedEvent, encode_payload, same_event


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
        (_event({"rows": [[{"cents": 5, "by": "Ada"}]]}), _event({"rows": [[{"by": "Ada", "cents": 5}]]})),
        (_event({"cents": 5}), _event({"cents": 6})),
        (_event({"cents": 5}), _event({"cents": 5}, version=2)),
        (_event({"cents": 5}), _event({"cents": 5}, "OrderPaid")),
        (_event({"paid": True}), _event({"paid": 1})),
        (_event({"total": Decimal("5.00")}), _event({"total": 5})),
        (_event({"total": Decimal("5.00")}), _event({"total": Decimal("5.0")})),
        (_event({"total": Decimal("5.00")}), _event({"total": "5.00"})),
        (_event({"by": "Ada", "coupon": None}), _event({"by": "Ada"})),
        (_event({"order": {"lines": [{"paid": {"all": True}}]}}), _event({"order": {"lines": [{"paid": {"all": 1}}]}})),
        (_event({"gift": True, "lines": 1}), _event({"gift": 1, "lines": True})),
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
