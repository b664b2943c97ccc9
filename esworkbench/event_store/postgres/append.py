"""Appending on PostgreSQL, in as few round trips as the case allows.

A few events for one stream whose head is known take one statement: the insert itself asks whether that head is still
the last, and writes nothing if it isn't. Many events for one stream are copied. Several streams take a transaction.
Nothing read before the write is relied on: whoever read a head that is no longer the last meets the unique
(stream, version) on writing.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from esworkbench.errors import InvalidEvent, UnusableInput
from esworkbench.event_store.drafts import Head
from esworkbench.event_store.engine import Idempotency, Overtaken
from esworkbench.event_store.postgres import sql
from esworkbench.events import RecordedEvent

if TYPE_CHECKING:
    import psycopg

HEADS_KEPT = 10_000
"""How many streams' heads a store remembers before it begins anew: some megabytes."""

WORTH_COPYING = 100
"""From so many events on, the time that COPY saves is worth its six round trips."""


@cache
def refusals() -> tuple[type["psycopg.Error"], ...]:
    """The errors that say something about the append itself. The driver is imported by whoever connects, not before."""
    from psycopg import errors

    return errors.UniqueViolation, errors.CheckViolation, errors.DataError


class KnownHeads:
    """The heads of the streams that this store wrote or read last."""

    def __init__(self) -> None:
        self._heads: dict[str, Head] = {}

    def at(self, stream_id: str, version: int) -> Head | None:
        """The stream's head, if it was last seen at this version."""
        head = self._heads.get(stream_id)
        return head if head is not None and head.version == version else None

    def note(self, event: RecordedEvent) -> None:
        """This event is its stream's last."""
        if len(self._heads) >= HEADS_KEPT:
            self._heads.clear()
        self._heads[event.stream_id] = Head(event.version, event.hash)

    def forget(self, stream_id: str) -> None:
        self._heads.pop(stream_id, None)


