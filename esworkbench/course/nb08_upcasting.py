"""Exercises of notebook 08: the steps of a chain, the chain itself, and the way back."""

from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, getcontext, localcontext
from typing import Any

from hypothesis import strategies as st

from esworkbench.course.grader.exercise import Exercise, Exercises, Mistake
from esworkbench.course.grader.meaning import Raised
from esworkbench.course.grader.observe import reply
from esworkbench.domains.orders import contracts, upcasters
from esworkbench.events import MAX_AMOUNT_MINOR
from esworkbench.money import to_minor_units
from esworkbench.upcasters import Payload, Shaped

Step = Callable[[Payload], Payload]
Steps = Mapping[tuple[str, int], Step]


class Written(str):
    """A value as it is written, where its kind counts: to Python, Decimal('10.00') is 10."""

    def __repr__(self) -> str:
        return str(self)


def _play_step(answer: Any, payload: Payload) -> Any:
    """As the chain does, it gives the step a copy; Decimals are compared digit by digit."""
    with localcontext() as context:
        as_they_were = context.prec, context.rounding
        became = answer(dict(payload))
        now = getcontext()
        settings = {"precision": now.prec, "rounding": now.rounding}
    if not isinstance(became, Mapping):
        return became
    told = {name: Written(repr(each)) if isinstance(each, Decimal) else each for name, each in became.items()}
    return told if tuple(settings.values()) == as_they_were else (told, {"decimal's settings for all": settings})


ODD_FIELDS: Payload = {
    "coupon": None,
    "gift": False,
    "weight": Decimal("1.5"),
    "shipping_cents": 250,
    "shipping_dollars": Decimal("2.505"),
}
"""What a step has nothing to do with, however much it looks like the total."""

OTHER_FIELDS: st.SearchStrategy[Payload] = st.sampled_from(
    [{}, {}, {"coupon": "SPRING"}, *({name: value} for name, value in ODD_FIELDS.items())]
)

STEP_STUB = "from decimal import ROUND_HALF_UP, Decimal\n\nfrom esworkbench.upcasters import Payload\n\n\n"

# --- count_in_cents ---------------------------------------------------------------------------------------------------


def _in_cents(payload: Payload, cents: object) -> Payload:
    rest = {name: value for name, value in payload.items() if name != "total_dollars"}
    return {**rest, "total_cents": cents}


def _rounded(payload: Payload, rounding: str) -> Payload:
    return _in_cents(payload, int((payload["total_dollars"] * 100).quantize(Decimal(1), rounding)))


def _through_a_float(payload: Payload) -> Payload:
    return _in_cents(payload, round(float(payload["total_dollars"]) * 100))


def _cut_off(payload: Payload) -> Payload:
    return _rounded(payload, ROUND_FLOOR)


def _half_to_even(payload: Payload) -> Payload:
    return _rounded(payload, ROUND_HALF_EVEN)


def _always_up(payload: Payload) -> Payload:
    return _rounded(payload, ROUND_CEILING)


def _old_field_stays(payload: Payload) -> Payload:
    return {**payload, "total_cents": to_minor_units(payload["total_dollars"])}


def _cents_as_a_decimal(payload: Payload) -> Payload:
    return _in_cents(payload, (payload["total_dollars"] * 100).quantize(Decimal(1), ROUND_HALF_UP))


def _known_fields_only(payload: Payload) -> Payload:
    became = upcasters.count_in_cents(payload)
    return {name: became[name] for name in ("order_id", "customer", "total_cents")}


def _returns_nothing(payload: Payload) -> None:
    upcasters.count_in_cents(payload)


def _rounding_set_for_all(payload: Payload) -> Payload:
    getcontext().rounding = ROUND_HALF_UP
    return _in_cents(payload, int((payload["total_dollars"] * 100).quantize(Decimal(1))))


