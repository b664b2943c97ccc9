"""Every posting with the balance after it: what a customer sees when scrolling through an account."""

from collections.abc import Sequence
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Column, Connection, MetaData, PrimaryKeyConstraint, Table, Text, bindparam, text

from esworkbench.domains.bank.read_models.postings import PerAccount, posting_of
from esworkbench.event_store.columns import UtcMoment
from esworkbench.events import Event

transaction_history = Table(
    "transaction_history",
    MetaData(),
    Column("account_id", Text),
    Column("position", BigInteger),
    Column("event_id", Text, nullable=False),
    Column("event_type", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text),
    Column("balance_after_minor", BigInteger, nullable=False),
    Column("recorded_at", UtcMoment, nullable=False),
    PrimaryKeyConstraint("account_id", "currency", "position"),
)

# The database adds to the last row it holds, so a batch needs no look-up of its own and each row sees the one before.
ADD_TRANSACTION = text("""
    INSERT INTO transaction_history
        (account_id, position, event_id, event_type, amount_minor, currency, balance_after_minor, recorded_at)
    VALUES (:account_id, :position, :event_id, :event_type, :amount_minor, :currency,
        :amount_minor + COALESCE(
            (SELECT balance_after_minor FROM transaction_history
             WHERE account_id = :account_id AND currency = :currency ORDER BY position DESC LIMIT 1), 0),
        :recorded_at)
""").bindparams(bindparam("recorded_at", type_=UtcMoment), bindparam("amount_minor", type_=BigInteger))


class TransactionHistory(PerAccount):
    """One row per event that posts, settlements with their 0 included; the running balance is per currency.

    No record of the bank is split into several events, so a position is one row.
    """

    name = "transaction_history"
    tables: ClassVar[Sequence[Table]] = [transaction_history]

    def handle(self, event: Event, connection: Connection) -> None:
        self.handle_many([event], connection)

    def handle_many(self, events: Sequence[Event], connection: Connection) -> None:
        rows = [row for event in events if (row := row_of(event)) is not None]
        if rows:
            connection.execute(ADD_TRANSACTION, rows)


def row_of(event: Event) -> dict[str, Any] | None:
    posting = posting_of(event)
    if posting is None:
        return None
    recorded = event.recorded
    return posting._asdict() | {
        "position": recorded.global_position,
        "event_id": recorded.event_id,
        "event_type": recorded.event_type,
        "recorded_at": recorded.recorded_at,
    }
