"""What a rebuild works from, what it answers, and the watch that says where its time went."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from time import perf_counter
from typing import Any, NamedTuple

from sqlalchemy import Engine, event

from esworkbench.event_store import EventStore
from esworkbench.projections.projection import Projection
from esworkbench.projections.set_based import SetBased
from esworkbench.upcasters import EventDecoder


class Recipe(NamedTuple):
    """How to make a projection and the decoder that feeds it, in any process: functions that can be imported.

    ``query`` tells the same rows as one query over all events, where there is such a definition of the projection.
    """

    projection: Callable[[], Projection]
    decoder: Callable[[], EventDecoder]
    query: Callable[[Any], SetBased] | None = None


class RebuildResult(NamedTuple):
    """What one call of ``rebuild`` did.

    ``events`` are those handled or parked by this call; one that resumes another's work counts only its own.
    ``position`` is the checkpoint after the swap. ``read_seconds`` (fetching events), ``fold_seconds`` (decoding them
    and the handler's own work) and ``write_seconds`` (the database taking rows) are summed over the processes, so where
    several work at once they may come to more than ``seconds``.
    """

    events: int
    seconds: float
    read_seconds: float
    fold_seconds: float
    write_seconds: float
    strategy: str
    position: int = 0


class Job(NamedTuple):
    """One rebuild under way: which read model of which store, by whom, and whom to tell how many events are done."""

    store: EventStore
    recipe: Recipe
    run_id: str
    clock: Callable[[], datetime]
    batch_size: int
    progress: Callable[[int], object]


class Watch:
    """Seconds spent reading, folding and writing."""

    def __init__(self) -> None:
        self.read = self.fold = self.write = 0.0

    @contextmanager
    def reading(self) -> Iterator[None]:
        began = perf_counter()
        yield
        self.read += perf_counter() - began

    @contextmanager
    def writing(self) -> Iterator[None]:
        began = perf_counter()
        yield
        self.write += perf_counter() - began

    @contextmanager
    def folding(self) -> Iterator[None]:
        """Whatever the block spends on neither reading nor writing was folding."""
        began, elsewhere = perf_counter(), self.read + self.write
        yield
        self.fold += perf_counter() - began - (self.read + self.write - elsewhere)

    def add(self, read: float, fold: float, write: float) -> None:
        self.read += read
        self.fold += fold
        self.write += write

    def time_writes(self, engine: Engine) -> None:
        """Count every statement on the engine, and every commit until its connection goes back, as writing."""
        began = [0.0]

        def start(*_: Any) -> None:
            began[0] = perf_counter()

        def stop(*_: Any) -> None:
            self.write += perf_counter() - began[0] if began[0] else 0.0
            began[0] = 0.0

        event.listen(engine, "before_cursor_execute", start)
        event.listen(engine, "after_cursor_execute", stop)
        event.listen(engine, "commit", start)
        event.listen(engine, "checkin", stop)
