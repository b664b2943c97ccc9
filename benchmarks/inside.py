"""Contenders with a projection inside the append, and after it."""

from benchmarks.ours import Append
from esworkbench.domains.bank import bank_decoder
from esworkbench.domains.bank.read_models import AccountBalances
from esworkbench.event_store import EventStore
from esworkbench.event_store.participants import JoinedStore
from esworkbench.projections import ProjectionRunner
from esworkbench.projections.synchronous import SynchronousRunner


class AppendInside(Append):
    """Each append writes the balances too, and is done when a reader sees them."""

    name = "ours: append, projection inside"

    def __init__(self, store: EventStore, size: int, per_commit: int, writer: str = "one") -> None:
        joined = JoinedStore(store.engine, clock=store.clock, new_id=store.new_id)
        super().__init__(joined, size, per_commit, writer)
        SynchronousRunner(joined, AccountBalances(), bank_decoder(), run_id=writer).join_appends()


class AppendThenFollow(Append):
    """All the appends first, then one runner over them: the same rows, later."""

    name = "ours: append, projection after"

    def __init__(self, store: EventStore, size: int, per_commit: int, writer: str = "one") -> None:
        super().__init__(store, size, per_commit, writer)
        self.runner = ProjectionRunner(store, AccountBalances(), bank_decoder(), run_id=writer)

    def work(self) -> None:
        super().work()
        self.runner.catch_up()
