"""Exercises of notebook 14: where to look, what was never answered, a repair that appends, and amounts in words."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text

from esworkbench.course.mechanism import Exercise, Exercises, Mistake, Wrong
from esworkbench.course.small_log import day, recorded_event
from esworkbench.domains.bank import AdjustBalance, Bank, Deposit, OpenAccount, bank_decoder
from esworkbench.domains.bank.compensate import BankCompensator
from esworkbench.domains.bank.events import WithdrawalCancelled, WithdrawalRequested, WithdrawalSettled
from esworkbench.domains.bank.read_models import AccountBalances
from esworkbench.event_store import EventStore, write_transaction
from esworkbench.events import DomainEvent, Event
from esworkbench.money import format_minor
from esworkbench.projections import ProjectionRunner


def where_to_look(claimed: int, shown: int, event_sum: int) -> str:
    """First the projection against the claim, then the events: like the first two of the seven steps."""
    if shown != event_sum:
        return "the projection"
    return "nowhere" if claimed == shown else "what was recorded"


def _screen_only(claimed: int, shown: int, event_sum: int) -> str:
    return "nowhere" if claimed == shown else "the projection"


def _customer_is_right(claimed: int, shown: int, event_sum: int) -> str:
    return "nowhere" if claimed == shown else where_to_look(claimed, shown, event_sum)


def _events_first(claimed: int, shown: int, event_sum: int) -> str:
    return "what was recorded" if claimed != event_sum else where_to_look(claimed, shown, event_sum)


def _examine_where(answer: Callable[[int, int, int], str]) -> None:
    if answer(2_095_616, 2_090_893, 2_090_893) == "the projection":
        raise Wrong("the projection shows what the events say: a rebuild would change nothing")
    if answer(100, 100, 75) == "nowhere":
        raise Wrong("customer and screen agree, but the events say otherwise: the next rebuild will move the balance")
    if answer(100, 75, 80) == "what was recorded":
        raise Wrong("the projection disagrees with its own events: put that right first, then look at the rest again")
    for given in [(209, 208, 208), (100, 100, 75), (100, 75, 80), (100, 75, 100), (100, 100, 100)]:
        if answer(*given) != where_to_look(*given):
            raise Wrong(f"claimed, shown and event sum {given}: look at {where_to_look(*given)!r}")


LIMIT = timedelta(hours=24)


def unanswered(events: Sequence[Event], now: datetime) -> list[str]:
    """Ids of requests older than the limit that nothing settled or cancelled."""
    waiting: dict[str, datetime] = {}
    for event in events:
        match event.data:
            case WithdrawalRequested(withdrawal_id=withdrawal_id):
                waiting[withdrawal_id] = event.recorded.recorded_at
            case WithdrawalSettled(withdrawal_id=withdrawal_id) | WithdrawalCancelled(withdrawal_id=withdrawal_id):
                waiting.pop(withdrawal_id, None)
    return [withdrawal_id for withdrawal_id, asked in waiting.items() if now - asked > LIMIT]


def _cancelled_forgotten(events: Sequence[Event], now: datetime) -> list[str]:
    return unanswered([event for event in events if not isinstance(event.data, WithdrawalCancelled)], now)


def _young_accused(events: Sequence[Event], now: datetime) -> list[str]:
    return unanswered(events, now + 10 * LIMIT)


def _by_amount(events: Sequence[Event], now: datetime) -> list[str]:
    waiting: dict[int, Event] = {}
    for event in events:
        if isinstance(event.data, WithdrawalRequested):
            waiting[event.data.amount_minor] = event
        elif isinstance(event.data, WithdrawalSettled | WithdrawalCancelled):
            waiting.pop(event.data.amount_minor, None)
    left = [event.data for event in waiting.values() if now - event.recorded.recorded_at > LIMIT]
    return [each.withdrawal_id for each in left if isinstance(each, WithdrawalRequested)]


def _event(version: int, data: DomainEvent, recorded: float) -> Event:
    return Event(recorded_event(version, type(data).__name__, "{}", recorded=recorded), data)


def _requested(withdrawal_id: str, amount: int) -> WithdrawalRequested:
    return WithdrawalRequested(withdrawal_id=withdrawal_id, amount_minor=amount, currency="USD", reference="CARD")


def _settled(withdrawal_id: str, amount: int) -> WithdrawalSettled:
    return WithdrawalSettled(withdrawal_id=withdrawal_id, amount_minor=amount, currency="USD")


def _cancelled(withdrawal_id: str, amount: int) -> WithdrawalCancelled:
    return WithdrawalCancelled(withdrawal_id=withdrawal_id, amount_minor=amount, currency="USD", reason="declined")


# Two purchases of 47.23, one of them settled; one that was cancelled; one from this morning.
HOLDS = [
    _event(1, _requested("W-DAY", 4_723), 1),
    _event(2, _requested("W-NIGHT", 4_723), 1.1),
    _event(3, _requested("W-SHOP", 2_000), 1.2),
    _event(4, _settled("W-DAY", 4_723), 1.3),
    _event(5, _cancelled("W-SHOP", 2_000), 1.4),
    _event(6, _requested("W-TODAY", 900), 9.8),
]


def _examine_unanswered(answer: Callable[[Sequence[Event], datetime], list[str]]) -> None:
    said = answer(list(HOLDS), day(10))
    if "W-SHOP" in said:
        raise Wrong("W-SHOP was cancelled: that is an answer too")
    if "W-TODAY" in said:
        raise Wrong("W-TODAY is a few hours old: within 24 hours an open hold is healthy")
    if said == []:
        raise Wrong("two purchases of the same amount: the settlement answers the id it names, not the amount")
    if list(said) != ["W-NIGHT"]:
        raise Wrong(f"only W-NIGHT was never answered, not {said}")


def put_right(bank: Bank, event: Event) -> None:
    """Append the opposite, dated like the original, under one key: the same intent twice is one event."""
    recorded, compensator = event.recorded, BankCompensator(bank)
    command = compensator.command_for(
        account="ACC-1", currency="USD", amount_minor=-4_723, event_id=recorded.event_id,
        event_type=recorded.event_type, payload={}, reason="booked twice", operator="you", case_id="CASE-1",
        valid_at=recorded.valid_at,
    )  # fmt: skip
    links = {"compensates": recorded.event_id}
    compensator.send(command, idempotency_key=f"repair:{recorded.event_id}", operator="you", metadata=links)


def _adjust(bank: Bank, event: Event, amount: int, *, key: str | None, valid_at: datetime | None) -> None:
    command = AdjustBalance(
        account_id="ACC-1", amount_minor=amount, currency="USD", reason="booked twice", operator="you",
        case_id="CASE-1", reference=f"REPAIR-{event.recorded.event_id}", valid_at=valid_at,
    )  # fmt: skip
    bank.handle(command, idempotency_key=key)


def _row_overwritten(bank: Bank, event: Event) -> None:
    with write_transaction(bank.store.engine) as connection:
        connection.execute(text("UPDATE account_balances SET balance_minor = 14723"))


def _twice(bank: Bank, event: Event) -> None:
    _adjust(bank, event, -4_723, key=None, valid_at=event.recorded.valid_at)


def _wrong_way(bank: Bank, event: Event) -> None:
    _adjust(bank, event, 4_723, key="repair", valid_at=event.recorded.valid_at)


def _dated_now(bank: Bank, event: Event) -> None:
    _adjust(bank, event, -4_723, key="repair", valid_at=None)


@contextmanager
def _bank_with_a_deposit_booked_twice() -> Iterator[tuple[Bank, Event]]:
    """10000, and 4723 twice under two event ids: the second of them is the event to make up for."""
    with tempfile.TemporaryDirectory(prefix="esworkbench-") as folder:
        now = [day(1)]
        store = EventStore.open(f"sqlite:///{(Path(folder) / 'bank.db').as_posix()}", clock=lambda: now[0])
        try:
            bank = Bank(store)
            bank.handle(OpenAccount(account_id="ACC-1", owner="Ada", currency="USD"))
            for amount, reference in [(10_000, "OPEN"), (4_723, "CASH-7"), (4_723, "CASH-7")]:
                deposit = Deposit(account_id="ACC-1", amount_minor=amount, currency="USD", reference=reference)
                bank.handle(deposit)
            now[0] = day(90)
            ProjectionRunner(store, AccountBalances(), bank_decoder(), run_id="exercise").catch_up()
            yield bank, bank_decoder().decode(store.read_all()[-1])
        finally:
            store.engine.dispose()


def _examine_put_right(answer: Callable[[Bank, Event], Any]) -> None:
    with _bank_with_a_deposit_booked_twice() as (bank, event):
        before = bank.store.read_all()
        answer(bank, event)
        after = bank.store.read_all()
        if after[: len(before)] != before:
            raise Wrong("an event that was recorded has changed: the past is made up for, never edited")
        if len(after) == len(before):
            raise Wrong(
                "no event was appended: whatever you wrote over a row, the next rebuild brings the old number back"
            )
        balance = bank.accounts.load("ACC-1").balance_minor
        if balance == 10_000 + 3 * 4_723:
            raise Wrong("the wrong way: money that was booked twice goes off the account, so the amount is negative")
        if balance != 14_723:
            raise Wrong(f"the account holds {balance}; with the deposit booked once it is 14723")
        if after[-1].valid_at != event.recorded.valid_at:
            raise Wrong(
                "the compensation is dated today, so every statement in between stays wrong: give it the valid_at of "
                "the event it makes up for"
            )
        answer(bank, event)
        if bank.store.read_all() != after:
            raise Wrong(
                "run twice, it compensates twice: an idempotency key, the same for the same intent, makes it one"
            )


def _divided(amount_minor: int, currency: str) -> str:
    return f"{amount_minor / 100:,.2f} {currency}"


def _floored(amount_minor: int, currency: str) -> str:
    if currency == "JPY":
        return format_minor(amount_minor, currency)
    return f"{amount_minor // 100:,}.{amount_minor % 100:02} {currency}"


def _always_cents(amount_minor: int, currency: str) -> str:
    return format_minor(amount_minor, "USD").replace("USD", currency)


def _examine_in_words(answer: Callable[[int, str], str]) -> None:
    if answer(-5, "USD") == "-1.95 USD":
        raise Wrong("-0.05 came out as -1.95: // rounds down, and below zero that is away from zero")
    if answer(9_007_199_254_740_993, "USD") != "90,071,992,547,409.93 USD":
        raise Wrong("90,071,992,547,409.93 lost a cent: a float holds 53 bits, so divide whole numbers, never with /")
    if answer(5_000, "JPY") == "50.00 JPY":
        raise Wrong("5000 yen are 5,000: the yen has no cents, decimals belong to the currency")
    for amount, currency in [(4_723, "USD"), (-123_456, "EUR"), (0, "USD"), (5_000, "JPY"), (-5, "USD")]:
        if answer(amount, currency) != format_minor(amount, currency):
            raise Wrong(f"{amount} in {currency} is written {format_minor(amount, currency)!r}")


exercises = Exercises(
    Exercise(
        name="where_to_look",
        task="Say 'the projection', 'what was recorded' or 'nowhere', given what the customer claims, what the screen "
        "shows, and the event sum.",
        examine=_examine_where,
        reference=where_to_look,
        hints=(
            "Two comparisons, and their order matters: which one needs no customer?",
            "First shown against event_sum.",
        ),
        mistakes={
            "always rebuild": Mistake(_screen_only, "a rebuild would change nothing"),
            "both agree": Mistake(_customer_is_right, "the next rebuild"),
            "events first": Mistake(_events_first, "put that right first"),
        },
    ),
    Exercise(
        name="unanswered",
        task="List the `withdrawal_id` of each request older than 24 hours that no event settled or cancelled. Each "
        "event has `data` and `recorded.recorded_at`.",
        examine=_examine_unanswered,
        reference=unanswered,
        hints=(
            "Which events end a request? There are two kinds.",
            "Keep a dictionary from withdrawal id to the time of the request; take out what is answered.",
        ),
        mistakes={
            "cancelled forgotten": Mistake(_cancelled_forgotten, "an answer too"),
            "young ones accused": Mistake(_young_accused, "healthy"),
            "by amount": Mistake(_by_amount, "not the amount"),
        },
    ),
    Exercise(
        name="put_right",
        task=(
            "A deposit of 47.23 on ACC-1 was booked twice; you get the `bank` and the second `event`. Put it right "
            "with `bank.handle(AdjustBalance(…), …)` (from `esworkbench.domains.bank`), in a way that is safe to "
            "run twice."
        ),
        examine=_examine_put_right,
        reference=put_right,
        hints=(
            "Nothing stored is touched: which event, appended, makes up for it?",
            "Minus 4723, valid_at of the event it makes up for, and an idempotency key made from that event's id.",
        ),
        mistakes={
            "the row overwritten": Mistake(_row_overwritten, "no event was appended"),
            "compensated twice": Mistake(_twice, "compensates twice"),
            "the wrong way": Mistake(_wrong_way, "the wrong way"),
            "dated now": Mistake(_dated_now, "dated today"),
        },
    ),
    Exercise(
        name="in_words",
        task="Write an amount in minor units for a report: 4723 in USD is '47.23 USD', thousands get commas. Mind "
        "negative amounts, large ones, and JPY.",
        examine=_examine_in_words,
        reference=format_minor,
        hints=("Stay in whole numbers.", "divmod(abs(amount_minor), 100), the sign apart; two digits for cents."),
        mistakes={
            "float money": Mistake(_divided, "lost a cent"),
            "rounded down": Mistake(_floored, "away from zero"),
            "yen with cents": Mistake(_always_cents, "no cents"),
        },
    ),
)
