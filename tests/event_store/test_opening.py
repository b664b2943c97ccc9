"""Opening databases: good settings for good ones, one clear sentence, without credentials, for the others."""

import sqlite3
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from esworkbench.errors import NotAnEventStore, StoreBusy, UnusableInput
from esworkbench.event_store import EventStore, database, open_database, write_transaction
from esworkbench.event_store.database import address_of, described, parse_url
from esworkbench.event_store.postgres.local_server import local_postgres_url
from esworkbench.event_store.sidecar import outside_folder
from tests.support import make_every_table, new_event, replace_sleep


def test_sqlite_is_durable_and_lets_readers_read(sqlite_url: str) -> None:
    with open_database(sqlite_url).connect() as connection:
        settings = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert settings == ["wal", 2, 1]


def test_whoever_opens_a_file_that_another_is_making_waits(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite refuses the change to WAL at once while somebody writes, however long it was told to wait."""
    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    pauses = []

    def let_the_other_finish(seconds: float) -> None:
        pauses.append(seconds)
        other.rollback()

    replace_sleep(monkeypatch, database, let_the_other_finish)
    EventStore.open(sqlite_url).append("s", [new_event()], expected_version=0)
    assert len(pauses) == 1


def test_a_bare_path_is_a_sqlite_file(tmp_path: Path) -> None:
    EventStore.open(str(tmp_path / "bank.db")).append("s", [new_event()], expected_version=0)
    assert EventStore.open(f"sqlite:///{tmp_path / 'bank.db'}", create=False).head_position() == 1


def test_a_writer_whose_turn_never_comes_says_who_it_waited_for(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.01)
    store, other = EventStore.open(sqlite_url), EventStore.open(sqlite_url)
    with write_transaction(other.engine):
        with pytest.raises(StoreBusy, match=r"stayed locked by another writer for 0\.01 seconds"):
            store.append("s", [new_event()], expected_version=0)
        with pytest.raises(StoreBusy, match="and nothing was written"), write_transaction(store.engine):
            pass
    store.append("s", [new_event()], expected_version=0)


def test_savepoints_and_rollbacks_are_real(store_url: str) -> None:
    """Promise 3 rests on them: rows and checkpoint in one transaction, a bad event in a savepoint of its own."""
    engine = EventStore.open(store_url).engine
    insert = "INSERT INTO checkpoints VALUES ('{}', 1, '2026-01-01T00:00:00Z')"
    with write_transaction(engine) as connection:
        make_every_table(connection)
        connection.exec_driver_sql(insert.format("kept"))
        savepoint = connection.begin_nested()
        connection.exec_driver_sql(insert.format("undone"))
        savepoint.rollback()
    with pytest.raises(DBAPIError), write_transaction(engine) as connection:  # noqa: PT012
        connection.exec_driver_sql(insert.format("undone"))
        connection.exec_driver_sql(insert.format("kept"))
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT projection FROM checkpoints").scalars().all() == ["kept"]


def test_a_writer_that_reads_first_is_not_overtaken_on_sqlite(sqlite_url: str) -> None:
    """A plain BEGIN would fail here on its first write: another writer came after its first read."""
    store = EventStore.open(sqlite_url)
    other = open_database(sqlite_url)
    with write_transaction(store.engine) as connection:
        make_every_table(connection)
    with write_transaction(store.engine) as connection:
        connection.exec_driver_sql("SELECT * FROM checkpoints").all()
        with other.connect() as second:
            second.exec_driver_sql("PRAGMA busy_timeout = 0")
            with pytest.raises(Exception, match="locked"):
                second.exec_driver_sql("INSERT INTO checkpoints VALUES ('b', 1, 't')")
        connection.exec_driver_sql("INSERT INTO checkpoints VALUES ('a', 1, '2026-01-01T00:00:00Z')")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("mysql://root:hunter2@localhost/bank", "'mysql'"),
        ("sqlite://", "name a file"),
        ("sqlite:///:memory:", "name a file"),
        ("sqlite:////nowhere/at/all/bank.db", "no folder"),
        ("postgresql://user:hunter2@[::1/bank", "can't be read"),
        ("postgresql://user:hunter2@localhost:notaport/bank", "can't be read"),
        ("postgresql://ann:hunter2@127.0.0.1:1/bank", "could not be opened"),
        ("postgresql://127.0.0.1:1/bank?user=ann&password=hunter2", "could not be opened"),
    ],
)
def test_what_cannot_be_opened_is_said_without_credentials(url: str, says: str) -> None:
    """Promise 9: credentials stay out of messages."""
    with pytest.raises(UnusableInput, match=says) as caught:
        open_database(url)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_not_made_when_told_so(tmp_path: Path) -> None:
    with pytest.raises(UnusableInput, match="there is no SQLite file"):
        EventStore.open(str(tmp_path / "missing.db"), create=False)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but long enough to have a header " * 20, encoding="utf-8")
    with pytest.raises(UnusableInput, match="not a database"):
        open_database(str(path))


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(UnusableInput):
        open_database(str(tmp_path))


def test_a_database_that_is_no_event_store(store_url: str) -> None:
    with write_transaction(open_database(store_url)) as connection:
        connection.exec_driver_sql("CREATE TABLE customers (id int)")
    with pytest.raises(NotAnEventStore, match="no table 'events'"):
        EventStore.open(store_url, create=False)


def test_a_file_that_is_only_looked_at_stays_as_it_is(tmp_path: Path) -> None:
    """Promise 9: production is safe; the journal mode is written into the file."""
    path = tmp_path / "theirs.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE customers (id int)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(NotAnEventStore):
        EventStore.open(str(path), create=False)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_looking_up_a_version_waits_for_no_writer(sqlite_url: str) -> None:
    store = EventStore.open(sqlite_url)
    with write_transaction(store.engine):
        assert store.stream_version("s") == 0


def test_tables_can_be_created_again(store_url: str) -> None:
    store = EventStore.open(store_url)
    store.append("s", [new_event()], expected_version=0)
    store.create_tables()
    assert EventStore.open(store_url).head_position() == 1


def test_a_lost_connection_is_replaced(postgres_url: str) -> None:
    store = EventStore.open(postgres_url)
    store.append("s", [new_event()], expected_version=0)
    with psycopg.connect(postgres_url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                      " AND datname = current_database()")  # fmt: skip
    with pytest.raises(psycopg.OperationalError):
        store.head_position()
    assert store.head_position() == 1


def test_outside_lies_beside_a_file_and_with_the_user_for_a_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert outside_folder(f"sqlite:///{tmp_path}/bank.db") == tmp_path / "bank.db.outside"
    assert outside_folder(str(tmp_path / "bank.db")) == tmp_path / "bank.db.outside"
    monkeypatch.setenv("ESWORKBENCH_HOME", str(tmp_path))
    expected = tmp_path / "outside" / "db.example_5433_bank"
    assert outside_folder("postgresql://ann:hunter2@db.example:5433/bank") == expected


def test_no_two_databases_share_an_outside_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESWORKBENCH_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    urls = [
        "ledger.db", "ledger.sqlite", "ledger", "ledger.outside.db", "postgresql:///x?host=/a&port=5433",
        "postgresql:///x?host=/a&port=5444", "postgresql:///x?host=/a", "postgresql://a/x", "postgresql:///x?host=/a/b",
        "postgresql:///x?host=/a-b", "postgresql://a/5432_x", "postgresql:///x?host=a_5432", "postgresql://a/X",
        "postgresql:///x?host=a&host=b", "postgresql:///x?host=b&host=a", "postgresql://ann@a", "postgresql://bob@a",
    ]  # fmt: skip
    folders = [outside_folder(url) for url in urls]
    assert len(set(folders)) == len(urls)
    assert outside_folder("postgresql:///x?host=db&port=5444") == outside_folder("postgresql://DB:5444/x")
    monkeypatch.setenv("PGPORT", "6000")
    assert outside_folder("postgresql://a/x") == outside_folder("postgresql://a:6000/x")


def test_a_link_and_its_file_share_the_outside_folder(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "bank.db").touch()
    (tmp_path / "link.db").symlink_to(tmp_path / "real" / "bank.db")
    assert outside_folder(str(tmp_path / "link.db")) == tmp_path / "real" / "bank.db.outside"
    (tmp_path / "round.db").symlink_to(tmp_path / "round.db")
    with pytest.raises(UnusableInput, match="circle"):
        outside_folder(str(tmp_path / "round.db"))


def test_the_outside_folder_of_an_earlier_release_is_read_where_one_file_alone_has_its_name(tmp_path: Path) -> None:
    store, earlier = tmp_path / "bank.db", tmp_path / "bank.outside"
    store.touch()
    (tmp_path / "bank.db-wal").touch()
    earlier.mkdir()
    assert outside_folder(str(store)) == earlier
    (tmp_path / "bank.sqlite").touch()
    for name in ("bank.db", "bank.sqlite"):
        with pytest.raises(UnusableInput, match=f"may belong to {name}.* rename"):
            outside_folder(str(tmp_path / name))
    earlier.rename(tmp_path / "bank.db.outside")
    assert outside_folder(str(store)) == tmp_path / "bank.db.outside"
    assert outside_folder(str(tmp_path / "bank.sqlite")) == tmp_path / "bank.sqlite.outside"


@pytest.mark.parametrize(
    "written",
    [
        "host=db user=me password=hunter2", "HOST = db PASSWORD = 'hunter2'", "user=me password=hunter2 host=db",
        "postgresql//me:hunter2@h/x", "postgres:/me:hunter2@h/x", "me:hunter2@h/x", "postgresql:me:hunter2@h",
        "psotgresql://me:hunter2@h/x", "postgresql://me:hunter2@h:port/x", " postgresql://me:hunter2@h/x",
        "postgresql://me:half@hunter2@h/x", "sqlite://me:hunter2@/x", "h/x?password=hunter2", "x?sslpassword=hunter2",
    ],
)  # fmt: skip
def test_what_looks_like_an_address_and_is_none_is_refused_without_repeating_it(written: str) -> None:
    with pytest.raises(UnusableInput) as caught:
        EventStore.open(written)
    assert "hunter2" not in str(caught.value)


def test_a_password_in_the_query_is_hidden_like_any_other() -> None:
    url = parse_url("postgresql:///x?host=/a&port=5433&password=hunter2")
    assert url.password == "hunter2"
    assert all("hunter2" not in shown for shown in (str(url), repr(url), described(url), address_of(url)))
    assert make_url(address_of(url)).query == {"host": "/a", "port": "5433"}


def test_a_file_may_be_named_like_anything_that_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "me@home").mkdir()
    (tmp_path / "postgres").mkdir()
    for name in ("me@home/bank.db", "postgres/bank.db", "a=b.db", "postgresql.db"):
        EventStore.open(name).append("s", [new_event()], expected_version=0)
    (tmp_path / "user=me@x").touch()
    assert parse_url("user=me@x").database == "user=me@x"


def test_a_named_server_is_used_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESWORKBENCH_PG_DSN", "postgresql://ann@db.example:5433/bank")
    assert local_postgres_url() == "postgresql://ann@db.example:5433/bank"
    monkeypatch.setenv("ESWORKBENCH_PG_DSN", "host=db.example port=5433 dbname=bank user='ann b'")
    url = make_url(local_postgres_url())
    assert url.database == "bank"
    assert url.query == {"host": "db.example", "port": "5433", "user": "ann b"}
    monkeypatch.setenv("ESWORKBENCH_PG_DSN", "host db.example password hunter2")
    with pytest.raises(UnusableInput, match="can't be read") as caught:
        local_postgres_url()
    assert "hunter2" not in str(caught.value)


def test_opening_a_store_waits_for_no_reader(postgres_url: str) -> None:
    """A capture reads for minutes. Whatever waited for it to end would have every writer waiting behind it."""
    EventStore.open(postgres_url).append("s", [new_event()], expected_version=0)
    impatient = make_url(postgres_url).update_query_dict({"options": "-c lock_timeout=200ms"})
    with open_database(postgres_url).begin() as reader:
        for table in ("events", "idempotency_keys"):
            reader.exec_driver_sql(f"SELECT * FROM {table}").all()
        store = EventStore.open(impatient.render_as_string(hide_password=False))
        store.append("s", [new_event()], expected_version=1)
