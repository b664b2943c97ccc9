"""Promise 5: with the shipped roles nobody who runs the bank may rewrite its log; tried with real logins."""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from cli_shell import Shell
from psycopg import sql
from sqlalchemy.engine import make_url

from esworkbench.domains.bank import Bank, Deposit, OpenAccount, bank_decoder
from esworkbench.domains.bank.read_models import BANK_PROJECTIONS
from esworkbench.event_store import EventStore
from esworkbench.event_store.missing_guards import missing_in
from esworkbench.event_store.schema import events
from esworkbench.outbox.message import OutboxMessage
from esworkbench.outbox.outbox import enable_outbox
from esworkbench.outbox.relay import OutboxRelay
from esworkbench.projections import ProjectionRunner, tables
from esworkbench.resources import data_path
from tests.support import make_every_table

SCRIPT = data_path("sql", "roles.sql")
LOGINS = ("owner", "writer", "runner", "relay", "reader", "investigator")


class Bench:
    """A bank whose tables belong to nobody that runs it, and the URL of each login."""

    def __init__(self, url: str) -> None:
        self.admin = url

    def url(self, role: str) -> str:
        return make_url(self.admin).set(username=f"test_{role}_{os.getpid()}", password="p").render_as_string(False)

    def refused(self, role: str, statement: str) -> bool:
        with closing(psycopg.connect(self.url(role))) as connection:
            try:
                connection.execute(statement)
            except psycopg.errors.InsufficientPrivilege:
                return True
            finally:
                connection.rollback()
        return False


@pytest.fixture
def bench(postgres_url: str) -> Iterator[Bench]:
    store = EventStore.open(postgres_url)
    with store.engine.begin() as connection:
        make_every_table(connection)
    enable_outbox(store.engine)
    run_all(store)
    bench = Bench(postgres_url)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(SCRIPT.read_text())
        for role in LOGINS:
            name = sql.Identifier(f"test_{role}_{os.getpid()}")
            group = sql.Identifier(f"esworkbench_{role}")
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'p' IN ROLE {}").format(name, group))
        yield bench
        connection.execute("REASSIGN OWNED BY esworkbench_owner TO CURRENT_USER")
        for role in LOGINS:
            name = sql.Identifier(f"test_{role}_{os.getpid()}")
            group = sql.Identifier(f"esworkbench_{role}")
            connection.execute(sql.SQL("DROP OWNED BY {0}, {1}; DROP ROLE {0}; DROP ROLE {1}").format(name, group))


def run_all(store: EventStore) -> None:
    for name, make in BANK_PROJECTIONS.items():
        ProjectionRunner(store, make(), bank_decoder(), run_id=f"run-{name}").catch_up()


def test_the_bank_works_end_to_end_and_is_captured_by_an_investigator(
    bench: Bench, shell: Shell, tmp_path: Path
) -> None:
    writer = EventStore.open(bench.url("writer"), create=False)
    bank = Bank(writer, snapshot_every=5)
    bank.handle(OpenAccount(account_id="A1", owner="Ada", currency="USD"), idempotency_key="open")
    bank.handle(OpenAccount(account_id="A1", owner="Ada", currency="USD"), idempotency_key="open")
    for number in range(12):
        bank.handle(Deposit(account_id="A1", amount_minor=100 + number, currency="USD", reference=f"r{number}"))
    run_all(EventStore.open(bench.url("runner"), create=False))
    published: list[OutboxMessage] = []
    relay = OutboxRelay(EventStore.open(bench.url("relay"), create=False).engine, published.append)
    relay.relay_once()
    assert len(published) == 13
    with closing(psycopg.connect(bench.url("reader"))) as reading:
        assert reading.execute("SELECT balance_minor FROM account_balances").fetchall() == [(1266,)]
        assert reading.execute("SELECT count(*) FROM checkpoints").fetchone() == (len(BANK_PROJECTIONS),)
    assert shell("capture", bench.url("investigator"), "--into", tmp_path / "ev").code == 0
    assert shell("verify", tmp_path / "ev").code == 0
    assert shell("diff", tmp_path / "ev").code == 0
    ran = shell("monitor", bench.url("investigator"), "--state", tmp_path / "state.json", "--anchors", tmp_path)
    assert ran.code == 0, ran.out
    with writer.engine.connect() as connection:
        assert missing_in(connection, [events, tables.checkpoint_log]) == []


