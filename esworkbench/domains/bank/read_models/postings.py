"""The signed effect of one event on one account: what every read model of the bank is made of."""

from typing import NamedTuple

from esworkbench.domains.bank import events
from esworkbench.events import Event

STREAM_PREFIX = "BankAccount-"


CREDITS = (
    events.MoneyDeposited, events.InterestCredited, events.TransferReceived, events.WithdrawalCancelled,
    events.BalanceAdjusted,
)  # fmt: skip
DEBITS = (events.MoneyWithdrawn, events.WithdrawalRequested, events.TransferSent, events.FeeCharged)


class PostedAmount(NamedTuple):
    """``amount_minor`` is signed, in minor units of ``currency``: credits are positive."""

    account_id: str
    currency: str
    amount_minor: int


def account_of(event: Event) -> str:
    """The account whose stream the event stands in."""
    return event.recorded.stream_id.removeprefix(STREAM_PREFIX)


def posting_of(event: Event) -> PostedAmount | None:
    """What the event posts, or None for one that moves no money.

    A requested withdrawal posts its debit at once, so its settlement posts 0 and its cancellation posts it back.
    """
    data = event.data
    if isinstance(data, CREDITS):
        return PostedAmount(account_of(event), data.currency, data.amount_minor)
    if isinstance(data, DEBITS):
        return PostedAmount(account_of(event), data.currency, -data.amount_minor)
    if isinstance(data, events.WithdrawalSettled):
        return PostedAmount(account_of(event), data.currency, 0)
    return None
