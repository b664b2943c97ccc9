-- Roles for a PostgreSQL event store, none of which may change or take away what was written.
--
--   psql -v ON_ERROR_STOP=1 -d bank -f data/sql/roles.sql
--
-- Run as a superuser (or as who may create roles and owns the tables), in the store's schema, after the store's tables
-- were made, and again after a release or a rebuild has made new ones. It can be run as often as you like.
--
-- It gives access to the tables it knows: the store's, and the bank's read models. Read models of your own are named
-- below, in own_read_models. Every other table keeps its owner and its grants, and is named in a NOTICE; these roles
-- get nothing there.
--
-- On the tables whose rows are never changed (events, idempotency_keys, anchors, checkpoint_log) whatever anybody else
-- was granted is taken back, reading too, on columns too, and named in a NOTICE: let such a login into a role instead.
-- Who could rewrite them even so (a superuser, a member of one, of esworkbench_owner or of a role of the server that
-- writes everywhere, the owner of the schema or the database, a grant that only somebody else can take back) is named
-- in a WARNING. Read those: each is either meant, or a hole.
--
-- What lets somebody in by another's rights is looked for as well. On views over those tables, in any schema, INSERT,
-- UPDATE and DELETE are taken back and named in a NOTICE, where the owner of the view could rewrite the log; reading
-- stays. SECURITY DEFINER functions of such owners that others may execute are named in a WARNING: what they do, only
-- their code says. What ALTER DEFAULT PRIVILEGES would grant on new tables is taken back where esworkbench_owner makes
-- them, and named in a WARNING, with the statement that takes it back, where somebody else does. Triggers and rules on
-- the known tables that are not the store's are named in a WARNING: they change or drop what is written.
--
-- These roles can't log in. Make logins of your own and let them in:
--
--   CREATE ROLE bank_app LOGIN PASSWORD '…' IN ROLE esworkbench_writer, esworkbench_reader;
--
--   esworkbench_owner         owns the tables, makes and rebuilds them; for releases and rebuilds alone
--   esworkbench_writer        reads and appends events, keeps idempotency keys and aggregates' snapshots
--   esworkbench_runner        reads events, keeps read models, checkpoints and dead letters
--   esworkbench_relay         publishes what waits in the outbox
--   esworkbench_reader        reads read models and how far they are, no events
--   esworkbench_investigator  reads all of these: capture, verify, monitor
--
-- Who owns a table, or is a superuser, can drop a trigger and do anything: that shows by hashes and anchors alone.
-- Applications open the store without making tables: EventStore.open(url, create=False).

BEGIN;

DO $$
DECLARE
    -- Read models of your own, kept by the runner and read by the reader: ARRAY['loan_balances', 'loan_history']
    own_read_models CONSTANT text[] := ARRAY[]::text[];

    names CONSTANT text[] := ARRAY['esworkbench_owner', 'esworkbench_writer', 'esworkbench_runner',
        'esworkbench_relay', 'esworkbench_reader', 'esworkbench_investigator'];
    -- Rows are added and never changed.
    appended CONSTANT text[] := ARRAY['events', 'idempotency_keys', 'anchors', 'checkpoint_log'];
    by_writer CONSTANT text[] := ARRAY['events', 'idempotency_keys'];
    by_relay CONSTANT text[] := ARRAY['outbox', 'outbox_failures'];
    -- What keeps account of read models, and the read models.
    by_runner CONSTANT text[] := ARRAY['checkpoints', 'read_models', 'dead_letters', 'account_balances',
        'transaction_history', 'daily_summaries', 'pending_withdrawals'] || own_read_models;
    known CONSTANT text[] := appended || by_relay || by_runner || ARRAY['snapshots'];
    here CONSTANT text := quote_ident(current_schema());
    role_name text;
    remedy text;
    one record;
