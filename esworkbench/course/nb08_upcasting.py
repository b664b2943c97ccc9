"""Exercises of notebook 08: the steps of a chain, the chain itself, the way back, and which snapshots may be used."""

from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from esworkbench.course.mechanism import Exercise, Exercises, Mistake, Wrong
from esworkbench.domains.orders import contracts, upcasters
from esworkbench.upcasters import Payload, Shaped, Upcaster, UpcasterChain
from esworkbench.upcasters.one_payload import upcast as upcast_payload

Step = Callable[[Payload], Payload]
Steps = Mapping[tuple[str, int], Step]
Upcast = Callable[[Steps, str, int, Payload, int], Payload]


def _cents(answer: Step, dollars: str) -> Any:
    given = {"order_id": "o1", "customer": "Ada", "total_dollars": Decimal(dollars)}
    became = answer(given)
    if not isinstance(became, dict):
        raise Wrong(f"it returns {became!r}: return the payload, or the next step has nothing to work on")
    if "total_dollars" in became:
        raise Wrong("total_dollars is still there: the class of v3 refuses a field that it doesn't know")
    if {name for name in became if name != "total_cents"} != {"order_id", "customer"}:
        raise Wrong("only the total changes: order_id and customer are passed on as they are")
    return became.get("total_cents")


def examine_count_in_cents(answer: Step) -> None:
    plain = _cents(answer, "12.50")
    if type(plain) is not int or plain != 1250:
        raise Wrong(f"12.50 dollars are the whole number 1250 in cents, not {plain!r}")
    if (cut := _cents(answer, "10.009")) != 1001:
        raise Wrong(f"10.009 dollars became {cut}: what is below a cent was cut off, and 0.9 of a cent is nearly one")
    if (through := _cents(answer, "1.015")) != 102:
        raise Wrong(
            f"1.015 dollars became {through}: along the way it was a float, which holds a little less than 1.015"
        )
    if (even := _cents(answer, "10.005")) != 1001:
        raise Wrong(f"10.005 dollars became {even}: half a cent went to the even neighbour, and finance signed half up")


def _drop_dollars(payload: Payload, cents: int) -> Payload:
    rest = {name: value for name, value in payload.items() if name != "total_dollars"}
    return {**rest, "total_cents": cents}


COUNT_IN_CENTS = Exercise(
    name="count_in_cents",
    task="`OrderPlaced` v2 holds `total_dollars`, a `Decimal`. Return the payload of v3: whole `total_cents`, half up.",
    examine=examine_count_in_cents,
    reference=upcasters.count_in_cents,
    hints=(
        "Take `total_dollars` out, put `total_cents` in, return the payload. Never leave Decimal.",
        "`esworkbench.money.to_minor_units(Decimal('10.005'))` is 1001.",
    ),
    mistakes={
        "float money": Mistake(
            lambda payload: _drop_dollars(payload, round(float(payload["total_dollars"]) * 100)), "it was a float"
        ),
        "cut off": Mistake(lambda payload: _drop_dollars(payload, int(payload["total_dollars"] * 100)), "was cut off"),
        "half to even": Mistake(
            lambda payload: _drop_dollars(
                payload, int((payload["total_dollars"] * 100).quantize(Decimal(1), ROUND_HALF_EVEN))
            ),
            "even neighbour",
        ),
        "old field stays": Mistake(lambda payload: {**payload, "total_cents": 1250}, "still there"),
    },
)


def examine_one_fact_per_parcel(answer: Callable[[Payload], Sequence[Shaped]]) -> None:
    facts = answer({"order_id": "o1", "tracking_numbers": ["t2", "t1", "t3"]})
    if not isinstance(facts, Sequence) or not all(isinstance(fact, Shaped) for fact in facts):
        raise Wrong(f"return a list of Shaped, not {facts!r}")
    if len(facts) != 3:
        raise Wrong(f"three parcels are three facts, and you return {len(facts)}")
    for event_type, version, payload in facts:
        if (event_type, version) != ("ParcelShipped", 1):
            raise Wrong(f"you return {event_type} v{version}, but the shape it splits into is ParcelShipped v1")
        if set(payload) != {"order_id", "tracking_number"}:
            raise Wrong(f"a ParcelShipped has order_id and tracking_number, yours has {', '.join(sorted(payload))}")
    found = [fact[2]["tracking_number"] for fact in facts]
    if found != ["t2", "t1", "t3"]:
        raise Wrong(f"the parcels come as {found}: their order in the event is the order in which they happened")
    if list(answer({"order_id": "o1", "tracking_numbers": []})):
        raise Wrong("an event without parcels stands for no fact at all")


def _parcels(payload: Payload, numbers: Sequence[str], version: int = 1) -> list[Shaped]:
    return [
        Shaped("ParcelShipped", version, {"order_id": payload["order_id"], "tracking_number": number})
        for number in numbers
    ]


