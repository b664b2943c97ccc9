"""What every table here is made of: moments and positions as each database keeps them, and the tables' common metadata.

Each room declares its own tables, with the names that DESIGN gives them, and makes them itself.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Connection, Integer, MetaData, Table, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TIMESTAMP, TypeDecorator, TypeEngine

from esworkbench.errors import UnreadableEvent, UnusableInput
from esworkbench.events import RecordedEvent

metadata = MetaData()


class UtcMoment(TypeDecorator[datetime]):
    """A moment in UTC to the microsecond: ``timestamptz`` on PostgreSQL; on SQLite text of fixed width, which sorts."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(TIMESTAMP(timezone=True))
        return dialect.type_descriptor(Text())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None or dialect.name == "postgresql":
            return value
        return moment_text(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if isinstance(value, datetime):
            return value.astimezone(UTC)
        try:
            return datetime.fromisoformat(value)
        except (TypeError, ValueError):
            raise UnusableInput(
                f"the database keeps {value!r} where a moment belongs, and it is none: somebody else wrote it, so find "
                "out who, and what it was to say"
            ) from None


@lru_cache(maxsize=16)
def moment_text(moment: datetime) -> str:
    """``2026-11-23T13:48:03.123456Z``, always 27 characters."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"


MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]{6}Z")


@lru_cache(maxsize=16)
def moment_of(text: str) -> datetime:
    """The moment that ``moment_text`` wrote. Raises ValueError for any other spelling, which would sort elsewhere."""
    if MOMENT.fullmatch(text) is None:
        raise ValueError(f"{text!r} is not spelled like 2026-11-23T13:48:03.123456Z")
    return datetime.fromisoformat(text)


def unreadable(row: Sequence[Any], column: str) -> UnreadableEvent:
    """The error for a row of ``events`` that begins with ``engine.COLUMNS``, whatever it holds."""
    position, _stream_id, _version, event_id, event_type, schema_version = row[:6]
    known = schema_version if type(schema_version) is int else 0
    return UnreadableEvent(position, _as_text(event_id), _as_text(event_type), known, column)


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else repr(value)


def up_to_unreadable(
    rows: Sequence[tuple[Any, ...]], recorded: Callable[[tuple[Any, ...]], RecordedEvent]
) -> list[RecordedEvent]:
    """The events of these rows, up to the first that can't be read. Raises UnreadableEvent when that is the first."""
    events: list[RecordedEvent] = []
    try:
        for row in rows:
            events.append(recorded(row))
    except UnreadableEvent:
        if not events:
            raise
    return events


def keep_whole(tables: Iterable[Table]) -> None:
    """Have SQLite refuse all but whole numbers of 64 bits in integer columns, as PostgreSQL does.

    It would keep a larger sum as a float, which is no longer exact, without a word.
    """
    for table in tables:
        named = {constraint.name for constraint in table.constraints}
        for column in table.columns:
            name = f"{table.name}.{column.name} is a whole number of 64 bits"
            if isinstance(column.type, Integer) and name not in named:
                whole = f"typeof({identifier(column.name)}) IN ('integer', 'null')"
                table.append_constraint(CheckConstraint(whole, name=name).ddl_if(dialect="sqlite"))


Position = BigInteger().with_variant(Integer, "sqlite")

LAST_POSITION = 2**53 - 1
"""The last value that a database may draw: what JSON can say exactly, and far below the end of its counter.

SQLite draws one more than the largest there ever was. A row put by hand at the end of 64 bits would leave nothing.
"""

POSITION_CHECK = "events_position_range"
"""Name of the CHECK that says so of ``events``. An earlier release had ``events_position``, without an upper end."""


def out_of_reach(position: int, stream_id: object, event_id: object, taken_away: str) -> str:
    """What is said of a row that stands where no position is ever drawn; ``taken_away`` are the owner's statements."""
    return (
        f"event {event_id!r} of stream {stream_id!r} stands at position {position}, and no position from "
        f"{LAST_POSITION} on is ever drawn, so somebody put it there by hand: capture the store as evidence, then let "
        f"its owner take that row away ({taken_away}) and open it again, which puts the guards back"
    )


def columns_of(connection: Connection, table: str) -> set[str]:
    """The names of the columns that a table has in this database. Raises DBAPIError where there is no such table."""
    return set(connection.exec_driver_sql(f"SELECT * FROM {identifier(table)} WHERE 1 = 0").keys())


def identifier(name: str) -> str:
    """A name of a table, column, schema or role as it stands in SQL, whatever is in it.

    The one seam through which names get into statements; values are always bound.
    """
    escaped = name.replace('"', '""')
    return f'"{escaped}"'
