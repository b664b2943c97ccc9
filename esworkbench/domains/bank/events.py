"""The facts a bank account is made of. Amounts are positive integers in minor units, except an adjustment's, which is
signed.

``reference`` is the business key: what the outside world calls this one movement of money (a payment order, a booking
number). Two events with one reference are one movement booked twice, whatever their event ids say.
"""

from typing import ClassVar

from esworkbench.events import DomainEvent, EventTypes


class AccountOpened(DomainEvent, frozen=True, kw_only=True):
    account_id: str
    owner: str
    currency: str
    overdraft_limit_minor: int = 0


class MoneyDeposited(DomainEvent, frozen=True, kw_only=True):
    """v1 ``{amount, reference}`` in dollars; v2 adds ``currency``; v3 counts minor units (see ``upcasters``)."""

    schema_version: ClassVar[int] = 3

    amount_minor: int
    currency: str
    reference: str


class MoneyWithdrawn(DomainEvent, frozen=True, kw_only=True):
    amount_minor: int
    currency: str
    reference: str


class WithdrawalRequested(DomainEvent, frozen=True, kw_only=True):
    """The first of two phases: the amount is held, and no longer available, until it is settled or cancelled."""

    withdrawal_id: str
    amount_minor: int
    currency: str
    reference: str


class WithdrawalSettled(DomainEvent, frozen=True, kw_only=True):
    """The hold became a booking. Its posting is 0: the request already took the money."""

    withdrawal_id: str
    amount_minor: int
    currency: str


class WithdrawalCancelled(DomainEvent, frozen=True, kw_only=True):
    """The hold was given up; the amount is available again."""

    withdrawal_id: str
    amount_minor: int
    currency: str
    reason: str


class TransferSent(DomainEvent, frozen=True, kw_only=True):
    transfer_id: str
    to_account: str
    amount_minor: int
    currency: str
    reference: str


class TransferReceived(DomainEvent, frozen=True, kw_only=True):
    transfer_id: str
    from_account: str
    amount_minor: int
    currency: str
    reference: str


class FeeCharged(DomainEvent, frozen=True, kw_only=True):
    amount_minor: int
    currency: str
    reference: str
    reason: str


class InterestCredited(DomainEvent, frozen=True, kw_only=True):
    amount_minor: int
    currency: str
    reference: str


class BalanceAdjusted(DomainEvent, frozen=True, kw_only=True):
    """A correction by a named person for a named case; the one event whose amount is signed."""

    amount_minor: int
    currency: str
    reason: str
    operator: str
    case_id: str
    reference: str


class AccountClosed(DomainEvent, frozen=True, kw_only=True):
    reason: str


CREDITS = (MoneyDeposited, InterestCredited, TransferReceived, WithdrawalCancelled, BalanceAdjusted)
DEBITS = (MoneyWithdrawn, WithdrawalRequested, TransferSent, FeeCharged)
"""What raises and what lowers the amount available; the amount of an adjustment has its own sign."""

BANK_EVENT_TYPES = EventTypes(AccountOpened, *CREDITS, *DEBITS, WithdrawalSettled, AccountClosed)
