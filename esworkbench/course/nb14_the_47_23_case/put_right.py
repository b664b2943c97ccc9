"""The exercise ``put_right``: what was booked too often is made up for by one event, however often it is run."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from typing import Any

from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from esworkbench.course.grader.exercise import Exercise, Mistake
from esworkbench.course.grader.meaning import Raised
from esworkbench.course.grader.observe import another_process, reply
from esworkbench.course.small_bank import as_made
from esworkbench.course.small_log import day
from esworkbench.cqrs.commands import Command, CommandReply
from esworkbench.domains.bank import AdjustBalance, Bank, CloseAccount, Deposit, OpenAccount, Withdraw, bank_decoder
from esworkbench.domains.bank.events import BalanceAdjusted, MoneyDeposited
from esworkbench.domains.bank.read_models import AccountBalances
from esworkbench.event_store import EventStore, write_transaction
from esworkbench.events import Event
from esworkbench.projections import ProjectionRunner

TASK = (
    "A deposit on `account_id` was booked too often, and `event` is one that should not be there: `event.data` has "
    "its `amount_minor` and `currency`, `event.recorded` its `event_id` and `valid_at`. Put it right with "
    "`bank.handle(AdjustBalance(…), idempotency_key=…)`, in a way that is safe to run twice. The adjustment is "
    "recorded now, as everything is; its `valid_at` is that of the event it makes up for, so that statements in "
    "between come right. Its `reason`, `operator`, `case_id` and `reference` may be any text but the empty one. Run "
    "again for the "
    "same event, even at the same time, nothing more is appended and nothing raised; run for another event, be it "
    "of the same amount and day, it makes up for that one as well. It is made in full even where the balance "
    "becomes negative. An error that keeps the adjustment from being appended gets out."
)


def put_right(bank: Bank, account_id: str, event: Event) -> None:
    """Append the opposite, dated like the original, under one key: the same intent twice is one event."""
    deposit = event.data
    assert isinstance(deposit, MoneyDeposited)
    command = AdjustBalance(
        account_id=account_id,
        amount_minor=-deposit.amount_minor,
        currency=deposit.currency,
        reason="booked twice",
        operator="you",
        case_id="CASE-1",
        reference=f"REPAIR-{event.recorded.event_id}",
        valid_at=event.recorded.valid_at,
    )
    bank.handle(command, idempotency_key=f"repair:{event.recorded.event_id}")


AT_HALF_PAST_NINE = timedelta(hours=9, minutes=30, microseconds=123_456)


def _two_accounts(store: EventStore) -> None:
    """A deposit of 47.23 three times over on one account, and twice on the other, which is in euros.

    All were recorded in the same millisecond, so that their ids begin alike.
    """
    store.clock = lambda: day(4)
    numbers = count(1)
    store.new_id = lambda: f"018ae97a-4c00-7000-8000-{next(numbers):012}"
    bank = Bank(store)
    for account, currency, times in [("ACC-1", "USD", 3), ("ACC-2", "EUR", 2)]:
        bank.handle(OpenAccount(account_id=account, owner="Ada", currency=currency, valid_at=day(1)))
        for amount, reference in [(10_000, "OPEN"), (250, "CASH-6"), (250, "CASH-6"), *[(4_723, "CASH-7")] * times]:
            deposit = Deposit(account_id=account, amount_minor=amount, currency=currency, reference=reference,
                              valid_at=day(2 if amount == 250 else 3) + AT_HALF_PAST_NINE)  # fmt: skip
            bank.handle(deposit)
    ProjectionRunner(store, AccountBalances(), bank_decoder(), run_id="exercise").catch_up()


WRONGLY_BOOKED = {"the second 47.23": 5, "the third 47.23": 6, "the second 2.50": 3, "the second 47.23 in euros": 12}
"""Where they stand in the log, counted from 0."""

AT_ONCE = "the second 47.23, twice at once"
DOWN = "the second 47.23, while the store raises "
ERRORS: dict[str, Exception] = {
    "ConnectionError": ConnectionError("the database is down"),
    "OperationalError": OperationalError("INSERT", None, Exception("disk full")),
    "TimeoutError": TimeoutError("no answer for 30 s"),
    "ValueError": ValueError("no such clock"),
}
ALL_DOWN = [f"{DOWN}{name}" for name in ERRORS]
OVERTAKEN = "the second 47.23, while others write before each attempt"
NEARLY_ALL = "a withdrawal of nearly all"
CLOSED = "a withdrawal of all, and the account is closed"
WITHDRAWN = {"a withdrawal": 1_000, NEARLY_ALL: 24_000, CLOSED: 10_000 + 2 * 250 + 3 * 4_723}
REFUSED = "the second 47.23, which is refused by now"
MEANWHILE = "MEANWHILE"


def _clock_that_raises(error: Exception) -> Callable[[], datetime]:
    def clock() -> datetime:
        raise error

    return clock


def _clock_that_is_overtaken(store: EventStore) -> Callable[[], datetime]:
    """Whoever asks it what time it is finds that somebody else has written."""

    def clock() -> datetime:
        store.clock = lambda: day(90)
        Bank(store).handle(Deposit(account_id="ACC-1", amount_minor=1, currency="USD", reference=MEANWHILE))
        store.clock = clock
        return day(90)

    return clock


class _Overtaken(Bank):
    """A bank where, before the first command is handled, somebody else does something."""

    def __init__(self, store: EventStore, first: Callable[[], object]) -> None:
        super().__init__(store)
        handle = self.handle
        waiting = [first]

        def after_that(command: Command, **named: Any) -> CommandReply:
            while waiting:
                waiting.pop()()
            return handle(command, **named)

        self.handle = after_that


def _play_put_right(answer: Any, steps: tuple[str, ...]) -> Any:
    """What was appended. A step is one run for an event, two runs at once, or something that the customer does.

    The store asks its clock before it writes, so a clock that raises stands for a database that is down.
    """
    store = as_made(_two_accounts)
    store.clock = lambda: day(90)
    before = store.read_all()
    errors = 0
    for number, step in enumerate(steps):
        name, _, how = step.partition(", ")
        if step in WITHDRAWN:
            took = Withdraw(account_id="ACC-1", amount_minor=WITHDRAWN[step], currency="USD", reference="ATM")
            Bank(store).handle(took)
            if step == CLOSED:
                Bank(store).handle(CloseAccount(account_id="ACC-1", reason="moved"))
            continue
        recorded = before[WRONGLY_BOOKED[name]]
        given = recorded.stream_id.removeprefix("BankAccount-"), bank_decoder().decode(recorded)
        with another_process(answer, number):
            if step in (*ALL_DOWN, OVERTAKEN, REFUSED):
                if step in ALL_DOWN:
                    store.clock = _clock_that_raises(ERRORS[step.removeprefix(DOWN)])
                elif step == OVERTAKEN:
                    store.clock = _clock_that_is_overtaken(store)
                errors += isinstance(reply(answer, Bank(store), *given), Raised)
                store.clock = lambda: day(90)
            elif how:
                answer(_Overtaken(store, partial(answer, Bank(store), *given)), *given)
            else:
                answer(Bank(store), *given)
    after = store.read_all()
    events = [bank_decoder().decode(recorded) for recorded in after[len(before) :]]
    appended = [_told(event) for event in events if getattr(event.data, "reference", "") != MEANWHILE]
    kept = after[: len(before)] == before
    return {"what was recorded": "as it was" if kept else "changed", "appended": appended, "errors let out": errors}


def _told(event: Event) -> tuple[Any, ...]:
    recorded, data = event.recorded, event.data
    return (
        recorded.event_type, recorded.stream_id, getattr(data, "amount_minor", None), getattr(data, "currency", None),
        f"valid at {recorded.valid_at}",
    )  # fmt: skip


def _shown_steps(steps: tuple[str, ...]) -> str:
    told = [step if step in WITHDRAWN else f"a run for {step}" for step in steps]
    return f"one after the other: {'; '.join(told)}"


STEPS = [*WRONGLY_BOOKED, AT_ONCE]


# --- mistakes ---------------------------------------------------------------------------------------------------------


def _adjust(bank: Bank, account_id: str, event: Event, *, sign: int = -1, dated: bool = True, key: str | None) -> None:
    """As ``put_right``, but for one thing."""
    data = _deposit(event)
    command = AdjustBalance(
        account_id=account_id, amount_minor=sign * data.amount_minor, currency=data.currency, reason="booked twice",
        operator="you", case_id="CASE-1", reference=f"REPAIR-{event.recorded.event_id}",
        valid_at=event.recorded.valid_at if dated else None,
    )  # fmt: skip
    bank.handle(command, idempotency_key=key)


def _row_overwritten(bank: Bank, account_id: str, event: Event) -> None:
    change = text("UPDATE account_balances SET balance_minor = balance_minor - :amount WHERE account_id = :account")
    with write_transaction(bank.store.engine) as connection:
        connection.execute(change, {"amount": _deposit(event).amount_minor, "account": account_id})


def _twice(bank: Bank, account_id: str, event: Event) -> None:
    _adjust(bank, account_id, event, key=None)


def _wrong_way(bank: Bank, account_id: str, event: Event) -> None:
    _adjust(bank, account_id, event, sign=1, key=event.recorded.event_id)


def _dated_now(bank: Bank, account_id: str, event: Event) -> None:
    _adjust(bank, account_id, event, dated=False, key=event.recorded.event_id)


def _one_key_for_all(bank: Bank, account_id: str, event: Event) -> None:
    _adjust(bank, account_id, event, key="repair")


def _one_key_for_an_amount(bank: Bank, account_id: str, event: Event) -> None:
    """The command says nothing either of which event it makes up for, so nobody notices."""
    data = _deposit(event)
    command = AdjustBalance(
        account_id=account_id, amount_minor=-data.amount_minor, currency=data.currency, reason="booked twice",
        operator="you", case_id="CASE-1", reference=data.reference, valid_at=event.recorded.valid_at,
    )  # fmt: skip
    bank.handle(command, idempotency_key=f"repair:{account_id}:{data.amount_minor}")


def _swallowed(bank: Bank, account_id: str, event: Event) -> None:
    with suppress(Exception):
        put_right(bank, account_id, event)


def _looked_first(bank: Bank, account_id: str, event: Event) -> None:
    done = [bank_decoder().decode(each).data for each in bank.store.read_stream(f"BankAccount-{account_id}")]
    references = [each.reference for each in done if isinstance(each, BalanceAdjusted)]
    if f"REPAIR-{event.recorded.event_id}" not in references:
        _adjust(bank, account_id, event, key=None)


def _deposit(event: Event) -> MoneyDeposited:
    assert isinstance(event.data, MoneyDeposited)
    return event.data


# --- the exercise -----------------------------------------------------------------------------------------------------

PUT_RIGHT = Exercise(
    name="put_right",
    task=TASK,
    stub=(
        "from esworkbench.domains.bank import AdjustBalance, Bank\n"
        "from esworkbench.events import Event\n\n\n"
        "def my_put_right(bank: Bank, account_id: str, event: Event) -> None: ..."
    ),
    reference=put_right,
    cases=st.tuples(
        st.sampled_from(
            [
                *[(step,) for step in STEPS],
                *[(step, step) for step in STEPS],
                ("the second 47.23", "a withdrawal", "the second 47.23"),
                (NEARLY_ALL, "the second 47.23", "the second 47.23"),
                (CLOSED, REFUSED),
                (OVERTAKEN, "the second 47.23"),
                *[(down,) for down in ALL_DOWN],
                *[(down, "the second 47.23") for down in ALL_DOWN],
                ("the second 47.23", "the third 47.23"),
                ("the third 47.23", "the second 2.50", "the third 47.23"),
                ("the second 47.23 in euros", AT_ONCE, "the second 47.23 in euros"),
            ]
        )
    ),
    examples=[
        (("the second 47.23", "the third 47.23", "the second 47.23 in euros", "the second 47.23", AT_ONCE),),
        *(((down, "the second 47.23"),) for down in ALL_DOWN),
        ((NEARLY_ALL, "the second 47.23"),),
        ((CLOSED, REFUSED),),
        ((OVERTAKEN,),),
    ],
    play=_play_put_right,
    given=_shown_steps,
    hints=(
        "Nothing stored is touched: which event, appended, makes up for it?",
        "Minus its amount, valid_at of the event it makes up for, and an idempotency key made from that event's id.",
    ),
    mistakes={
        "the row overwritten": Mistake(
            _row_overwritten,
            "no event was appended: whatever you wrote over a row, the next rebuild brings the old number back",
        ),
        "compensated twice": Mistake(
            _twice, "run twice, it compensates twice: an idempotency key, the same for the same event, makes it one"
        ),
        "the wrong way": Mistake(
            _wrong_way, "the wrong way: money that was booked too often goes off the account, so the amount is negative"
        ),
        "dated now": Mistake(
            _dated_now,
            "the compensation is dated today, so every statement in between stays wrong: give it the valid_at of the "
            "event it makes up for",
        ),
        "one key for all": Mistake(
            _one_key_for_all,
            "every event gets the same key, so only the first is put right: make it from the event's id",
        ),
        "one key for an amount": Mistake(
            _one_key_for_an_amount,
            "two events that are alike get the same key, so only one is put right: make it from the event's id",
        ),
        "swallowed": Mistake(
            _swallowed, "an error is swallowed: whoever runs this while the database is down believes that it is done"
        ),
        "looked first": Mistake(
            _looked_first,
            "of two that run at once both look before either has appended: the store checks a key as it appends",
        ),
    },
)
