"""Exercises of notebook 09: sample a log, tell a version by its fields, prove a step dead, compare two readings."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

from esworkbench.course.mechanism import Exercise, Exercises, Mistake, Wrong
from esworkbench.lab.inherited.upcasters.telltales import INHERITED_TELLTALES
from esworkbench.upcasters.archaeology import ShapedEvent, same_event


def listed(answered: Sequence[int]) -> list[int]:
    if not isinstance(answered, Sequence | set):
        raise Wrong(f"return a list, not {answered!r}")
    return list(answered)


Spread = Callable[[Sequence[int], int], Sequence[int]]


def examine_spread(answer: Spread) -> None:
    positions = list(range(10, 1010, 10))
    chosen = listed(answer(positions, 5))
    if len(chosen) != 5:
        raise Wrong(f"a sample of 5 was asked for, and you return {len(chosen)}")
    if not set(chosen) <= set(positions):
        raise Wrong(f"{chosen} holds positions at which the type has no event: choose from those given")
    if chosen != sorted(chosen):
        raise Wrong("the sample isn't in the order of the log, and shapes are dated by who came first")
    if chosen[-1] <= 500:
        raise Wrong("all of it is from the first half of the log: newer shapes are never seen")
    if chosen[0] > 500:
        raise Wrong("all of it is from the second half of the log: older shapes are never seen")
    if (chosen[0], chosen[-1]) != (10, 1000):
        raise Wrong(f"it runs from {chosen[0]} to {chosen[-1]}: include the first event and the last, 10 and 1000")
    widest = max(after - before for before, after in pairwise(chosen))
    if widest > 400:
        raise Wrong(f"{widest} positions in a row are never looked at: spread the sample evenly")


def spread(positions: Sequence[int], size: int) -> list[int]:
    """Both ends, and even steps between."""
    last = len(positions) - 1
    return [positions[last * number // (size - 1)] for number in range(size)]


SPREAD = Exercise(
    name="spread",
    task=(
        "`positions` are those of one event type in the log, in order. Choose `size` of them (2 or more) so that "
        "rare old shapes get their share: evenly spread, including the first and the last."
    ),
    examine=examine_spread,
    reference=spread,
    hints=(
        "Number the choices 0 to `size - 1`; number 0 is the first event, number `size - 1` the last.",
        "`positions[last * number // (size - 1)]`, where `last` is `len(positions) - 1`.",
    ),
    mistakes={
        "the first ones": Mistake(lambda positions, size: positions[:size], "newer shapes are never seen"),
        "the newest ones": Mistake(lambda positions, size: positions[-size:], "older shapes are never seen"),
        "off by one": Mistake(
            lambda positions, size: [positions[len(positions) * number // size] for number in range(size)],
            "the first event and the last",
        ),
        "wrong order": Mistake(lambda positions, size: spread(positions, size)[::-1], "in the order of the log"),
        "both ends only": Mistake(
            lambda positions, size: [*positions[: size - 1], positions[-1]], "spread the sample evenly"
        ),
    },
)

VersionOf = Callable[[Mapping[str, Any], int], int]
V1 = {"order_id": "O1", "customer_id": "C1", "total": 12.5}
V2 = {**V1, "currency": "USD"}
V3 = {"order_id": "O1", "customer_id": "C1", "total_cents": 1250, "currency": "USD"}
V4 = {**V3, "lines": [{"sku": "S", "price_cents": 1250}]}
V5 = {**V4, "channel": "web"}


def examine_order_placed_version(answer: VersionOf) -> None:
    found = {version: answer(payload, 1) for version, payload in enumerate((V1, V2, V3, V4, V5), start=1)}
    if set(found.values()) == {1}:
        raise Wrong("everything is v1: that is what was recorded, and for this type the recorded number lies")
    if found == {version: version - 1 for version in found}:
        raise Wrong("every version is one too low: they count from 1")
    if found[2] == 1:
        raise Wrong("v2 still has total: recognise it by its currency")
    if found[5] == 4:
        raise Wrong("v5 came with a channel; without looking at it v4 and v5 are one")
    for version, told in found.items():
        if told != version:
            raise Wrong(f"you take a payload of v{version} for v{told}")
    if answer({**V2, "coupon": "SPRING"}, 1) != 2:
        raise Wrong("a coupon is optional: with it, v2 is still v2")


def order_placed_version(payload: Mapping[str, Any], recorded: int) -> int:
    """By the first telltale that fits, whatever was recorded."""
    moment = datetime(2020, 1, 1, tzinfo=UTC)
    of_type = [each for each in INHERITED_TELLTALES if each.event_type == "OrderPlaced"]
    return next(each.version for each in of_type if each.fits(payload, moment))


def _by_number_of_fields(payload: Mapping[str, Any], recorded: int) -> int:
    return {3: 1, 4: 2 if "total" in payload else 3, 5: 4, 6: 5}[len(payload)]


ORDER_PLACED_VERSION = Exercise(
    name="order_placed_version",
    task=(
        "Every `OrderPlaced` in the inherited log is recorded as v1. Return the real version, 1 to 5, of a "
        "`payload`; `recorded` is the number noted with it."
    ),
    examine=examine_order_placed_version,
    reference=order_placed_version,
    hints=(
        "Ask for the fields that each version brought: look at the table of changes.",
        "`channel` came with v5, `lines` with v4, `total_cents` with v3, `currency` with v2.",
    ),
    mistakes={
        "trusts the record": Mistake(lambda payload, recorded: recorded, "the recorded number lies"),
        "total means v1": Mistake(
            lambda payload, recorded: 1 if "total" in payload else order_placed_version(payload, recorded),
            "by its currency",
        ),
        "off by one version": Mistake(
            lambda payload, recorded: order_placed_version(payload, recorded) - 1, "they count from 1"
        ),
        "no channel": Mistake(
            lambda payload, recorded: min(order_placed_version(payload, recorded), 4), "v4 and v5 are one"
        ),
        "counts fields": Mistake(_by_number_of_fields, "a coupon is optional"),
    },
)

DeadSteps = Callable[[Mapping[int, int], Sequence[int]], Sequence[int]]


def examine_dead_steps(answer: DeadSteps) -> None:
    steps = [1, 2, 3]
    rolled_back = listed(answer({1: 59, 2: 0, 3: 0, 4: 99}, steps))
    if 2 in rolled_back:
        raise Wrong("nothing was written as v2, and yet every v1 passes through the step from v2 on its way")
    if 1 in rolled_back:
        raise Wrong("59 events are in v1, and the step from v1 is what reads them")
    if rolled_back:
        raise Wrong(f"an event in v1 takes all the steps from there on, so none is dead, but you name {rolled_back}")
    never_old = sorted(answer({2: 106, 3: 182, 4: 168}, steps))
    if never_old == []:
        raise Wrong("nothing was ever written as v1 where the oldest event is v2: the step from v1 is dead")
    if never_old != [1]:
        raise Wrong(f"there are events in v2, v3 and v4, so only the step from v1 is dead, but you name {never_old}")
    if sorted(answer({4: 10}, steps)) != steps:
        raise Wrong("all events are in today's shape: then every step is dead, as after a compaction")


def dead_steps(written: Mapping[int, int], steps: Sequence[int]) -> list[int]:
    """The steps that no event starts at or passes through."""
    return [step for step in steps if not any(written[version] for version in written if version <= step)]


DEAD_STEPS = Exercise(
    name="dead_steps",
    task="`written` says how many events of one type were really written in each version, `steps` are the versions "
    "that its upcasters start from. Which steps are dead? Versions that aren't in `written` have no event.",
    examine=examine_dead_steps,
    reference=dead_steps,
    hints=("Who needs the step from v2? Also those who were v1 first.", "Count the events at or below the version."),
    mistakes={
        "the obvious query": Mistake(
            lambda written, steps: [step for step in steps if not written.get(step, 0)], "every v1 passes"
        ),
        "off by one version": Mistake(
            lambda written, steps: [step for step in steps if not sum(written.get(v, 0) for v in range(step))],
            "is what reads them",
        ),
        "newer ones too": Mistake(
            lambda written, steps: [step for step in steps if not sum(written.values())], "the step from v1 is dead"
        ),
        "only the oldest": Mistake(
            lambda written, steps: [step for step in steps[:1] if not written.get(step, 0)], "as after a compaction"
        ),
    },
)

Same = Callable[[ShapedEvent, ShapedEvent], bool]


def examine_same(answer: Same) -> None:
    def event(payload: dict[str, Any], version: int = 3) -> ShapedEvent:
        return ShapedEvent("OrderPlaced", version, payload)

    if not answer(event({"cents": 5, "by": "Ada"}), event({"by": "Ada", "cents": 5})):
        raise Wrong("two payloads that differ only in key order say the same")
    if answer(event({"cents": 5}), event({"cents": 6})):
        raise Wrong("5 cents and 6 cents aren't the same")
    if answer(event({"cents": 5}), event({"cents": 5}, version=2)):
        raise Wrong("one is v2 and one v3: equal payloads don't make them one event")
    if answer(event({"paid": True}), event({"paid": 1})):
        raise Wrong("true and 1 are written differently, and only Python takes them for equal")
    if answer(event({"total": Decimal("5.00")}), event({"total": 5})):
        raise Wrong("5.00 and 5 are written differently, and only Python takes them for equal")


def _dumped(left: ShapedEvent, right: ShapedEvent, *, sort_keys: bool) -> bool:
    texts = [json.dumps(each, default=float, sort_keys=sort_keys) for each in (left, right)]
    return texts[0] == texts[1]


SAME = Exercise(
    name="same",
    task=(
        "A new reader may replace the old one when both say the same about every event. Do two `ShapedEvent`s "
        "(type, version, payload) say the same to whoever reads them as JSON? Key order is no difference; `5` and "
        "`5.00` is."
    ),
    examine=examine_same,
    reference=same_event,
    hints=(
        "Python's `==` takes True for 1, and Decimal('5.00') for 5.",
        "Compare types and versions, and then the payloads as canonical text: `encode_payload` and sorted keys.",
    ),
    mistakes={
        "plain ==": Mistake(lambda left, right: left == right, "true and 1"),
        "text as it comes": Mistake(lambda left, right: _dumped(left, right, sort_keys=False), "only in key order"),
        "payload only": Mistake(lambda left, right: left.payload == right.payload, "one is v2 and one v3"),
        "fields only": Mistake(lambda left, right: set(left.payload) == set(right.payload), "5 cents and 6"),
        "numbers by value": Mistake(
            lambda left, right: (
                left == right and [type(v) is bool for v in left.payload.values()]
                == [type(v) is bool for v in right.payload.values()]
            ),
            "5.00 and 5",
        ),
    },
)  # fmt: skip

exercises = Exercises(SPREAD, ORDER_PLACED_VERSION, DEAD_STEPS, SAME)
