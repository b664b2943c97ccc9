"""The statements of ``postgres.log``, whole and constant, so that each is planned once per connection."""

from esworkbench.event_store.engine import COLUMNS
from esworkbench.event_store.triggers import WRITER_LOCK

RECALL = "SELECT command_digest, reply FROM idempotency_keys WHERE idempotency_key = %s"
HEAD = "SELECT version, hash FROM events WHERE stream_id = %s ORDER BY version DESC LIMIT 1"
KEY_AND_HEAD = """
    SELECT true, NULL::bigint, command_digest, reply FROM idempotency_keys WHERE idempotency_key = %s
    UNION ALL (SELECT false, version, hash, NULL FROM events WHERE stream_id = %s ORDER BY version DESC LIMIT 1)
"""
HEADS = """
    SELECT s.stream_id, h.version, h.hash FROM unnest(%s::text[]) AS s(stream_id)
    CROSS JOIN LATERAL
    (SELECT version, hash FROM events WHERE stream_id = s.stream_id ORDER BY version DESC LIMIT 1) h
"""
LOCK_STREAMS = """
    SELECT pg_advisory_xact_lock(8451, key)
    FROM (SELECT DISTINCT hashtext(s) AS key FROM unnest(%s::text[]) AS s ORDER BY key) AS ordered
"""
"""In the order of what is locked: two names may share one lock."""
WRITTEN = (
    "stream_id", "version", "event_id", "event_type", "schema_version", "payload", "metadata",
    "recorded_at", "valid_at", "prev_hash", "hash",
)  # fmt: skip
INSERT = f"INSERT INTO events ({', '.join(WRITTEN)}) "
ONE_ROW = INSERT + "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING global_position"
JSON_ROWS = """
    ROWS FROM (json_to_recordset(%s::json) AS (
        stream_id text, version bigint, event_id text, event_type text, schema_version int, payload text,
        metadata text, recorded_at timestamptz, valid_at timestamptz, prev_hash text, hash text
    )) WITH ORDINALITY AS new (stream_id, version, event_id, event_type, schema_version, payload, metadata,
                               recorded_at, valid_at, prev_hash, hash, place)
    ORDER BY place
    RETURNING global_position"""
"""The rows in one JSON parameter: a third of the time that arrays take, and one round trip, where COPY takes six."""
MANY_ROWS = f"{INSERT} SELECT {', '.join(WRITTEN)} FROM {JSON_ROWS}"
REMEMBER = "INSERT INTO idempotency_keys (idempotency_key, command_digest, reply, recorded_at) VALUES (%s, %s, %s, %s)"

IF_STILL_HEAD = """
    WITH head AS (SELECT WHERE (
        SELECT hash FROM events WHERE stream_id = %s ORDER BY version DESC LIMIT 1
    ) IS NOT DISTINCT FROM %s)
"""
ONE_ROW_IF = INSERT + "SELECT %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s FROM head RETURNING global_position"
MANY_ROWS_IF = f"{INSERT} SELECT {', '.join(WRITTEN)} FROM head, {JSON_ROWS}"
ONE_ROW_IF_STILL_HEAD = IF_STILL_HEAD + ONE_ROW_IF
MANY_ROWS_IF_STILL_HEAD = IF_STILL_HEAD + MANY_ROWS_IF

REMEMBER_FIRST = f"WITH kept AS ({REMEMBER}), written AS ("
POSITIONS = ") SELECT global_position FROM written"
REMEMBER_IF = """
    , kept AS (INSERT INTO idempotency_keys (idempotency_key, command_digest, reply, recorded_at)
               SELECT %s, %s, %s, %s FROM head)
"""
AND_REMEMBER = {
    ONE_ROW: REMEMBER_FIRST + ONE_ROW + POSITIONS,
    MANY_ROWS: REMEMBER_FIRST + MANY_ROWS + POSITIONS,
    ONE_ROW_IF_STILL_HEAD: IF_STILL_HEAD + REMEMBER_IF + ONE_ROW_IF,
    MANY_ROWS_IF_STILL_HEAD: IF_STILL_HEAD + REMEMBER_IF + MANY_ROWS_IF,
}
"""The same insert, and the key's row in the same statement."""

COPY_ROWS = f"COPY events ({', '.join(WRITTEN)}) FROM STDIN"
COPIED = "SELECT global_position FROM events WHERE stream_id = %s AND version BETWEEN %s AND %s"
STREAM = f"SELECT {COLUMNS} FROM events WHERE stream_id = %s AND version > %s AND version <= %s"
KNOWN_AT = " AND recorded_at <= %s"
BY_VERSION = " ORDER BY version"
BETWEEN = f"SELECT {COLUMNS} FROM events WHERE global_position > %s AND global_position <= %s"
OUTSIDE_PYTHON = """
    SELECT global_position, stream_id, version, event_id, event_type, schema_version,
           CASE WHEN recorded_at >= '0001-01-01 00:00:00+00' AND recorded_at < '10000-01-01 00:00:00+00'
                THEN 'valid_at' ELSE 'recorded_at' END
    FROM events WHERE {} AND NOT (
        recorded_at >= '0001-01-01 00:00:00+00' AND recorded_at < '10000-01-01 00:00:00+00'
        AND valid_at >= '0001-01-01 00:00:00+00' AND valid_at < '10000-01-01 00:00:00+00'
    ) ORDER BY global_position LIMIT 1
"""
UNREADABLE_AFTER = OUTSIDE_PYTHON.format("global_position > %s")
UNREADABLE_IN_STREAM = OUTSIDE_PYTHON.format("stream_id = %s")
"""The first event with a moment that no datetime holds: infinity, before the year 1, after 9999."""
BY_POSITION = " ORDER BY global_position LIMIT %s"
HEAD_POSITION = "SELECT coalesce(max(global_position), 0) FROM events"
HOLDERS = """
    SELECT virtualtransaction, pid FROM pg_locks
    WHERE locktype = 'advisory' AND objsubid = 1 AND granted
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND classid = %s AND objid = %s
"""
PREPARED = """
    SELECT held.virtualtransaction, gid FROM pg_prepared_xacts
    JOIN pg_locks held ON held.locktype = 'transactionid' AND held.pid IS NULL AND held.transactionid = transaction
    WHERE pg_prepared_xacts.database = current_database()
"""
WRITTEN_ELSEWHERE = """
    SELECT pg_is_in_recovery() OR EXISTS (SELECT FROM pg_subscription_rel WHERE srrelid = 'events'::regclass)
"""
LOCK_PARTS = (WRITER_LOCK >> 32, WRITER_LOCK & 0xFFFF_FFFF)
