"""More handlers with real bugs, shipped in place of the bank's own. Each is everything that its release changed."""

from collections.abc import Iterable, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select, text, update

from esworkbench.domains.bank import FeeCharged
from esworkbench.domains.bank.read_models import AccountBalances, DailySummaries, TransactionHistory
from esworkbench.domains.bank.read_models.account_balances import ADD_POSTING, account_balances
from esworkbench.domains.bank.read_models.account_balances import row_of as balance_row
from esworkbench.domains.bank.read_models.transaction_history import ADD_TRANSACTION, transaction_history
from esworkbench.domains.bank.read_models.transaction_history import row_of as history_row
from esworkbench.events import Event


class NextBalances(AccountBalances):
    """A later release of the same handler: what is wrong with it lies in the upcasters it was shipped with."""

    code_version = "2"


class KeyedByValue(AccountBalances):
    """Means to count no event twice, and tells events apart by what they say, not by their ids."""

    code_version = "2"

    def handle_many(self, events: Sequence[Event], connection: Connection) -> None:
        super().handle_many(list({value_of(event): event for event in reversed(events)}.values()), connection)


def value_of(event: Event) -> tuple[str, object]:
    """Of two events of one value, one counts: the first, as the later ones are put into the dictionary before it."""
    return event.recorded.stream_id, event.data


FEE_PLANS = {"cash abroad": "travel", "paper statement": "post"}


class FeesByPlan(AccountBalances):
    """Looks up the plan of each fee in a table that lacks the commonest, and raises KeyError there."""

    code_version = "2"

    def handle_many(self, events: Sequence[Event], connection: Connection) -> None:
        for event in events:
            if isinstance(event.data, FeeCharged):
                FEE_PLANS[event.data.reason]
        super().handle_many(events, connection)


class StampedAtBatchEnd(TransactionHistory):
    """Works out each account's balance once a batch, for speed, and writes it into every row of the batch."""

    code_version = "2"

    def handle_many(self, events: Sequence[Event], connection: Connection) -> None:
        rows = [row for event in events if (row := history_row(event)) is not None]
        if not rows:
            return
        connection.execute(ADD_TRANSACTION, rows)
        table = transaction_history
        last = {(row["account_id"], row["currency"]): row["position"] for row in rows}
        first = {(row["account_id"], row["currency"]): row["position"] for row in reversed(rows)}
        for (account, currency), position in last.items():
            mine = (table.c.account_id == account) & (table.c.currency == currency)
            balance = connection.scalar(select(table.c.balance_after_minor).where(mine, table.c.position == position))
            batch = table.c.position.between(first[account, currency], position)
            connection.execute(update(table).where(mine, batch).values(balance_after_minor=balance))


class ClampedAtZero(AccountBalances):
    """Knows of no overdraft, and corrects an account's balance below zero as it meets one."""

    code_version = "2"

    def handle_many(self, events: Sequence[Event], connection: Connection) -> None:
        for row in _rows(events):
            connection.execute(ADD_POSTING, row)
            mine = account_balances.c.account_id == row["account_id"]
            overdrawn = update(account_balances).where(mine, account_balances.c.balance_minor < 0)
            connection.execute(overdrawn.values(balance_minor=0))


ADD_TO_ACCOUNT = text("""
    UPDATE account_balances SET balance_minor = balance_minor + :amount_minor, version = :version, position = :position
    WHERE account_id = :account_id
""")


class OneFigureAnAccount(AccountBalances):
    """Takes an account for one figure, and adds whatever is posted there to it, in whatever currency."""

    code_version = "2"

    def handle_many(self, events: Sequence[Event], connection: Connection) -> None:
        for row in _rows(events):
            if not connection.execute(ADD_TO_ACCOUNT, row).rowcount:
                connection.execute(ADD_POSTING, row)


class DaysOfTheServer(DailySummaries):
    """Takes the day from the clock of the server it runs on, whatever zone its tables are said to be in."""

    code_version = "2"

    def __init__(self, server_zone: str) -> None:
        super().__init__()
        self.time_zone = ZoneInfo(server_zone)


def _rows(events: Iterable[Event]) -> Iterable[dict[str, Any]]:
    return (row for event in events if (row := balance_row(event)) is not None)