ONE_FACT_PER_PARCEL = Exercise(
    name="one_fact_per_parcel",
    task=(
        "An `OrderDispatched` v1 holds `order_id` and `tracking_numbers`. Split it: one `Shaped('ParcelShipped', 1, "
        "{…})` (from `esworkbench.upcasters`) with `order_id` and `tracking_number` for each parcel, in order."
    ),
    examine=examine_one_fact_per_parcel,
    reference=upcasters.one_fact_per_parcel,
    hints=("A list with one `Shaped` for each number.", "Copy `order_id` into each; a fact has to stand alone."),
    mistakes={
        "first parcel only": Mistake(lambda payload: _parcels(payload, payload["tracking_numbers"][:1]), "return 1"),
        "off by one version": Mistake(
            lambda payload: _parcels(payload, payload["tracking_numbers"], version=2), "ParcelShipped v2"
        ),
        "wrong order": Mistake(
            lambda payload: _parcels(payload, sorted(payload["tracking_numbers"])), "order in which they happened"
        ),
        "whole payload in each": Mistake(
            lambda payload: [Shaped("ParcelShipped", 1, payload) for _ in payload["tracking_numbers"]],
            "yours has order_id, tracking_numbers",
        ),
    },
)


def _noting(version: int) -> Step:
    def step(payload: Payload) -> Payload:
        """Notes that it was taken, and changes the payload it is given, as real ones do."""
        payload["taken"] = [*payload["taken"], version]
        return payload

    return step


NOTING: Steps = {("Noted", version): _noting(version) for version in (1, 2, 3)}


def examine_upcast(answer: Upcast) -> None:
    _taken(answer, from_version=4, expected=[])
    taken = _taken(answer, from_version=1, expected=[1, 2, 3], lenient=True)
    if taken == [1]:
        raise Wrong("from v1 to v4 only the first step was taken: go on until the wanted version is reached")
    if taken == [1, 2]:
        raise Wrong("from v1 to v4 it stops at v3, one version short")
    if taken != [1, 2, 3]:
        raise Wrong(f"from v1 to v4 the steps are taken from v1, v2 and v3, in this order, and yours are {taken}")
    _taken(answer, from_version=3, expected=[3])
    stored: Payload = {"taken": []}
    answer(NOTING, "Noted", 1, stored, 4)
    if stored["taken"]:
        raise Wrong(
            "the payload you were given was changed: whoever reads it again gets every step twice; work on a copy"
        )
    gap = {shape: step for shape, step in NOTING.items() if shape[1] != 2}
    try:
        answer(gap, "Noted", 1, {"taken": []}, 4)
    except Exception:  # noqa: BLE001 - whichever error says so is right
        return
    raise Wrong("the step from v2 is missing and nothing is said: raise, before a reader takes v2 for v4")


def _taken(answer: Upcast, *, from_version: int, expected: list[int], lenient: bool = False) -> list[int]:
    became = answer(NOTING, "Noted", from_version, {"taken": []}, 4)
    if not isinstance(became, dict):
        raise Wrong(f"it returns {became!r}, not the payload")
    taken: list[int] = became["taken"]
    if not lenient and taken != expected:
        raise Wrong(
            f"a payload stored as v{from_version} needs the steps {expected}, and got {taken}: start where it is"
        )
    return taken


def upcast_with_the_package(steps: Steps, event_type: str, version: int, payload: Payload, to_version: int) -> Payload:
    chain = UpcasterChain(Upcaster(*shape, function) for shape, function in steps.items())
    return upcast_payload(chain, event_type, version, payload, to_version=to_version)


def _over(versions: Callable[[int, int], Sequence[int]], *, copy: bool = True, skip_missing: bool = False) -> Upcast:
    """An answer that takes the steps of these versions, given the stored and the wanted one."""

    def upcast(steps: Steps, event_type: str, version: int, payload: Payload, to_version: int) -> Payload:
        payload = dict(payload) if copy else payload
        for each in versions(version, to_version):
            if (event_type, each) in steps or not skip_missing:
                payload = steps[event_type, each](payload)
        return payload

    return upcast


UPCAST = Exercise(
    name="upcast",
    task=(
        "`steps` maps `(event_type, version)` to a function from that payload to the next version's. Return "
        "`payload`, stored as `version`, in the shape of `to_version`. A missing step is an error, and the payload "
        "you are given must stay as it is."
    ),
    examine=examine_upcast,
    reference=upcast_with_the_package,
    hints=(
        "Count from the stored version up to, but not including, the one wanted.",
        "`dict(payload)` is a copy. `steps[event_type, version]` raises where there is none.",
    ),
    mistakes={
        "one step only": Mistake(
            _over(lambda first, wanted: range(first, min(first + 1, wanted))), "only the first step"
        ),
        "off by one version": Mistake(_over(lambda first, wanted: range(first, wanted - 1)), "one version short"),
        "wrong order": Mistake(_over(lambda first, wanted: range(wanted - 1, first - 1, -1)), "in this order"),
        "always from v1": Mistake(
            _over(lambda first, wanted: range(1, wanted) if first < wanted else ()), "start where it is"
        ),
        "double apply": Mistake(_over(range, copy=False), "work on a copy"),
        "missing upcast": Mistake(_over(range, skip_missing=True), "nothing is said"),
    },
)


