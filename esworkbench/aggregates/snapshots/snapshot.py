"""What a snapshot is, and what is asked of the place that keeps snapshots."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Protocol

import msgspec

from esworkbench.aggregates.aggregate import Aggregate


class Snapshot(NamedTuple):
    """A state as it was at ``version`` of its stream.

    ``state`` is its JSON as UTF-8 bytes, in the shape ``state_version``. ``event_shapes`` says which schema version of
    each event type was the latest to the code that folded it, ``event_hash`` is the hash of the event at ``version``;
    both are None where a store of an earlier release didn't record them. ``based_on_version`` is the version of the
    snapshot that the fold began at, None when it began at the first event: a wrong state can be traced back through it
    to the snapshot that brought it in.
    """

    stream_id: str
    version: int
    state_version: int
    state: bytes
    event_shapes: Mapping[str, int] | None
    event_hash: str | None
    based_on_version: int | None


def state_as_kept(aggregate: Aggregate) -> dict[str, Any]:
    """The aggregate's state as a snapshot gives it back: a tuple is a list then, and a moment is text."""
    return msgspec.json.decode(msgspec.json.encode(aggregate.state()), type=dict[str, Any])


class Snapshots(Protocol):
    """A place that keeps snapshots: a table beside the events, another database, a folder. It judges none of them."""

    def candidates(self, stream_id: str) -> Iterator[Snapshot]:
        """A stream's snapshots, newest version first, and of one version the newest shape first.

        Lazily: whoever takes the first and stops, which is usual, has paid for one.
        """

    def keep(self, snapshot: Snapshot) -> None:
        """Durably, all of it or nothing. What is kept already (same stream, version, state version) stays as it is."""

    def invalidate(self, category: str, state_version: int) -> int:
        """Delete one shape's snapshots of all streams of a category; how many there were.

        Loading is as right without them, only slower. What forensics could have read off them goes too, so capture
        evidence first where a snapshot is suspected.
        """
