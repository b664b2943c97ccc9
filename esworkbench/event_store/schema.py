"""The store's own tables, named so that a person with ``psql`` or ``sqlite3`` finds their way.

Payload and metadata are text, not JSONB, because the text is what was hashed: JSONB reorders keys and drops
duplicates, and the chain would never verify again. PostgreSQL gets a derived copy (see ``postgres.json_copy``).
"""

from sqlalchemy import CheckConstraint, Column, Identity, Integer, Table, Text, UniqueConstraint

from esworkbench.event_store.columns import LAST_POSITION, POSITION_CHECK, Position, UtcMoment, metadata

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
    CheckConstraint(f"global_position BETWEEN 1 AND {LAST_POSITION}", name=POSITION_CHECK),
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

anchors = Table(
    "anchors",
    metadata,
    Column("position", Position, primary_key=True, autoincrement=False),
    Column("event_count", Position, nullable=False),
    Column("root", Text, nullable=False),
    Column("anchored_at", UtcMoment, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("signature", Text, nullable=False),
    *(Column(name, Text) for name in ("leaves", "log_id", "previous")),
)

STORE_TABLES = (events, idempotency_keys, anchors)
