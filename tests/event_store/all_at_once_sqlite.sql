-- What the release that made all tables at once executed on a new database; statements end at an empty line.

CREATE TABLE events (global_position INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, stream_id TEXT NOT NULL, version
    INTEGER NOT NULL, event_id TEXT NOT NULL, event_type TEXT NOT NULL, schema_version INTEGER NOT NULL, payload
    TEXT NOT NULL, metadata TEXT NOT NULL, recorded_at TEXT NOT NULL, valid_at TEXT NOT NULL, prev_hash TEXT NOT
    NULL, hash TEXT NOT NULL, CONSTRAINT events_stream_version UNIQUE (stream_id, version), CONSTRAINT
    events_event_id UNIQUE (event_id))

CREATE TABLE idempotency_keys (idempotency_key TEXT NOT NULL, command_digest TEXT NOT NULL, reply TEXT NOT NULL,
    recorded_at TEXT NOT NULL, PRIMARY KEY (idempotency_key)) WITHOUT ROWID

CREATE TABLE snapshots (stream_id TEXT NOT NULL, version INTEGER NOT NULL, state_version INTEGER NOT NULL, state
    TEXT NOT NULL, event_shapes TEXT, event_hash TEXT, based_on_version INTEGER, taken_at TEXT NOT NULL, PRIMARY KEY
    (stream_id, version, state_version))

CREATE TABLE outbox (id INTEGER NOT NULL, global_position INTEGER NOT NULL, queued_at TEXT NOT NULL, published_at
    TEXT, PRIMARY KEY (id))

CREATE TABLE outbox_failures (global_position INTEGER NOT NULL, stream_id TEXT NOT NULL, attempts INTEGER NOT NULL,
    error TEXT NOT NULL, failed_at TEXT NOT NULL, next_attempt_at TEXT, holds_stream BOOLEAN NOT NULL, PRIMARY KEY
    (global_position))

CREATE INDEX outbox_failures_stream ON outbox_failures (stream_id)

CREATE TABLE checkpoints (projection TEXT NOT NULL, position INTEGER NOT NULL, updated_at TEXT NOT NULL, PRIMARY KEY
    (projection))

CREATE TABLE read_models (projection TEXT NOT NULL, schema_version INTEGER NOT NULL, settings TEXT NOT NULL,
    code_version TEXT NOT NULL, built_at TEXT NOT NULL, PRIMARY KEY (projection))

CREATE TABLE checkpoint_log (id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, projection TEXT NOT NULL, shard INTEGER
    DEFAULT '0' NOT NULL, from_position INTEGER NOT NULL, to_position INTEGER NOT NULL, run_id TEXT NOT NULL,
    code_version TEXT NOT NULL, saved_at TEXT NOT NULL)

CREATE TABLE dead_letters (id INTEGER NOT NULL, projection TEXT NOT NULL, position INTEGER NOT NULL, event_id TEXT
    NOT NULL, event_type TEXT NOT NULL, schema_version INTEGER NOT NULL, error TEXT NOT NULL, run_id TEXT NOT NULL,
    parked_at TEXT NOT NULL, PRIMARY KEY (id))

CREATE INDEX dead_letters_projection ON dead_letters (projection, position)

CREATE TABLE anchors (position INTEGER NOT NULL, event_count INTEGER NOT NULL, root TEXT NOT NULL, anchored_at TEXT
    NOT NULL, key_id TEXT NOT NULL, signature TEXT NOT NULL, leaves TEXT, PRIMARY KEY (position))

CREATE TRIGGER IF NOT EXISTS events_no_update BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events is
    append-only: no_update'); END

CREATE TRIGGER IF NOT EXISTS events_no_delete BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events is
    append-only: no_delete'); END

CREATE TRIGGER IF NOT EXISTS events_no_replace BEFORE INSERT ON events WHEN EXISTS (SELECT 1 FROM events WHERE
    global_position = NEW.global_position) OR EXISTS (SELECT 1 FROM events WHERE stream_id = NEW.stream_id AND
    version = NEW.version) OR EXISTS (SELECT 1 FROM events WHERE event_id = NEW.event_id) BEGIN SELECT RAISE(ABORT,
    'events is append-only: no_replace'); END

CREATE TRIGGER IF NOT EXISTS checkpoint_log_no_update BEFORE UPDATE ON checkpoint_log BEGIN SELECT RAISE(ABORT,
    'checkpoint_log is append-only: no_update'); END

CREATE TRIGGER IF NOT EXISTS checkpoint_log_no_delete BEFORE DELETE ON checkpoint_log BEGIN SELECT RAISE(ABORT,
    'checkpoint_log is append-only: no_delete'); END

CREATE TRIGGER IF NOT EXISTS checkpoint_log_no_replace BEFORE INSERT ON checkpoint_log WHEN EXISTS (SELECT 1 FROM
    checkpoint_log WHERE id = NEW.id) BEGIN SELECT RAISE(ABORT, 'checkpoint_log is append-only: no_replace'); END