@st.composite
def _priced_in_dollars(draw: st.DrawFn) -> tuple[Payload]:
    """Totals of whole cents, just below, at and just above half a cent; some of more digits than a float keeps."""
    large = st.integers(MAX_AMOUNT_MINOR - 2_000, MAX_AMOUNT_MINOR - 1)
    cents = draw(st.integers(0, 2_000) | st.integers(10**12, 10**12 + 2_000) | large)
    fraction = draw(st.sampled_from(["", "", "1", "4", "49", "4999999999", "5", "5", "50", "51", "6", "9"]))
    dollars = Decimal(f"{cents}.{fraction}").scaleb(-2)
    return ({"order_id": "o1", "customer": "Ada", "total_dollars": dollars, **draw(OTHER_FIELDS)},)


def _priced(dollars: str, **others: object) -> tuple[Payload]:
    return ({"order_id": "o1", "customer": "Ada", "total_dollars": Decimal(dollars), **others},)


COUNT_IN_CENTS = Exercise(
    name="count_in_cents",
    task=(
        "`OrderPlaced` v2 holds `total_dollars`, a `Decimal` of 0 or more with at most 26 digits. Return the payload "
        "of v3: `total_cents`, an `int`, in its place, half a cent going up; the other fields, whichever they are, "
        "stay. The payload is a copy that you may change; decimal's own settings are everybody's: leave those."
    ),
    stub=STEP_STUB + "def my_count_in_cents(payload: Payload) -> Payload: ...",
    reference=upcasters.count_in_cents,
    cases=_priced_in_dollars(),
    examples=[
        _priced("12.50"),
        _priced("10.009"),
        _priced("1.015"),
        _priced("10.005"),
        _priced("10.001"),
        _priced("0.0049999999"),
        _priced("1E+2"),
        _priced("12345678901.2349999999"),
        _priced("12.505", **ODD_FIELDS),
    ],
    play=_play_step,
    hints=(
        "Take `total_dollars` out, put `total_cents` in, return the payload. Never leave Decimal before the end.",
        "`esworkbench.money.to_minor_units(Decimal('10.005'))` is 1001.",
    ),
    mistakes={
        "float money": Mistake(
            _through_a_float, "along the way it was a float, which holds most fractions not quite: stay with Decimal"
        ),
        "cut off": Mistake(
            _cut_off, "what is below a cent was cut off: from half a cent on, it must become one cent more"
        ),
        "half to even": Mistake(
            _half_to_even, "half a cent went to the even neighbour, as Python rounds; finance signed half up"
        ),
        "always up": Mistake(_always_up, "less than half a cent became a whole one: only half a cent and more goes up"),
        "old field stays": Mistake(
            _old_field_stays, "total_dollars is still there: the class of v3 refuses a field that it doesn't know"
        ),
        "cents as a Decimal": Mistake(
            _cents_as_a_decimal, "total_cents is a Decimal, and v3 promises a whole number: make it an int"
        ),
        "other fields lost": Mistake(
            _known_fields_only, "a field is lost that the step has nothing to do with: pass on whatever else is there"
        ),
        "rounding set for all": Mistake(
            _rounding_set_for_all,
            "it sets how everybody else's Decimals are rounded, too: give `ROUND_HALF_UP` to `quantize` alone",
        ),
        "returns nothing": Mistake(
            _returns_nothing, "it returns nothing: return the payload, or the next step has nothing to work on"
        ),
    },
)

# --- one_fact_per_parcel ----------------------------------------------------------------------------------------------


def _parcels(payload: Payload, numbers: Iterable[str], version: int = 1) -> list[Shaped]:
    return [
        Shaped("ParcelShipped", version, {"order_id": payload["order_id"], "tracking_number": number})
        for number in numbers
    ]


def _first_parcel_only(payload: Payload) -> list[Shaped]:
    return _parcels(payload, payload["tracking_numbers"][:1])


def _next_version(payload: Payload) -> list[Shaped]:
    return _parcels(payload, payload["tracking_numbers"], version=2)


def _sorted_parcels(payload: Payload) -> list[Shaped]:
    return _parcels(payload, sorted(payload["tracking_numbers"]))


