"""Lossless first: the log as it is stored, however odd an event is. Evidence judges later.

Events stored as the store writes them are read in bulk. Every other one is read value by value, as its storage class
and its bytes: what the columns of evidence can hold of it goes there, and the value itself to the table ``oddities``.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from esworkbench.archive.tables import TIME
from esworkbench.event_store.columns import LAST_POSITION
from esworkbench.evidence.capturing.ahead import ahead
from esworkbench.evidence.capturing.source import SourceDatabase


class Column(NamedTuple):
    """A column of the log: what the store calls it, what evidence does, and what belongs in it."""

    stored: str
    name: str
    kind: Literal["whole", "text", "moment"]


LOG = (
    Column("global_position", "position", "whole"),
    Column("stream_id", "stream_id", "text"),
    Column("version", "version", "whole"),
    Column("event_id", "event_id", "text"),
    Column("event_type", "type", "text"),
    Column("schema_version", "schema_version", "whole"),
    Column("recorded_at", "recorded_at", "moment"),
    Column("valid_at", "valid_at", "moment"),
    Column("payload", "payload", "text"),
    Column("metadata", "metadata", "text"),
    Column("prev_hash", "prev_hash", "text"),
    Column("hash", "hash", "text"),
)
NAMES = [column.name for column in LOG]
PLACE = ("position", "stream_id", "version")
MAY_BE_ABSENT = ("schema_version", "recorded_at", "valid_at", "prev_hash", "hash")
"""Columns of evidence that can be null. A text that isn't there is kept as an empty one."""

ARROW: dict[str, Any] = {"whole": pa.int64(), "text": pa.string(), "moment": TIME}
SCHEMA = pa.schema([(column.name, ARROW[column.kind]) for column in LOG])
CANONICAL = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]{6}Z$"
EARLIEST, LATEST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)
"""A day within what Python can say in any zone."""

SOUGHT_AT_ONCE = 500


class Oddity(NamedTuple):
    """A value that isn't stored as the store writes it: the columns of the table ``oddities``.

    ``stored_as`` is the database's type or storage class, ``value`` the text, or the bytes in hex where ``in_hex``.
    """

    source: str
    position: int | None
    stream_id: str | None
    version: int | None
    event_id: str | None
    account: str | None
    column_name: str
    stored_as: str
    value: str | None
    in_hex: bool
    why: str


class Stored(NamedTuple):
    """A batch of the log, and what is odd about it. An event whose place can't be told is all oddities.

    ``by_position``: the batch goes on where the last such batch ended.
    """

    events: pa.Table
    oddities: list[Oddity]
    by_position: bool


def stored_log(source: SourceDatabase, after: int | None = None) -> Iterator[Stored]:
    """The log, whole or past a position: first what is stored in another form than the store's, then by position."""
    dialect = DIALECTS[source.engine]
    plain = " AND ".join(dialect.plain[column.kind].format(column.stored) for column in LOG)
    past = "" if after is None else f" AND global_position > {after}"
    yield from _one_by_one(source, f"({plain}) IS NOT TRUE{past}")
    columns = ", ".join(f"{dialect.bulk[column.kind].format(column.stored)} AS {column.name}" for column in LOG)
    query = f"SELECT {columns} FROM events WHERE {plain}{past} ORDER BY global_position"
    for batch in ahead(source.arrow(query)):
        events = _typed(batch)
        if events is None:
            odd = np.array([not _is_plain(row) for row in zip(*map(_values, batch.columns), strict=True)])
            found = batch.column("position").filter(pa.array(odd)).to_pylist()
            for first in range(0, len(found), SOUGHT_AT_ONCE):
                sought = ", ".join(map(str, found[first : first + SOUGHT_AT_ONCE]))
                yield from _one_by_one(source, f"global_position IN ({sought})")
            events = _typed(batch.filter(pa.array(~odd)))
        assert events is not None, "what is left is plain"
        yield Stored(events, [], by_position=True)


class Dialect(NamedTuple):
    """How a database is asked, by kind of column: whether a value is plain; for it in bulk; for what is stored."""

    plain: dict[str, str]
    bulk: dict[str, str]
    as_stored: str


DIALECTS = {
    "sqlite": Dialect(
        plain={"whole": "typeof({0}) = 'integer'", "text": "typeof({0}) = 'text'", "moment": "typeof({0}) = 'text'"},
        bulk={"whole": "{0}", "text": "{0}", "moment": "{0}"},
        as_stored="typeof({0}), CAST(CASE typeof({0}) WHEN 'real' THEN printf('%!.17g', {0}) ELSE {0} END AS BLOB)",
    ),
    "postgresql": Dialect(
        plain={
            "whole": "{0} IS NOT NULL",
            "text": "{0} IS NOT NULL",
            "moment": f"{{0}} BETWEEN '{EARLIEST.isoformat()}' AND '{LATEST.isoformat()}'",
        },
        bulk={"whole": "{0}::bigint", "text": "{0}::text", "moment": "{0}"},
        as_stored="CASE WHEN {0} IS NULL THEN 'null' ELSE pg_typeof({0})::text END, convert_to({0}::text, 'UTF8')",
    ),
}


