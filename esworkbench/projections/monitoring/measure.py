"""How far a projection is behind, in positions and in seconds. Lag is not corruption: a read model is right about all
up to its checkpoint.

Healthy lag is under half a second. Beyond two seconds at the 99th percentile something is wrong with the machinery, and
nobody should be told that this is what eventual consistency is like.
"""

import math
from collections.abc import Callable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import Connection, func, null, select

from esworkbench.event_store import EventStore
from esworkbench.event_store.schema import events
from esworkbench.projections import tables
from esworkbench.projections.tables import checkpoints

HEALTHY_UNDER_SECONDS = 0.5
ALARM_OVER_SECONDS = 2.0


class Lag(NamedTuple):
    """Where a projection stood at one moment, its own checkpoint against the log of the same snapshot.

    ``head`` is the last position in the log, 0 when it is empty. ``seconds`` is the age of the oldest event that the
    projection has not seen, by its ``recorded_at``; 0 when there is none.
    """

    projection: str
    measured_at: datetime
    checkpoint: int
    head: int
    seconds: float

    @property
    def positions(self) -> int:
        """Positions between checkpoint and head; those never used count too. Below 0, the log has lost its end."""
        return self.head - self.checkpoint


class Percentiles(NamedTuple):
    """The values that 50, 95 and 99 of 100 measurements did not exceed."""

    p50: float
    p95: float
    p99: float


def lag(store: EventStore, projection: str, *, clock: Callable[[], datetime] | None = None) -> Lag:
    """The lag of the projection of that name now, by ``clock`` (the store's). One that never ran stands at 0."""
    with store.engine.connect() as connection:
        return measure(connection, projection, clock or store.clock)


def followers(store: EventStore) -> list[str]:
    """The names of all that keep a checkpoint in the store, sorted."""
    with store.engine.connect() as connection:
        if not tables.are_there(connection):
            return []
        return list(connection.scalars(select(checkpoints.c.projection).order_by(checkpoints.c.projection)))


def measure(connection: Connection, projection: str, clock: Callable[[], datetime]) -> Lag:
    """One statement, so that checkpoint and head belong together; the clock is read after it."""
    kept = select(checkpoints.c.position).where(checkpoints.c.projection == projection).scalar_subquery()
    checkpoint = func.coalesce(kept if tables.are_there(connection) else null(), 0)
    head = func.coalesce(select(func.max(events.c.global_position)).scalar_subquery(), 0)
    oldest_unseen = (
        select(events.c.recorded_at)
        .where(events.c.global_position > checkpoint)
        .order_by(events.c.global_position)
        .limit(1)
        .scalar_subquery()
    )
    position, last, recorded_at = connection.execute(select(checkpoint, head, oldest_unseen)).one()
    now = clock()
    # A writer whose clock is ahead records events in the future; nothing has waited for less than no time.
    seconds = 0.0 if recorded_at is None else max(0.0, (now - recorded_at).total_seconds())
    return Lag(projection, now, position, last, seconds)


def percentiles(values: Sequence[float]) -> Percentiles:
    """By nearest rank: each is a value that was measured; of fewer than 100 values the p99 is the largest.

    Raises ValueError for no values.
    """
    if not values:
        raise ValueError("no percentiles of nothing: measure at least once")
    ascending = sorted(values)
    return Percentiles(*(ascending[math.ceil(len(ascending) * share / 100) - 1] for share in (50, 95, 99)))


class LagVerdict(StrEnum):
    """What a lag's 99th percentile says: healthy under half a second, an alarm over two, a warning between."""

    HEALTHY = "healthy"
    WARNING = "warning"
    ALARM = "alarm"


def verdict(p99_seconds: float) -> LagVerdict:
    """The verdict on so many seconds."""
    if p99_seconds < HEALTHY_UNDER_SECONDS:
        return LagVerdict.HEALTHY
    return LagVerdict.ALARM if p99_seconds > ALARM_OVER_SECONDS else LagVerdict.WARNING
