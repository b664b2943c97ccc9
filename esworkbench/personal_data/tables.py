"""Where keys are kept, and what is known of them for good."""

from sqlalchemy import Column, LargeBinary, Table, Text, UniqueConstraint

from esworkbench.event_store.columns import UtcMoment, metadata

personal_keys = Table(
    "personal_keys",
    metadata,
    Column("key_id", Text, primary_key=True),
    Column("subject", Text, nullable=False),
    Column("created_at", UtcMoment, nullable=False),
    Column("destroyed_at", UtcMoment),
    UniqueConstraint("subject", name="personal_keys_subject"),
)

personal_key_bytes = Table(
    "personal_key_bytes",
    metadata,
    Column("key_id", Text, primary_key=True),
    Column("key", LargeBinary, nullable=False),
)
