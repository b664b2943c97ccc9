"""Streams to measure snapshots on: an account that lives for decades, and carts that are soon abandoned."""

from random import Random

from esworkbench.domains.bank import BankAccount, bank_decoder
from esworkbench.events import NewEvent
from esworkbench.snapshotting.frequency import StreamProfile

YEARS_OF_ACCOUNT, EVENTS_A_MONTH = 30, 4
CARTS, LONGEST_CART = 30, 20


def thirty_year_account() -> StreamProfile:
    """One stream of 1,440 events: four a month."""
    return StreamProfile("an account of 30 years", [deposits(YEARS_OF_ACCOUNT * 12 * EVENTS_A_MONTH)])


def abandoned_carts() -> StreamProfile:
    """30 streams of 1 to 20 events."""
    random = Random(1)
    return StreamProfile("abandoned carts", [deposits(random.randint(1, LONGEST_CART)) for _ in range(CARTS)])


def deposits(count: int) -> list[NewEvent]:
    """``count`` events of one account, the first of which opens it: only the length of streams matters here."""
    account = BankAccount("profile")
    account.open("Ada", "USD")
    for number in range(1, count):
        account.deposit(1250, "USD", f"ORDER-{number:08d}")
    encode = bank_decoder().event_types.encode
    return [encode(each.event, metadata={}) for each in account.uncommitted]
