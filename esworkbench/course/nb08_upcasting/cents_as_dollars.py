"""The exercise ``cents_as_dollars``: the way back, for readers who were promised dollars."""

from decimal import Decimal

from hypothesis import strategies as st

from esworkbench.course.grader.exercise import Exercise, Mistake
from esworkbench.course.nb08_upcasting.steps import ODD_FIELDS, OTHER_FIELDS, play_step
from esworkbench.domains.orders import contracts
from esworkbench.events import MAX_AMOUNT_MINOR
from esworkbench.upcasters import Payload


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
    play=play_step,
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