def _reversed_parcels(payload: Payload) -> list[Shaped]:
    return _parcels(payload, reversed(payload["tracking_numbers"]))


def _whole_payload_in_each(payload: Payload) -> list[Shaped]:
    return [Shaped("ParcelShipped", 1, payload) for _ in payload["tracking_numbers"]]


def _one_dict_for_all(payload: Payload) -> list[Shaped]:
    fact: Payload = {"order_id": payload["order_id"]}
    facts = []
    for number in payload["tracking_numbers"]:
        fact["tracking_number"] = number
        facts.append(Shaped("ParcelShipped", 1, fact))
    return facts


def _each_number_once(payload: Payload) -> list[Shaped]:
    return _parcels(payload, dict.fromkeys(payload["tracking_numbers"]))


def _plain_tuples(payload: Payload) -> list[tuple[str, int, Payload]]:
    return [(fact.event_type, fact.schema_version, fact.payload) for fact in upcasters.one_fact_per_parcel(payload)]


def _play_split(answer: Any, payload: Payload) -> Any:
    """Each fact, and as it is written where it is no Shaped: the chain asks each for its shape."""
    facts = answer({**payload, "tracking_numbers": list(payload["tracking_numbers"])})
    if not isinstance(facts, Iterable):
        return facts
    return [fact if isinstance(fact, Shaped) else Written(repr(fact)) for fact in facts]


TRACKING_NUMBERS = st.lists(st.sampled_from(["t1", "t2", "t3", "0034", "34", "", " t1", "t1,t2", "T1"]), max_size=4)

ONE_FACT_PER_PARCEL = Exercise(
    name="one_fact_per_parcel",
    task=(
        "An `OrderDispatched` v1 holds `order_id` and `tracking_numbers`, a list. Split it: return a list with one "
        '`Shaped("ParcelShipped", 1, {…})` for each entry, in order, whose payload has `order_id` and '
        "`tracking_number`, a text as it stands there, even an empty one. Without entries the list is empty, and a "
        "number that stands there twice is two parcels. The payload is a copy that you may change."
    ),
    stub=(
        "from esworkbench.upcasters import Payload, Shaped\n\n\n"
        "def my_one_fact_per_parcel(payload: Payload) -> list[Shaped]: ..."
    ),
    reference=upcasters.one_fact_per_parcel,
    cases=st.builds(
        lambda order, numbers: ({"order_id": order, "tracking_numbers": numbers},),
        st.sampled_from(["o1", "o2"]),
        TRACKING_NUMBERS,
    ),
    examples=[
        ({"order_id": "o1", "tracking_numbers": ["t2", "t1", "t3", "t2"]},),
        ({"order_id": "o1", "tracking_numbers": ["0034", "", "34"]},),
        ({"order_id": "o1", "tracking_numbers": [" A1 ", "A1,B2", "a1", "A1\n"]},),
    ],
    play=_play_split,
    hints=("A list with one `Shaped` for each number.", "Copy `order_id` into each; a fact has to stand alone."),
    mistakes={
        "first parcel only": Mistake(_first_parcel_only, "only the first parcel is told: each of them is a fact"),
        "off by one version": Mistake(
            _next_version, "the version is wrong: the shape that it splits into is ParcelShipped v1"
        ),
        "wrong order": Mistake(
            _sorted_parcels, "the order has changed: that of the parcels in the event is the one in which they happened"
        ),
        "last parcel first": Mistake(
            _reversed_parcels, "the last parcel comes first: begin with the first entry, as it happened"
        ),
        "whole payload in each": Mistake(
            _whole_payload_in_each,
            "each fact has the payload of all: a ParcelShipped has order_id and one tracking_number",
        ),
        "one dict for all": Mistake(
            _one_dict_for_all, "all facts share one dict, and so the last number: make a dict for each"
        ),
        "each number once": Mistake(
            _each_number_once, "an entry is missing: a number that stands there twice is two parcels"
        ),
        "plain tuples": Mistake(
            _plain_tuples, "a plain tuple has no shape to ask for: return a Shaped for each parcel"
        ),
    },
)

