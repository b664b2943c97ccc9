"""Promise 7, as whoever asks sees it: an answer says how much of the log it shows, and isn't taken for newer."""

from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from read_side import BothSides, deposit
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from esworkbench.cqrs.queries import Found, Query, QueryBus
from esworkbench.domains.bank import CancelWithdrawal, CloseAccount, RequestWithdrawal, SettleWithdrawal, Withdraw
from esworkbench.domains.bank.queries import (
    Balance,
    BalanceOfAccount,
    BankQueries,
    Day,
    DaysOfAccount,
    HistoryOfAccount,
    PendingWithdrawalsOfAccount,
    PendingWithdrawalsOlderThan,
)
from esworkbench.domains.bank.read_models import AccountBalances
from esworkbench.domains.bank.read_models.account_balances import account_balances
from esworkbench.errors import UnusableInput
from esworkbench.event_store import EventStore, write_transaction
from esworkbench.events import NewEvent
from tests.support import START

BALANCE = BalanceOfAccount(account_id="pm", currency="USD")
HISTORY = HistoryOfAccount(account_id="pm", currency="USD")


def request(withdrawal_id: str) -> RequestWithdrawal:
    return RequestWithdrawal(
        account_id="pm", withdrawal_id=withdrawal_id, amount_minor=10_00, currency="USD", reference=withdrawal_id
    )


def test_an_answer_says_up_to_which_version_and_position_it_is_right(sides: BothSides) -> None:
    assert sides.queries.ask(BALANCE)[:2] == (Balance("pm", "USD", 100_00), 2)
    sides.bank.handle(deposit("pm", 500_00))
    behind = sides.queries.ask(BALANCE)
    assert (behind.value, behind.version, behind.lag.checkpoint, behind.lag.positions) == (
        Balance("pm", "USD", 100_00), 2, 2, 1,
    )  # fmt: skip
    assert behind.lag.seconds > 0
    sides.catch_up()
    caught_up = sides.queries.ask(BALANCE)
    assert (caught_up.value, caught_up.version, caught_up.lag.checkpoint) == (Balance("pm", "USD", 600_00), 3, 3)
    assert (caught_up.lag.positions, caught_up.lag.seconds) == (0, 0)


def test_nothing_is_known_of_another_account_or_currency(sides: BothSides) -> None:
    assert sides.queries.ask(BalanceOfAccount(account_id="nobody", currency="USD")).value is None
    assert sides.queries.ask(BalanceOfAccount(account_id="pm", currency="EUR")).value is None
    assert sides.queries.ask(HistoryOfAccount(account_id="pm", currency="EUR")).value.transactions == []


def test_pages_of_history_meet_and_nothing_booked_meanwhile_moves_them(sides: BothSides) -> None:
    for amount in range(1, 6):
        sides.bank.handle(deposit("pm", amount))
    sides.catch_up()
    first = sides.queries.ask(HistoryOfAccount(account_id="pm", currency="USD", limit=3)).value
    assert [row.amount_minor for row in first.transactions] == [5, 4, 3]
    assert first.transactions[0].balance_after_minor == 100_15
    sides.bank.handle(deposit("pm", 6))
    sides.catch_up()
    second = HistoryOfAccount(account_id="pm", currency="USD", limit=3, before=first.next_before)
    page = sides.queries.ask(second).value
    assert [row.amount_minor for row in page.transactions] == [2, 1, 100_00]
    assert page.next_before is None
    with pytest.raises(UnusableInput, match="at least 1"):
        sides.queries.ask(HistoryOfAccount(account_id="pm", currency="USD", limit=0))


def test_days_are_those_asked_for(sides: BothSides) -> None:
    sides.bank.handle(Withdraw(account_id="pm", amount_minor=30_00, currency="USD", reference="rent"))
    sides.catch_up()
    days = DaysOfAccount(account_id="pm", currency="USD", first=START.date(), last=START.date())
    assert sides.queries.ask(days).value == [Day(START.date(), 100_00, 30_00, 70_00)]
    before = DaysOfAccount(account_id="pm", currency="USD", first=date(2000, 1, 1), last=date(2025, 12, 31))
    assert sides.queries.ask(before).value == []


