"""What each read model of the bank says, and that a batch says the same as its events one by one."""

import random
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from projection_logs import BankLog, Expected, encoded, rows_of, whole_log
from sqlalchemy import Connection

from esworkbench.domains.bank import (
    AccountClosed,
    AccountOpened,
    MoneyDeposited,
    MoneyWithdrawn,
    WithdrawalCancelled,
    WithdrawalRequested,
    WithdrawalSettled,
    bank_decoder,
)
from esworkbench.domains.bank.read_models import (
    BANK_PROJECTIONS,
    AccountBalances,
    DailySummaries,
    PendingWithdrawals,
    TransactionHistory,
)
from esworkbench.domains.bank.read_models.account_balances import account_balances
from esworkbench.domains.bank.read_models.daily_summaries import daily_summaries
from esworkbench.domains.bank.read_models.pending_withdrawals import pending_withdrawals
from esworkbench.domains.bank.read_models.transaction_history import transaction_history
from esworkbench.event_store import EventStore
from esworkbench.events import DomainEvent, Event, RecordedEvent
from esworkbench.projections import Projection

NOON = datetime(2024, 3, 30, 12, tzinfo=UTC)


@pytest.fixture
def connection(store_url: str) -> Iterator[Connection]:
    store = EventStore.open(store_url)
    with store.engine.begin() as connection:
        yield connection
    store.engine.dispose()


def events_of(*facts: DomainEvent, step: timedelta = timedelta(hours=1)) -> list[Event]:
    """The facts as account a1's stream, recorded from noon of 30 March 2024 UTC, ``step`` apart."""
    return [event_at(number, NOON + (number - 1) * step, fact) for number, fact in enumerate(facts, start=1)]


def event_at(number: int, recorded_at: datetime, fact: DomainEvent) -> Event:
    new = encoded(fact)
    recorded = RecordedEvent(
        global_position=number * 10,
        stream_id="BankAccount-a1",
        version=number,
        event_id=f"e{number}",
        event_type=new.event_type,
        schema_version=new.schema_version,
        payload=new.payload,
        metadata=b"{}",
        recorded_at=recorded_at,
        valid_at=recorded_at,
        prev_hash="0" * 64,
        hash="0" * 64,
    )
    return Event(recorded, fact)


def deposit(amount: int, currency: str = "USD") -> MoneyDeposited:
    return MoneyDeposited(amount_minor=amount, currency=currency, reference=f"d{amount}")


def withdraw(amount: int) -> MoneyWithdrawn:
    return MoneyWithdrawn(amount_minor=amount, currency="USD", reference=f"w{amount}")


def request(withdrawal_id: str, amount: int) -> WithdrawalRequested:
    return WithdrawalRequested(withdrawal_id=withdrawal_id, amount_minor=amount, currency="USD", reference="r")


def settle(withdrawal_id: str, amount: int) -> WithdrawalSettled:
    return WithdrawalSettled(withdrawal_id=withdrawal_id, amount_minor=amount, currency="USD")


def cancel(withdrawal_id: str, amount: int) -> WithdrawalCancelled:
    return WithdrawalCancelled(withdrawal_id=withdrawal_id, amount_minor=amount, currency="USD", reason="changed mind")


OPENED = AccountOpened(account_id="a1", owner="Ada", currency="USD")
CLOSED = AccountClosed(reason="moved")


def rows_after(projection: Projection, connection: Connection, events: list[Event], batch: int = 1000) -> list[Any]:
    projection.drop_tables(connection)
    projection.create_tables(connection)
    for start in range(0, len(events), batch):
        projection.handle_many(events[start : start + batch], connection)
    return rows_of(connection, projection.tables[0])


@pytest.mark.parametrize("make", BANK_PROJECTIONS.values(), ids=BANK_PROJECTIONS)
@pytest.mark.parametrize("seed", range(3))
def test_a_batch_leaves_the_rows_its_events_leave_one_by_one(
    store_url: str, make: Callable[[], Projection], seed: int
) -> None:
    store = EventStore.open(store_url)
    BankLog(store, seed=seed, accounts=3).write(80)
    events = list(bank_decoder().decode_all(whole_log(store)))
    expected = Expected(whole_log(store), 10**9).rows(make().name)
    with store.engine.begin() as connection:
        for batch in (1, 7, 1000):
            assert rows_after(make(), connection, events, batch) == expected
    store.engine.dispose()