# --- upcast -----------------------------------------------------------------------------------------------------------

IN_PLACE, INSIDE, ANEW = "changes the payload it is given", "changes what is inside it", "returns a new payload"
FAILS: dict[str, Exception] = {
    "raises a KeyError of its own": KeyError("total_dollars"),
    "raises a StopIteration of its own": StopIteration("no line left"),
}
DRAFT_TAKEN_OUT = "returns a new payload, without the draft alone"


Chain = tuple[tuple[tuple[str, int], str], ...]
"""The shapes that have a step, each with the way in which it works."""


def _step(event_type: str, version: int, style: str) -> Step:
    def step(payload: Payload) -> Payload:
        """Notes that it was taken, in one of the three ways in which real ones work; two of them take a field out."""
        taken = f"{event_type} v{version}"
        if style in FAILS:
            raise FAILS[style]
        if style == DRAFT_TAKEN_OUT:
            return {name: value for name, value in payload.items() if name != "draft"}
        if style == INSIDE:
            payload["lines"][0]["taken"].append(taken)
            return payload
        became = payload if style == IN_PLACE else dict(payload)
        became["lines"] = [{"taken": [*payload["lines"][0]["taken"], taken]}]
        became.pop("draft", None)
        return became

    return step


def _play_upcast(answer: Any, steps: Chain, event_type: str, version: int, payload: Payload, to_version: int) -> Any:
    """What becomes of the payload; whichever error an answer raises is right where one is. The steps must be left."""
    functions = {shape: _step(*shape, style) for shape, style in steps}
    before = dict(functions)
    became = reply(answer, functions, event_type, version, payload, to_version)
    told = Raised(Exception, became.message) if isinstance(became, Raised) else became
    return told if functions == before else (told, {"steps left": sorted(functions)})


def upcast(steps: Steps, event_type: str, version: int, payload: Payload, to_version: int) -> Payload:
    """It counts the versions itself, and the steps work on a copy; where a step is missing, a KeyError names it."""
    if version > to_version:
        raise ValueError(f"{event_type} was written in a newer version than v{to_version}")
    payload = deepcopy(payload)
    for each in range(version, to_version):
        payload = steps[event_type, each](payload)
    return payload


def _taking(
    steps: Steps, event_type: str, versions: Iterable[int], payload: Payload, *, skips_missing: bool = False
) -> Payload:
    """The steps from these versions, in this order."""
    payload = deepcopy(payload)
    for version in versions:
        if (event_type, version) in steps or not skips_missing:
            payload = steps[event_type, version](payload)
    return payload


def _require_not_newer(version: int, to_version: int) -> None:
    if version > to_version:
        raise ValueError


def _one_step_only(steps: Steps, event_type: str, version: int, payload: Payload, to_version: int) -> Payload:
    _require_not_newer(version, to_version)
    return _taking(steps, event_type, range(version, to_version)[:1], payload)


def _one_step_short(steps: Steps, event_type: str, version: int, payload: Payload, to_version: int) -> Payload:
    _require_not_newer(version, to_version)
    return _taking(steps, event_type, range(version, to_version - 1), payload)


def _last_step_first(steps: Steps, event_type: str, version: int, payload: Payload, to_version: int) -> Payload:
    _require_not_newer(version, to_version)
    return _taking(steps, event_type, range(version, to_version)[::-1], payload)


def _always_from_v1(steps: Steps, event_type: str, version: int, payload: Payload, to_version: int) -> Payload:
    _require_not_newer(version, to_version)
    return _taking(steps, event_type, range(1, to_version), payload)


def _no_copy(steps: Steps, event_type: str, version: int, payload: Payload, to_version: int) -> Payload:
    _require_not_newer(version, to_version)
    for each in range(version, to_version):
        payload = steps[event_type, each](payload)
    return payload


