"""Withdrawals that were requested and are neither settled nor cancelled: what the monitor for old holds reads."""

from collections.abc import Sequence
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Column, Connection, MetaData, Table, Text, bindparam, text

from esworkbench.domains.bank.events import WithdrawalCancelled, WithdrawalRequested, WithdrawalSettled
from esworkbench.domains.bank.read_models.postings import PerAccount, account_of
from esworkbench.event_store.columns import UtcMoment
from esworkbench.events import Event

pending_withdrawals = Table(
    "pending_withdrawals",
    MetaData(),
    Column("account_id", Text, primary_key=True),
    Column("withdrawal_id", Text, primary_key=True),
    Column("currency", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("requested_at", UtcMoment, nullable=False),
    Column("position", BigInteger, nullable=False),
)

PUT_ON_HOLD = text("""
    INSERT INTO pending_withdrawals (account_id, withdrawal_id, currency, amount_minor, requested_at, position)
    VALUES (:account_id, :withdrawal_id, :currency, :amount_minor, :requested_at, :position)
    ON CONFLICT (account_id, withdrawal_id) DO UPDATE SET currency = excluded.currency,
        amount_minor = excluded.amount_minor, requested_at = excluded.requested_at, position = excluded.position
""").bindparams(bindparam("requested_at", type_=UtcMoment))

RELEASE = text("DELETE FROM pending_withdrawals WHERE account_id = :account_id AND withdrawal_id = :withdrawal_id")


class PendingWithdrawals(PerAccount):
    """One row per open hold; ``amount_minor`` is positive, ``requested_at`` is when the store learned of it."""

    name = "pending_withdrawals"
    tables: ClassVar[Sequence[Table]] = [pending_withdrawals]

    def handle(self, event: Event, connection: Connection) -> None:
        self.handle_many([event], connection)

    def handle_many(self, events: Sequence[Event], connection: Connection) -> None:
        """Only what is still open at the end of the batch is written; what earlier batches wrote is deleted first."""
        requested: dict[tuple[str, str], dict[str, Any]] = {}
        resolved: list[dict[str, str]] = []
        for event in events:
            match event.data:
                case WithdrawalRequested(withdrawal_id=withdrawal_id):
                    requested[account_of(event), withdrawal_id] = row_of(event, event.data)
                case WithdrawalSettled(withdrawal_id=withdrawal_id) | WithdrawalCancelled(withdrawal_id=withdrawal_id):
                    requested.pop((account_of(event), withdrawal_id), None)
                    resolved.append({"account_id": account_of(event), "withdrawal_id": withdrawal_id})
        if resolved:
            connection.execute(RELEASE, resolved)
        if requested:
            connection.execute(PUT_ON_HOLD, list(requested.values()))


def row_of(event: Event, request: WithdrawalRequested) -> dict[str, Any]:
    return {
        "account_id": account_of(event),
        "withdrawal_id": request.withdrawal_id,
        "currency": request.currency,
        "amount_minor": request.amount_minor,
        "requested_at": event.recorded.recorded_at,
        "position": event.recorded.global_position,
    }
