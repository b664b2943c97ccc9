"""A writer that takes its time: its positions are drawn and its transaction stays open until it is let go on."""

from collections.abc import Callable

from esworkbench.event_store import EventStore, StreamAppend
from esworkbench.event_store.drafts import draft_append, place
from esworkbench.event_store.engine import Idempotency, Log
from esworkbench.event_store.postgres.log import PostgresLog
from esworkbench.event_store.sqlite.log import SqliteLog


def append_slowly(store: EventStore, append: StreamAppend, key: str, before_commit: Callable[[int], None]) -> None:
    """Append to one stream as the store does; ``before_commit`` is called with the first position, still unseen.

    ``key`` is kept as the idempotency key. Raises like ``EventStore.append``, and whatever ``before_commit`` raises:
    nothing was appended then.
    """
    log: Log = SqliteLog(store.engine) if store.engine.dialect.name == "sqlite" else PostgresLog(store.engine)
    drafts = [draft_append(append, store.clock(), store.new_id)]
    with log.transaction(one_insert=False) as transaction:
        _, heads = transaction.look_up(key, {append.stream_id: append.expected_version})
        first, *_ = transaction.insert(place(drafts, heads), Idempotency(key, "written slowly", b"{}"))
        before_commit(first)
