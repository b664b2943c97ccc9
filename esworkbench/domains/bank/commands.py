"""What people ask of the bank. Fields are taken as given; the account's rules refuse what can't be.

Amounts are in minor units. ``reference`` is the business key that the resulting event keeps. ``valid_at`` is when the
fact was true in the world (aware; None: when it is recorded).
"""

from datetime import datetime

from esworkbench.cqrs.commands import Command


class BankCommand(Command, frozen=True, kw_only=True):
    valid_at: datetime | None = None


class OpenAccount(BankCommand, frozen=True, kw_only=True):
    account_id: str
    owner: str
    currency: str
    overdraft_limit_minor: int = 0


class Movement(BankCommand, frozen=True, kw_only=True):
    """What the commands that move money on one account have in common."""

    account_id: str
    amount_minor: int
    currency: str
    reference: str


class Deposit(Movement, frozen=True, kw_only=True):
    pass


class Withdraw(Movement, frozen=True, kw_only=True):
    pass


class RequestWithdrawal(Movement, frozen=True, kw_only=True):
    withdrawal_id: str


class SettleWithdrawal(BankCommand, frozen=True, kw_only=True):
    account_id: str
    withdrawal_id: str


class CancelWithdrawal(BankCommand, frozen=True, kw_only=True):
    account_id: str
    withdrawal_id: str
    reason: str


class Transfer(BankCommand, frozen=True, kw_only=True):
    """Both sides or neither: two events in two streams, one transaction, one correlation id."""

    transfer_id: str
    from_account: str
    to_account: str
    amount_minor: int
    currency: str
    reference: str


class ChargeFee(Movement, frozen=True, kw_only=True):
    reason: str


class CreditInterest(Movement, frozen=True, kw_only=True):
    pass


class AdjustBalance(Movement, frozen=True, kw_only=True):
    """A signed correction that names who made it, why, and for which case."""

    reason: str
    operator: str
    case_id: str


class CloseAccount(BankCommand, frozen=True, kw_only=True):
    account_id: str
    reason: str
