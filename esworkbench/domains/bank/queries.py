"""What people want to know of the bank, and where it is read: in the read models, and nowhere else.

Amounts are in minor units. Each question is about one currency, because amounts of two never add up.
"""

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar, NamedTuple

from sqlalchemy import ColumnElement, Connection, Engine, select

from esworkbench.cqrs.queries import Found, Query, QueryBus, StreamQuery, V
from esworkbench.domains.bank.read_models import AccountBalances, DailySummaries, PendingWithdrawals, TransactionHistory
from esworkbench.domains.bank.read_models.account_balances import account_balances
from esworkbench.domains.bank.read_models.daily_summaries import daily_summaries
from esworkbench.domains.bank.read_models.pending_withdrawals import pending_withdrawals
from esworkbench.domains.bank.read_models.postings import STREAM_PREFIX
from esworkbench.domains.bank.read_models.transaction_history import transaction_history
from esworkbench.errors import UnusableInput
from esworkbench.events import utc_now


class Balance(NamedTuple):
    """What is available: a withdrawal on hold is already taken off."""

    account_id: str
    currency: str
    balance_minor: int


class Transaction(NamedTuple):
    """A posting, signed, and the balance of its currency after it."""

    position: int
    event_type: str
    amount_minor: int
    currency: str
    balance_after_minor: int
    recorded_at: datetime


class HistoryPage(NamedTuple):
    """Transactions, newest first. ``next_before`` is what the next page is to be asked before, None on the last."""

    transactions: list[Transaction]
    next_before: int | None


class Day(NamedTuple):
    """One calendar day of the projection's time zone; ``debits_minor`` is positive."""

    day: date
    credits_minor: int
    debits_minor: int
    closing_minor: int


class Hold(NamedTuple):
    """A withdrawal that was requested and is neither settled nor cancelled; ``amount_minor`` is positive."""

    account_id: str
    withdrawal_id: str
    currency: str
    amount_minor: int
    requested_at: datetime
    position: int


class AccountQuery(StreamQuery[V], frozen=True, kw_only=True):
    account_id: str

    def stream_id(self) -> str:
        return STREAM_PREFIX + self.account_id


class BalanceOfAccount(AccountQuery[Balance | None], frozen=True, kw_only=True):
    """None for an account that the read model doesn't know, or not in that currency.

    Its version is that of the last event that opened the account or posted in that currency. A closed account's last
    event does neither: wait for that one by its position.
    """

    has_version: ClassVar[bool] = True

    currency: str

    def from_state(self, state: dict[str, Any]) -> Balance | None:
        if state["currency"] != self.currency:
            return None
        return Balance(self.account_id, self.currency, state["balance_minor"])


class HistoryOfAccount(AccountQuery[HistoryPage], frozen=True, kw_only=True):
    """One page of at most ``limit`` transactions, those before position ``before`` if given.

    A page begins at a position and not at a row number, so what is booked meanwhile moves nothing from one page to the
    next (Markus Winand, *SQL Performance Explained*, on paging by key).
    """

    currency: str
    before: int | None = None
    limit: int = 50


class DaysOfAccount(AccountQuery[list[Day]], frozen=True, kw_only=True):
    """The days from ``first`` to ``last``, both included, on which something was recorded, in order."""

    currency: str
    first: date
    last: date


class PendingWithdrawalsOfAccount(AccountQuery[list[Hold]], frozen=True, kw_only=True):
    """The account's open holds, oldest first."""


class PendingWithdrawalsOlderThan(Query[list[Hold]], frozen=True, kw_only=True):
    """Every hold that at ``now`` has been open for longer than ``limit``, oldest first: what the monitor asks.

    A hold that stays open is money gone from the customer's balance and from no bank statement.
    """

    limit: timedelta
    now: datetime


class BankQueries:
    """The bank's read side, put together; ``ask`` and ``wait_for`` are the bus's. Takes what ``QueryBus`` takes."""

    def __init__(
        self,
        engine: Engine,
        *,
        clock: Callable[[], datetime] = utc_now,
        timer: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.bus = QueryBus(engine, clock=clock, timer=timer, pause=pause)
        self.ask = self.bus.ask
        self.wait_for = self.bus.wait_for
        self.bus.register(BalanceOfAccount, AccountBalances, read_balance)
        self.bus.register(HistoryOfAccount, TransactionHistory, read_history)
        self.bus.register(DaysOfAccount, DailySummaries, read_days)
        self.bus.register(PendingWithdrawalsOfAccount, PendingWithdrawals, read_pending)
        self.bus.register(PendingWithdrawalsOlderThan, PendingWithdrawals, read_pending_too_long)


def read_balance(query: BalanceOfAccount, connection: Connection) -> Found[Balance | None]:
    columns = account_balances.c
    wanted = select(columns.balance_minor, columns.version).where(
        (columns.account_id == query.account_id) & (columns.currency == query.currency)
    )
    row = connection.execute(wanted).one_or_none()
    if row is None:
        return Found(None)
    return Found(Balance(query.account_id, query.currency, row.balance_minor), row.version)


def read_history(query: HistoryOfAccount, connection: Connection) -> Found[HistoryPage]:
    """Reads one row more than the page holds, to see whether there is a next. Raises UnusableInput for none."""
    if query.limit < 1:
        raise UnusableInput(f"a page of {query.limit} transactions was asked for: ask for at least 1")
    columns = transaction_history.c
    wanted = select(*(columns[name] for name in Transaction._fields)).where(
        (columns.account_id == query.account_id) & (columns.currency == query.currency)
    )
    if query.before is not None:
        wanted = wanted.where(columns.position < query.before)
    rows = connection.execute(wanted.order_by(columns.position.desc()).limit(query.limit + 1)).all()
    transactions = [Transaction(*row) for row in rows[: query.limit]]
    return Found(HistoryPage(transactions, transactions[-1].position if len(rows) > query.limit else None))


def read_days(query: DaysOfAccount, connection: Connection) -> Found[list[Day]]:
    columns = daily_summaries.c
    wanted = select(*(columns[name] for name in Day._fields)).where(
        (columns.account_id == query.account_id) & (columns.currency == query.currency),
        columns.day.between(query.first, query.last),
    )
    return Found([Day(*row) for row in connection.execute(wanted.order_by(columns.day))])


def read_pending(query: PendingWithdrawalsOfAccount, connection: Connection) -> Found[list[Hold]]:
    return Found(_holds(connection, pending_withdrawals.c.account_id == query.account_id))


def read_pending_too_long(query: PendingWithdrawalsOlderThan, connection: Connection) -> Found[list[Hold]]:
    """Raises UnusableInput for a ``now`` without offset."""
    if query.now.utcoffset() is None:
        raise UnusableInput(f"the moment {query.now.isoformat()} has no offset: write it in UTC, or with its offset")
    end = query.now.astimezone(UTC) - query.limit  # hours are counted in UTC: clocks on a wall are put on and back
    return Found(_holds(connection, pending_withdrawals.c.requested_at < end))


def _holds(connection: Connection, which: ColumnElement[bool]) -> list[Hold]:
    columns = pending_withdrawals.c
    wanted = select(*(columns[name] for name in Hold._fields)).where(which)
    return [Hold(*row) for row in connection.execute(wanted.order_by(columns.requested_at, columns.position))]
