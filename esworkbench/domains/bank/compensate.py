"""How the bank makes up for an event that should not stand, or that never got its answer: by appending.

A hold that was never answered is cancelled, or settled if the money did leave. Everything else is an adjustment that
names its reason, its operator and its case.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from esworkbench.cqrs.commands import Command, CommandReply
from esworkbench.domains.bank.bank import Bank
from esworkbench.domains.bank.commands import AdjustBalance, CancelWithdrawal, SettleWithdrawal

HELD = "WithdrawalRequested"


class BankCompensator:
    """The bank's own commands, for whoever plans a repair without knowing the bank."""

    def __init__(self, bank: Bank) -> None:
        self.bank = bank

    def command_for(
        self,
        *,
        account: str,
        currency: str,
        amount_minor: int,
        event_id: str,
        event_type: str,
        payload: Mapping[str, Any],
        reason: str,
        operator: str,
        case_id: str,
        valid_at: datetime,
        answered: bool = False,
    ) -> Command:
        """The command that moves the account by ``amount_minor`` (signed, minor units) on behalf of one event.

        ``valid_at`` is when that was so in the world; it is recorded when it is sent.

        A hold is moved back by cancelling it; an ``amount_minor`` of 0 says that the money did leave, so it is settled.
        One that was ``answered`` is no hold any more: its money has moved, and is moved back by an adjustment.
        """
        if event_type == HELD and not answered:
            withdrawal_id = str(payload["withdrawal_id"])
            if amount_minor == 0:
                return SettleWithdrawal(account_id=account, withdrawal_id=withdrawal_id, valid_at=valid_at)
            why = f"{reason}; case {case_id}, operator {operator}"
            return CancelWithdrawal(account_id=account, withdrawal_id=withdrawal_id, reason=why, valid_at=valid_at)
        return AdjustBalance(
            account_id=account,
            amount_minor=amount_minor,
            currency=currency,
            reason=reason,
            operator=operator,
            case_id=case_id,
            reference=f"REPAIR-{event_id}",
            valid_at=valid_at,
        )

    def send(
        self, command: Command, *, idempotency_key: str, operator: str, metadata: Mapping[str, Any]
    ) -> CommandReply:
        """Handle the command once, however often it is sent. Raises CommandRejected when the account's rules refuse."""
        return self.bank.handle(command, idempotency_key=idempotency_key, actor=operator, metadata=metadata)