REWRITES = [
    "UPDATE events SET payload = '{}'", "DELETE FROM events", "TRUNCATE events", "DROP TABLE events",
    "DROP TRIGGER events_no_rewrite ON events", "ALTER TABLE events DISABLE TRIGGER ALL",
    "ALTER TABLE events OWNER TO CURRENT_USER", "ALTER SEQUENCE events_global_position_seq RESTART",
    "SELECT setval('events_global_position_seq', 1)", "SET session_replication_role = replica",
    "SET ROLE esworkbench_owner",
    "CREATE OR REPLACE FUNCTION refuse_rewrite() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "CREATE TABLE here (one int)", "UPDATE checkpoint_log SET to_position = 99", "DELETE FROM checkpoint_log",
    "TRUNCATE checkpoint_log", "UPDATE idempotency_keys SET reply = ''", "DELETE FROM anchors",
    "DROP TRIGGER events_to_outbox ON events", "COPY events TO PROGRAM 'cat'",
    "INSERT INTO events (global_position, stream_id) OVERRIDING SYSTEM VALUE VALUES (1, 's')",
]  # fmt: skip
BESIDES = {
    "writer": ["UPDATE account_balances SET balance_minor = 1", "UPDATE checkpoints SET position = 0",
               "DELETE FROM outbox"],
    "runner": ["INSERT INTO events (stream_id) VALUES ('s')", "UPDATE snapshots SET state = '{}'",
               "DELETE FROM outbox", "DROP TABLE account_balances"],
    "relay": ["INSERT INTO events (stream_id) VALUES ('s')", "UPDATE account_balances SET balance_minor = 1"],
    "reader": ["SELECT payload FROM events", "INSERT INTO events (stream_id) VALUES ('s')",
               "UPDATE account_balances SET balance_minor = 1", "SELECT reply FROM idempotency_keys"],
    "investigator": ["INSERT INTO events (stream_id) VALUES ('s')", "UPDATE account_balances SET balance_minor = 1",
                     "INSERT INTO checkpoints VALUES ('p', 1, now())", "DELETE FROM snapshots"],
}  # fmt: skip


def test_nobody_who_runs_the_bank_can_rewrite_its_log(bench: Bench) -> None:
    allowed = [
        (role, statement)
        for role, besides in BESIDES.items()
        for statement in (*REWRITES, *besides)
        if not bench.refused(role, statement)
    ]
    assert allowed == []


def test_the_owner_rebuilds_and_the_script_gives_the_new_tables_their_grants(bench: Bench, shell: Shell) -> None:
    """The superuser's hand in it: what was granted beyond the script is taken back."""
    Bank(EventStore.open(bench.url("writer"), create=False)).handle(
        OpenAccount(account_id="A1", owner="Ada", currency="USD")
    )
    assert shell("rebuild", bench.url("owner"), "--projection", "account_balances").code == 0
    with psycopg.connect(bench.admin, autocommit=True) as connection:
        connection.execute("GRANT UPDATE, DELETE ON events TO PUBLIC, esworkbench_writer")
        assert not bench.refused("runner", "SELECT 1 FROM events")
        connection.execute(SCRIPT.read_text())
    assert bench.refused("writer", "UPDATE events SET payload = ''")
    run_all(EventStore.open(bench.url("runner"), create=False))
    with closing(psycopg.connect(bench.url("reader"))) as reading:
        assert reading.execute("SELECT count(*) FROM account_balances").fetchone() == (1,)