BEGIN
    IF to_regclass(here || '.events') IS NULL THEN
        RAISE EXCEPTION 'there is no table events in the schema %: open the store once as its owner, then run this',
            here;
    END IF;
    -- Every grant in the schema, on columns as well.
    CREATE TEMPORARY VIEW granted AS
    WITH relations AS (
        -- A sequence goes with the table that it counts for.
        SELECT c.*, format('%I.%I', current_schema(), c.relname) AS full_name, coalesce((
            SELECT t.relname FROM pg_depend d JOIN pg_class t ON t.oid = d.refobjid
            WHERE c.relkind = 'S' AND d.classid = 'pg_class'::regclass AND d.objid = c.oid
                AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')), c.relname) AS of_table
        FROM pg_class c WHERE c.relnamespace = quote_ident(current_schema())::regnamespace
    )
    SELECT r.full_name, r.of_table, CASE r.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind,
        r.relowner AS owner, a.grantor, a.grantee, a.privilege_type AS privilege
    FROM relations r CROSS JOIN LATERAL (
        SELECT * FROM aclexplode(r.relacl)
        UNION ALL
        SELECT e.grantor, e.grantee, format('%s (%I)', e.privilege_type, c.attname), e.is_grantable
        FROM pg_attribute c CROSS JOIN LATERAL aclexplode(c.attacl) e
        WHERE c.attrelid = r.oid AND NOT c.attisdropped
    ) a;

    FOREACH role_name IN ARRAY names LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
        END IF;
        EXECUTE format('GRANT USAGE ON SCHEMA %s TO %I', here, role_name);
    END LOOP;

    -- Who could rewrite the log, whatever is granted.
    CREATE TEMPORARY VIEW rewriters AS
    SELECT r.oid AS role, string_agg(w.reason, '; ' ORDER BY w.reason) AS reasons
    FROM pg_roles r CROSS JOIN LATERAL (
        SELECT 'the owner of its tables' AS reason WHERE r.rolname = 'esworkbench_owner'
        UNION ALL
        SELECT 'a superuser' WHERE r.rolsuper
        UNION ALL
        SELECT format('a member of %I', p.rolname) FROM pg_roles p
        WHERE NOT r.rolsuper AND p.oid <> r.oid AND pg_has_role(r.oid, p.oid, 'MEMBER')
            AND (p.rolsuper OR p.rolname IN ('esworkbench_owner', 'pg_write_all_data', 'pg_write_server_files',
                'pg_execute_server_program'))
        UNION ALL
        SELECT format('an owner of the schema %I, or a member of it', current_schema()) FROM pg_namespace n
        WHERE NOT r.rolsuper AND n.nspname = current_schema() AND pg_has_role(r.oid, n.nspowner, 'MEMBER')
        UNION ALL
        SELECT format('an owner of the database %I, or a member of it', d.datname) FROM pg_database d
        WHERE NOT r.rolsuper AND d.datname = current_database() AND pg_has_role(r.oid, d.datdba, 'MEMBER')
        UNION ALL
        SELECT 'one with CREATEROLE, who can join esworkbench_owner'
        WHERE NOT r.rolsuper AND r.rolcreaterole AND current_setting('server_version_num')::int < 160000
    ) w
    -- The server's own roles log nobody in; who is in one of them is named.
    WHERE r.rolname !~ '^pg_'
    GROUP BY r.oid;

    EXECUTE format('REVOKE CREATE ON SCHEMA %s FROM PUBLIC', here);
    EXECUTE format('GRANT CREATE ON SCHEMA %s TO esworkbench_owner', here);
    -- A rebuild makes its new tables in a schema of its own, until they are swapped in.
    EXECUTE format('GRANT CREATE ON DATABASE %I TO esworkbench_owner', current_database());

    -- What the former owner granted is the new owner's from here on, who can take it back.
    FOR one IN
        SELECT c.relname AS name, format('%s.%I', here, c.relname) AS full_name, c.relowner::regrole AS owner
        FROM pg_class c WHERE c.relnamespace = here::regnamespace AND c.relkind IN ('r', 'p') ORDER BY c.relname
    LOOP
        IF one.name = ANY (known) THEN
            EXECUTE format('ALTER TABLE %s OWNER TO esworkbench_owner', one.full_name);
            EXECUTE format('GRANT ALL ON %s TO esworkbench_owner', one.full_name);
        ELSE
            RAISE NOTICE 'left alone: % of %; if it is a read model, name it in own_read_models', one.full_name,
                one.owner;
        END IF;
    END LOOP;
    FOREACH role_name IN ARRAY own_read_models LOOP
        IF to_regclass(format('%s.%I', here, role_name)) IS NULL THEN
            RAISE WARNING 'there is no table %.%, which own_read_models names', here, quote_ident(role_name);
        END IF;
    END LOOP;

    -- All is taken back, and what is due is granted below. What is found a second time could not be taken back.
    FOR attempt IN 1 .. 2 LOOP
        FOR one IN
            SELECT g.full_name, g.kind, r.rolname = ANY (names) AS ours,
                CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE g.grantee::regrole::text END AS grantee,
                string_agg(DISTINCT g.privilege, ', ' ORDER BY g.privilege) AS privileges,
                string_agg(DISTINCT g.grantor::regrole::text, ', ') AS grantors
            FROM pg_temp.granted g LEFT JOIN pg_roles r ON r.oid = g.grantee
            WHERE g.grantee <> g.owner AND (
                g.of_table = ANY (appended) OR (g.of_table = ANY (known) AND g.grantee = 0)
                OR (r.rolname = ANY (names) AND r.rolname <> 'esworkbench_owner'))
            GROUP BY g.full_name, g.kind, r.rolname, g.grantee ORDER BY g.full_name, g.grantee
        LOOP
            IF attempt = 2 THEN
                RAISE WARNING '% still has on %: %, granted by %, who alone can take it back', one.grantee,
                    one.full_name, one.privileges, one.grantors;
                CONTINUE;
            END IF;
            EXECUTE format('REVOKE ALL ON %s %s FROM %s CASCADE', one.kind, one.full_name, one.grantee);
            IF one.ours IS NOT TRUE THEN
                RAISE NOTICE 'taken back on %: % from %', one.full_name, one.privileges, one.grantee;
            END IF;
        END LOOP;
    END LOOP;

    FOR one IN
        SELECT c.relname AS name, format('%s.%I', here, c.relname) AS full_name, (
            -- What the database draws or derives, a position above all, nobody names.
            SELECT string_agg(quote_ident(a.attname), ', ') FROM pg_attribute a
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                AND a.attidentity = '' AND a.attgenerated = '') AS columns
        FROM pg_class c
        WHERE c.relnamespace = here::regnamespace AND c.relkind IN ('r', 'p') AND c.relname = ANY (known)
        ORDER BY c.relname
    LOOP
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
        FROM pg_proc p
        WHERE p.pronamespace = here::regnamespace AND EXISTS (
            SELECT FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
            WHERE t.tgfoid = p.oid AND c.relnamespace = p.pronamespace AND c.relname = ANY (known))
    LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO esworkbench_owner', one.full_name);
    END LOOP;

    -- A view writes with its owner's rights, so whoever may write to it may write to what it shows.
    FOR attempt IN 1 .. 2 LOOP
        FOR one IN
            WITH RECURSIVE showing AS (
                SELECT c.oid FROM pg_class c
                WHERE c.relnamespace = here::regnamespace AND c.relkind IN ('r', 'p') AND c.relname = ANY (appended)
                UNION
                SELECT w.ev_class FROM showing s
                    JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = s.oid
                    JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
            )
            SELECT format('%I.%I', n.nspname, c.relname) AS full_name,
                CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END AS grantee,
                string_agg(DISTINCT a.privilege, ', ' ORDER BY a.privilege) AS privileges,
                string_agg(DISTINCT a.grantor::regrole::text, ', ') AS grantors
            FROM showing s JOIN pg_class c ON c.oid = s.oid JOIN pg_namespace n ON n.oid = c.relnamespace
            CROSS JOIN LATERAL (
                SELECT t.grantor, t.grantee, t.privilege_type, t.privilege_type AS privilege FROM aclexplode(c.relacl) t
                UNION ALL
                SELECT e.grantor, e.grantee, e.privilege_type, format('%s (%I)', e.privilege_type, f.attname)
                FROM pg_attribute f CROSS JOIN LATERAL aclexplode(f.attacl) e
                WHERE f.attrelid = c.oid AND NOT f.attisdropped
            ) a
            -- 28: a row can be inserted, updated or deleted, by a trigger or rule of the view too.
            WHERE c.relkind = 'v' AND pg_relation_is_updatable(c.oid, true) & 28 <> 0
                AND a.privilege_type IN ('INSERT', 'UPDATE', 'DELETE') AND a.grantee <> c.relowner
                AND c.relowner IN (SELECT w.role FROM pg_temp.rewriters w)
                AND NOT EXISTS (SELECT FROM pg_options_to_table(c.reloptions)
                    WHERE option_name = 'security_invoker' AND option_value::boolean)
            GROUP BY n.nspname, c.relname, a.grantee ORDER BY 1, 2
        LOOP
            IF attempt = 2 THEN
                RAISE WARNING '% still has on the view %, which writes to the log: %, granted by %, who alone can '
                    'take it back', one.grantee, one.full_name, one.privileges, one.grantors;
                CONTINUE;
            END IF;
            EXECUTE format('REVOKE INSERT, UPDATE, DELETE ON %s FROM %s CASCADE', one.full_name, one.grantee);
            RAISE NOTICE 'taken back on the view %, which writes to the log: % from %', one.full_name, one.privileges,
                one.grantee;
        END LOOP;
    END LOOP;

    -- What a function does only its code says, so it is named and left.
    FOR one IN
        SELECT format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)) AS full_name,
            p.proowner::regrole AS owner, string_agg(g.name, ', ' ORDER BY g.name) AS grantees
        FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        CROSS JOIN LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
        CROSS JOIN LATERAL (
            SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END AS name
        ) g
        WHERE p.prosecdef AND a.privilege_type = 'EXECUTE' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
            AND p.proowner IN (SELECT w.role FROM pg_temp.rewriters w)
            AND a.grantee NOT IN (SELECT w.role FROM pg_temp.rewriters w)
        GROUP BY n.nspname, p.oid, p.proname, p.proowner ORDER BY 1
    LOOP
        RAISE WARNING '% is SECURITY DEFINER and runs with the rights of %, who can rewrite the log, for %: read what '
            'it does, or revoke EXECUTE', one.full_name, one.owner, one.grantees;
    END LOOP;

    -- A trigger or rule changes or drops what is written, with the rights of whoever writes.
    FOR one IN
        SELECT 'trigger' AS kind, t.tgname AS name, format('%s.%I', here, c.relname) AS full_name,
            format(', which calls %I.%I,', n.nspname, p.proname) AS calls
        FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
            JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE c.relnamespace = here::regnamespace AND c.relname = ANY (known) AND NOT t.tgisinternal
            AND NOT (n.oid = c.relnamespace AND (
                (t.tgname, p.proname) IN (('events_share_lock', 'share_writer_lock'),
                    ('events_to_outbox', 'queue_in_outbox'))
                OR (c.relname = ANY (appended) AND p.proname = 'refuse_rewrite'
                    AND t.tgname IN (c.relname || '_no_rewrite', c.relname || '_no_truncate'))))
        UNION ALL
        SELECT 'rule', r.rulename, format('%s.%I', here, c.relname), ''
        FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class
        WHERE c.relnamespace = here::regnamespace AND c.relname = ANY (known) AND c.relkind IN ('r', 'p')
        ORDER BY 3, 1, 2
    LOOP
        RAISE WARNING 'the % % on % is not the store''s: read what it does, or drop it', one.kind,
            quote_ident(one.name), one.full_name || one.calls;
    END LOOP;

    -- A table that a release makes later, anchors for one, would get what its maker grants by default.
    FOR one IN
        SELECT d.defaclrole::regrole AS maker, k.kind,
            CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END AS grantee,
            CASE d.defaclnamespace WHEN 0 THEN '' ELSE 'in the schema ' || here END AS place,
            CASE d.defaclnamespace WHEN 0 THEN '' ELSE 'IN SCHEMA ' || here END AS in_schema,
            string_agg(DISTINCT a.privilege_type, ', ' ORDER BY a.privilege_type) AS privileges
        FROM pg_default_acl d CROSS JOIN LATERAL aclexplode(d.defaclacl) a
        CROSS JOIN LATERAL (SELECT CASE d.defaclobjtype WHEN 'r' THEN 'tables' ELSE 'sequences' END AS kind) k
        WHERE d.defaclobjtype IN ('r', 'S') AND a.grantee <> d.defaclrole
            AND d.defaclnamespace IN (0, here::regnamespace) AND has_schema_privilege(d.defaclrole, here, 'CREATE')
        GROUP BY d.defaclrole, k.kind, a.grantee, d.defaclnamespace ORDER BY 1, 2, 3, 4
    LOOP
        remedy := concat_ws(' ', 'ALTER DEFAULT PRIVILEGES FOR ROLE', one.maker, nullif(one.in_schema, ''),
            'REVOKE ALL ON', upper(one.kind), 'FROM', one.grantee);
        IF one.maker = 'esworkbench_owner'::regrole THEN
            EXECUTE remedy;
            RAISE NOTICE 'taken back of what esworkbench_owner grants by default on new %: % to %',
                concat_ws(' ', one.kind, nullif(one.place, '')), one.privileges, one.grantee;
        ELSE
            RAISE WARNING '% grants by default on new %: % to %; % takes it back', one.maker,
                concat_ws(' ', one.kind, nullif(one.place, '')), one.privileges, one.grantee, remedy;
        END IF;
    END LOOP;

    FOR one IN
        SELECT w.role::regrole AS role, w.reasons FROM pg_temp.rewriters w
        WHERE w.role <> 'esworkbench_owner'::regrole ORDER BY w.role::regrole::text
    LOOP
        RAISE WARNING '% can rewrite the log, whatever is granted: %', one.role, one.reasons;
    END LOOP;

    DROP VIEW pg_temp.granted, pg_temp.rewriters;
END
$$;

COMMIT;
