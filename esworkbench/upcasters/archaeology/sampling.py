"""Events of a log nobody documented, read straight from its ``events`` table: a sample across the whole life, or all.

Only the columns are relied on, through whatever connection is given, so a read-only one will do.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from random import Random
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, text

from esworkbench.errors import UnreadableEvent, UnusableInput
from esworkbench.events import RecordedEvent

COLUMNS = (
    "global_position, stream_id, version, event_id, event_type, schema_version, payload, metadata,"
    " CAST(recorded_at AS TEXT) AS recorded_at, CAST(valid_at AS TEXT) AS valid_at, prev_hash, hash"
)
"""Moments as text: PostgreSQL keeps some that no datetime holds, and its driver refuses all that come with them."""
WHOLE = ("global_position", "version", "schema_version")
FETCHED_AT_ONCE = 1000

LIFE = text("SELECT count(*), min(global_position), max(global_position) FROM events WHERE event_type = :event_type")
TYPES = text(
    "SELECT event_type, count(*) AS events, min(global_position) AS first, max(global_position) AS last"
    " FROM events GROUP BY event_type ORDER BY event_type"
)
ALL = text(f"SELECT {COLUMNS} FROM events ORDER BY global_position")
ALL_OF_TYPE = text(f"SELECT {COLUMNS} FROM events WHERE event_type = :event_type ORDER BY global_position")
FIRST_BETWEEN = text(
    f"SELECT {COLUMNS} FROM events WHERE event_type = :event_type"
    " AND global_position >= :low AND global_position <= :high ORDER BY global_position LIMIT 1"
)


class TypeLife(NamedTuple):
    """How many events of a type the log holds, and the positions of the first and the last."""

    event_type: str
    events: int
    first: int
    last: int


def event_type_lives(connection: Connection) -> list[TypeLife]:
    """Every event type in the log, by name. Raises UnreadableEvent for a type that is no text."""
    lives = [TypeLife(*row) for row in connection.execute(TYPES)]
    for life in lives:
        if not isinstance(life.event_type, str):
            raise UnreadableEvent(life.first, "", repr(life.event_type), 0, "event_type")
    return lives


def all_events(connection: Connection, event_type: str | None = None) -> Iterator[RecordedEvent]:
    """The whole log, or all events of one type, by position; streamed, so that memory stays flat."""
    streaming = connection.execution_options(stream_results=True, yield_per=FETCHED_AT_ONCE)
    statement = ALL if event_type is None else ALL_OF_TYPE.bindparams(event_type=event_type)
    return map(_recorded, streaming.execute(statement))


def sample_events(connection: Connection, event_type: str, size: int, seed: int) -> Iterator[RecordedEvent]:
    """At most ``size`` events of one type, by position, spread over its whole life; the first and the last are in it.

    The positions between these two are cut into equal stretches. From each comes the first event at or after a place
    drawn from the seed, or, where none follows, the first of the stretch; a stretch without the type gives none. So a
    rare old shape gets its share even if most of the log is new. All stretches together are at most two passes over
    the log, and one event is held at a time. Raises UnusableInput for a size below 2, or a type the log doesn't hold.
    """
    if size < 2:
        raise UnusableInput(f"a sample of {size} can't hold both ends of a life: ask for 2 events or more")
    events, first, last = connection.execute(LIFE, {"event_type": event_type}).one()
    if not events:
        known = ", ".join(life.event_type for life in event_type_lives(connection)) or "none"
        raise UnusableInput(f"the log holds no event of type {event_type!r}; it holds {known}")
    if events <= size:
        return all_events(connection, event_type)
    return _one_per_stretch(connection, event_type, first, last, size, Random(seed))


def _one_per_stretch(
    connection: Connection, event_type: str, first: int, last: int, size: int, rng: Random
) -> Iterator[RecordedEvent]:
    yield _only(connection, event_type, first, first)
    inner = size - 2
    for number in range(inner):
        low = first + 1 + (last - first - 1) * number // inner
        high = first + (last - first - 1) * (number + 1) // inner
        if low > high:
            continue
        drawn = rng.randint(low, high)
        found = _first_between(connection, event_type, drawn, high) or _first_between(
            connection, event_type, low, drawn - 1
        )
        if found is not None:
            yield found
    yield _only(connection, event_type, last, last)


def _only(connection: Connection, event_type: str, low: int, high: int) -> RecordedEvent:
    found = _first_between(connection, event_type, low, high)
    assert found is not None, "the log is append-only: what was its first or last event stays there"
    return found


def _first_between(connection: Connection, event_type: str, low: int, high: int) -> RecordedEvent | None:
    wanted = {"event_type": event_type, "low": low, "high": high}
    row = connection.execute(FIRST_BETWEEN, wanted).one_or_none()
    return None if row is None else _recorded(row)


def _recorded(row: Row[Any]) -> RecordedEvent:
    """The event as it is stored. Raises UnreadableEvent, naming the column, where somebody else stored anything."""
    texts = (
        "stream_id",
        "event_id",
        "event_type",
        "payload",
        "metadata",
        "recorded_at",
        "valid_at",
        "prev_hash",
        "hash",
    )
    for names, kind in ((("global_position", "version", "schema_version"), int), (texts, str)):
        for name in names:
            if type(getattr(row, name)) is not kind:
                raise _unreadable(row, name)
    return RecordedEvent(
        global_position=row.global_position,
        stream_id=row.stream_id,
        version=row.version,
        event_id=row.event_id,
        event_type=row.event_type,
        schema_version=row.schema_version,
        payload=row.payload.encode(),
        metadata=row.metadata.encode(),
        recorded_at=_moment(row, "recorded_at"),
        valid_at=_moment(row, "valid_at"),
        prev_hash=row.prev_hash,
        hash=row.hash,
    )


def _moment(row: Row[Any], name: str) -> datetime:
    try:
        return datetime.fromisoformat(getattr(row, name)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise _unreadable(row, name) from None


def _unreadable(row: Row[Any], name: str) -> UnreadableEvent:
    return UnreadableEvent(row.global_position, str(row.event_id), str(row.event_type), 0, name)
