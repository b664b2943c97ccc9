"""A bank with both its sides, whose read models move only when a test says so, and in which waiting takes no time."""

from collections.abc import Callable
from datetime import timedelta

from esworkbench.domains.bank import Deposit, OpenAccount, bank_decoder
from esworkbench.domains.bank.bank import Bank
from esworkbench.domains.bank.queries import BankQueries
from esworkbench.domains.bank.read_models import BANK_PROJECTIONS
from esworkbench.event_store import EventStore
from esworkbench.projections import ProjectionRunner
from tests.support import SequentialIds, StepClock


class Waiting:
    """A timer and the pause that moves it. What is to happen while somebody waits happens in the pause named."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []
        self.meanwhile: dict[int, Callable[[], object]] = {}

    def timer(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.now += seconds
        self.pauses.append(seconds)
        self.meanwhile.get(len(self.pauses), lambda: None)()


class BothSides:
    """The write side is ``bank``, the read side ``queries``; ``catch_up`` is all that moves the one to the other."""

    def __init__(self, url: str) -> None:
        self.store = EventStore.open(url, clock=StepClock(step=timedelta(seconds=1)), new_id=SequentialIds("e"))
        self.bank = Bank(self.store)
        self.waiting = Waiting()
        self.queries = BankQueries(
            self.store.engine, clock=self.store.clock, timer=self.waiting.timer, pause=self.waiting.pause
        )
        self.runners = {
            name: ProjectionRunner(self.store, make(), bank_decoder(), run_id="test")
            for name, make in BANK_PROJECTIONS.items()
        }

    def catch_up(self, *names: str) -> None:
        """Bring these read models, or all, to the head of the log."""
        for name in names or self.runners:
            self.runners[name].catch_up()

    def open_account(self, account: str) -> None:
        self.bank.handle(OpenAccount(account_id=account, owner="Ada", currency="USD"))


def deposit(account: str, amount_minor: int) -> Deposit:
    return Deposit(account_id=account, amount_minor=amount_minor, currency="USD", reference="salary")
