"""Events that the cases of several exercises begin with, and two that no account knows."""

from esworkbench.domains.bank.events import AccountOpened
from esworkbench.events import DomainEvent


class PointsGranted(DomainEvent, frozen=True, kw_only=True):
    """An event that no account knows."""

    points: int


class PointsRedeemed(DomainEvent, frozen=True, kw_only=True):
    """Another one, with an amount and with the id that a withdrawal may have."""

    amount_minor: int
    withdrawal_id: str = "w1"


def opened(currency: str = "USD", overdraft_limit_minor: int = 0) -> AccountOpened:
    return AccountOpened(account_id="a", owner="Ada", currency=currency, overdraft_limit_minor=overdraft_limit_minor)