def test_a_hold_is_taken_off_the_balance_until_it_is_cancelled(connection: Connection) -> None:
    facts = [OPENED, deposit(1000), request("w1", 300), settle("w1", 300), request("w2", 50), cancel("w2", 50), CLOSED]
    balances = [
        rows_after(AccountBalances(), connection, events_of(*facts[:count]))[0][2] for count in range(1, len(facts) + 1)
    ]
    assert balances == [0, 1000, 700, 700, 650, 700, 700]
    assert rows_of(connection, account_balances) == [("a1", "USD", 700, 6, 60)]


def test_two_currencies_are_two_balances(connection: Connection) -> None:
    rows = rows_after(AccountBalances(), connection, events_of(OPENED, deposit(5), deposit(7, "EUR")))
    assert rows == [("a1", "EUR", 7, 3, 30), ("a1", "USD", 5, 2, 20)]


def test_history_has_a_row_for_each_posting_settlements_included(connection: Connection) -> None:
    facts = [OPENED, deposit(1000), request("w1", 300), settle("w1", 300), deposit(9, "EUR"), CLOSED]
    rows_after(TransactionHistory(), connection, events_of(*facts))
    assert [(row[5], row[1], row[3], row[4], row[6]) for row in rows_of(connection, transaction_history)] == [
        ("EUR", 50, "MoneyDeposited", 9, 9),
        ("USD", 20, "MoneyDeposited", 1000, 1000),
        ("USD", 30, "WithdrawalRequested", -300, 700),
        ("USD", 40, "WithdrawalSettled", 0, 700),
    ]


@pytest.mark.parametrize("batch", [1, 2, 1000])
def test_only_open_holds_are_pending(connection: Connection, batch: int) -> None:
    facts = [request("w1", 300), request("w2", 50), request("w3", 7), cancel("w2", 50), settle("w1", 300)]
    rows = rows_after(PendingWithdrawals(), connection, events_of(*facts), batch)
    assert rows == [("a1", "w3", "USD", 7, NOON + timedelta(hours=2), 30)]


@pytest.mark.parametrize("batch", [1, 2, 1000])
def test_a_withdrawal_id_used_again_is_pending_again(connection: Connection, batch: int) -> None:
    facts = [request("w1", 300), cancel("w1", 300), request("w1", 20)]
    rows_after(PendingWithdrawals(), connection, events_of(*facts), batch)
    assert [(row[1], row[3]) for row in rows_of(connection, pending_withdrawals)] == [("w1", 20)]


def test_days_are_those_of_the_stated_time_zone(connection: Connection) -> None:
    """Zurich's clocks went forward on 31 March 2024, so its midnights are at 23:00 and then 22:00 UTC."""
    events = [
        event_at(1, NOON, deposit(1)),
        event_at(2, NOON + timedelta(hours=11), deposit(20)),
        event_at(3, NOON + timedelta(hours=34), deposit(300)),
    ]
    in_utc = rows_after(DailySummaries(), connection, events)
    in_zurich = rows_after(DailySummaries("Europe/Zurich"), connection, events)
    assert [(row[2], row[3], row[5]) for row in in_utc] == [
        (date(2024, 3, 30), 21, 21),
        (date(2024, 3, 31), 300, 321),
    ]
    assert [(row[2], row[3], row[5]) for row in in_zurich] == [
        (date(2024, 3, 30), 1, 1),
        (date(2024, 3, 31), 20, 21),
        (date(2024, 4, 1), 300, 321),
    ]


@pytest.mark.parametrize("batch", [1, 3, 1000])
def test_a_clock_that_goes_back_still_gives_right_closings(connection: Connection, batch: int) -> None:
    rng = random.Random(batch)
    facts = [rng.choice([deposit, withdraw])(rng.randint(1, 900)) for _ in range(40)]
    events = [event_at(n, NOON + timedelta(days=rng.randint(0, 6)), fact) for n, fact in enumerate(facts, start=1)]
    expected = Expected([event.recorded for event in events], 10**9, ZoneInfo("UTC")).rows("daily_summaries")
    assert rows_after(DailySummaries(), connection, events, batch) == expected
    assert [tuple(row) for row in rows_of(connection, daily_summaries)] == expected
