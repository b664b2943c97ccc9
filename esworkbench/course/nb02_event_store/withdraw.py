"""The exercise ``withdraw``: load, decide and save, and all three again after a lost race."""

from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st
from sqlalchemy.exc import OperationalError

from esworkbench.course.grader.exercise import Exercise, Mistake
from esworkbench.course.grader.observe import reply
from esworkbench.errors import ConcurrencyError, StoreBusy

TASK = (
    'Pay `amount` out. `load()`, which never fails, returns the account as a dict, `{"version": …, "balance": …}`. '
    "`save(account)` takes such a dict: the version that you loaded (`save` counts it up), and the new balance. It "
    "raises ConcurrencyError if somebody else has saved since. Then load, decide and save again: `save` may be "
    "called `attempts` times in all (1 or more). If the last of these saves raises ConcurrencyError, too, let that "
    "very error out, to the caller. Any other error goes to the caller at once. Return True when it is paid, and "
    "False, without a save, when `amount` is more than the balance; all of the balance may go."
)

Load = Callable[[], dict[str, int]]
Save = Callable[[dict[str, int]], None]


def withdraw(load: Load, save: Save, amount: int, attempts: int) -> bool:
    """Load, decide, save; after a lost race all three again. As ``CommandBus.handle`` does it."""
    while True:
        account = load()
        if amount > account["balance"]:
            return False
        try:
            save({**account, "balance": account["balance"] - amount})
            return True
        except ConcurrencyError:
            attempts -= 1
            if attempts == 0:
                raise


class TriesForEver(BaseException):
    """No ``except Exception`` keeps such an answer going."""


class NotTheLast(Exception):
    """A ConcurrencyError that isn't the one that the last save raised."""


ERRORS: dict[str, Exception] = {
    "busy": StoreBusy("the store takes no writes at the moment"),
    "OperationalError": OperationalError("INSERT", None, Exception("database is locked")),
    "TimeoutError": TimeoutError("no answer for 30 s"),
    "ValueError": ValueError("no such account"),
}


class _Account:
    """A stream that others get at. Before each save, in turn: None, nobody; a number, somebody takes so much,
    with two events.

    One of ERRORS: that save fails with it. "after": somebody pays 1 in right after it.

    ``between``: somebody takes so much before the first load that isn't the only one of its attempt.
    """

    def __init__(self, balance: int, others: Sequence[int | str | None], between: int) -> None:
        self.balance = balance
        self.between = between
        self.loads = 0
        self.taken = 0
        self.version = 1
        self.others = list(others)
        self.saves = 0
        self.raised: list[ConcurrencyError] = []

    def load(self) -> dict[str, int]:
        self.loads += 1
        if self.loads == 2 and self.between:
            self._takes(self.between)
            self.between = 0
        return {"version": self.version, "balance": self.balance}

    def save(self, account: dict[str, int]) -> None:
        self.saves += 1
        if self.saves > 20:
            raise TriesForEver("20 attempts and no end")
        other = self.others.pop(0) if self.others else None
        if isinstance(other, str) and other in ERRORS:
            raise ERRORS[other]
        self.loads = 0
        if isinstance(other, int):
            self._takes(other)
        if account["version"] != self.version:
            lost = ConcurrencyError("ACC-1001", account["version"], self.version)
            self.raised.append(lost)
            raise lost
        self.balance = account["balance"]
        self.version += 1
        if other == "after":
            self.balance += 1
            self.version += 1

    def _takes(self, amount: int) -> None:
        self.balance -= amount
        self.taken += amount
        self.version += 2


def _play_withdraw(
    answer: Any, balance: int, others: list[int | str | None], amount: int, attempts: int, between: int
) -> Any:
    """Where somebody is ``between`` two loads, only whether the money adds up: who loads once meets nobody there."""
    account = _Account(balance, others, between)

    def watched() -> Any:
        try:
            return answer(account.load, account.save, amount, attempts)
        except ConcurrencyError as error:
            if not any(error is each for each in account.raised[-1:]):
                raise NotTheLast(str(error)) from error
            raise

    said = reply(watched)
    if between:
        left = balance - account.taken - (amount if said is True else 0)
        return {"in the account": "what must be left" if account.balance == left >= 0 else account.balance}
    return {"reply": said, "balance": account.balance, "saves": account.saves}


def _given_withdraw(balance: int, others: list[int | str | None], amount: int, attempts: int, between: int) -> str:
    told: dict[int | str | None, str] = {
        None: "nobody gets in",
        "busy": "the store is busy",
        **{name: f"raises {name}" for name in ERRORS if name != "busy"},
        "after": "somebody pays 1 in right after",
    }
    races = [f"save {number}: {told.get(other, f'somebody takes {other} just before')}"
             for number, other in enumerate(others, start=1)]  # fmt: skip
    twice = [f"somebody takes {between} between the first and the second load of an attempt"] if between else []
    return "; ".join([f"{balance} in the account, {amount} wanted, {attempts} attempts", *races, *twice])


# --- mistakes ---------------------------------------------------------------------------------------------------------


def _loads_once(load: Load, save: Save, amount: int, attempts: int) -> bool:
    account = load()
    return withdraw(lambda: account, save, amount, attempts)