class PostgresTransaction:
    """An append. With ``known_heads`` the one insert is its only write, and each statement commits by itself."""

    def __init__(self, cursor: "psycopg.Cursor[Any]", known_heads: KnownHeads | None) -> None:
        self._cursor = cursor
        self._known_heads = known_heads
        self._assumed: Head | None = None

    def look_up(
        self, key: str | None, expected_versions: Mapping[str, int]
    ) -> tuple[Idempotency | None, Mapping[str, Head]]:
        if len(expected_versions) > 1:
            return self._look_up_many(key, list(expected_versions))
        ((stream_id, expected_version),) = expected_versions.items()
        if self._known_heads is not None:
            self._assumed = self._known_heads.at(stream_id, expected_version)
            if self._assumed is not None:
                return None, {stream_id: self._assumed}
        if key is None:
            head = self._cursor.execute(sql.HEAD, (stream_id,)).fetchone()
            return None, {stream_id: Head(*head)} if head else {}
        known, heads = None, {}
        for is_key, version, digest_or_hash, reply in self._cursor.execute(sql.KEY_AND_HEAD, (key, stream_id)):
            if is_key:
                known = remembered(key, (digest_or_hash, reply))
            else:
                heads[stream_id] = Head(version, digest_or_hash)
        return known, heads

    def _look_up_many(self, key: str | None, stream_ids: list[str]) -> tuple[Idempotency | None, Mapping[str, Head]]:
        # Two transfers in opposite directions would wait for each other's row; taking the streams in one order,
        # before either writes, leaves one of them waiting and the other going.
        self._cursor.execute(sql.LOCK_STREAMS, (stream_ids,))
        row = self._cursor.execute(sql.RECALL, (key,)).fetchone() if key is not None else None
        heads = self._cursor.execute(sql.HEADS, (stream_ids,)).fetchall()
        known = remembered(key, row) if key is not None and row else None
        return known, {name: Head(version, last) for name, version, last in heads}

    def insert(self, events: Sequence[RecordedEvent], idempotency: Idempotency | None) -> list[int]:
        if self._assumed is not None and self._known_heads is not None:
            self._known_heads.forget(events[0].stream_id)
        try:
            if self._known_heads is not None and len(events) >= WORTH_COPYING:
                positions = self._copy(events, idempotency)
            elif self._assumed is not None:
                positions = self._insert_after(self._assumed, events, idempotency)
            else:
                positions = self._insert(events, idempotency)
        except refusals() as error:
            raise _refusal(error) from error
        if self._known_heads is not None:
            self._known_heads.note(events[-1])
        return sorted(position for (position,) in positions)

    def _insert(self, events: Sequence[RecordedEvent], idempotency: Idempotency | None) -> list[tuple[int]]:
        statement, values = sql.ONE_ROW, _row(events[0])
        if len(events) > 1:
            statement, values = sql.MANY_ROWS, (_json_rows(events),)
        if idempotency is not None:
            statement, values = sql.AND_REMEMBER[statement], (*_key_row(idempotency, events), *values)
        return self._cursor.execute(statement, values).fetchall()

    def _insert_after(
        self, head: Head, events: Sequence[RecordedEvent], idempotency: Idempotency | None
    ) -> list[tuple[int]]:
        statement, values = sql.ONE_ROW_IF_STILL_HEAD, _row(events[0])
        if len(events) > 1:
            statement, values = sql.MANY_ROWS_IF_STILL_HEAD, (_json_rows(events),)
        if idempotency is not None:
            statement, values = sql.AND_REMEMBER[statement], (*_key_row(idempotency, events), *values)
        positions = self._cursor.execute(statement, (events[0].stream_id, head.hash, *values)).fetchall()
        if not positions:
            raise Overtaken
        return positions

    def _copy(self, events: Sequence[RecordedEvent], idempotency: Idempotency | None) -> list[tuple[int]]:
        # The trigger takes the writers' lock before COPY draws the first position, as it does for an INSERT.
        stream_id, first, last = events[0].stream_id, events[0].version, events[-1].version
        with self._cursor.connection.transaction():
            if self._assumed is not None:
                head = self._cursor.execute(sql.HEAD, (stream_id,)).fetchone()
                if head != self._assumed:
                    raise Overtaken
            with self._cursor.copy(sql.COPY_ROWS) as copy:
                for event in events:
                    copy.write_row(_row(event))
            if idempotency is not None:
                self._cursor.execute(sql.REMEMBER, _key_row(idempotency, events))
            return self._cursor.execute(sql.COPIED, (stream_id, first, last)).fetchall()


def _refusal(error: "psycopg.Error") -> Exception:
    """What one of the refusals means to the caller."""
    from psycopg import errors

    if isinstance(error, errors.DataError | errors.CheckViolation):
        return InvalidEvent(f"PostgreSQL can't hold the event, and nothing was written ({error})")
    if error.diag.constraint_name == "events_event_id":
        detail = error.diag.message_detail
        return InvalidEvent(f"an event id was used before, and nothing was written ({detail})")
    if error.diag.constraint_name == "events_pkey":
        return UnusableInput(
            "the next position is taken, and nothing was written: the sequence of events.global_position was set back, "
            "so open the store again, which says how to mend it"
        )
    return Overtaken()


def remembered(key: str, row: tuple[str, str]) -> Idempotency:
    command_digest, reply = row
    return Idempotency(key, command_digest, reply.encode())


def _key_row(idempotency: Idempotency, events: Sequence[RecordedEvent]) -> tuple[str, str, str, datetime]:
    return idempotency.key, idempotency.command_digest, idempotency.reply.decode(), events[0].recorded_at


def _row(event: RecordedEvent) -> tuple[Any, ...]:
    return (
        event.stream_id,
        event.version,
        event.event_id,
        event.event_type,
        event.schema_version,
        event.payload.decode(),
        event.metadata.decode(),
        event.recorded_at,
        event.valid_at,
        event.prev_hash,
        event.hash,
    )


def _json_rows(events: Sequence[RecordedEvent]) -> str:
    return msgspec.json.encode([dict(zip(sql.WRITTEN, _row(event), strict=True)) for event in events]).decode()
