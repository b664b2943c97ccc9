"""The exercise ``where_to_look``: the projection is judged first, by its own events, and then what was recorded."""

from math import isclose
from typing import Any

from hypothesis import strategies as st

from esworkbench.course.grader.exercise import Exercise, Mistake
from esworkbench.course.nb14_the_47_23_case.large_amounts import A_CENT_TOO_FINE_FOR_A_FLOAT

TASK = (
    "Where is the fault to be looked for first: in `'the projection'`, in `'what was recorded'`, or `'nowhere'`? "
    "Three balances in minor units are given: what the customer claims, what the screen shows, and the sum of the "
    "events. A projection is judged by its own events, whatever the customer says; what was recorded is in "
    "question once the projection is right and the customer still disagrees. One cent is a difference, however "
    "large the balances are."
)


def where_to_look(claimed: int, shown: int, event_sum: int) -> str:
    """First the projection against the claim, then the events: like the first two of the seven steps."""
    if shown != event_sum:
        return "the projection"
    return "nowhere" if claimed == shown else "what was recorded"


A_CENT_TOO_FINE_FOR_DOLLARS = 2**55 + 1
"""As a float, and even once it is divided by 100."""

BALANCES = [
    (100, 101, 4_823),
    (A_CENT_TOO_FINE_FOR_A_FLOAT - 1, A_CENT_TOO_FINE_FOR_A_FLOAT, 100),
    (A_CENT_TOO_FINE_FOR_DOLLARS - 1, A_CENT_TOO_FINE_FOR_DOLLARS, 100),
    (0, 5, -5),
    (-100, 100, 100 + 2**32),
]
"""Some that are easily taken for each other."""


def _play_where_to_look(answer: Any, claimed: int, shown: int, event_sum: int) -> Any:
    """Each balance is a number of its own, as when it comes from a database."""
    return answer(*(int(f"{balance}") for balance in (claimed, shown, event_sum)))


# --- mistakes ---------------------------------------------------------------------------------------------------------


def _screen_only(claimed: int, shown: int, event_sum: int) -> str:
    return "nowhere" if claimed == shown else "the projection"


def _customer_is_right(claimed: int, shown: int, event_sum: int) -> str:
    return "nowhere" if claimed == shown else where_to_look(claimed, shown, event_sum)


def _events_first(claimed: int, shown: int, event_sum: int) -> str:
    return "what was recorded" if claimed != event_sum else where_to_look(claimed, shown, event_sum)


def _a_cent_is_nothing(claimed: int, shown: int, event_sum: int) -> str:
    if abs(shown - event_sum) > 1:
        return "the projection"
    return "what was recorded" if abs(claimed - shown) > 1 else "nowhere"


def _near_enough(claimed: int, shown: int, event_sum: int) -> str:
    if not isclose(shown, event_sum):
        return "the projection"
    return "nowhere" if isclose(claimed, shown) else "what was recorded"


# --- the exercise -----------------------------------------------------------------------------------------------------

WHERE_TO_LOOK = Exercise(
    name="where_to_look",
    task=TASK,
    stub="def my_where_to_look(claimed: int, shown: int, event_sum: int) -> str: ...",
    reference=where_to_look,
    cases=st.sampled_from(BALANCES).flatmap(lambda each: st.tuples(*[st.sampled_from(each)] * 3)),
    play=_play_where_to_look,
    examples=[
        (0, 5, 5),
        (100, -100, -100),
        (4_823, 4_823, 4_823),
        (A_CENT_TOO_FINE_FOR_DOLLARS, A_CENT_TOO_FINE_FOR_DOLLARS - 1, A_CENT_TOO_FINE_FOR_DOLLARS - 1),
        (11_000_000_000, 11_000_000_001, 11_000_000_000),
        (11_000_000_001, 11_000_000_000, 11_000_000_000),
    ],
    hints=(
        "Two comparisons, and their order matters: which one needs no customer?",
        "First shown against event_sum.",
    ),
    mistakes={
        "always rebuild": Mistake(
            _screen_only,
            "it never asks the events: where the screen shows what they say, a rebuild would change nothing",
        ),
        "both agree": Mistake(
            _customer_is_right,
            "customer and screen may agree where the events say otherwise: the next rebuild will move the balance",
        ),
        "events first": Mistake(
            _events_first,
            "a projection that disagrees with its own events is put right first; then look at the rest again",
        ),
        "a cent of tolerance": Mistake(
            _a_cent_is_nothing,
            "a difference of one cent is let pass: in whole minor units there is no rounding to excuse it",
        ),
        "near enough": Mistake(
            _near_enough, "a cent in a large balance is let pass: `isclose` is for floats, and these are whole numbers"
        ),
    },
)
