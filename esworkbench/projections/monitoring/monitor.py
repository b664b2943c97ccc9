"""Lag over time, in two ways: sampled while it happens, or read afterwards from what the checkpoint log kept."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func, select

from esworkbench.event_store import EventStore
from esworkbench.event_store.schema import events
from esworkbench.projections import tables
from esworkbench.projections.checkpoints import WHOLE_LOG
from esworkbench.projections.monitoring.measure import (
    Lag,
    LagVerdict,
    Percentiles,
    followers,
    lag,
    percentiles,
    verdict,
)
from esworkbench.projections.tables import checkpoint_log


class LagReport(NamedTuple):
    """What the samples of one projection say. ``verdict`` is that of ``seconds.p99``."""

    latest: Lag
    samples: int
    seconds: Percentiles
    positions: Percentiles
    verdict: LagVerdict


class LagMonitor:
    """Samples the lag of projections and keeps the latest ``samples_kept`` of each.

    ``projections`` absent means all that keep a checkpoint, newcomers included. A sample costs one statement for each.
    """

    def __init__(
        self,
        store: EventStore,
        projections: Sequence[str] | None = None,
        *,
        samples_kept: int = 1000,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self._store = store
        self._projections = projections
        self._samples_kept = samples_kept
        self._clock = clock
        self._samples: dict[str, deque[Lag]] = {}

    def sample(self) -> list[Lag]:
        """Measure each projection once, now."""
        names = followers(self._store) if self._projections is None else self._projections
        measured = [lag(self._store, name, clock=self._clock) for name in names]
        for each in measured:
            self._samples.setdefault(each.projection, deque(maxlen=self._samples_kept)).append(each)
        return measured

    def watch(
        self,
        seconds: float,
        *,
        every: float = 0.2,
        pause: Callable[[float], None] = time.sleep,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        """Sample at once, then each ``every`` seconds until ``seconds`` have passed, and once more then."""
        end = timer() + seconds
        self.sample()
        more = seconds > 0
        while more:
            pause(every)
            self.sample()
            more = timer() < end

    def history(self, projection: str) -> list[Lag]:
        """The samples kept of one projection, oldest first."""
        return list(self._samples.get(projection, ()))

    def report(self) -> list[LagReport]:
        """One report for each projection that was sampled."""
        return [_report(list(samples)) for samples in self._samples.values()]


def _report(samples: list[Lag]) -> LagReport:
    seconds = percentiles([each.seconds for each in samples])
    positions = percentiles([each.positions for each in samples])
    return LagReport(samples[-1], len(samples), seconds, positions, verdict(seconds.p99))


class Delay(NamedTuple):
    """How long one event waited: from ``recorded_at``, by the writer's clock, to the batch's ``saved_at``, by the
    runner's. Below 0, these two clocks disagree.
    """

    position: int
    recorded_at: datetime
    handled_at: datetime

    @property
    def seconds(self) -> float:
        return (self.handled_at - self.recorded_at).total_seconds()


def delays(store: EventStore, projection: str, *, latest: int = 10_000) -> list[Delay]:
    """What each of the latest ``latest`` positions waited until the projection first saw it, in position order.

    Exact, and without ever having sampled: every batch has left its range and its moment in the checkpoint log. Only
    the first time counts, so a rebuild doesn't make old events late. A parked event counts as seen, as it holds up
    nobody; events that are not seen yet are ``lag``'s.
    """
    log = checkpoint_log.c
    own = (log.projection == projection) & (log.shard == WHOLE_LOG)
    with store.engine.connect() as connection:
        if not tables.are_there(connection):
            return []
        head = connection.scalar(select(func.max(log.to_position)).where(own)) or 0
        floor = max(0, head - latest)
        batches = select(log.to_position, log.saved_at).where(own & (log.to_position > floor)).order_by(log.id)
        first_to_last = iter(connection.execute(batches).all())
        wanted = (
            select(events.c.global_position, events.c.recorded_at)
            .where((events.c.global_position > floor) & (events.c.global_position <= head))
            .order_by(events.c.global_position)
        )
        found: list[Delay] = []
        reached, handled_at = 0, None
        for position, recorded_at in connection.execute(wanted):
            while position > reached:
                reached, handled_at = next(first_to_last)
            assert handled_at is not None
            found.append(Delay(position, recorded_at, handled_at))
    return found
