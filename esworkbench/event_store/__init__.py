"""The event store: append, read, publish after commit, hash chain; on SQLite and PostgreSQL.

- `store`: the store itself
- `drafts`: events checked, encoded, and given their place
- `chain`: the hash chain of a stream
- `engine`: what the store asks of a database
- `sqlite/`: SQLite's answer
- `postgres/`: PostgreSQL's, and a server for people without one
- `schema`: the store's own tables
- `columns`: moments, positions and names as SQL has them
- `database`: opening a database; transactions that write
- `cursors`: driver connections kept at hand
- `guards`: append-only in the database itself; making tables; grants
- `strict_json`: JSON that every reader reads the same
- `participants`: appends in which others take part
- `sidecar`: the folder outside for what must not live inside
"""

from esworkbench.event_store.database import open_database, write_transaction
from esworkbench.event_store.drafts import ANY_VERSION, StreamAppend
from esworkbench.event_store.engine import Idempotency
from esworkbench.event_store.store import AppendResult, EventStore

__all__ = [
    "ANY_VERSION",
    "AppendResult",
    "EventStore",
    "Idempotency",
    "StreamAppend",
    "open_database",
    "write_transaction",
]
