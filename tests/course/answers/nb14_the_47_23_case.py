"""Answers to the exercises of notebook 14."""

import math
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext

from babel.numbers import get_currency_precision
from sqlalchemy.exc import OperationalError

from esworkbench.domains.bank import AdjustBalance, Bank, Withdraw, bank_decoder
from esworkbench.domains.bank.compensate import BankCompensator
from esworkbench.domains.bank.events import (
    MoneyDeposited,
    WithdrawalCancelled,
    WithdrawalRequested,
    WithdrawalSettled,
)
from esworkbench.errors import CommandRejected, ConcurrencyError, EsworkbenchError, IdempotencyConflict
from esworkbench.events import Event
from esworkbench.money import decimals_of, format_minor, to_major_units


def where_by_match(claimed: int, shown: int, event_sum: int) -> str:
    match shown == event_sum, claimed == shown:
        case True, True:
            return "nowhere"
        case True, False:
            return "what was recorded"
    return "the projection"


def where_by_set(claimed: int, shown: int, event_sum: int) -> str:
    if len({claimed, shown, event_sum}) == 1:
        return "nowhere"
    return "what was recorded" if event_sum == shown else "the projection"


def where_only_too_much(claimed: int, shown: int, event_sum: int) -> str:
    if shown > event_sum:
        return "the projection"
    return "what was recorded" if claimed > shown else "nowhere"


def where_against_the_claim(claimed: int, shown: int, event_sum: int) -> str:
    if claimed == shown == event_sum:
        return "nowhere"
    return "the projection" if claimed == event_sum else "what was recorded"


def where_it_is_not_close(claimed: int, shown: int, event_sum: int) -> str:
    if not math.isclose(shown, event_sum):
        return "the projection"
    return "nowhere" if math.isclose(claimed, shown) else "what was recorded"


def _where(claimed: object, shown: object, event_sum: object) -> str:
    if shown != event_sum:
        return "the projection"
    return "nowhere" if claimed == shown else "what was recorded"


def where_it_is_another_object(claimed: int, shown: int, event_sum: int) -> str:
    if shown is not event_sum:
        return "the projection"
    return "nowhere" if claimed is shown else "what was recorded"


def where_without_signs(claimed: int, shown: int, event_sum: int) -> str:
    return _where(abs(claimed), abs(shown), abs(event_sum))


def where_nothing_is_no_claim(claimed: int, shown: int, event_sum: int) -> str:
    return _where(claimed or shown, shown, event_sum)


def where_in_dollars(claimed: int, shown: int, event_sum: int) -> str:
    return _where(*(round(balance / 100, 2) for balance in (claimed, shown, event_sum)))


def where_in_32_bits(claimed: int, shown: int, event_sum: int) -> str:
    return _where(*(balance % 2**32 for balance in (claimed, shown, event_sum)))


def unanswered_by_sets(events: list[Event], now: datetime) -> set[str]:
    since = now.astimezone(UTC) - timedelta(days=1)
    asked = {
        event.data.withdrawal_id
        for event in events
        if isinstance(event.data, WithdrawalRequested) and event.recorded.recorded_at < since
    }
    answered = {
        event.data.withdrawal_id for event in events if isinstance(event.data, WithdrawalSettled | WithdrawalCancelled)
    }
    return asked - answered


def unanswered_one_by_one(events: list[Event], now: datetime) -> Iterator[str]:
    answers = [event.data for event in events if type(event.data) in (WithdrawalSettled, WithdrawalCancelled)]
    for event in reversed(events):
        match event.data:
            case WithdrawalRequested() as asked:
                hours = (now - event.recorded.recorded_at) / timedelta(hours=1)
                if hours > 24 and not any(asked.withdrawal_id == getattr(each, "withdrawal_id", 0) for each in answers):
                    yield asked.withdrawal_id


def unanswered_in_hours(events: list[Event], now: datetime) -> list[str]:
    """``seconds`` of a timedelta are those beside its days."""
    return [
        event.data.withdrawal_id
        for event in events
        if isinstance(event.data, WithdrawalRequested)
        and event.data.withdrawal_id in unanswered_by_sets(events, datetime.max.replace(tzinfo=UTC))
        and (now - event.recorded.recorded_at).seconds > 24 * 3600
    ]


