"""Snapshots: a state kept so that loading needs only the events after it. Never the truth, always safe to delete.

Every snapshot says which shape of state it holds. A shape the code doesn't know is ignored, never guessed at, and older
snapshots are kept: beside the events they are what a wrong one is found by. (Greg Young, *Versioning in an Event
Sourced System*, chapter on snapshots.)
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Engine, bindparam, text

from esworkbench.aggregates import Aggregate
from esworkbench.event_store.schema import UtcMoment
from esworkbench.events import utc_now

# Asked at every load, so it is plain text: composing it anew would cost more than running it.
NEWEST = text(
    "SELECT version, state FROM snapshots WHERE stream_id = :stream_id AND state_version = :state_version"
    " ORDER BY version DESC LIMIT 1"
)
KEEP = text(
    "INSERT INTO snapshots (stream_id, version, state_version, state, based_on_version, taken_at)"
    " VALUES (:stream_id, :version, :state_version, :state, :based_on_version, :taken_at) ON CONFLICT DO NOTHING"
).bindparams(bindparam("taken_at", type_=UtcMoment))


class Snapshot(NamedTuple):
    """A state as it was at ``version`` of its stream."""

    version: int
    state: dict[str, Any]


class SnapshotStore:
    """Keeps states in the table ``snapshots``, one row per (stream, version, state version)."""

    def __init__(self, engine: Engine, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._engine = engine
        self._clock = clock

    def latest(self, stream_id: str, state_version: int) -> Snapshot | None:
        """The newest snapshot of exactly this ``state_version``; None where there is none."""
        wanted = {"stream_id": stream_id, "state_version": state_version}
        with self._engine.connect() as connection:
            row = connection.execute(NEWEST, wanted).one_or_none()
        return None if row is None else Snapshot(row.version, msgspec.json.decode(row.state))

    def take(self, aggregate: Aggregate) -> None:
        """Keep the aggregate's state as of its version; taking the same one twice changes nothing.

        ``based_on_version`` becomes the version of the snapshot the aggregate was itself loaded from, NULL when it was
        folded from its first event: a wrong state can be traced back through it to the snapshot that brought it in.
        """
        assert not aggregate.uncommitted, "a snapshot of unsaved events would claim what never happened"
        row = {
            "stream_id": aggregate.stream_id,
            "version": aggregate.version,
            "state_version": aggregate.state_version,
            "state": msgspec.json.encode(aggregate.state()).decode("utf-8"),
            "based_on_version": aggregate.snapshot_version,
            "taken_at": self._clock(),
        }
        with self._engine.begin() as connection:
            connection.execute(KEEP, row)