def _outside_copied(steps: Steps, event_type: str, version: int, payload: Payload, to_version: int) -> Payload:
    _require_not_newer(version, to_version)
    for each in range(version, to_version):
        payload = steps[event_type, each](dict(payload))
    return payload


def _missing_ones_skipped(steps: Steps, event_type: str, version: int, payload: Payload, to_version: int) -> Payload:
    _require_not_newer(version, to_version)
    return _taking(steps, event_type, range(version, to_version), payload, skips_missing=True)


def _return_ignored(steps: Steps, event_type: str, version: int, payload: Payload, to_version: int) -> Payload:
    _require_not_newer(version, to_version)
    payload = deepcopy(payload)
    for each in range(version, to_version):
        steps[event_type, each](payload)
    return payload


def _type_ignored(steps: Steps, event_type: str, version: int, payload: Payload, to_version: int) -> Payload:
    _require_not_newer(version, to_version)
    of_any_type = {(event_type, each): function for (_, each), function in steps.items()}
    return _taking(of_any_type, event_type, range(version, to_version), payload)


def _steps_used_up(steps: Any, event_type: str, version: int, payload: Payload, to_version: int) -> Payload:
    _require_not_newer(version, to_version)
    payload = deepcopy(payload)
    for each in range(version, to_version):
        payload = steps.pop((event_type, each))(payload)
    return payload


def _old_fields_come_back(steps: Steps, event_type: str, version: int, payload: Payload, to_version: int) -> Payload:
    _require_not_newer(version, to_version)
    payload = deepcopy(payload)
    for each in range(version, to_version):
        payload = {**payload, **steps[event_type, each](deepcopy(payload))}
    return payload


def _newer_let_through(steps: Steps, event_type: str, version: int, payload: Payload, to_version: int) -> Payload:
    return _taking(steps, event_type, range(version, to_version), payload)


NOTHING_TAKEN: Payload = {"total": Decimal("0.1"), "draft": True, "coupon": None, "lines": [{"taken": []}]}


@st.composite
def _chains(draw: st.DrawFn) -> tuple[Chain, str, int, Payload, int]:
    """One type or two with up to three steps each, of which one is missing now and then; between any two versions."""
    types = draw(st.sampled_from([["Noted"], ["Noted", "Sent"], ["Noted", "Sent"]]))
    shapes = [(name, version) for version in (1, 2, 3) for name in types]
    missing = draw(st.sets(st.sampled_from(shapes), max_size=2))
    styles = st.sampled_from([IN_PLACE, INSIDE, ANEW])
    steps = tuple((shape, draw(styles)) for shape in draw(st.permutations(shapes)) if shape not in missing)
    version = draw(st.integers(1, 4))
    to_version = draw(st.integers(max(1, version - 1), 4))
    return steps, draw(st.sampled_from(types)), version, NOTHING_TAKEN, to_version


def _whole_chain(style: str) -> Chain:
    return tuple(((name, version), style) for version in (1, 2, 3) for name in ("Noted", "Sent"))


def _long_chain(until: int) -> Chain:
    return tuple((("Noted", version), ANEW) for version in range(1, until))


def _told_upcast(steps: Chain, event_type: str, version: int, payload: Payload, to_version: int) -> str:
    lines = "".join(f"\n  {shape}: {style}" for shape, style in steps[:12])
    if steps[12:]:
        lines += f"\n  and so on, up to {steps[-1][0]}"
    return f"event_type={event_type!r}, {version=}, {payload=}, {to_version=}, steps:{lines or ' none'}"