def run_script(connection: psycopg.Connection, script: str = SCRIPT.read_text()) -> list[str]:
    """What the script says, each with how grave it is."""
    said: list[str] = []

    def hear(each: psycopg.errors.Diagnostic) -> None:
        said.append(f"{each.severity_nonlocalized}: {each.message_primary}")

    connection.add_notice_handler(hear)
    connection.execute(script)
    connection.remove_notice_handler(hear)
    return [each for each in said if "already exists" not in each]


def all_grants(connection: psycopg.Connection) -> list[tuple[object, ...]]:
    return connection.execute("""
        SELECT c.relname, c.relowner::regrole::text, (
            SELECT array_agg(a::text ORDER BY a::text) FROM unnest(coalesce(c.relacl,
                acldefault(CASE c.relkind WHEN 'S' THEN 's'::"char" ELSE 'r' END, c.relowner))) a
        ), (
            SELECT string_agg(a.attname || a.attacl::text, ' ' ORDER BY attnum) FROM pg_attribute a
            WHERE a.attrelid = c.oid AND a.attacl IS NOT NULL)
        FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'S') ORDER BY 1
    """).fetchall()


@pytest.fixture
def strangers(bench: Bench) -> Iterator[psycopg.Connection]:
    """The superuser's connection, where there are logins that are in none of the roles."""
    with psycopg.connect(bench.admin, autocommit=True) as connection:
        for name in STRANGERS:
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(name)))
        yield connection
        for name in STRANGERS:
            connection.execute(sql.SQL("DROP OWNED BY {0} CASCADE; DROP ROLE {0}").format(sql.Identifier(name)))


STRANGERS = ("test_strange_login", "test_strange_friend")


def test_every_table_of_the_store_is_known(bench: Bench) -> None:
    with psycopg.connect(bench.admin, autocommit=True) as connection:
        assert [each for each in run_script(connection) if each.startswith("NOTICE")] == []


def test_a_table_that_is_not_the_stores_is_left_alone_and_named(bench: Bench, strangers: psycopg.Connection) -> None:
    strangers.execute("""
        CREATE TABLE app_users (id serial PRIMARY KEY, password_hash text);
        CREATE FUNCTION app_touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
        CREATE TRIGGER touch BEFORE UPDATE ON app_users FOR EACH ROW EXECUTE FUNCTION app_touch();
        ALTER TABLE app_users OWNER TO test_strange_login;
        ALTER FUNCTION app_touch OWNER TO test_strange_login;
        GRANT SELECT (id) ON app_users TO PUBLIC;
        GRANT USAGE ON SEQUENCE app_users_id_seq TO PUBLIC;
    """)
    before = [each for each in all_grants(strangers) if str(each[0]).startswith("app_users")]
    strangers.execute("""
        -- As an earlier release of the script did.
        GRANT SELECT, INSERT, UPDATE, DELETE ON app_users TO esworkbench_runner;
        GRANT SELECT ON app_users TO esworkbench_reader, esworkbench_investigator;
    """)
    said = run_script(strangers)
    assert [each for each in said if "app_users" in each] == [
        "NOTICE: left alone: public.app_users of test_strange_login; if it is a read model, name it in own_read_models"
    ]
    assert bench.refused("reader", "SELECT password_hash FROM app_users")
    assert bench.refused("investigator", "SELECT password_hash FROM app_users")
    assert bench.refused("runner", "DELETE FROM app_users")
    after = [each for each in all_grants(strangers) if str(each[0]).startswith("app_users")]
    assert after == before
    [(owner,)] = strangers.execute("SELECT proowner::regrole::text FROM pg_proc WHERE proname = 'app_touch'").fetchall()
    assert owner == "test_strange_login"


