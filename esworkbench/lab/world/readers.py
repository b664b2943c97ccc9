"""The bank's read models and the runs that keep them up to date; a fault may ship other code for one of them."""

from collections.abc import Callable

from esworkbench.domains.bank import bank_decoder
from esworkbench.domains.bank.read_models import BANK_PROJECTIONS
from esworkbench.event_store import EventStore
from esworkbench.projections import Projection, ProjectionRunner


class Readers:
    """One runner per read model, each run with a number of its own in the checkpoint log."""

    def __init__(self, store: EventStore) -> None:
        self.store = store
        self.code: dict[str, Callable[[], Projection]] = dict(BANK_PROJECTIONS)
        self.have_been_rebuilt = False
        self._runs = 0

    def next_run_id(self) -> str:
        self._runs += 1
        return f"run-{self._runs:04d}"

    def runner(self, name: str, store: EventStore | None = None) -> ProjectionRunner:
        """The real runner, on today's code for that read model; on another ``store`` if given."""
        return ProjectionRunner(
            store or self.store, self.code[name](), bank_decoder(), run_id=self.next_run_id(), batch_size=500
        )

    def run(self, name: str, *, up_to: int | None = None) -> int:
        return self.runner(name).catch_up(up_to=up_to)

    def run_all(self) -> None:
        for name in self.code:
            self.run(name)

    def rebuild_all(self) -> None:
        """Drop every read model and build it from the log as it is: what was wrong with their rows is gone."""
        for name in self.code:
            self.runner(name).rebuild()
        self.have_been_rebuilt = True
