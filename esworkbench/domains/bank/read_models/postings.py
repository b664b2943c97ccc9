"""The signed effect of one event on one account: what every read model of the bank is made of."""

from typing import NamedTuple

from esworkbench.domains.bank.events import (
    BalanceAdjusted,
    FeeCharged,
    InterestCredited,
    MoneyDeposited,
    MoneyWithdrawn,
    TransferReceived,
    TransferSent,
    WithdrawalCancelled,
    WithdrawalRequested,
    WithdrawalSettled,
)
from esworkbench.events import Event

STREAM_PREFIX = "BankAccount-"


class Posting(NamedTuple):
    """``amount_minor`` is signed, in minor units of ``currency``: credits are positive."""

    account_id: str
    currency: str
    amount_minor: int


def account_of(event: Event) -> str:
    """The account whose stream the event stands in."""
    return event.recorded.stream_id.removeprefix(STREAM_PREFIX)


def posting_of(event: Event) -> Posting | None:
    """What the event posts, or None for one that moves no money.

    A requested withdrawal posts its debit at once, so its settlement posts 0 and its cancellation posts it back.
    """
    match event.data:
        case (
            MoneyDeposited(amount_minor=amount, currency=currency)
            | InterestCredited(amount_minor=amount, currency=currency)
            | TransferReceived(amount_minor=amount, currency=currency)
            | WithdrawalCancelled(amount_minor=amount, currency=currency)
            | BalanceAdjusted(amount_minor=amount, currency=currency)
        ):
            return Posting(account_of(event), currency, amount)
        case (
            MoneyWithdrawn(amount_minor=amount, currency=currency)
            | WithdrawalRequested(amount_minor=amount, currency=currency)
            | TransferSent(amount_minor=amount, currency=currency)
            | FeeCharged(amount_minor=amount, currency=currency)
        ):
            return Posting(account_of(event), currency, -amount)
        case WithdrawalSettled(currency=currency):
            return Posting(account_of(event), currency, 0)
        case _:
            return None