def test_read_models_of_ones_own_are_named_at_the_top(bench: Bench) -> None:
    with psycopg.connect(bench.admin, autocommit=True) as connection:
        connection.execute("CREATE TABLE loan_balances (loan_id text, balance_minor bigint)")
        script = SCRIPT.read_text().replace("ARRAY[]::text[]", "ARRAY['loan_balances', 'laon_history']")
        said = run_script(connection, script)
    assert "WARNING: there is no table public.laon_history, which own_read_models names" in said
    assert not any("loan_balances" in each for each in said)
    assert not bench.refused("runner", "INSERT INTO loan_balances VALUES ('L1', 5)")
    assert not bench.refused("reader", "SELECT * FROM loan_balances")
    assert bench.refused("reader", "DELETE FROM loan_balances")


BY_HAND = {
    "GRANT UPDATE, DELETE, TRUNCATE ON events TO test_strange_login":
        "taken back on public.events: DELETE, TRUNCATE, UPDATE from test_strange_login",
    "GRANT UPDATE (payload) ON events TO test_strange_login":
        "taken back on public.events: UPDATE (payload) from test_strange_login",
    "GRANT SELECT, INSERT ON checkpoint_log TO PUBLIC":
        "taken back on public.checkpoint_log: INSERT, SELECT from PUBLIC",
    "GRANT UPDATE (hash) ON events TO PUBLIC": "taken back on public.events: UPDATE (hash) from PUBLIC",
    "GRANT UPDATE ON SEQUENCE events_global_position_seq TO test_strange_login":
        "taken back on public.events_global_position_seq: UPDATE from test_strange_login",
    "GRANT TRIGGER ON anchors TO test_strange_login": "taken back on public.anchors: TRIGGER from test_strange_login",
    """GRANT UPDATE ON idempotency_keys TO test_strange_login WITH GRANT OPTION;
    SET ROLE test_strange_login; GRANT UPDATE ON idempotency_keys TO test_strange_friend; RESET ROLE""":
        "taken back on public.idempotency_keys: UPDATE from test_strange_friend",
    """GRANT UPDATE ON events TO esworkbench_writer WITH GRANT OPTION;
    SET ROLE esworkbench_writer; GRANT UPDATE ON events TO test_strange_friend; RESET ROLE""":
        "taken back on public.events: UPDATE from test_strange_friend",
    "GRANT UPDATE (payload) ON events TO esworkbench_writer": None,
    "ALTER TABLE events OWNER TO test_strange_login": None,
}  # fmt: skip


def test_what_was_granted_by_hand_on_the_log_is_taken_back_and_said(
    bench: Bench, strangers: psycopg.Connection
) -> None:
    due = all_grants(strangers)
    for statement, said in BY_HAND.items():
        strangers.execute(statement)
        notices = run_script(strangers)
        assert said is None or f"NOTICE: {said}" in notices, statement
        assert all_grants(strangers) == due, statement
        assert not any("strange" in each for each in run_script(strangers)), statement


