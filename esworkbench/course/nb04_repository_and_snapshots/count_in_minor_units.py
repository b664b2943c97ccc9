"""The exercise ``count_in_minor_units``: a state of the first shape becomes one of the second."""

from copy import deepcopy
from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import strategies as st

from esworkbench.course.grader.exercise import Exercise, Mistake

TASK = (
    "A migration from a state's first shape to its second. The first is a dict like `{'owner': 'Ada', 'balance': "
    "'-20.05', 'pending': {'w1': '19.9'}}`: amounts are text in dollars, with at most two decimals, up to "
    "90071992547409.91. In the second, `balance_minor` stands in place of `balance`, and all amounts, those in "
    "`pending` too, are whole cents, `int`. Everything else stays as it is, as do fields that aren't shown here. "
    "Return the new state; you may change the one that you are given."
)


def count_in_minor_units(state: dict[str, Any]) -> dict[str, Any]:
    """Amounts as text in dollars invited floats, so the second shape counts cents."""
    rest = {name: value for name, value in state.items() if name != "balance"}
    pending = {withdrawal_id: int(Decimal(amount) * 100) for withdrawal_id, amount in state["pending"].items()}
    return {**rest, "balance_minor": int(Decimal(state["balance"]) * 100), "pending": pending}


def _play_migration(answer: Any, state: dict[str, Any]) -> Any:
    """What a snapshot would keep of it, as JSON. It may change the state it is given, as the package's may."""
    return msgspec.json.decode(msgspec.json.encode(answer(deepcopy(state))))


LARGEST = 2**53 - 1


def _as_text(amount_minor: int, digits: int) -> str:
    """In dollars, with as many decimals as are needed, two at most, and at least ``digits``."""
    dollars, cents = divmod(abs(amount_minor), 100)
    decimals = f"{cents:02}"
    while len(decimals) > digits and decimals.endswith("0"):
        decimals = decimals[:-1]
    return ("-" if amount_minor < 0 else "") + f"{dollars}" + (f".{decimals}" if decimals else "")


def _amounts(lowest: int) -> st.SearchStrategy[str]:
    """Amounts that floats get wrong among them, the largest of all too."""
    small = st.integers(lowest, 300) | st.sampled_from([1_999, 2_005, 113, 11_010])
    large = st.integers(LARGEST - 1_000, LARGEST)
    return st.builds(_as_text, small | small | large, st.sampled_from([2, 2, 0]))


# --- mistakes ---------------------------------------------------------------------------------------------------------


def _migrated_by(state: dict[str, Any], cents: Any) -> dict[str, Any]:
    pending = {withdrawal_id: cents(amount) for withdrawal_id, amount in state["pending"].items()}
    return {**count_in_minor_units(state), "balance_minor": cents(state["balance"]), "pending": pending}


def _through_floats(state: dict[str, Any]) -> dict[str, Any]:
    return _migrated_by(state, lambda amount: int(float(amount) * 100))


def _through_rounded_floats(state: dict[str, Any]) -> dict[str, Any]:
    return _migrated_by(state, lambda amount: round(float(amount) * 100))


def _as_floats(state: dict[str, Any]) -> dict[str, Any]:
    return _migrated_by(state, lambda amount: float(amount) * 100)


def _as_decimals(state: dict[str, Any]) -> dict[str, Any]:
    return _migrated_by(state, lambda amount: Decimal(amount) * 100)


def _whole_dollars(state: dict[str, Any]) -> dict[str, Any]:
    return _migrated_by(state, lambda amount: int(Decimal(amount)) * 100)


def _without_the_point(state: dict[str, Any]) -> dict[str, Any]:
    return _migrated_by(state, lambda amount: int(amount.replace(".", "")))


def _loses_the_holds(state: dict[str, Any]) -> dict[str, Any]:
    return {**count_in_minor_units(state), "pending": {}}