def _decides_once(load: Load, save: Save, amount: int, attempts: int) -> bool:
    if amount > load()["balance"]:
        return False
    while True:
        account = load()
        try:
            save({**account, "balance": account["balance"] - amount})
            return True
        except ConcurrencyError:
            attempts -= 1
            if attempts == 0:
                raise


def _pays_from_another_load(load: Load, save: Save, amount: int, attempts: int) -> bool:
    while True:
        if amount > load()["balance"]:
            return False
        account = load()
        try:
            save({**account, "balance": account["balance"] - amount})
            return True
        except ConcurrencyError:
            attempts -= 1
            if attempts == 0:
                raise


def _refuses_all_of_it(load: Load, save: Save, amount: int, attempts: int) -> bool:
    while True:
        account = load()
        if amount >= account["balance"]:
            return False
        try:
            save({**account, "balance": account["balance"] - amount})
            return True
        except ConcurrencyError:
            attempts -= 1
            if attempts == 0:
                raise


def _gives_up_silently(load: Load, save: Save, amount: int, attempts: int) -> bool:
    try:
        return withdraw(load, save, amount, attempts)
    except ConcurrencyError:
        return False


def _never_tries_again(load: Load, save: Save, amount: int, attempts: int) -> bool:
    return withdraw(load, save, amount, 1)


def _tries_once_more(load: Load, save: Save, amount: int, attempts: int) -> bool:
    return withdraw(load, save, amount, attempts + 1)


def _saves_the_next_version(load: Load, save: Save, amount: int, attempts: int) -> bool:
    return withdraw(load, lambda account: save({**account, "version": account["version"] + 1}), amount, attempts)


def _makes_an_error_up(load: Load, save: Save, amount: int, attempts: int) -> bool:
    try:
        return withdraw(load, save, amount, attempts)
    except ConcurrencyError:
        version = load()["version"]
        raise ConcurrencyError("ACC-1001", version, version + 1) from None


def _repeats_the_save(load: Load, save: Save, amount: int, attempts: int) -> bool:
    account = load()
    if amount > account["balance"]:
        return False
    left = account["balance"] - amount
    while True:
        try:
            save({"version": account["version"], "balance": left})
            return True
        except ConcurrencyError:
            attempts -= 1
            if attempts == 0:
                raise
            account = load()


# --- the exercise -----------------------------------------------------------------------------------------------------

WITHDRAW = Exercise(
    name="withdraw",
    task=TASK,
    stub=(
        "from collections.abc import Callable\n\n"
        "from esworkbench.errors import ConcurrencyError\n\n"
        "Load = Callable[[], dict[str, int]]\n"
        "Save = Callable[[dict[str, int]], None]\n\n\n"
        "def my_withdraw(load: Load, save: Save, amount: int, attempts: int) -> bool: ..."
    ),
    reference=withdraw,
    cases=st.tuples(
        st.integers(0, 8),
        st.lists(st.sampled_from([None, 0, 1, 3, "after", *ERRORS]), max_size=4),
        st.integers(1, 6),
        st.integers(1, 3),
        st.just(0),
    ),
    examples=[
        (5, ["after"], 3, 1, 0),
        (5, [0, 0], 3, 2, 0),
        (5, [1, 1], 3, 2, 0),
        *((5, [error], 3, 2, 0) for error in ERRORS),
        (5, [], 3, 1, 3),
        (5, [], 3, 1, 1),
        (5, [1], 3, 2, 2),
        (5, [1], 3, 2, 1),
    ],
    play=_play_withdraw,
    given=_given_withdraw,
    hints=(
        "What of load, decide and save is still true after somebody else has written?",
        "All three go into the loop. `False` is for the rules; the last ConcurrencyError goes to the caller.",
    ),
    mistakes={
        "stale load": Mistake(
            _loads_once,
            "it never loads again: after a ConcurrencyError what it loaded is out of date, and stays so",
        ),
        "stale decision": Mistake(
            _decides_once, "it loads again but doesn't decide anew: what is left by now may be too little"
        ),
        "two loads": Mistake(
            _pays_from_another_load,
            "it decides on one load and pays from another, and in between somebody may have taken money: load once in "
            "each attempt",
        ),
        "swallowed": Mistake(
            _gives_up_silently,
            "when every attempt loses its race, let the last ConcurrencyError out: False means that the rules refused",
        ),
        "an error made up": Mistake(
            _makes_an_error_up,
            "it raises a ConcurrencyError of its own making: let out the one that the last save raised",
        ),
        "only the save again": Mistake(
            _repeats_the_save,
            "only the save is repeated, with a fresh version and the old balance: what somebody else took is back. "
            "The new balance comes from a fresh load",
        ),
        "no second try": Mistake(_never_tries_again, "it gives up after one lost race, though it may try again"),
        "one attempt too many": Mistake(
            _tries_once_more, "it saves once more than it may: the first attempt counts as one of `attempts`"
        ),
        "refused at equality": Mistake(
            _refuses_all_of_it, "it refuses to pay out the whole balance, but 0 may be left: look at the comparison"
        ),
        "the next version": Mistake(
            _saves_the_next_version,
            "it saves under the next version: `save` compares the version with the stream's, so hand in the loaded one",
        ),
    },
)