def test_who_can_rewrite_the_log_even_so_is_named(bench: Bench, strangers: psycopg.Connection) -> None:
    [(database,)] = strangers.execute("SELECT quote_ident(current_database())").fetchall()
    [(superuser,)] = strangers.execute("SELECT CURRENT_USER").fetchall()
    ways = {
        f"WARNING: {superuser} can rewrite the log, whatever is granted: a superuser": ("", ""),
        f"WARNING: test_owner_{os.getpid()} can rewrite the log, whatever is granted: a member of esworkbench_owner":
            ("", ""),
        "WARNING: test_strange_login can rewrite the log, whatever is granted: a superuser":
            ("ALTER ROLE test_strange_login SUPERUSER", "ALTER ROLE test_strange_login NOSUPERUSER"),
        "WARNING: test_strange_login can rewrite the log, whatever is granted: a member of esworkbench_owner":
            ("GRANT esworkbench_owner TO test_strange_friend; GRANT test_strange_friend TO test_strange_login",
             "REVOKE esworkbench_owner FROM test_strange_friend; REVOKE test_strange_friend FROM test_strange_login"),
        "WARNING: test_strange_login can rewrite the log, whatever is granted: a member of test_strange_friend":
            ("ALTER ROLE test_strange_friend SUPERUSER; GRANT test_strange_friend TO test_strange_login",
             "REVOKE test_strange_friend FROM test_strange_login; ALTER ROLE test_strange_friend NOSUPERUSER"),
        "WARNING: test_strange_login can rewrite the log, whatever is granted: a member of pg_write_all_data":
            ("GRANT pg_write_all_data TO test_strange_login", "REVOKE pg_write_all_data FROM test_strange_login"),
        "WARNING: test_strange_login can rewrite the log, whatever is granted: an owner of the schema public, "
        "or a member of it":
            ("ALTER SCHEMA public OWNER TO test_strange_login", "ALTER SCHEMA public OWNER TO pg_database_owner"),
        f"WARNING: test_strange_login can rewrite the log, whatever is granted: an owner of the database {database}, "
        "or a member of it; an owner of the schema public, or a member of it":
            (f"ALTER DATABASE {database} OWNER TO test_strange_login",
             f"ALTER DATABASE {database} OWNER TO {superuser}"),
        # As no GRANT makes it and a restored catalogue may have it: by somebody who has nothing to give.
        "WARNING: test_strange_login still has on public.events: UPDATE, granted by test_strange_friend, "
        "who alone can take it back":
            ("UPDATE pg_class SET relacl = relacl || makeaclitem('test_strange_login'::regrole, "
             "'test_strange_friend'::regrole, 'UPDATE', false) WHERE oid = 'events'::regclass",
             "UPDATE pg_class SET relacl = (SELECT array_agg(a) FROM unnest(relacl) a "
             "WHERE a::text NOT LIKE '%strange%') WHERE oid = 'events'::regclass"),
    }  # fmt: skip
    for warning, (open_it, close_it) in ways.items():
        if open_it:
            strangers.execute(open_it)
        said = [run_script(strangers) for _ in range(2)]
        assert all(warning in each for each in said), (warning, said)
        if close_it:
            strangers.execute(close_it)
            assert not any("strange" in each for each in run_script(strangers)), warning


def test_a_view_over_the_log_writes_nothing_for_those_who_may_not(bench: Bench, strangers: psycopg.Connection) -> None:
    """A view writes with its owner's rights, and so does a view over a view, in whatever schema."""
    reader = f"test_reader_{os.getpid()}"
    strangers.execute(f"""
        CREATE SCHEMA test_reports;
        GRANT USAGE ON SCHEMA test_reports TO PUBLIC;
        CREATE VIEW stored AS SELECT * FROM checkpoint_log;
        CREATE VIEW test_reports.stored AS SELECT * FROM stored WHERE true;
        CREATE VIEW counted AS SELECT count(*) FROM events;
        CREATE VIEW as_invoker WITH (security_invoker = on) AS SELECT * FROM events;
        GRANT SELECT, INSERT, DELETE ON stored TO {reader};
        GRANT INSERT ON test_reports.stored TO PUBLIC;
        GRANT UPDATE (projection) ON test_reports.stored TO test_strange_login;
        GRANT SELECT ON counted TO {reader};
        GRANT UPDATE ON counted, as_invoker TO {reader};
        CREATE VIEW test_reports.of_friend AS SELECT * FROM events;
        ALTER VIEW test_reports.of_friend OWNER TO test_strange_friend;
        GRANT UPDATE ON test_reports.of_friend TO {reader};
    """)
    columns = (
        "(projection, run_id, from_position, to_position, code_version, saved_at) VALUES ('p', 'r', 1, 1, 'v', now())"
    )
    ways = [f"INSERT INTO {view} {columns}" for view in ("stored", "test_reports.stored")]
    assert [each for each in ways if bench.refused("reader", each)] == []
    try:
        said = run_script(strangers)
        assert [each for each in said if "view" in each] == [
            f"NOTICE: taken back on the view public.stored, which writes to the log: DELETE, INSERT from {reader}",
            "NOTICE: taken back on the view test_reports.stored, which writes to the log: INSERT from PUBLIC",
            "NOTICE: taken back on the view test_reports.stored, which writes to the log: UPDATE (projection) from "
            "test_strange_login",
        ]
        assert [each for each in ways if not bench.refused("reader", each)] == []
        assert not bench.refused("reader", "SELECT * FROM stored")
        assert not bench.refused("reader", "SELECT * FROM counted")
        assert bench.refused("reader", "UPDATE as_invoker SET payload = ''")
        assert bench.refused("reader", "UPDATE test_reports.of_friend SET payload = ''")
        assert not any("view" in each for each in run_script(strangers))
    finally:
        strangers.execute("DROP SCHEMA test_reports CASCADE; DROP VIEW stored, counted, as_invoker CASCADE")


