"""Handlers with real bugs, shipped in place of the bank's own. Each is everything that its release changed."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select

from esworkbench.domains.bank import FeeCharged, InterestCredited, WithdrawalCancelled
from esworkbench.domains.bank.read_models import AccountBalances, TransactionHistory
from esworkbench.domains.bank.read_models.account_balances import ADD_POSTING
from esworkbench.domains.bank.read_models.account_balances import row_of as balance_row
from esworkbench.domains.bank.read_models.transaction_history import ADD_TRANSACTION, transaction_history
from esworkbench.domains.bank.read_models.transaction_history import row_of as history_row
from esworkbench.events import Event
from esworkbench.lab.world.interest import DENOMINATOR, YEARLY_BASIS_POINTS


class FeesAdded(AccountBalances):
    """Takes a fee for something the customer gets."""

    code_version = "2"

    def handle_many(self, events: Sequence[Event], connection: Connection) -> None:
        rows = []
        for event in events:
            row = balance_row(event)
            if row is not None:
                if isinstance(event.data, FeeCharged):
                    row["amount_minor"] = abs(row["amount_minor"])
                rows.append(row)
        if rows:
            connection.execute(ADD_POSTING, rows)


class CancellationsIgnored(AccountBalances):
    """Was never told that a withdrawal may be cancelled."""

    code_version = "2"

    def handle_many(self, events: Sequence[Event], connection: Connection) -> None:
        super().handle_many([event for event in events if not isinstance(event.data, WithdrawalCancelled)], connection)


class InterestWorkedOut(TransactionHistory):
    """Works out the interest itself, and cuts off fractions of a cent where the ledger rounds half up."""

    code_version = "2"

    def __init__(self, months: int) -> None:
        self.months = months

    def handle_many(self, events: Sequence[Event], connection: Connection) -> None:
        for event in events:
            row = history_row(event)
            if row is None:
                continue
            if isinstance(event.data, InterestCredited):
                row["amount_minor"] = interest_cut_off(_balance_so_far(connection, row), self.months)
            connection.execute(ADD_TRANSACTION, [row])


def interest_cut_off(balance_minor: int, months: int) -> int:
    return max(balance_minor, 0) * YEARLY_BASIS_POINTS * months // DENOMINATOR


def _balance_so_far(connection: Connection, row: dict[str, Any]) -> int:
    table = transaction_history
    last = (
        select(table.c.balance_after_minor)
        .where(table.c.account_id == row["account_id"], table.c.currency == row["currency"])
        .order_by(table.c.position.desc())
        .limit(1)
    )
    return connection.scalar(last) or 0
