"""What every table here is made of: moments and positions as each database keeps them, and the tables' common metadata.

Each room declares its own tables, with the names that DESIGN gives them, and makes them itself.
"""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, Connection, Integer, MetaData, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TIMESTAMP, TypeDecorator, TypeEngine

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
        return datetime.fromisoformat(value)


@lru_cache(maxsize=16)
def moment_text(moment: datetime) -> str:
    """``2026-11-23T13:48:03.123456Z``, always 27 characters."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"


Position = BigInteger().with_variant(Integer, "sqlite")


def columns_of(connection: Connection, table: str) -> set[str]:
    """The names of the columns that a table has in this database. Raises DBAPIError where there is no such table."""
    return set(connection.exec_driver_sql(f"SELECT * FROM {identifier(table)} WHERE 1 = 0").keys())


def identifier(name: str) -> str:
    """A name of a table, column, schema or role as it stands in SQL, whatever is in it.

    The one seam through which names get into statements; values are always bound.
    """
    escaped = name.replace('"', '""')
    return f'"{escaped}"'