def _typed(batch: pa.RecordBatch) -> pa.Table | None:
    """The batch with the types of evidence; None where a value is odd."""
    columns = []
    for column, values in zip(LOG, batch.columns, strict=True):
        if pa.types.is_string(values.type) and not is_text(values):
            return None
        if column.kind == "moment" and pa.types.is_string(values.type):
            if pc.all(pc.match_substring_regex(values, CANONICAL)).as_py() is False:
                return None
            try:
                values = values.cast(TIME)
            except pa.ArrowInvalid:
                return None
            # Compared by Arrow, since Python can't hold every moment that Arrow can.
            if pc.less(pc.min(values), pa.scalar(EARLIEST, TIME)).as_py():
                return None
            if pc.greater(pc.max(values), pa.scalar(LATEST, TIME)).as_py():
                return None
        columns.append(values.cast(ARROW[column.kind]))
    if len(batch) and not 1 <= pc.min(columns[0]).as_py() <= pc.max(columns[0]).as_py() <= LAST_POSITION:
        return None
    return pa.table(columns, schema=SCHEMA)


def is_text(values: "pa.Array[Any]") -> bool:
    """Whether all of it is UTF-8 without NUL. ASCII, by far the most, is told by its largest byte."""
    _, offsets, content = values.buffers()
    if content is None or offsets is None or not len(values):
        return True
    places = np.frombuffer(memoryview(offsets), np.int32)[values.offset : values.offset + len(values) + 1]
    text = np.frombuffer(memoryview(content), np.uint8)[places[0] : places[-1]]
    if not len(text):
        return True
    if text.max() >= 128:
        try:
            values.cast(pa.binary()).cast(pa.string())
        except pa.ArrowInvalid:
            return False
    return bool(text.min())


def _values(column: "pa.Array[Any]") -> list[Any]:
    return (column.cast(pa.binary()) if pa.types.is_string(column.type) else column).to_pylist()


def _is_plain(row: tuple[Any, ...]) -> bool:
    """As ``_typed``, for one row; texts are bytes."""
    for column, value in zip(LOG, row, strict=True):
        kind = "integer" if column.kind == "whole" else "text"
        if not isinstance(value, datetime) and _read(column, kind, value)[1]:
            return False
    return True


def _one_by_one(source: SourceDatabase, condition: str) -> Iterator[Stored]:
    as_stored = DIALECTS[source.engine].as_stored
    values = ", ".join(as_stored.format(column.stored) for column in LOG)
    for batch in source.rows(f"SELECT {values} FROM events WHERE {condition} ORDER BY global_position"):
        found = [_event(list(zip(row[::2], row[1::2], strict=True))) for row in batch]
        events = [event for event, _ in found if event is not None]
        table = pa.Table.from_pylist(events, schema=SCHEMA)
        yield Stored(table, [oddity for _, oddities in found for oddity in oddities], by_position=False)


def _event(stored: Sequence[tuple[str, Any]]) -> tuple[dict[str, Any] | None, list[Oddity]]:
    """As much of an event as evidence's columns hold, or None where its place can't be told; and what is odd."""
    event: dict[str, Any] = {}
    odd: list[tuple[int, str]] = []
    for number, (column, (kind, raw)) in enumerate(zip(LOG, stored, strict=True)):
        event[column.name], why = _read(column, kind, None if raw is None else bytes(raw))
        if why:
            odd.append((number, why))
    placed = all(event[name] is not None for name in PLACE)
    if not placed:
        odd = [(number, dict(odd).get(number, "of an event whose place can't be told")) for number in range(len(LOG))]
    place = (event["position"], event["stream_id"], event["version"], event["event_id"], None)
    oddities = [
        Oddity("events", *place, LOG[number].stored, stored[number][0], *shown(stored[number][1]), why)
        for number, why in odd
    ]
    return (event if placed else None), oddities


def _read(column: Column, kind: str, raw: bytes | None) -> tuple[Any, str | None]:
    """What evidence keeps of a value, and what is odd about it, if anything."""
    if raw is None:
        absent = None if column.name in (*MAY_BE_ABSENT, *PLACE) else ""
        return absent, f"{column.stored} is null"
    if column.kind == "whole":
        if kind not in ("integer", "bigint"):
            return None, f"{column.stored} is stored as {kind}, not as a whole number"
        return int(raw), _why_no_place(column, int(raw))
    text = raw.decode("utf-8", "backslashreplace")
    why = _why_odd(column.stored, kind, raw)
    if column.kind == "text":
        return text, why
    moment = moment_of(text)
    if moment is None:
        return None, f"{column.stored} is {text[:40]!r}, which is no moment"
    if kind == "text" and re.fullmatch(CANONICAL, text, re.ASCII) is None:
        why = why or f"{column.stored} is not spelled as the store writes a moment"
    return moment, why


def _why_no_place(column: Column, value: int) -> str | None:
    if column.name != "position" or 1 <= value <= LAST_POSITION:
        return None
    where = "below 1" if value < 1 else f"above {LAST_POSITION}, the last that is ever drawn"
    return f"{column.stored} is {value}, {where}"


def _why_odd(name: str, kind: str, raw: bytes) -> str | None:
    if kind not in ("text", "timestamp with time zone"):
        return f"{name} is stored as {kind}, not as text"
    try:
        raw.decode()
    except UnicodeDecodeError:
        return f"{name} is not UTF-8"
    return f"{name} holds a NUL" if b"\0" in raw else None


def moment_of(text: str) -> datetime | None:
    """The moment that a text says, whatever its spelling; None where it says none, not in which zone, or one outside
    of EARLIEST and LATEST."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo and EARLIEST <= moment <= LATEST else None
    except (ValueError, OverflowError):
        return None


def shown(raw: Any) -> tuple[str | None, bool]:
    """A value as text; as hex, which is said, where its bytes aren't UTF-8."""
    if not isinstance(raw, bytes | bytearray | memoryview):
        return (None if raw is None else str(raw)), False
    try:
        return bytes(raw).decode(), False
    except UnicodeDecodeError:
        return bytes(raw).hex(), True
