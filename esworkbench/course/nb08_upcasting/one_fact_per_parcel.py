"""The exercise ``one_fact_per_parcel``: a step that makes several facts of one."""

from collections.abc import Iterable
from typing import Any

from hypothesis import strategies as st

from esworkbench.course.grader.exercise import Exercise, Mistake
from esworkbench.course.nb08_upcasting.steps import Written
from esworkbench.domains.orders import upcasters
from esworkbench.upcasters import Payload, Shaped


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
