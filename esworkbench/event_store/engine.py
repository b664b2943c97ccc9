"""What the store asks of a database: one protocol, met by ``sqlite.log`` and ``postgres.log``."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import NamedTuple, Protocol

from esworkbench.event_store.drafts import Head
from esworkbench.events import RecordedEvent

COLUMNS = (
    "global_position, stream_id, version, event_id, event_type, schema_version, payload, metadata,"
    " recorded_at, valid_at, prev_hash, hash"
)

LAST_VERSION = 2**63 - 1


class Idempotency(NamedTuple):
    """What makes a repeated command one command, and is remembered of it.

    ``key`` is unique in a store and drawn by the client, one per intent; ``command_digest`` tells whether a repeat is
    the same command; ``reply`` is the JSON to answer every repeat with, as UTF-8 bytes.
    """

    key: str
    command_digest: str
    reply: bytes


class Overtaken(Exception):
    """Another writer committed the same version or the same key first. The transaction is rolled back: look again."""


class LogTransaction(Protocol):
    """One append under way: guard, read, write, in that order."""

    def look_up(
        self, key: str | None, expected_versions: Mapping[str, int]
    ) -> tuple[Idempotency | None, Mapping[str, Head]]:
        """What is remembered of the key, and the head of every stream named that has one.

        A log may answer from memory for a stream whose head it last saw at the expected version. Then ``insert``
        raises Overtaken if that, or the silence about the key, turns out to be out of date.
        """

    def insert(self, events: Sequence[RecordedEvent], idempotency: Idempotency | None) -> list[int]:
        """Write the events, and what is to be remembered of the command, if anything; their global positions, in order.

        Raises Overtaken, or InvalidEvent for an event id that was used before.
        """


class Log(Protocol):
    """The SQL of one database."""

    def transaction(self, *, one_insert: bool) -> AbstractContextManager[LogTransaction]:
        """Commits at the end, or rolls back on an exception. ``one_insert``: one ``insert`` will be its only write."""

    def recall(self, key: str) -> Idempotency | None: ...

    def stream_version(self, stream_id: str) -> int: ...

    def stream(
        self, stream_id: str, after_version: int, up_to_version: int, known_at: datetime | None
    ) -> list[RecordedEvent]: ...

    def after(self, position: int, limit: int) -> list[RecordedEvent]:
        """The next events by position, never past a position that may still fill."""

    def head_position(self) -> int: ...

    def settled_head(self) -> int:
        """A head below which no position can still fill."""
