-- Roles for a PostgreSQL event store, none of which may change or take away what was written.
--
--   psql -v ON_ERROR_STOP=1 -d bank -f data/sql/roles.sql
--
-- Run as a superuser (or as who may create roles and owns the tables), in the store's schema, after the store's tables
-- were made, and again after a release or a rebuild has made new ones: whatever was granted beyond this is taken back.
-- These roles can't log in. Make logins of your own and let them in:
--
--   CREATE ROLE bank_app LOGIN PASSWORD '…' IN ROLE esworkbench_writer, esworkbench_reader;
--
--   esworkbench_owner         owns the tables, makes and rebuilds them; for releases and rebuilds alone
--   esworkbench_writer        reads and appends events, keeps idempotency keys and aggregates' snapshots
--   esworkbench_runner        reads events, keeps read models, checkpoints and dead letters
--   esworkbench_relay         publishes what waits in the outbox
--   esworkbench_reader        reads read models and how far they are, no events
--   esworkbench_investigator  reads everything: capture, verify, monitor
--
-- Who owns a table, or is a superuser, can drop a trigger and do anything: that shows by hashes and anchors alone.
-- Applications open the store without making tables: EventStore.open(url, create=False).

BEGIN;

DO $$
DECLARE
    names CONSTANT text[] := ARRAY['esworkbench_owner', 'esworkbench_writer', 'esworkbench_runner',
        'esworkbench_relay', 'esworkbench_reader', 'esworkbench_investigator'];
    -- Rows are added and never changed.
    appended CONSTANT text[] := ARRAY['events', 'idempotency_keys', 'anchors', 'checkpoint_log'];
    by_writer CONSTANT text[] := ARRAY['events', 'idempotency_keys'];
    by_runner CONSTANT text[] := ARRAY['checkpoints', 'read_models', 'dead_letters'];
    by_relay CONSTANT text[] := ARRAY['outbox', 'outbox_failures'];
    here CONSTANT text := quote_ident(current_schema());
    role_name text;
    one record;
BEGIN
    IF to_regclass(here || '.events') IS NULL THEN
        RAISE EXCEPTION 'there is no table events in the schema %: open the store once as its owner, then run this',
            here;
    END IF;
    FOREACH role_name IN ARRAY names LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
        END IF;
    END LOOP;

    EXECUTE format('REVOKE CREATE ON SCHEMA %s FROM PUBLIC', here);
    EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA %s FROM PUBLIC', here);
    EXECUTE format('REVOKE ALL ON ALL SEQUENCES IN SCHEMA %s FROM PUBLIC', here);
    FOREACH role_name IN ARRAY names LOOP
        EXECUTE format('GRANT USAGE ON SCHEMA %s TO %I', here, role_name);
        EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA %s FROM %I', here, role_name);
        EXECUTE format('REVOKE ALL ON ALL SEQUENCES IN SCHEMA %s FROM %I', here, role_name);
    END LOOP;
    EXECUTE format('GRANT CREATE ON SCHEMA %s TO esworkbench_owner', here);
    -- A rebuild makes its new tables in a schema of its own, until they are swapped in.
    EXECUTE format('GRANT CREATE ON DATABASE %I TO esworkbench_owner', current_database());

    FOR one IN
        SELECT c.oid, c.relname AS name, format('%s.%I', here, c.relname) AS full_name, (
            -- What the database draws or derives, a position above all, nobody names.
            SELECT string_agg(quote_ident(a.attname), ', ') FROM pg_attribute a
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                AND a.attidentity = '' AND a.attgenerated = '') AS columns
        FROM pg_class c
        WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
        ORDER BY c.relname
    LOOP
        EXECUTE format('ALTER TABLE %s OWNER TO esworkbench_owner', one.full_name);
        EXECUTE format('GRANT SELECT ON %s TO esworkbench_investigator', one.full_name);
        IF one.name = ANY (appended) THEN
            IF one.name = ANY (by_writer) THEN
                EXECUTE format('GRANT SELECT, INSERT (%s) ON %s TO esworkbench_writer', one.columns, one.full_name);
            ELSIF one.name = 'checkpoint_log' THEN
                EXECUTE format('GRANT SELECT, INSERT (%s) ON %s TO esworkbench_runner', one.columns, one.full_name);
            END IF;
        ELSIF one.name = 'snapshots' THEN
            EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO esworkbench_writer', one.full_name);
        ELSIF one.name = ANY (by_relay) THEN
            EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO esworkbench_relay', one.full_name);
        ELSE
            -- What keeps account of read models, and any other table: a read model.
            EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO esworkbench_runner', one.full_name);
            EXECUTE format('GRANT SELECT ON %s TO esworkbench_reader', one.full_name);
        END IF;
    END LOOP;

    GRANT SELECT ON events TO esworkbench_runner, esworkbench_relay;
    IF to_regclass(here || '.outbox') IS NOT NULL THEN
        -- The trigger on events queues in it as whoever appends.
        GRANT INSERT (global_position, queued_at) ON outbox TO esworkbench_writer;
    END IF;
    IF to_regclass(here || '.checkpoints') IS NOT NULL THEN
        -- To wait until a read model has seen what was just written.
        GRANT SELECT ON checkpoints TO esworkbench_writer;
    END IF;

    -- Whoever may replace the guards' functions has no guards.
    FOR one IN
        SELECT format('%s.%I(%s)', here, p.proname, pg_get_function_identity_arguments(p.oid)) AS full_name
        FROM pg_proc p WHERE p.pronamespace = current_schema()::regnamespace AND p.prorettype = 'trigger'::regtype
    LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO esworkbench_owner', one.full_name);
    END LOOP;
END
$$;

COMMIT;