UPCAST = Exercise(
    name="upcast",
    task=(
        "`steps` maps `(event_type, version)` to a function that takes a payload of that version and returns it in the "
        "next one; it may change the payload it is given, and the lists and dicts inside it. Return `payload`, stored "
        "as `version`, in the shape of `to_version`, which may take hundreds of steps. Raise an error, of whichever "
        "type, where a step is missing or fails, or the stored version is the newer one. `steps` and the payload that "
        "you are given must stay as they are, inside too."
    ),
    stub=(
        "from collections.abc import Callable, Mapping\nfrom copy import deepcopy\n\n"
        "from esworkbench.upcasters import Payload\n\n"
        "Step = Callable[[Payload], Payload]\n\n\n"
        "def my_upcast(\n"
        "    steps: Mapping[tuple[str, int], Step], event_type: str, version: int, payload: Payload, to_version: int\n"
        ") -> Payload: ..."
    ),
    reference=upcast,
    cases=_chains(),
    examples=[
        (_whole_chain(ANEW), "Noted", 1, NOTHING_TAKEN, 4),
        (_whole_chain(IN_PLACE), "Noted", 2, NOTHING_TAKEN, 4),
        (_whole_chain(INSIDE), "Noted", 2, NOTHING_TAKEN, 4),
        (_whole_chain(ANEW)[::-1], "Noted", 1, NOTHING_TAKEN, 4),
        (_whole_chain(DRAFT_TAKEN_OUT), "Noted", 1, {"draft": True}, 3),
        (((("Noted", 1), ANEW), (("Sent", 2), ANEW), (("Noted", 3), ANEW)), "Noted", 1, NOTHING_TAKEN, 4),
        (_whole_chain(ANEW), "Sent", 4, NOTHING_TAKEN, 3),
        (_long_chain(until=13), "Noted", 1, NOTHING_TAKEN, 13),
        (_long_chain(until=131), "Noted", 1, NOTHING_TAKEN, 131),
        *(
            (((("Noted", 1), ANEW), (("Noted", 2), fails), (("Noted", 3), ANEW)), "Noted", 1, NOTHING_TAKEN, 4)
            for fails in FAILS
        ),
    ],
    play=_play_upcast,
    given=_told_upcast,
    hints=(
        "Count from the stored version up to, but not including, the one wanted.",
        "`deepcopy(payload)` copies what is inside, too. `steps[event_type, version]` raises where there is none; what "
        "a step returns is what the next one is given.",
    ),
    mistakes={
        "one step only": Mistake(
            _one_step_only, "only the first step was taken: go on until the wanted version is reached"
        ),
        "off by one version": Mistake(
            _one_step_short, "it stops one version short: the last step is the one from the version before the wanted"
        ),
        "wrong order": Mistake(
            _last_step_first, "the steps are taken in the wrong order: begin with the stored version and count up"
        ),
        "always from v1": Mistake(
            _always_from_v1, "it always begins with the step from v1: start where the payload is, at its version"
        ),
        "double apply": Mistake(
            _no_copy,
            "the payload you were given was changed: whoever reads it again gets every step twice; work on a copy",
        ),
        "inside not copied": Mistake(
            _outside_copied,
            "what is inside the payload you were given was changed: `dict(…)` copies the outside alone, deepcopy all",
        ),
        "missing upcast": Mistake(
            _missing_ones_skipped,
            "a step is missing and nothing is said: raise, before a reader takes the old shape for the new one",
        ),
        "return ignored": Mistake(
            _return_ignored,
            "what a step returns is lost: some change the payload they are given, others make a new one",
        ),
        "type ignored": Mistake(
            _type_ignored, "a step of another event type was taken: look it up by type and version together"
        ),
        "steps used up": Mistake(
            _steps_used_up, "it takes the steps out of `steps`, and the next event finds none: look them up"
        ),
        "old fields come back": Mistake(
            _old_fields_come_back,
            "a field that a step has taken out is back: what a step returns is the whole payload, so merge nothing",
        ),
        "newer let through": Mistake(
            _newer_let_through,
            "the stored version is newer than the one wanted, and nothing is said: there is no way back, so raise",
        ),
    },
)

# --- cents_as_dollars -------------------------------------------------------------------------------------------------


def _in_dollars(payload: Payload, dollars: object) -> Payload:
    rest = {name: value for name, value in payload.items() if name != "total_cents"}
    return {**rest, "total_dollars": dollars}