def test_the_monitor_sees_the_holds_that_are_open_for_longer_than_the_limit(sides: BothSides) -> None:
    for withdrawal_id in ("old", "settled", "cancelled", "young"):
        sides.bank.handle(request(withdrawal_id))
    sides.bank.handle(SettleWithdrawal(account_id="pm", withdrawal_id="settled"))
    sides.bank.handle(CancelWithdrawal(account_id="pm", withdrawal_id="cancelled", reason="typo"))
    sides.catch_up()
    open_holds = sides.queries.ask(PendingWithdrawalsOfAccount(account_id="pm")).value
    assert [hold.withdrawal_id for hold in open_holds] == ["old", "young"]

    limit = timedelta(hours=24)
    now = open_holds[1].requested_at + limit
    [hold] = sides.queries.ask(PendingWithdrawalsOlderThan(limit=limit, now=now)).value
    assert (hold.withdrawal_id, hold.amount_minor, hold.currency) == ("old", 10_00, "USD")
    assert sides.queries.ask(PendingWithdrawalsOlderThan(limit=limit, now=open_holds[0].requested_at)).value == []
    with pytest.raises(UnusableInput, match="no offset"):
        sides.queries.ask(PendingWithdrawalsOlderThan(limit=limit, now=now.replace(tzinfo=None)))


def test_the_monitor_counts_real_hours_where_clocks_were_put_on_meanwhile(sides: BothSides) -> None:
    sides.bank.handle(request("old"))
    sides.catch_up()
    [hold] = sides.queries.ask(PendingWithdrawalsOfAccount(account_id="pm")).value
    limit = timedelta(days=180)
    now = (hold.requested_at + limit).astimezone(ZoneInfo("Europe/Zurich"))
    assert now.dst() != hold.requested_at.astimezone(now.tzinfo).dst()
    assert sides.queries.ask(PendingWithdrawalsOlderThan(limit=limit, now=now)).value == []


def test_waiting_ends_when_the_row_shows_the_version(sides: BothSides) -> None:
    reply = sides.bank.handle(deposit("pm", 500_00))
    sides.waiting.meanwhile[3] = sides.catch_up
    answer = sides.queries.wait_for(BALANCE, version=reply.version)
    assert (answer.value, answer.stale) == (Balance("pm", "USD", 600_00), False)
    assert sides.waiting.pauses == [0.005, 0.01, 0.02]


def test_a_version_that_the_row_has_passed_needs_no_waiting(sides: BothSides) -> None:
    first = sides.bank.handle(deposit("pm", 1))
    sides.bank.handle(deposit("pm", 2))
    sides.catch_up()
    assert sides.queries.wait_for(BALANCE, version=first.version).value == Balance("pm", "USD", 100_03)
    assert sides.waiting.pauses == []


def test_waiting_for_a_position_ends_at_the_read_models_own_checkpoint(sides: BothSides) -> None:
    """The history keeps no version, and another projection's checkpoint says nothing about it."""
    reply = sides.bank.handle(deposit("pm", 500_00))
    sides.catch_up("account_balances")
    sides.waiting.meanwhile[2] = lambda: sides.catch_up("transaction_history")
    answer = sides.queries.wait_for(HISTORY, position=reply.position)
    assert (answer.value.transactions[0].amount_minor, answer.stale) == (500_00, False)
    assert len(sides.waiting.pauses) == 2


def test_an_event_that_leaves_the_row_alone_is_waited_for_by_its_position(sides: BothSides) -> None:
    """Closing posts nothing, so the balance's row will never show that version."""
    sides.bank.handle(Withdraw(account_id="pm", amount_minor=100_00, currency="USD", reference="all"))
    closed = sides.bank.handle(CloseAccount(account_id="pm", reason="moved"))
    sides.catch_up()
    assert sides.queries.wait_for(BALANCE, version=closed.version, position=closed.position).stale is False
    assert sides.waiting.pauses == []
    by_version_alone = sides.queries.wait_for(BALANCE, version=closed.version, at_most_seconds=1.0)
    assert by_version_alone.stale is True


