"""The event store: append, read, publish after commit, hash chain; on SQLite and PostgreSQL."""

from esworkbench.event_store.database import open_database, write_transaction
from esworkbench.event_store.drafts import ANY_VERSION, StreamAppend
from esworkbench.event_store.store import AppendResult, EventStore, Idempotency

__all__ = [
    "ANY_VERSION",
    "AppendResult",
    "EventStore",
    "Idempotency",
    "StreamAppend",
    "open_database",
    "write_transaction",
]
