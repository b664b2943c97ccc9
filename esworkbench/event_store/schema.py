"""The store's tables, named so that a person with ``psql`` or ``sqlite3`` finds their way.

Payload and metadata are text, not JSONB, because the text is what was hashed: JSONB reorders keys and drops
duplicates, and the chain would never verify again. PostgreSQL gets a derived copy, ``payload_json``, for queries.
"""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Identity,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)
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

events = Table(
    "events",
    metadata,
    Column("global_position", Position, Identity(always=True), primary_key=True),
    Column("stream_id", Text, nullable=False),
    Column("version", Position, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("event_type", Text, nullable=False),
    Column("schema_version", Integer, nullable=False),
    Column("payload", Text, nullable=False),
    Column("metadata", Text, nullable=False),
    Column("recorded_at", UtcMoment, nullable=False),
    Column("valid_at", UtcMoment, nullable=False),
    Column("prev_hash", Text, nullable=False),
    Column("hash", Text, nullable=False),
    UniqueConstraint("stream_id", "version", name="events_stream_version"),
    UniqueConstraint("event_id", name="events_event_id"),
    sqlite_autoincrement=True,
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("idempotency_key", Text, primary_key=True),
    Column("command_digest", Text, nullable=False),
    Column("reply", Text, nullable=False),
    Column("recorded_at", UtcMoment, nullable=False),
    sqlite_with_rowid=False,
)

snapshots = Table(
    "snapshots",
    metadata,
    Column("stream_id", Text, primary_key=True),
    Column("version", Position, primary_key=True, autoincrement=False),
    Column("state_version", Integer, primary_key=True, autoincrement=False),
    Column("state", Text, nullable=False),
    Column("event_shapes", Text),
    Column("event_hash", Text),
    Column("based_on_version", Position),
    Column("taken_at", UtcMoment, nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Position, Identity(), primary_key=True),
    Column("global_position", Position, nullable=False),
    Column("queued_at", UtcMoment, nullable=False),
    Column("published_at", UtcMoment),
)

outbox_failures = Table(
    "outbox_failures",
    metadata,
    Column("global_position", Position, primary_key=True, autoincrement=False),
    Column("stream_id", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("error", Text, nullable=False),
    Column("failed_at", UtcMoment, nullable=False),
    Column("next_attempt_at", UtcMoment),
    Column("holds_stream", Boolean, nullable=False),
    Index("outbox_failures_stream", "stream_id"),
)

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("projection", Text, primary_key=True),
    Column("position", Position, nullable=False),
    Column("updated_at", UtcMoment, nullable=False),
)

read_models = Table(
    "read_models",
    metadata,
    Column("projection", Text, primary_key=True),
    Column("schema_version", Integer, nullable=False),
    Column("settings", Text, nullable=False),
    Column("code_version", Text, nullable=False),
    Column("built_at", UtcMoment, nullable=False),
)

checkpoint_log = Table(
    "checkpoint_log",
    metadata,
    Column("id", Position, Identity(always=True), primary_key=True),
    Column("projection", Text, nullable=False),
    Column("shard", Integer, nullable=False, default=0, server_default="0"),
    Column("from_position", Position, nullable=False),
    Column("to_position", Position, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("code_version", Text, nullable=False),
    Column("saved_at", UtcMoment, nullable=False),
    sqlite_autoincrement=True,
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", Position, Identity(), primary_key=True),
    Column("projection", Text, nullable=False),
    Column("position", Position, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("event_type", Text, nullable=False),
    Column("schema_version", Integer, nullable=False),
    Column("error", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("parked_at", UtcMoment, nullable=False),
    Index("dead_letters_projection", "projection", "position"),
)

anchors = Table(
    "anchors",
    metadata,
    Column("position", Position, primary_key=True, autoincrement=False),
    Column("event_count", Position, nullable=False),
    Column("root", Text, nullable=False),
    Column("anchored_at", UtcMoment, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("signature", Text, nullable=False),
    Column("leaves", Text),
)

ADD_PAYLOAD_JSON = "ALTER TABLE events ADD COLUMN payload_json jsonb GENERATED ALWAYS AS (payload::jsonb) STORED"
"""PostgreSQL only: for queries such as ``payload_json->>'currency'``. Never hashed, never read by the store."""


def add_snapshot_columns(connection: Connection) -> None:
    """Give ``snapshots`` what it lacks where it was made before snapshots said which events they were folded from."""
    present = _columns_of(connection, "snapshots")
    for name in ("event_shapes", "event_hash"):
        if name not in present:
            connection.exec_driver_sql(f"ALTER TABLE snapshots ADD COLUMN {name} TEXT")


def add_payload_json(connection: Connection) -> None:
    """Give PostgreSQL's ``events`` its JSONB copy. Asks first: an ALTER that does nothing locks the table as well."""
    if connection.dialect.name == "postgresql" and "payload_json" not in _columns_of(connection, "events"):
        connection.exec_driver_sql(ADD_PAYLOAD_JSON)


def _columns_of(connection: Connection, table: str) -> set[str]:
    return set(connection.exec_driver_sql(f"SELECT * FROM {table} WHERE 1 = 0").keys())
