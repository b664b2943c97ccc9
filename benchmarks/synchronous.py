"""What a projection inside the append costs: alone, and with many writers, who then take turns."""

from benchmarks.databases import Databases
from benchmarks.ours import Append, open_store
from benchmarks.rounds import Experiment
from benchmarks.writers import Crew, Together
from esworkbench.domains.bank import bank_decoder
from esworkbench.domains.bank.read_models import AccountBalances
from esworkbench.event_store import EventStore
from esworkbench.projections import ProjectionRunner, SynchronousRunner

TITLE = "A projection inside the append"
ALONE = Append.name


class AppendInside(Append):
    """Each append writes the balances too, and is done when a reader sees them."""

    name = "ours: append, projection inside"

    def __init__(self, store: EventStore, size: int, per_commit: int, writer: str = "one") -> None:
        super().__init__(store, size, per_commit, writer)
        SynchronousRunner(store, AccountBalances(), bank_decoder(), run_id=writer).join_appends()


class AppendThenFollow(Append):
    """All the appends first, then one runner over them: the same rows, later."""

    name = "ours: append, projection after"

    def __init__(self, store: EventStore, size: int, per_commit: int, writer: str = "one") -> None:
        super().__init__(store, size, per_commit, writer)
        self.runner = ProjectionRunner(store, AccountBalances(), bank_decoder(), run_id=writer)

    def work(self) -> None:
        super().work()
        self.runner.catch_up()


def one_writer(databases: Databases, engine: str, size: int) -> Experiment:
    kinds = (Append, AppendInside, AppendThenFollow)
    contenders = [kind(open_store(databases.fresh(engine), kind.name), size, 1) for kind in kinds]
    return Experiment(TITLE, engine, size, ALONE, contenders)


def many_writers(databases: Databases, writers: int, commits_each: int) -> Experiment:
    crew = Crew(writers, {name: databases.fresh("postgresql") for name in (ALONE, AppendInside.name)}, commits_each)
    contenders = [Together(crew, name) for name in crew.urls]
    return Experiment(f"{TITLE}, {writers} writers", "postgresql", writers * commits_each, ALONE, contenders)