def unanswered_raises_for_strangers(events: list[Event], now: datetime) -> list[str]:
    waiting = {}
    for event in events:
        if isinstance(event.data, WithdrawalRequested):
            waiting[event.data.withdrawal_id] = event.recorded.recorded_at
        elif isinstance(event.data, WithdrawalSettled | WithdrawalCancelled):
            del waiting[event.data.withdrawal_id]
    return [each for each, asked in waiting.items() if now - asked > timedelta(hours=24)]


def unanswered_by_whatever_has_an_id(events: list[Event], now: datetime) -> list[str]:
    """The first event of an id opens it, the second ends it."""
    waiting: dict[str, datetime] = {}
    for event in events:
        withdrawal_id = getattr(event.data, "withdrawal_id", None)
        if withdrawal_id in waiting:
            del waiting[withdrawal_id]
        elif withdrawal_id:
            waiting[withdrawal_id] = event.recorded.recorded_at
    return [each for each, asked in waiting.items() if now - asked > timedelta(hours=24)]


def unanswered_at_its_time(events: list[Event], now: datetime) -> list[str]:
    """Only an answer within 24 hours counts as one."""
    asked = {
        event.data.withdrawal_id: event.recorded.recorded_at
        for event in events
        if isinstance(event.data, WithdrawalRequested)
    }
    for event in events:
        if isinstance(event.data, WithdrawalSettled | WithdrawalCancelled):
            began = asked.get(event.data.withdrawal_id)
            if began and event.recorded.recorded_at - began <= timedelta(hours=24):
                del asked[event.data.withdrawal_id]
    return [each for each, began in asked.items() if now - began > timedelta(hours=24)]


def unanswered_without_zone(events: list[Event], now: datetime) -> list[str]:
    late = now.replace(tzinfo=UTC)
    return list(unanswered_by_sets(events, late))


def unanswered_in_one_text(events: list[Event], now: datetime) -> list[str]:
    answers = (each.data for each in events if isinstance(each.data, WithdrawalSettled | WithdrawalCancelled))
    answered = " ".join(each.withdrawal_id for each in answers)
    return [
        event.data.withdrawal_id
        for event in events
        if isinstance(event.data, WithdrawalRequested)
        and event.data.withdrawal_id not in answered
        and now - event.recorded.recorded_at > timedelta(hours=24)
    ]


def unanswered_in_the_first_of_two_hours(events: list[Event], now: datetime) -> list[str]:
    return list(unanswered_by_sets(events, now.replace(fold=0)))


def unanswered_in_whole_seconds(events: list[Event], now: datetime) -> list[str]:
    return _unanswered_cut(events, now, microsecond=0)


def unanswered_in_whole_minutes(events: list[Event], now: datetime) -> list[str]:
    return _unanswered_cut(events, now, second=0, microsecond=0)


def unanswered_in_whole_hours(events: list[Event], now: datetime) -> list[str]:
    return _unanswered_cut(events, now, minute=0, second=0, microsecond=0)


def unanswered_until_the_last_second(events: list[Event], now: datetime) -> list[str]:
    return list(unanswered_by_sets(events, now.replace(microsecond=0)))


def _unanswered_cut(events: list[Event], now: datetime, **cut: int) -> list[str]:
    since = (now.astimezone(UTC) - timedelta(days=1)).replace(**cut)  # type: ignore[arg-type]  # of a time only
    open_ones = unanswered_by_sets(events, datetime.max.replace(tzinfo=UTC))
    return [
        event.data.withdrawal_id
        for event in events
        if isinstance(event.data, WithdrawalRequested)
        and event.data.withdrawal_id in open_ones
        and event.recorded.recorded_at.replace(**cut) < since  # type: ignore[arg-type]  # of a time only
    ]


def _data(event: Event) -> MoneyDeposited:
    assert isinstance(event.data, MoneyDeposited)
    return event.data