def test_a_function_that_runs_as_who_can_rewrite_the_log_is_named(bench: Bench, strangers: psycopg.Connection) -> None:
    Bank(EventStore.open(bench.url("writer"), create=False)).handle(
        OpenAccount(account_id="A1", owner="Ada", currency="USD")
    )
    strangers.execute("""
        CREATE FUNCTION mend(by_hand text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
        BEGIN ALTER TABLE events DISABLE TRIGGER ALL; DELETE FROM events; END $$;
        ALTER FUNCTION mend OWNER TO esworkbench_owner;
        CREATE PROCEDURE keep() LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
        REVOKE ALL ON PROCEDURE keep FROM PUBLIC;
        GRANT EXECUTE ON PROCEDURE keep TO test_strange_login, test_strange_friend;
        CREATE FUNCTION closed() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
        REVOKE ALL ON FUNCTION closed FROM PUBLIC;
        CREATE FUNCTION as_invoker() RETURNS int LANGUAGE sql AS 'SELECT 1';
        CREATE FUNCTION of_friend() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
        ALTER FUNCTION of_friend OWNER TO test_strange_friend;
    """)
    assert not bench.refused("reader", "SELECT mend('')")
    [(superuser,)] = strangers.execute("SELECT CURRENT_USER").fetchall()
    said = [each for each in run_script(strangers) if "SECURITY DEFINER" in each]
    tail = "runs with the rights of {}, who can rewrite the log, for {}: read what it does, or revoke EXECUTE"
    friends = "test_strange_friend, test_strange_login"
    assert said == [
        f"WARNING: public.keep() is SECURITY DEFINER and {tail.format(superuser, friends)}",
        f"WARNING: public.mend(by_hand text) is SECURITY DEFINER and {tail.format('esworkbench_owner', 'PUBLIC')}",
    ]
    strangers.execute("REVOKE EXECUTE ON FUNCTION mend FROM PUBLIC; DROP PROCEDURE keep")
    assert bench.refused("reader", "SELECT mend('')")
    assert not any("SECURITY DEFINER" in each for each in run_script(strangers))
    strangers.execute("DROP FUNCTION mend, closed, as_invoker, of_friend")


