"""The exercise ``count_in_cents``: a step from dollars to cents."""

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, getcontext

from hypothesis import strategies as st

from esworkbench.course.grader.exercise import Exercise, Mistake
from esworkbench.course.nb08_upcasting.steps import ODD_FIELDS, OTHER_FIELDS, play_step
from esworkbench.domains.orders import upcasters
from esworkbench.events import MAX_AMOUNT_MINOR
from esworkbench.money import to_minor_units
from esworkbench.upcasters import Payload

STEP_STUB = "from decimal import ROUND_HALF_UP, Decimal\n\nfrom esworkbench.upcasters import Payload\n\n\n"


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
    play=play_step,
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
