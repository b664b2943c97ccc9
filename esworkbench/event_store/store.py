"""The event store: append, read, publish after commit.

Every append goes guard, read, write: is the command known, where do the streams stand, then the events and the
memory of the command in one transaction (the order of message-db's ``write_message``).
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple, Self

import msgspec
import uuid_utils
from sqlalchemy import Engine

from esworkbench.errors import IdempotencyConflict, InvalidEvent, UnusableInput
from esworkbench.event_store import guards
from esworkbench.event_store.database import open_database, retried
from esworkbench.event_store.drafts import DraftAppend, StreamAppend, draft_append, in_utc, place
from esworkbench.event_store.engine import LAST_VERSION, Idempotency, Log, Overtaken
from esworkbench.event_store.postgres.log import PostgresLog
from esworkbench.event_store.postgres.sequence import require_order
from esworkbench.event_store.sqlite.log import SqliteLog
from esworkbench.events import NewEvent, RecordedEvent, utc_now

logger = logging.getLogger(__name__)

Clock = Callable[[], datetime]
NewId = Callable[[], str]
Subscriber = Callable[[list[RecordedEvent]], None]


def time_ordered_id() -> str:
    """A UUID of version 7 (RFC 9562): as unique as a random one, and later ones sort later.

    So new ids meet the unique index on them at its end, in pages that are at hand, however long the log has become.
    """
    return str(uuid_utils.uuid7())


class AppendResult(NamedTuple):
    """``events`` as recorded and ``reply`` as kept. ``repeated``: the key was known, nothing was appended."""

    events: list[RecordedEvent]
    reply: bytes | None
    repeated: bool


class EventStore:
    """An append-only log of events in streams, on SQLite or PostgreSQL.

    ``clock`` says when an event is recorded, ``new_id`` draws ids for events that bring none.
    """

    def __init__(self, engine: Engine, *, clock: Clock = utc_now, new_id: NewId = time_ordered_id) -> None:
        self.engine = engine
        self.clock = clock
        self.new_id = new_id
        self._log: Log = SqliteLog(engine) if engine.dialect.name == "sqlite" else PostgresLog(engine)
        self._subscribers: list[Subscriber] = []

    @classmethod
    def open(cls, url: str, *, create: bool = True, clock: Clock = utc_now, new_id: NewId = time_ordered_id) -> Self:
        """Open the store at a URL or SQLite path, with its tables made if need be.

        With ``create=False`` nothing is made: raises UnusableInput when there is no database, NotAnEventStore when
        it holds no events table. On PostgreSQL raises UnusableInput where positions are not drawn in order.
        """
        engine = open_database(url, create=create)
        store = cls(engine, clock=clock, new_id=new_id)
        if create:
            store.create_tables()
        else:
            guards.require_store_tables(engine)
        require_order(engine)
        return store

    def create_tables(self) -> None:
        """Make the store's own tables and their guards where they don't exist yet. Other rooms make theirs."""
        guards.make_store_tables(self.engine)

    def append(
        self,
        stream_id: str,
        events: Sequence[NewEvent],
        *,
        expected_version: int,
        idempotency: Idempotency | None = None,
    ) -> AppendResult:
        """Append events to one stream that is still at ``expected_version`` (0: new; ANY_VERSION: don't check).

        All of them or none. Raises ConcurrencyError when the stream is at another version, InvalidEvent for what
        can't be stored, IdempotencyConflict when the key belongs to another command.
        """
        return self.append_many([StreamAppend(stream_id, expected_version, events)], idempotency=idempotency)

    def append_many(self, appends: Sequence[StreamAppend], *, idempotency: Idempotency | None = None) -> AppendResult:
        """Append to several streams in one transaction, in the order given: all or nothing. Raises like ``append``."""
        if not appends:
            raise InvalidEvent("nothing to append: hand in at least one stream with at least one event")
        recorded_at = in_utc("recorded_at", self.clock())
        drafts = [draft_append(append, recorded_at, self.new_id) for append in appends]
        while True:
            try:
                result = self._append_once(drafts, idempotency)
            except Overtaken:
                # Somebody else got further, so looking again either tells the caller so or finds the way free.
                continue
            if result.events:
                self._publish(result.events)
            return result

    @retried
    def _append_once(self, appends: list[DraftAppend], idempotency: Idempotency | None) -> AppendResult:
        # Of several appends to one stream only the first expects a version that is there already.
        expected_versions = {append.stream_id: append.expected_version for append in reversed(appends)}
        with self._log.transaction(one_insert=len(expected_versions) == 1) as transaction:
            known, heads = transaction.look_up(idempotency.key if idempotency else None, expected_versions)
            if idempotency and known:
                return AppendResult([], _reply_of(known, idempotency.command_digest), True)
            placed = place(appends, heads)
            positions = transaction.insert(placed, idempotency)
        recorded = [
            msgspec.structs.replace(event, global_position=position)
            for event, position in zip(placed, positions, strict=True)
        ]
        return AppendResult(recorded, idempotency.reply if idempotency else None, False)

    def find_reply(self, key: str, command_digest: str) -> bytes | None:
        """The reply kept under a key, None if the key is new. Raises IdempotencyConflict for another command's key."""
        known = self._log.recall(key)
        return _reply_of(known, command_digest) if known else None

    def read_stream(
        self,
        stream_id: str,
        *,
        after_version: int = 0,
        up_to_version: int | None = None,
        known_at: datetime | None = None,
    ) -> list[RecordedEvent]:
        """A stream's events in version order: those after one version, up to another (inclusive), and of these what
        the store had recorded at ``known_at`` (inclusive). Empty for a stream never written. Raises UnusableInput
        for a ``known_at`` without offset.
        """
        if known_at is not None and known_at.utcoffset() is None:
            raise UnusableInput(f"the moment {known_at.isoformat()} has no offset: write it in UTC, or with its offset")
        up_to = LAST_VERSION if up_to_version is None else up_to_version
        return self._log.stream(stream_id, after_version, up_to, known_at)

    def read_all(self, *, after: int = 0, limit: int = 1000) -> list[RecordedEvent]:
        """The next events of the whole log, by global position, at most ``limit``; empty at the end.

        Nothing at or below the last position returned can appear later, so that position is a safe checkpoint. On
        PostgreSQL this may wait for writers that have drawn an earlier position and not committed yet.
        """
        return self._log.after(after, limit)

    def stream_version(self, stream_id: str) -> int:
        """The version of the stream's last event, 0 if it has none."""
        return self._log.stream_version(stream_id)

    def head_position(self) -> int:
        """The highest position visible now, 0 in an empty log. Earlier ones may still fill: not a checkpoint."""
        return self._log.head_position()

    def settled_head(self) -> int:
        """The head, once whoever had drawn an earlier position is done: a safe checkpoint, without reading events."""
        return self._log.settled_head()

    def subscribe(self, subscriber: Subscriber) -> None:
        """Call ``subscriber`` with the events of each later append through this object, once they are committed.

        What it raises is logged and goes no further: the events are durable, and the other subscribers get them too.
        Other processes follow the log with ``read_all``.
        """
        self._subscribers.append(subscriber)

    def _publish(self, events: list[RecordedEvent]) -> None:
        for subscriber in self._subscribers:
            try:
                subscriber(events)
            except Exception:
                logger.exception(
                    "a subscriber failed on events that are committed, up to position %d", events[-1].global_position
                )


def _reply_of(known: Idempotency, command_digest: str) -> bytes:
    if known.command_digest != command_digest:
        raise IdempotencyConflict(known.key)
    return known.reply