def test_what_would_be_granted_again_on_new_tables_is_taken_back_or_named(
    bench: Bench, strangers: psycopg.Connection
) -> None:
    reader = f"test_reader_{os.getpid()}"
    [(superuser,)] = strangers.execute("SELECT CURRENT_USER").fetchall()
    strangers.execute(f"""
        ALTER DEFAULT PRIVILEGES FOR ROLE esworkbench_owner GRANT INSERT, UPDATE ON TABLES TO {reader};
        ALTER DEFAULT PRIVILEGES FOR ROLE esworkbench_owner IN SCHEMA public GRANT DELETE ON TABLES TO PUBLIC;
        ALTER DEFAULT PRIVILEGES FOR ROLE esworkbench_owner GRANT UPDATE ON SEQUENCES TO {reader};
        ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT UPDATE ON TABLES TO test_strange_login;
        ALTER DEFAULT PRIVILEGES FOR ROLE test_strange_friend GRANT UPDATE ON TABLES TO test_strange_login;
    """)
    new_table = "SET ROLE esworkbench_owner; CREATE TABLE {0} (one int); RESET ROLE"
    strangers.execute(new_table.format("made_before"))
    assert not bench.refused("reader", "UPDATE made_before SET one = 1")
    said = run_script(strangers)
    ours = "taken back of what esworkbench_owner grants by default on new"
    assert {each for each in said if "by default" in each} == {
        f"NOTICE: {ours} tables: INSERT, UPDATE to {reader}",
        f"NOTICE: {ours} tables in the schema public: DELETE to PUBLIC",
        f"NOTICE: {ours} sequences: UPDATE to {reader}",
        f"WARNING: {superuser} grants by default on new tables in the schema public: UPDATE to test_strange_login; "
        f"ALTER DEFAULT PRIVILEGES FOR ROLE {superuser} IN SCHEMA public REVOKE ALL ON TABLES FROM test_strange_login "
        "takes it back",
    }
    strangers.execute(new_table.format("made_after"))
    assert bench.refused("reader", "UPDATE made_after SET one = 1")
    assert bench.refused("reader", "DELETE FROM made_after")
    assert [each.split(" grants")[0] for each in run_script(strangers) if "by default" in each] == [
        f"WARNING: {superuser}"
    ]
    [remedy] = [each.split("; ")[1].removesuffix(" takes it back") for each in said if "; ALTER DEFAULT" in each]
    strangers.execute(remedy)
    assert not any("by default" in each for each in run_script(strangers))
    strangers.execute("DROP TABLE made_before, made_after")


def test_run_twice_it_gives_the_same(bench: Bench) -> None:
    with psycopg.connect(bench.admin, autocommit=True) as connection:
        once, said = all_grants(connection), run_script(connection)
        assert all_grants(connection) == once
        assert run_script(connection) == said
    assert not bench.refused("owner", "SELECT payload FROM events")


def test_the_script_says_what_it_needs(postgres_url: str) -> None:
    with (
        psycopg.connect(postgres_url, autocommit=True) as connection,
        pytest.raises(psycopg.errors.RaiseException, match="open the store once as its owner"),
    ):
        connection.execute(SCRIPT.read_text())


def test_triggers_and_rules_that_are_not_the_stores_are_named(bench: Bench, strangers: psycopg.Connection) -> None:
    assert not any("is not the store's" in each for each in run_script(strangers))
    strangers.execute("""
        CREATE SCHEMA test_elsewhere;
        CREATE FUNCTION test_elsewhere.refuse_rewrite() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
        CREATE TRIGGER "A a" BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION test_elsewhere.refuse_rewrite();
        DROP TRIGGER anchors_no_rewrite ON anchors;
        CREATE TRIGGER anchors_no_rewrite BEFORE UPDATE ON anchors FOR EACH ROW
            EXECUTE FUNCTION test_elsewhere.refuse_rewrite();
        CREATE RULE lose AS ON INSERT TO account_balances DO INSTEAD NOTHING;
    """)
    try:
        said = [each for each in run_script(strangers) if "is not the store's" in each]
        calls = "which calls test_elsewhere.refuse_rewrite, is not the store's: read what it does, or drop it"
        assert said == [
            "WARNING: the rule lose on public.account_balances is not the store's: read what it does, or drop it",
            f"WARNING: the trigger anchors_no_rewrite on public.anchors, {calls}",
            f'WARNING: the trigger "A a" on public.events, {calls}',
        ]
    finally:
        strangers.execute("DROP RULE lose ON account_balances; DROP SCHEMA test_elsewhere CASCADE")