def _adjustment(account_id: str, event: Event, **changed: object) -> AdjustBalance:
    fields = {
        "account_id": account_id,
        "amount_minor": -_data(event).amount_minor,
        "currency": _data(event).currency,
        "reason": "the same deposit again",
        "operator": "me",
        "case_id": "47-23",
        "reference": "again",
        "valid_at": event.recorded.valid_at,
    }
    return AdjustBalance(**(fields | changed))  # type: ignore[arg-type]  # one dictionary of texts, numbers and times


def put_right_by_id(bank: Bank, account_id: str, event: Event) -> None:
    bank.handle(_adjustment(account_id, event), idempotency_key=event.recorded.event_id)


def put_right_by_place(bank: Bank, account_id: str, event: Event) -> object:
    """A stream and a version name an event as well as its id does."""
    key = f"{event.recorded.stream_id} {event.recorded.version}"
    return bank.handle(_adjustment(account_id, event, reference=key), idempotency_key=key, actor="me")


def put_right_as_the_package_does(bank: Bank, account_id: str, event: Event) -> None:
    recorded, compensator = event.recorded, BankCompensator(bank)
    command = compensator.command_for(
        account=account_id, currency=_data(event).currency, amount_minor=-_data(event).amount_minor,
        event_id=recorded.event_id, event_type=recorded.event_type, payload={}, reason="booked twice", operator="me",
        case_id="47-23", valid_at=recorded.valid_at,
    )  # fmt: skip
    links = {"compensates": recorded.event_id}
    compensator.send(command, idempotency_key=f"repair:{recorded.event_id}", operator="me", metadata=links)


def put_right_with_a_constant_key(bank: Bank, account_id: str, event: Event) -> None:
    with suppress(IdempotencyConflict):
        bank.handle(_adjustment(account_id, event), idempotency_key="CASE-47-23")


def put_right_with_a_key_for_an_account(bank: Bank, account_id: str, event: Event) -> None:
    with suppress(IdempotencyConflict):
        bank.handle(_adjustment(account_id, event), idempotency_key=f"repair {account_id}")


def put_right_with_a_key_for_a_reference(bank: Bank, account_id: str, event: Event) -> None:
    bank.handle(_adjustment(account_id, event), idempotency_key=f"repair {account_id} {_data(event).reference}")


def put_right_with_a_new_key(bank: Bank, account_id: str, event: Event) -> None:
    bank.handle(_adjustment(account_id, event), idempotency_key=str(uuid.uuid4()))


def put_right_with_a_new_reference(bank: Bank, account_id: str, event: Event) -> None:
    """The second time it is another command under the same key."""
    bank.handle(_adjustment(account_id, event, reference=str(uuid.uuid4())), idempotency_key=event.recorded.event_id)


def put_right_by_withdrawing(bank: Bank, account_id: str, event: Event) -> None:
    data = _data(event)
    command = Withdraw(
        account_id=account_id, amount_minor=data.amount_minor, currency=data.currency, reference="again",
        valid_at=event.recorded.valid_at,
    )  # fmt: skip
    bank.handle(command, idempotency_key=event.recorded.event_id)


def put_right_in_dollars(bank: Bank, account_id: str, event: Event) -> None:
    bank.handle(_adjustment(account_id, event, currency="USD"), idempotency_key=event.recorded.event_id)


def put_right_47_23(bank: Bank, account_id: str, event: Event) -> None:
    bank.handle(_adjustment(account_id, event, amount_minor=-4_723), idempotency_key=event.recorded.event_id)


def put_right_as_recorded(bank: Bank, account_id: str, event: Event) -> None:
    command = _adjustment(account_id, event, valid_at=event.recorded.recorded_at)
    bank.handle(command, idempotency_key=event.recorded.event_id)


def put_right_by_the_beginning_of_the_id(bank: Bank, account_id: str, event: Event) -> None:
    """Which tells when it was recorded, to the millisecond."""
    bank.handle(_adjustment(account_id, event), idempotency_key=event.recorded.event_id[:13])


def put_right_whatever_is_raised(bank: Bank, account_id: str, event: Event) -> None:
    with suppress(Exception):
        bank.handle(_adjustment(account_id, event), idempotency_key=event.recorded.event_id)