def test_time_out_is_an_answer_that_says_how_far_behind_it_is(sides: BothSides) -> None:
    reply = sides.bank.handle(deposit("pm", 500_00))
    answer = sides.queries.wait_for(BALANCE, version=reply.version, position=reply.position, at_most_seconds=1.0)
    assert answer.stale is True
    assert (answer.value, answer.lag.positions) == (Balance("pm", "USD", 100_00), 1)
    assert sum(sides.waiting.pauses) == pytest.approx(1.0)
    assert max(sides.waiting.pauses) == 0.1


def test_at_most_0_seconds_looks_once(sides: BothSides) -> None:
    reply = sides.bank.handle(deposit("pm", 500_00))
    assert sides.queries.wait_for(BALANCE, position=reply.position, at_most_seconds=0).stale is True
    assert sides.waiting.pauses == []


def test_nobody_waits_for_an_event_that_was_parked_and_its_row_is_called_stale(sides: BothSides) -> None:
    """Promise 11: the checkpoint has passed it and a later event has moved the row on, yet the money isn't in it."""
    broken = NewEvent(event_type="MoneyDeposited", schema_version=3, payload=b'{"amount_minor": 50000}')
    parked = sides.store.append("BankAccount-pm", [broken], expected_version=2).events[0]
    fee = b'{"amount_minor": 1, "currency": "USD", "reference": "r", "reason": "monthly"}'
    sides.store.append("BankAccount-pm", [NewEvent(event_type="FeeCharged", payload=fee)], expected_version=3)
    sides.catch_up()
    answer = sides.queries.wait_for(BALANCE, version=parked.version, position=parked.global_position)
    assert (answer.value, answer.version) == (Balance("pm", "USD", 99_99), 4)
    assert (answer.stale, answer.parked, sides.waiting.pauses) == (True, True, [])


def test_what_can_never_be_reached_is_refused_at_once(sides: BothSides) -> None:
    with pytest.raises(ValueError, match="HistoryOfAccount can't wait for version 3"):
        sides.queries.wait_for(HISTORY, version=3)
    with pytest.raises(ValueError, match="BalanceOfAccount can't wait for version None"):
        sides.queries.wait_for(BALANCE)


def test_rows_and_checkpoint_come_from_one_snapshot(sides: BothSides) -> None:
    """A batch committed between reading the one and reading the other must not show through."""
    bus = QueryBus(sides.store.engine, clock=sides.store.clock)

    class Slow(Query[int], frozen=True, kw_only=True):
        pass

    def read_slowly(_query: Slow, connection: Connection) -> Found[int]:
        sides.bank.handle(deposit("pm", 500_00))
        sides.catch_up()
        return Found(connection.execute(account_balances.select()).one().balance_minor)

    bus.register(Slow, AccountBalances, read_slowly)
    answer = bus.ask(Slow())
    assert (answer.value, answer.lag.checkpoint) == (100_00, 2)
    assert bus.ask(Slow()).lag.checkpoint == 3


def test_a_read_model_that_was_never_built_is_said_to_be_missing(store_url: str) -> None:
    queries = BankQueries(EventStore.open(store_url).engine)
    with pytest.raises(UnusableInput, match="'account_balances' was asked, but account_balances"):
        queries.ask(BALANCE)


def test_asking_changes_nothing(postgres_url: str) -> None:
    """PostgreSQL itself sees to it; SQLite has no read-only transactions."""
    sides = BothSides(postgres_url)
    sides.catch_up()
    bus = QueryBus(sides.store.engine)

    def write(_query: BalanceOfAccount, connection: Connection) -> Found[Any]:
        connection.execute(account_balances.delete())
        return Found(None)

    bus.register(BalanceOfAccount, AccountBalances, write)
    with pytest.raises(DBAPIError, match="read-only transaction"):
        bus.ask(BALANCE)
    with write_transaction(sides.store.engine) as connection:
        connection.execute(account_balances.delete())
    sides.store.engine.dispose()


def test_one_query_has_one_handler(sides: BothSides) -> None:
    bus = QueryBus(sides.store.engine)
    with pytest.raises(LookupError, match="no handler is registered for BalanceOfAccount"):
        bus.ask(BALANCE)
    bus.register(BalanceOfAccount, AccountBalances, lambda query, connection: Found(None))
    with pytest.raises(ValueError, match="has a handler already"):
        bus.register(BalanceOfAccount, AccountBalances, lambda query, connection: Found(None))