def _keeps_both(state: dict[str, Any]) -> dict[str, Any]:
    return {**state, **count_in_minor_units(state)}


def _leaves_holds_in_dollars(state: dict[str, Any]) -> dict[str, Any]:
    return {**count_in_minor_units(state), "pending": state["pending"]}


def _loses_the_rest(state: dict[str, Any]) -> dict[str, Any]:
    migrated = count_in_minor_units(state)
    return {name: migrated[name] for name in ("balance_minor", "pending")}


def _changes_whatever_looks_like_an_amount(state: dict[str, Any]) -> dict[str, Any]:
    def cents(value: Any) -> Any:
        try:
            return int(Decimal(value) * 100) if isinstance(value, str) else value
        except ArithmeticError:
            return value

    return {name: cents(value) for name, value in count_in_minor_units(state).items()}


# --- the exercise -----------------------------------------------------------------------------------------------------

COUNT_IN_MINOR_UNITS = Exercise(
    name="count_in_minor_units",
    task=TASK,
    stub=(
        "from decimal import Decimal\nfrom typing import Any\n\n\n"
        "def my_count_in_minor_units(state: dict[str, Any]) -> dict[str, Any]: ..."
    ),
    reference=count_in_minor_units,
    cases=st.tuples(
        st.fixed_dictionaries(
            {
                "owner": st.sampled_from(["Ada", "Zoë", "007"]),
                "balance": _amounts(-300),
                "pending": st.dictionaries(st.sampled_from(["w1", "w2"]), _amounts(0), max_size=2),
            },
            optional={
                "currency": st.sampled_from(["USD", "CHF"]),
                "branch": st.sampled_from(["0301", "12.5", ""]),
                "overdraft_limit_minor": st.sampled_from([0, 5_000]),
                "closed": st.booleans(),
                "closed_on": st.none(),
                "limits": st.sampled_from([{}, {"daily": "500.00"}]),
            },
        )
    ),
    examples=[
        ({"owner": "007", "balance": "-20.05", "pending": {"w1": "19.9"}, "branch": "0301"},),
        ({"owner": "Ada", "balance": "0", "pending": {"w1": "0.00"}, "closed": False, "closed_on": None, "note": ""},),
        ({"owner": "Ada", "balance": "1", "pending": {}, "limits": {"daily": "500.00"}},),
    ],
    play=_play_migration,
    hints=("What does `int(19.99 * 100)` give?", "`int(Decimal(text) * 100)`, for each hold too."),
    mistakes={
        "float money": Mistake(
            _through_floats,
            "a float falls short of an amount now and then, and `int` cuts a cent off: Decimal is exact",
        ),
        "float money, rounded": Mistake(
            _through_rounded_floats,
            "rounding hides what a float loses until the amounts are large: Decimal reads the text exactly",
        ),
        "still floats": Mistake(_as_floats, "the amounts are floats: a whole number of cents is an `int`"),
        "still decimals": Mistake(_as_decimals, "the amounts are Decimals: a whole number of cents is an `int`"),
        "whole dollars": Mistake(_whole_dollars, "the cents are cut off before the amount is multiplied by 100"),
        "without the point": Mistake(
            _without_the_point, "it drops the point, but there may be one decimal only, or none"
        ),
        "the holds": Mistake(_loses_the_holds, "the holds are gone: their money would never come back"),
        "both fields": Mistake(
            _keeps_both,
            "the old field `balance` is still there, beside the new one: two fields for one thing will drift apart",
        ),
        "half migrated": Mistake(
            _leaves_holds_in_dollars, "the holds are still text in dollars: all amounts become whole numbers of cents"
        ),
        "all that look like amounts": Mistake(
            _changes_whatever_looks_like_an_amount,
            "a text that looks like a number needn't be an amount: convert `balance` and what is in `pending` alone",
        ),
        "the rest": Mistake(_loses_the_rest, "the owner is gone: a migration carries over what it doesn't change"),
    },
)