def put_right_where_the_money_is_there(bank: Bank, account_id: str, event: Event) -> None:
    if bank.accounts.load(account_id).balance_minor >= _data(event).amount_minor:
        put_right_by_id(bank, account_id, event)


def put_right_as_far_as_money_is_there(bank: Bank, account_id: str, event: Event) -> None:
    amount = min(_data(event).amount_minor, bank.accounts.load(account_id).balance_minor)
    bank.handle(_adjustment(account_id, event, amount_minor=-amount), idempotency_key=event.recorded.event_id)


def put_right_where_it_is_open(bank: Bank, account_id: str, event: Event) -> None:
    if not bank.accounts.load(account_id).closed:
        put_right_by_id(bank, account_id, event)


def _put_right_but_for(*errors: type[Exception]) -> Callable[[Bank, str, Event], None]:
    """One that swallows these."""

    def put_right_so(bank: Bank, account_id: str, event: Event) -> None:
        with suppress(*errors):
            put_right_by_id(bank, account_id, event)

    return put_right_so


put_right_unless_it_is_refused = _put_right_but_for(CommandRejected)
put_right_unless_the_store_fails = _put_right_but_for(EsworkbenchError)
put_right_unless_races_are_lost = _put_right_but_for(ConcurrencyError)
put_right_unless_time_is_out = _put_right_but_for(TimeoutError)
put_right_unless_the_database_fails = _put_right_but_for(OperationalError)
put_right_unless_of_no_value = _put_right_but_for(ValueError)


def put_right_by_hash(bank: Bank, account_id: str, event: Event) -> None:
    bank.handle(_adjustment(account_id, event), idempotency_key=str(hash(event)))


def put_right_by_the_ids_hash(bank: Bank, account_id: str, event: Event) -> None:
    bank.handle(_adjustment(account_id, event), idempotency_key=str(hash(event.recorded.event_id)))


def put_right_at_midnight(bank: Bank, account_id: str, event: Event) -> None:
    midnight = event.recorded.valid_at.replace(hour=0, minute=0, second=0, microsecond=0)
    bank.handle(_adjustment(account_id, event, valid_at=midnight), idempotency_key=event.recorded.event_id)


def put_right_to_the_second(bank: Bank, account_id: str, event: Event) -> None:
    second = event.recorded.valid_at.replace(microsecond=0)
    bank.handle(_adjustment(account_id, event, valid_at=second), idempotency_key=event.recorded.event_id)


def put_right_by_the_balance(bank: Bank, account_id: str, event: Event) -> None:
    """Once the balance is where it belongs, nothing more is done: but then somebody withdraws money."""
    right = sum(
        data.amount_minor
        for data in {
            (each.data.reference, each.data.amount_minor): each.data
            for each in map(bank_decoder().decode, bank.store.read_stream(f"BankAccount-{account_id}"))
            if isinstance(each.data, MoneyDeposited)
        }.values()
    )
    if bank.accounts.load(account_id).balance_minor > right:
        bank.handle(_adjustment(account_id, event))


def in_words_by_decimal(amount_minor: int, currency: str) -> str:
    places = decimals_of(currency)
    return f"{Decimal(amount_minor) / 10**places:,.{places}f} {currency}"


def in_words_by_ample_decimal(amount_minor: int, currency: str) -> str:
    places = decimals_of(currency)
    with localcontext(prec=100):
        return f"{Decimal(amount_minor) / 10**places:,.{places}f} {currency}"


def in_words_by_scaling(amount_minor: int, currency: str) -> str:
    return f"{Decimal(amount_minor).scaleb(-decimals_of(currency)):,} {currency}"


def in_words_by_text(amount_minor: int, currency: str) -> str:
    places = decimals_of(currency)
    digits = str(abs(amount_minor)).zfill(places + 1)
    cut = len(digits) - places
    text = f"{int(digits[:cut]):,}" + (f".{digits[cut:]}" if places else "")
    return ("-" if amount_minor < 0 else "") + text + " " + currency


