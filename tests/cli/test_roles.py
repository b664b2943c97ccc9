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
                connection.execute(statement)  # type: ignore[call-overload]
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
        connection.execute(SCRIPT.read_text())  # type: ignore[call-overload]
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
        connection.execute(SCRIPT.read_text())  # type: ignore[call-overload]
    assert bench.refused("writer", "UPDATE events SET payload = ''")
    run_all(EventStore.open(bench.url("runner"), create=False))
    with closing(psycopg.connect(bench.url("reader"))) as reading:
        assert reading.execute("SELECT count(*) FROM account_balances").fetchone() == (1,)


def test_the_script_says_what_it_needs(postgres_url: str) -> None:
    with (
        psycopg.connect(postgres_url, autocommit=True) as connection,
        pytest.raises(psycopg.errors.RaiseException, match="open the store once as its owner"),
    ):
        connection.execute(SCRIPT.read_text())  # type: ignore[call-overload]
