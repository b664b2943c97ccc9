"""What the bank's read models have in common: rows of one account each, made of the events' signed effects on it."""

from typing import NamedTuple

from esworkbench.domains.bank import events
from esworkbench.events import Event
from esworkbench.projections.projection import Projection

STREAM_PREFIX = "BankAccount-"


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
    if isinstance(data, events.CREDITS):
        return PostedAmount(account_of(event), data.currency, data.amount_minor)
    if isinstance(data, events.DEBITS):
        return PostedAmount(account_of(event), data.currency, -data.amount_minor)
    if isinstance(data, events.WithdrawalSettled):
        return PostedAmount(account_of(event), data.currency, 0)
    return None


class PerAccount(Projection):
    """A stream without the category counts for the account it is named after, so both streams are one shard's."""

    shardable = True

    def shard_key(self, stream_id: str) -> str:
        return stream_id.removeprefix(STREAM_PREFIX)
