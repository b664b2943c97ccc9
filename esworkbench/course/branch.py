"""A branch of the bank with one account, for exercises that need a write side and a read side."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from tempfile import TemporaryDirectory

from esworkbench.cqrs.commands import CommandReply
from esworkbench.domains.bank import Deposit, OpenAccount, bank_decoder
from esworkbench.domains.bank.bank import Bank
from esworkbench.domains.bank.queries import (
    BalanceOfAccount,
    BankQueries,
)
from esworkbench.domains.bank.read_models import AccountBalances, PendingWithdrawals
from esworkbench.event_store import EventStore
from esworkbench.projections import ProjectionRunner

START = datetime(2024, 3, 1, 12, tzinfo=UTC)
BALANCE = BalanceOfAccount(account_id="joint", currency="USD")


class Branch:
    """A bank in a folder that goes again: ``joint`` holds 100.00 USD, and waiting only moves ``now``."""

    def __init__(self, folder: str) -> None:
        self.moment = START
        self.now = 0.0
        self.store = EventStore.open(f"sqlite:///{folder}/bank.db", clock=lambda: self.moment)
        self.bank = Bank(self.store)
        self.queries = BankQueries(self.store.engine, clock=self.store.clock, timer=lambda: self.now, pause=self.wait)
        self.bank.handle(OpenAccount(account_id="joint", owner="Ada and Bob", currency="USD"))
        self.deposit(100_00)
        self.run(AccountBalances())

    def wait(self, seconds: float) -> None:
        self.now += seconds

    def deposit(self, amount_minor: int) -> CommandReply:
        return self.bank.handle(
            Deposit(account_id="joint", amount_minor=amount_minor, currency="USD", reference="counter")
        )

    def run(self, projection: AccountBalances | PendingWithdrawals) -> None:
        ProjectionRunner(self.store, projection, bank_decoder(), run_id="exercise").catch_up()


@contextmanager
def branch() -> Iterator[Branch]:
    with TemporaryDirectory(prefix="esworkbench-exercise-") as folder:
        opened = Branch(folder)
        try:
            yield opened
        finally:
            opened.store.engine.dispose()


# --- fresh ------------------------------------------------------------------------------------------------------------