def _float_dollars(payload: Payload) -> Payload:
    return _in_dollars(payload, payload["total_cents"] / 100)


def _rounded_float_dollars(payload: Payload) -> Payload:
    return _in_dollars(payload, Decimal(f"{payload['total_cents'] / 100:.2f}"))


def _decimals_lost(payload: Payload) -> Payload:
    return _in_dollars(payload, Decimal(payload["total_cents"]) / 100)


def _whole_dollars(payload: Payload) -> Payload:
    return _in_dollars(payload, Decimal(payload["total_cents"] // 100))


def _dollars_as_text(payload: Payload) -> Payload:
    return _in_dollars(payload, str(Decimal(payload["total_cents"]).scaleb(-2)))


def _both_fields(payload: Payload) -> Payload:
    return {**payload, "total_dollars": Decimal(payload["total_cents"]).scaleb(-2)}


def _known_fields_served(payload: Payload) -> Payload:
    became = contracts.cents_as_dollars(payload)
    return {name: became[name] for name in ("order_id", "customer", "total_dollars")}


def _dollars_not_returned(payload: Payload) -> None:
    contracts.cents_as_dollars(payload)


@st.composite
def _priced_in_cents(draw: st.DrawFn) -> tuple[Payload]:
    cents = draw(st.integers(0, 1_100) | st.integers(MAX_AMOUNT_MINOR - 1_000, MAX_AMOUNT_MINOR))
    return ({"order_id": "o1", "customer": "Ada", "total_cents": cents, **draw(OTHER_FIELDS)},)


CENTS_AS_DOLLARS = Exercise(
    name="cents_as_dollars",
    task=(
        "The way back, for readers who were promised dollars: in place of `total_cents`, an `int` of 0 or more, return "
        "`total_dollars`, a `Decimal` with exactly two decimals, and the other fields as they are. No cent may be lost "
        "up to 2⁵³ - 1 cents. The payload is a copy that you may change; decimal's own settings are everybody's: leave "
        "those."
    ),
    stub="from decimal import Decimal\n\nfrom esworkbench.upcasters import Payload\n\n\n"
    "def my_cents_as_dollars(payload: Payload) -> Payload: ...",
    reference=contracts.cents_as_dollars,
    cases=_priced_in_cents(),
    examples=[
        *(({"order_id": "o1", "customer": "Ada", "total_cents": cents},) for cents in (1_050, 1_000, MAX_AMOUNT_MINOR)),
        ({"order_id": "o1", "customer": "Ada", "total_cents": 1_050, **ODD_FIELDS},),
    ],
    play=_play_step,
    hints=("Decimal can move its point: look at `Decimal.scaleb`.", "`Decimal(1000).scaleb(-2)` is `10.00`."),
    mistakes={
        "float money": Mistake(
            _float_dollars, "total_dollars is a float: dollars leave as Decimal, or large totals lose their last cents"
        ),
        "through a float": Mistake(
            _rounded_float_dollars,
            "along the way it was a float, in which large totals lose their last cents: make the int a Decimal",
        ),
        "lost decimals": Mistake(
            _decimals_lost, "zeros at the end are lost: the contract promises exactly two decimals, as in 10.00"
        ),
        "whole dollars": Mistake(_whole_dollars, "the cents are cut off: // leaves whole dollars only"),
        "text": Mistake(
            _dollars_as_text, "total_dollars is a text: the contract promises a number, so leave it Decimal"
        ),
        "both fields": Mistake(
            _both_fields, "total_cents is still there, and a reader of the older contract was never promised it"
        ),
        "other fields lost": Mistake(
            _known_fields_served,
            "a field is lost that has nothing to do with the total: pass on whatever else is there",
        ),
        "returns nothing": Mistake(
            _dollars_not_returned, "it returns nothing: return the payload, or there is nothing to serve"
        ),
    },
)

exercises = Exercises(__name__, UPCAST, COUNT_IN_CENTS, CENTS_AS_DOLLARS, ONE_FACT_PER_PARCEL)
