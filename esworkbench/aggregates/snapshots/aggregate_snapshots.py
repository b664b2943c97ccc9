"""The snapshots of one class of aggregates: which of them may be used, and taking new ones.

**Why a snapshot can't bypass upcasters.** A state is folded from events as the upcasters of that day made them. When an
event type gets a new shape, a state folded before may lack what the new shape says about old events, and no event after
the snapshot would ever bring it in. So each snapshot records the latest schema version of every event type its code
knew. If any of them has risen since, the snapshot is passed over, and a warning says that ``state_version`` must rise:
only then can a new snapshot be kept beside the old one of the same version. A migration that has taken the new shape
into account says so in its ``event_shapes``, and then the snapshot is used. An event type that is new changes nothing:
code that didn't know it can't have folded one.

What this can't see is a meaning that changes without a version: a corrected upcaster, a corrected ``apply``. For these
too ``state_version`` must rise. Two things find out when somebody forgets: a test that folds a frozen log to the state
written down for this ``state_version``, and ``SnapshotProof``.
"""

import logging
from collections.abc import Iterator
from typing import Generic, TypeVar

import msgspec

from esworkbench.aggregates.aggregate import Aggregate
from esworkbench.aggregates.snapshots.migrations import StateMigrations
from esworkbench.aggregates.snapshots.snapshot import Snapshot, Snapshots, state_as_kept
from esworkbench.errors import StoreBusy
from esworkbench.event_store.database import gave_up
from esworkbench.events import EventTypes

A = TypeVar("A", bound=Aggregate)

logger = logging.getLogger(__name__)


class AggregateSnapshots(Generic[A]):
    """Uses and takes the snapshots of ``aggregate_class``, whose events are of ``event_types``.

    Raises ValueError when the state migrations of the class don't lead to today's shape.
    """

    def __init__(self, snapshots: Snapshots, aggregate_class: type[A], event_types: EventTypes) -> None:
        self._snapshots = snapshots
        self._aggregate_class = aggregate_class
        self._migrations = StateMigrations(aggregate_class)
        self._event_shapes = {name: event_types.latest_version(name) for name in event_types.names()}
        self._told: set[str] = set()

    def usable(self, aggregate_id: str) -> Iterator[tuple[A, str]]:
        """The aggregate as each usable snapshot has it, newest first, and the hash of the last event folded into it.

        A place of snapshots that doesn't serve costs time and nothing else: it is logged, and there are no more.
        """
        stream_id = self._aggregate_class(aggregate_id).stream_id
        try:
            for snapshot in self._snapshots.candidates(stream_id):
                restored = self._restored(aggregate_id, snapshot)
                if restored is not None:
                    yield restored, str(snapshot.event_hash)
        except Exception as error:
            if not isinstance(error, StoreBusy | OSError) and gave_up(error) is None:
                raise
            logger.exception("no more snapshots of %s can be read", stream_id)

    def take(self, aggregate: A, event_hash: str) -> None:
        """Keep the aggregate's state as of its version, at which its stream has the event with this hash.

        Taking the same one twice changes nothing.
        """
        assert not aggregate.uncommitted, "a snapshot of unsaved events would claim what never happened"
        self._snapshots.keep(
            Snapshot(
                stream_id=aggregate.stream_id,
                version=aggregate.version,
                state_version=aggregate.state_version,
                state=msgspec.json.encode(aggregate.state()),
                event_shapes=self._event_shapes,
                event_hash=event_hash,
                based_on_version=aggregate.snapshot_version,
            )
        )

    def _restored(self, aggregate_id: str, snapshot: Snapshot) -> A | None:
        reason = self._reason_against(snapshot)
        if reason is not None:
            self._tell_once(snapshot, reason)
            return None
        aggregate = self._aggregate_class(aggregate_id)
        try:
            state = self._migrations.migrate(msgspec.json.decode(snapshot.state), snapshot.state_version)
            aggregate.restore(state)
            understood = state_as_kept(aggregate) == state
        except Exception:
            logger.exception("the snapshot of %s at version %d can't be used", snapshot.stream_id, snapshot.version)
            return None
        if not understood:
            logger.error(
                "the snapshot of %s at version %d is passed over: restored, the state reads differently from what was "
                "kept and migrated",
                snapshot.stream_id,
                snapshot.version,
            )
            return None
        aggregate.version = aggregate.snapshot_version = snapshot.version
        return aggregate

    def _reason_against(self, snapshot: Snapshot) -> str | None:
        """Why today's code can't vouch for a snapshot; None when it can."""
        kept, today = snapshot.state_version, self._migrations.today
        if kept > today:
            return f"its state has shape {kept}, newer than this code's {today}"
        if not self._migrations.reach(kept):
            return f"no migration leads from shape {kept} of its state to {today}"
        if snapshot.event_shapes is None or snapshot.event_hash is None:
            return "it doesn't say which events it was folded from"
        for event_type, shape in self._migrations.event_shapes(snapshot).items():
            known = self._event_shapes.get(event_type)
            if known != shape:
                now = "unknown" if known is None else f"v{known}"
                return (
                    f"it was folded when {event_type} was v{shape} and is {now} now: raise state_version of "
                    f"{self._aggregate_class.__name__}, so that new snapshots can be kept beside such"
                )
        return None

    def _tell_once(self, snapshot: Snapshot, reason: str) -> None:
        """Once per reason: it holds for thousands of snapshots, at every load."""
        if reason not in self._told:
            self._told.add(reason)
            logger.warning(
                "the snapshot of %s at version %d is passed over, as all such: %s",
                snapshot.stream_id,
                snapshot.version,
                reason,
            )
