"""The aggregate: decide, then apply, with one path for commands and for replay.

A command method checks the rules and calls ``record``; ``record`` sends the new event through the same ``apply`` that
replays stored ones. Rules never stand in ``apply``: an event is a fact, and a rule that tightens later must not make
yesterday's facts unloadable. (Vernon, *Implementing Domain-Driven Design*, appendix A.)
"""

from copy import copy
from datetime import datetime
from typing import Any, ClassVar, NamedTuple

from esworkbench.errors import CommandRejected, ReadOnlyAggregate
from esworkbench.events import DomainEvent

NOT_STATE = ("id", "version", "snapshot_version", "uncommitted", "read_only")
"""What every aggregate has, whatever it is about."""


class Uncommitted(NamedTuple):
    """An event that was decided and applied but not yet saved; ``valid_at`` None means when it is recorded."""

    event: DomainEvent
    valid_at: datetime | None


class Aggregate:
    """Base of all aggregates. Subclasses set ``category`` and write ``apply``, and ``state`` and ``restore``
    where the state is kept otherwise than in attributes that JSON can hold.

    ``version`` counts every event applied, saved or not; the stream is at ``saved_version``. ``state_version`` is the
    shape of what ``state`` returns: raise it whenever that shape changes, or what an event contributes to it (a
    corrected ``apply`` or upcaster, a new schema version). ``snapshot_version`` is the version of the snapshot this was
    loaded from, None when it was folded from the start.
    """

    category: ClassVar[str]
    state_version: ClassVar[int] = 1

    def __init__(self, aggregate_id: str) -> None:
        self.id = aggregate_id
        self.version = 0
        self.snapshot_version: int | None = None
        self.uncommitted: list[Uncommitted] = []
        self.read_only = False

    @property
    def saved_version(self) -> int:
        """The version the stream had when this was loaded or last saved: what ``append`` must expect."""
        return self.version - len(self.uncommitted)

    @property
    def stream_id(self) -> str:
        return f"{self.category}-{self.id}"

    def apply(self, event: DomainEvent) -> None:
        """Change state by one fact. No rule may be checked here, and nothing outside read or written."""
        raise NotImplementedError(f"{type(self).__name__} must say what each event does to its state")

    def state(self) -> dict[str, Any]:
        """The state as JSON can hold it: what a command is answered with, and what a snapshot keeps.

        It is a copy of each attribute that a subclass added, under its own name.
        """
        return {name: copy(value) for name, value in vars(self).items() if name not in NOT_STATE}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over a ``state`` of the same ``state_version``: each field as the attribute of its name."""
        vars(self).update(state)

    def record(self, event: DomainEvent, *, valid_at: datetime | None = None) -> None:
        """A decision: apply the new event and keep it for saving.

        Raises ReadOnlyAggregate on a past state, CommandRejected when ``valid_at`` is no moment with an offset.
        """
        if self.read_only:
            raise ReadOnlyAggregate(
                f"{self.stream_id} was loaded as of version {self.version}, in the past: load its head to decide"
            )
        if valid_at is not None and (not isinstance(valid_at, datetime) or valid_at.utcoffset() is None):
            raise CommandRejected(f"valid_at must be a moment with an offset from UTC, not {valid_at!r}")
        self.replay(event)
        self.uncommitted.append(Uncommitted(event, valid_at))

    def replay(self, event: DomainEvent) -> None:
        """One stored event, applied as it was when first decided."""
        self.apply(event)
        self.version += 1

    def mark_saved(self) -> None:
        self.uncommitted.clear()
