"""The balance of every account, one row per account and currency."""

from collections.abc import Sequence
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Column, Connection, MetaData, Table, Text, text

from esworkbench.domains.bank.events import AccountOpened
from esworkbench.domains.bank.read_models.postings import PerAccount, PostedAmount, account_of, posting_of
from esworkbench.events import Event

account_balances = Table(
    "account_balances",
    MetaData(),
    Column("account_id", Text, primary_key=True),
    Column("currency", Text, primary_key=True),
    Column("balance_minor", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
)

ADD_POSTING = text("""
    INSERT INTO account_balances (account_id, currency, balance_minor, version, position)
    VALUES (:account_id, :currency, :amount_minor, :version, :position)
    ON CONFLICT (account_id, currency) DO UPDATE SET
        balance_minor = account_balances.balance_minor + excluded.balance_minor,
        version = CASE WHEN excluded.position > account_balances.position
                       THEN excluded.version ELSE account_balances.version END,
        position = CASE WHEN excluded.position > account_balances.position
                        THEN excluded.position ELSE account_balances.position END
""")


class AccountBalances(PerAccount):
    """``balance_minor`` is the sum of the postings, in minor units; a withdrawal on hold is already taken off.

    ``version`` and ``position`` are those of the last event that opened the account or posted on it. Adding is
    commutative, so an event that was parked may be added later.
    """

    name = "account_balances"
    tables: ClassVar[Sequence[Table]] = [account_balances]
    order_insensitive = True

    def handle(self, event: Event, connection: Connection) -> None:
        self.handle_many([event], connection)

    def handle_many(self, events: Sequence[Event], connection: Connection) -> None:
        """One row per account and currency, however many of the events post there."""
        totals: dict[tuple[str, str], dict[str, Any]] = {}
        for event in events:
            row = row_of(event)
            if row is None:
                continue
            total = totals.setdefault((row["account_id"], row["currency"]), row)
            if total is not row:
                total["amount_minor"] += row["amount_minor"]
                if row["position"] > total["position"]:
                    total["version"], total["position"] = row["version"], row["position"]
        if totals:
            connection.execute(ADD_POSTING, list(totals.values()))


def row_of(event: Event) -> dict[str, Any] | None:
    """The row to add, or None. A newly opened account has a balance of 0 from the start."""
    posting = posting_of(event)
    if posting is None and isinstance(event.data, AccountOpened):
        posting = PostedAmount(account_of(event), event.data.currency, 0)
    if posting is None:
        return None
    return posting._asdict() | {"version": event.recorded.version, "position": event.recorded.global_position}