def examine_cents_as_dollars(answer: Step) -> None:
    became = answer({"order_id": "o1", "customer": "Ada", "total_cents": 1050})
    if not isinstance(became, dict) or "total_dollars" not in became:
        raise Wrong(f"it returns {became!r}: the payload of v2 has a field total_dollars")
    if "total_cents" in became:
        raise Wrong("total_cents is still there, and a reader of the older contract was never promised it")
    if isinstance(became["total_dollars"], float):
        raise Wrong("total_dollars is a float: dollars leave as Decimal, or large totals lose their last cents")
    if became["total_dollars"] != Decimal("10.50"):
        raise Wrong(f"1050 cents are 10.50 dollars, not {became['total_dollars']}")
    whole = answer({"order_id": "o1", "customer": "Ada", "total_cents": 1000})["total_dollars"]
    if str(whole) != "10.00":
        raise Wrong(f"1000 cents are served as {whole}, and the contract promises exactly two decimals")


def _with_dollars(payload: Payload, dollars: object) -> Payload:
    rest = {name: value for name, value in payload.items() if name != "total_cents"}
    return {**rest, "total_dollars": dollars}


CENTS_AS_DOLLARS = Exercise(
    name="cents_as_dollars",
    task="The way back, for readers who were promised dollars: from `total_cents` to `total_dollars`, a `Decimal` with "
    "exactly two decimals.",
    examine=examine_cents_as_dollars,
    reference=contracts.cents_as_dollars,
    hints=("Decimal can move its point: look at `Decimal.scaleb`.", "`Decimal(1000).scaleb(-2)` is `10.00`."),
    mistakes={
        "float money": Mistake(lambda payload: _with_dollars(payload, payload["total_cents"] / 100), "is a float"),
        "lost decimals": Mistake(
            lambda payload: _with_dollars(payload, Decimal(payload["total_cents"]) / 100), "exactly two decimals"
        ),
        "whole dollars": Mistake(
            lambda payload: _with_dollars(payload, Decimal(payload["total_cents"] // 100)), "10.50 dollars, not 10"
        ),
        "both fields": Mistake(lambda payload: {**payload, "total_dollars": Decimal("10.50")}, "never promised"),
    },
)

Versions = Mapping[str, int]


def examine_may_use(answer: Callable[[Versions, Versions], bool]) -> None:
    today = {"OrderPlaced": 3, "OrderPaid": 1}
    if not answer({"OrderPlaced": 3, "OrderPaid": 1}, today):
        raise Wrong("a snapshot folded from exactly today's shapes may be used")
    if answer({"OrderPlaced": 2, "OrderPaid": 1}, today):
        raise Wrong("OrderPlaced was v2 and is v3 now: the state may lack what the new shape says, so pass it over")
    if answer({"OrderPlaced": 4, "OrderPaid": 1}, today):
        raise Wrong("OrderPlaced was v4 for the code that folded it: that release knew more than this one")
    if answer({"OrderPlaced": 3, "OrderPaid": 1, "OrderReturned": 1}, today):
        raise Wrong("OrderReturned was known then and isn't now: nobody can vouch for what was folded from it")
    if not answer({"OrderPlaced": 3}, today):
        raise Wrong("OrderPaid is new since then: code that didn't know it can't have folded one, so it does no harm")


def may_use(kept: Versions, today: Versions) -> bool:
    """Whether every event type has the version now that it had when the snapshot was folded."""
    return all(today.get(event_type) == version for event_type, version in kept.items())


MAY_USE = Exercise(
    name="may_use",
    task=(
        "A snapshot records `kept`, the latest version of each event type that its code knew. `today` says the same "
        "for the code that loads it. May the snapshot be used? True or False."
    ),
    examine=examine_may_use,
    reference=may_use,
    hints=("Go through the event types that the snapshot's code knew.", "A type it didn't know can't be in the state."),
    mistakes={
        "older is fine": Mistake(
            lambda kept, today: all(today.get(name, 0) >= version for name, version in kept.items()), "was v2 and"
        ),
        "newer is fine": Mistake(
            lambda kept, today: all(today.get(name, 0) <= version for name, version in kept.items()), "knew more"
        ),
        "only today's types": Mistake(
            lambda kept, today: all(kept.get(name, version) == version for name, version in today.items()),
            "known then and isn't now",
        ),
        "new types refused": Mistake(lambda kept, today: kept == today, "it does no harm"),
    },
)

exercises = Exercises(COUNT_IN_CENTS, ONE_FACT_PER_PARCEL, UPCAST, CENTS_AS_DOLLARS, MAY_USE)
