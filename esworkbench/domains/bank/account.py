"""The bank account: rules in the commands, facts in ``apply``."""

from datetime import datetime
from typing import ClassVar

from esworkbench.aggregates.aggregate import Aggregate
from esworkbench.cqrs.commands import require_text
from esworkbench.domains.bank import events
from esworkbench.domains.rules import require, require_amount, require_currency, require_integer
from esworkbench.events import MAX_AMOUNT_MINOR, DomainEvent

When = datetime | None
"""When the fact was true in the world; None means when it is recorded."""


class BankAccount(Aggregate):
    """One account in one currency.

    ``balance_minor`` is what is available: a requested withdrawal leaves it at once, is kept in ``pending`` until
    settled, and comes back if cancelled. The owner's own doing may take it down to ``-overdraft_limit_minor``; fees and
    adjustments are the bank's doing and may take it further.
    """

    category: ClassVar[str] = "BankAccount"

    def __init__(self, aggregate_id: str) -> None:
        super().__init__(aggregate_id)
        self.owner = ""
        self.currency = ""
        self.balance_minor = 0
        self.overdraft_limit_minor = 0
        self.pending: dict[str, int] = {}
        self.opened = False
        self.closed = False

    def apply(self, event: DomainEvent) -> None:
        if isinstance(event, events.CREDITS):
            self.balance_minor += event.amount_minor
        elif isinstance(event, events.DEBITS):
            self.balance_minor -= event.amount_minor
        match event:
            case events.AccountOpened():
                self.opened = True
                self.owner = event.owner
                self.currency = event.currency
                self.overdraft_limit_minor = event.overdraft_limit_minor
            case events.WithdrawalRequested():
                self.pending[event.withdrawal_id] = event.amount_minor
            case events.WithdrawalSettled() | events.WithdrawalCancelled():
                self.pending.pop(event.withdrawal_id, None)
            case events.AccountClosed():
                self.closed = True
            case _ if not isinstance(event, events.CREDITS + events.DEBITS):
                raise TypeError(f"a bank account doesn't know {type(event).__name__}")

    def open(self, owner: str, currency: str, overdraft_limit_minor: int = 0, *, valid_at: When = None) -> None:
        require(not self.opened, f"account {self.id} is open already")
        require_text("account_id", self.id)
        require_text("owner", owner)
        require_currency(currency)
        require_integer("overdraft_limit_minor", overdraft_limit_minor)
        require(overdraft_limit_minor >= 0, f"overdraft_limit_minor must be 0 or more, not {overdraft_limit_minor}")
        event = events.AccountOpened(
            account_id=self.id, owner=owner, currency=currency, overdraft_limit_minor=overdraft_limit_minor
        )
        self.record(event, valid_at=valid_at)

    def deposit(self, amount_minor: int, currency: str, reference: str, *, valid_at: When = None) -> None:
        self._require_credit(amount_minor, currency, reference)
        event = events.MoneyDeposited(amount_minor=amount_minor, currency=currency, reference=reference)
        self.record(event, valid_at=valid_at)

    def withdraw(self, amount_minor: int, currency: str, reference: str, *, valid_at: When = None) -> None:
        self._require_funds(amount_minor, currency, reference)
        event = events.MoneyWithdrawn(amount_minor=amount_minor, currency=currency, reference=reference)
        self.record(event, valid_at=valid_at)

    def request_withdrawal(
        self, withdrawal_id: str, amount_minor: int, currency: str, reference: str, *, valid_at: When = None
    ) -> None:
        require_text("withdrawal_id", withdrawal_id)
        require(
            withdrawal_id not in self.pending, f"withdrawal {withdrawal_id} of account {self.id} is pending already"
        )
        self._require_funds(amount_minor, currency, reference)
        event = events.WithdrawalRequested(
            withdrawal_id=withdrawal_id, amount_minor=amount_minor, currency=currency, reference=reference
        )
        self.record(event, valid_at=valid_at)

    def settle_withdrawal(self, withdrawal_id: str, *, valid_at: When = None) -> None:
        amount_minor = self._pending_amount(withdrawal_id)
        event = events.WithdrawalSettled(withdrawal_id=withdrawal_id, amount_minor=amount_minor, currency=self.currency)
        self.record(event, valid_at=valid_at)

    def cancel_withdrawal(self, withdrawal_id: str, reason: str, *, valid_at: When = None) -> None:
        require_text("reason", reason)
        amount_minor = self._pending_amount(withdrawal_id)
        event = events.WithdrawalCancelled(
            withdrawal_id=withdrawal_id, amount_minor=amount_minor, currency=self.currency, reason=reason
        )
        self.record(event, valid_at=valid_at)

    def send_transfer(
        self,
        transfer_id: str,
        to_account: str,
        amount_minor: int,
        currency: str,
        reference: str,
        *,
        valid_at: When = None,
    ) -> None:
        require_text("transfer_id", transfer_id)
        require_text("to_account", to_account)
        require(to_account != self.id, f"account {self.id} can't transfer to itself")
        self._require_funds(amount_minor, currency, reference)
        event = events.TransferSent(
            transfer_id=transfer_id,
            to_account=to_account,
            amount_minor=amount_minor,
            currency=currency,
            reference=reference,
        )
        self.record(event, valid_at=valid_at)

    def receive_transfer(
        self,
        transfer_id: str,
        from_account: str,
        amount_minor: int,
        currency: str,
        reference: str,
        *,
        valid_at: When = None,
    ) -> None:
        require_text("transfer_id", transfer_id)
        self._require_credit(amount_minor, currency, reference)
        event = events.TransferReceived(
            transfer_id=transfer_id,
            from_account=from_account,
            amount_minor=amount_minor,
            currency=currency,
            reference=reference,
        )
        self.record(event, valid_at=valid_at)

    def charge_fee(
        self, amount_minor: int, currency: str, reference: str, reason: str, *, valid_at: When = None
    ) -> None:
        require_text("reason", reason)
        self._require_movement(amount_minor, currency, reference)
        self._require_exact_balance(-amount_minor)
        event = events.FeeCharged(amount_minor=amount_minor, currency=currency, reference=reference, reason=reason)
        self.record(event, valid_at=valid_at)

    def credit_interest(self, amount_minor: int, currency: str, reference: str, *, valid_at: When = None) -> None:
        self._require_credit(amount_minor, currency, reference)
        event = events.InterestCredited(amount_minor=amount_minor, currency=currency, reference=reference)
        self.record(event, valid_at=valid_at)

    def adjust(
        self,
        amount_minor: int,
        currency: str,
        *,
        reason: str,
        operator: str,
        case_id: str,
        reference: str,
        valid_at: When = None,
    ) -> None:
        require_integer("amount_minor", amount_minor)
        require(amount_minor != 0, "an adjustment of 0 adjusts nothing")
        require_text("reason", reason)
        require_text("operator", operator)
        require_text("case_id", case_id)
        require_text("reference", reference)
        self._require_open()
        self._require_own_currency(currency)
        self._require_exact_balance(amount_minor)
        event = events.BalanceAdjusted(
            amount_minor=amount_minor,
            currency=currency,
            reason=reason,
            operator=operator,
            case_id=case_id,
            reference=reference,
        )
        self.record(event, valid_at=valid_at)

    def close(self, reason: str, *, valid_at: When = None) -> None:
        require_text("reason", reason)
        self._require_open()
        require(
            not self.pending, f"account {self.id} has {len(self.pending)} withdrawal(s) pending: settle or cancel them"
        )
        require(
            self.balance_minor == 0,
            f"account {self.id} holds {self.balance_minor} {self.currency} in minor units: only an empty one can close",
        )
        self.record(events.AccountClosed(reason=reason), valid_at=valid_at)

    def _require_open(self) -> None:
        require(self.opened, f"account {self.id} was never opened")
        require(not self.closed, f"account {self.id} is closed")

    def _require_own_currency(self, currency: str) -> None:
        require_currency(currency)
        require(currency == self.currency, f"account {self.id} is in {self.currency}, the command is in {currency}")

    def _require_movement(self, amount_minor: int, currency: str, reference: str) -> None:
        require_amount(amount_minor)
        require_text("reference", reference)
        self._require_open()
        self._require_own_currency(currency)

    def _require_credit(self, amount_minor: int, currency: str, reference: str) -> None:
        self._require_movement(amount_minor, currency, reference)
        self._require_exact_balance(amount_minor)

    def _require_funds(self, amount_minor: int, currency: str, reference: str) -> None:
        self._require_movement(amount_minor, currency, reference)
        available = self.balance_minor + self.overdraft_limit_minor
        require(
            amount_minor <= available,
            f"account {self.id} has {available} {currency} in minor units at its disposal, asked for {amount_minor}",
        )

    def _require_exact_balance(self, change_minor: int) -> None:
        require(
            abs(self.balance_minor + change_minor) <= MAX_AMOUNT_MINOR,
            f"the balance of account {self.id} would go beyond ±{MAX_AMOUNT_MINOR}, the largest amount kept exact",
        )

    def _pending_amount(self, withdrawal_id: str) -> int:
        require_text("withdrawal_id", withdrawal_id)
        self._require_open()
        require(withdrawal_id in self.pending, f"account {self.id} has no pending withdrawal {withdrawal_id}")
        return self.pending[withdrawal_id]
