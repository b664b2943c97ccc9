"""The exercise ``balance``: what is left when each fact has done what it does."""

from collections.abc import Sequence

from hypothesis import strategies as st

from esworkbench.course.grader.exercise import Exercise, Mistake
from esworkbench.course.nb01_events_not_rows.facts import FACTS_STUB, POSTED, Fact, at, streams


def balance(facts: Sequence[Fact]) -> int:
    """A settled withdrawal posts 0: its request has taken the money already."""
    return sum(POSTED[fact.kind] * fact.amount_minor for fact in facts)


def _summed(facts: Sequence[Fact], **otherwise: int) -> int:
    """With other signs for some event types."""
    return sum((POSTED | otherwise)[fact.kind] * fact.amount_minor for fact in facts)


def _settled_twice(facts: Sequence[Fact]) -> int:
    return _summed(facts, WithdrawalSettled=-1)


def _at_settlement(facts: Sequence[Fact]) -> int:
    return _summed(facts, WithdrawalRequested=0, WithdrawalSettled=-1, WithdrawalCancelled=0)


def _in_dollars(facts: Sequence[Fact]) -> float:
    return sum(POSTED[fact.kind] * fact.amount_minor / 100 for fact in facts)


def _all_added(facts: Sequence[Fact]) -> int:
    return sum(fact.amount_minor for fact in facts)


def _without_fees(facts: Sequence[Fact]) -> int:
    return _summed(facts, FeeCharged=0)


def _cancelled_forgotten(facts: Sequence[Fact]) -> int:
    return _summed(facts, WithdrawalCancelled=0)


BALANCE = Exercise(
    name="balance",
    task=(
        "Fold the facts into the balance in minor units, an `int`; without facts it is 0. A fact's `kind` is its event "
        "type, and `POSTED` has the sign of each: a withdrawal takes the money when it is requested, settling it posts "
        "nothing, and cancelling it gives the money back. Versions ascend, but one may be missing."
    ),
    stub=FACTS_STUB + "\n\ndef my_balance(facts: list[Fact]) -> int: ...",
    reference=balance,
    cases=st.tuples(streams()),
    examples=[
        ([Fact(1, "WithdrawalRequested", 2_020, at(13, 9))],),
        ([Fact(1, "MoneyDeposited", 3_000_000_000, at(13, 9)), Fact(3, "MoneyDeposited", 100, at(13, 9))],),
    ],
    hints=(
        "Give each kind a sign. Which of requested and settled takes the money?",
        "`POSTED` holds the signs: sum `POSTED[fact.kind] * fact.amount_minor`.",
    ),
    mistakes={
        "float money": Mistake(_in_dollars, "it is a float: money is counted in whole minor units, or cents get lost"),
        "double apply": Mistake(
            _settled_twice, "the settled withdrawal is taken off twice: its request has taken the money already"
        ),
        "at settlement": Mistake(
            _at_settlement, "the money is gone from the moment it is requested: until then it could be spent twice"
        ),
        "no signs": Mistake(_all_added, "withdrawals and fees are added; they take money away"),
        "an event type overlooked": Mistake(
            _without_fees, "the fee is missing: an event type that a fold overlooks makes no noise"
        ),
        "cancelled": Mistake(
            _cancelled_forgotten, "a cancelled withdrawal gives the money back, which its request has taken"
        ),
    },
)