def in_words_by_to_major_units(amount_minor: int, currency: str) -> str:
    return f"{to_major_units(amount_minor, decimals_of(currency)):,} {currency}"


def in_words_by_rounding(amount_minor: int, currency: str) -> str:
    places = decimals_of(currency)
    return f"{round(amount_minor / 10**places, places):,.{places}f} {currency}"


def in_words_without_commas(amount_minor: int, currency: str) -> str:
    return format_minor(amount_minor, currency).replace(",", "")


def in_words_yen_only(amount_minor: int, currency: str) -> str:
    """Everything that isn't yen has two decimals."""
    return format_minor(amount_minor, currency, 0 if currency == "JPY" else 2)


def in_words_of_three_currencies(amount_minor: int, currency: str) -> str:
    return format_minor(amount_minor, currency, {"JPY": 0, "KWD": 3}.get(currency, 2))


def in_words_as_people_write_it(amount_minor: int, currency: str) -> str:
    """Iraqi dinars have fils, but nobody writes them."""
    return format_minor(amount_minor, currency, get_currency_precision(currency))


def in_words_by_a_longer_decimal(amount_minor: int, currency: str) -> str:
    places = decimals_of(currency)
    with localcontext(prec=60):
        return f"{Decimal(amount_minor) / 10**places:,.{places}f} {currency}"


def in_words_with_a_negative_zero(amount_minor: int, currency: str) -> str:
    text = format_minor(abs(amount_minor), currency)
    return text if amount_minor > 0 else f"-{text}"


def in_words_in_words(amount_minor: int, currency: str) -> str:
    return f"{currency} {format_minor(amount_minor, currency).removesuffix(f' {currency}')}"


RIGHT = {
    "where_to_look": [where_by_match, where_by_set],
    "unanswered": [unanswered_by_sets, unanswered_one_by_one],
    "put_right": [put_right_by_id, put_right_by_place, put_right_as_the_package_does],
    "in_words": [in_words_by_ample_decimal, in_words_by_text, in_words_by_to_major_units, format_minor],
}
WRONG = {
    "where_to_look": [
        where_only_too_much,
        where_against_the_claim,
        where_it_is_not_close,
        where_it_is_another_object,
        where_without_signs,
        where_nothing_is_no_claim,
        where_in_dollars,
        where_in_32_bits,
    ],
    "unanswered": [
        unanswered_in_hours,
        unanswered_raises_for_strangers,
        unanswered_by_whatever_has_an_id,
        unanswered_at_its_time,
        unanswered_without_zone,
        unanswered_in_one_text,
        unanswered_in_the_first_of_two_hours,
        unanswered_in_whole_seconds,
        unanswered_in_whole_minutes,
        unanswered_in_whole_hours,
        unanswered_until_the_last_second,
    ],
    "put_right": [
        put_right_with_a_constant_key,
        put_right_with_a_key_for_an_account,
        put_right_with_a_key_for_a_reference,
        put_right_with_a_new_key,
        put_right_with_a_new_reference,
        put_right_by_withdrawing,
        put_right_in_dollars,
        put_right_47_23,
        put_right_as_recorded,
        put_right_by_the_balance,
        put_right_by_the_beginning_of_the_id,
        put_right_whatever_is_raised,
        put_right_where_the_money_is_there,
        put_right_as_far_as_money_is_there,
        put_right_where_it_is_open,
        put_right_unless_it_is_refused,
        put_right_unless_the_store_fails,
        put_right_unless_races_are_lost,
        put_right_unless_time_is_out,
        put_right_unless_the_database_fails,
        put_right_unless_of_no_value,
        put_right_by_hash,
        put_right_by_the_ids_hash,
        put_right_at_midnight,
        put_right_to_the_second,
    ],
    "in_words": [
        in_words_by_decimal,
        in_words_by_scaling,
        in_words_by_rounding,
        in_words_without_commas,
        in_words_yen_only,
        in_words_of_three_currencies,
        in_words_as_people_write_it,
        in_words_by_a_longer_decimal,
        in_words_with_a_negative_zero,
        in_words_in_words,
    ],
}
EQUIVALENT: dict[str, dict[str, str]] = {}
