"""What PostgreSQL refuses because two transactions met (40001, 40P01) is tried again, whatever a DBA has set."""

import threading
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import errors, sql
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from esworkbench.errors import StoreBusy
from esworkbench.event_store import ANY_VERSION, EventStore, StreamAppend, database, open_database
from esworkbench.event_store.database import CONFLICTS_BORNE, retried
from tests.support import new_event, replace_sleep

COLLIDING = {"account-00015527": "account-00055933", "account-00036289": "account-00060428"}
"""Names of one ``hashtext`` each: the locks of the two streams are one lock."""


def transfer(store: EventStore, *streams: str) -> None:
    store.append_many([StreamAppend(stream, ANY_VERSION, [new_event()]) for stream in streams])


def at_once(*jobs: "threading.Thread") -> None:
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()


@pytest.fixture
def short_deadlocks(postgres_url: str) -> str:
    """A server that notices a deadlock as soon as it can."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(sql.SQL("ALTER DATABASE {} SET deadlock_timeout = '10ms'").format(name_of(postgres_url)))
    return postgres_url


def name_of(url: str) -> sql.Identifier:
    return sql.Identifier(str(make_url(url).database))


def test_streams_whose_names_collide_are_locked_in_one_order(postgres_url: str) -> None:
    """By name, of two transfers one would take the one lock first and the other the other."""
    (a, a_too), (b, b_too) = COLLIDING.items()
    stores = [EventStore.open(postgres_url) for _ in range(2)]
    with psycopg.connect(postgres_url) as holder, psycopg.connect(postgres_url, autocommit=True) as watching:
        hashes = holder.execute("SELECT hashtext(s) FROM unnest(%s::text[]) AS s", ([a, a_too, b, b_too],)).fetchall()
        low, high = sorted(set(hashes))
        holder.execute("SELECT pg_advisory_xact_lock(8451, %s)", low)
        jobs = [
            threading.Thread(target=transfer, args=(stores[0], a, b_too)),
            threading.Thread(target=transfer, args=(stores[1], b, a_too)),
        ]
        for job in jobs:
            job.start()
        locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 AND "
        while watching.execute(locks + "NOT granted").fetchone() != (2,):
            watching.execute("SELECT pg_sleep(0.005)")
        held = locks + "granted AND objid = ((%s::bigint + (1::bigint << 32)) %% (1::bigint << 32))::oid"
        assert watching.execute(held, low).fetchone() == (1,)
        assert watching.execute(held, high).fetchone() == (0,)
        holder.commit()
        for job in jobs:
            job.join()
    assert [stores[0].stream_version(stream) for stream in (a, b_too, b, a_too)] == [1] * 4


@pytest.mark.parametrize("level", ["serializable", "repeatable read"])
def test_every_append_arrives_whatever_isolation_the_database_defaults_to(postgres_url: str, level: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        default = sql.SQL("ALTER DATABASE {} SET default_transaction_isolation = {}")
        connection.execute(default.format(name_of(postgres_url), sql.Literal(level)))
    stores = [EventStore.open(postgres_url) for _ in range(3)]
    failed: list[Exception] = []

    def go(store: EventStore) -> None:
        for _ in range(40):
            try:
                transfer(store, "a", "b")
                store.append("a", [new_event()], expected_version=ANY_VERSION)
            except Exception as error:  # noqa: BLE001 - told below
                failed.append(error)

    at_once(*[threading.Thread(target=go, args=(store,)) for store in stores])
    assert failed == []
    assert stores[0].stream_version("a") == 240
    assert stores[0].stream_version("b") == 120


def test_each_kind_of_transaction_sets_its_own_isolation(postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        default = sql.SQL("ALTER DATABASE {} SET default_transaction_isolation = 'serializable'")
        connection.execute(default.format(name_of(postgres_url)))
    engine = open_database(f"{postgres_url}&options=-c%20default_transaction_isolation%3Dserializable"
                           if "?" in postgres_url else postgres_url)  # fmt: skip
    for connecting in (engine.connect(), database.write_transaction(engine)):
        with connecting as connection:
            assert connection.exec_driver_sql("SHOW transaction_isolation").scalar_one() == "read committed"
    driver = engine.raw_connection().driver_connection
    assert driver is not None
    driver.autocommit = True
    assert driver.execute("SHOW transaction_isolation").fetchone() == ("read committed",)


@pytest.fixture
def refusing_trigger(postgres_url: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """Somebody's own trigger on ``events`` that gives up as PostgreSQL does, as often as ``left`` says."""
    EventStore.open(postgres_url)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("""
            CREATE SEQUENCE met;
            CREATE TABLE refusals (code text, times int);
            CREATE FUNCTION give_up() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF nextval('met') <= (SELECT times FROM refusals) THEN
                    RAISE EXCEPTION 'met another' USING ERRCODE = (SELECT code FROM refusals);
                END IF;
                RETURN NULL;
            END $$;
            CREATE TRIGGER give_up AFTER INSERT ON events FOR EACH STATEMENT EXECUTE FUNCTION give_up();
        """)
        yield connection


APPENDS = {
    "one event": [StreamAppend("s", ANY_VERSION, [new_event()])],
    "a batch that is copied": [StreamAppend("s", ANY_VERSION, [new_event() for _ in range(150)])],
    "two streams": [StreamAppend("s", ANY_VERSION, [new_event()]), StreamAppend("t", ANY_VERSION, [new_event()])],
}


@pytest.mark.parametrize("code", ["40001", "40P01"])
@pytest.mark.parametrize("name", APPENDS)
def test_a_conflict_is_tried_again_until_there_is_none(
    postgres_url: str, refusing_trigger: psycopg.Connection[tuple[object, ...]], code: str, name: str
) -> None:
    refusing_trigger.execute("INSERT INTO refusals VALUES (%s, 3)", (code,))
    store = EventStore.open(postgres_url)
    assert len(store.append_many(APPENDS[name]).events) == sum(len(each.events) for each in APPENDS[name])


@pytest.mark.parametrize("name", APPENDS)
def test_conflicts_without_end_end_in_one_sentence(
    postgres_url: str,
    refusing_trigger: psycopg.Connection[tuple[object, ...]],
    name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    replace_sleep(monkeypatch, database, lambda _seconds: None)
    refusing_trigger.execute("INSERT INTO refusals VALUES ('40001', 1000)")
    store = EventStore.open(postgres_url)
    with pytest.raises(StoreBusy, match="nothing was written") as caught:
        store.append_many(APPENDS[name])
    assert "\n" not in str(caught.value)
    assert refusing_trigger.execute("SELECT last_value FROM met").fetchone() == (CONFLICTS_BORNE,)
    assert store.read_all() == []


def test_the_victim_of_a_deadlock_over_stream_locks_appends_after_all(short_deadlocks: str) -> None:
    """A stranger's program may take the streams' locks in its own order; whoever closes the circle is the victim."""
    store = EventStore.open(short_deadlocks)
    with (
        psycopg.connect(short_deadlocks) as first,
        psycopg.connect(short_deadlocks) as stranger,
        psycopg.connect(short_deadlocks, autocommit=True) as watching,
    ):
        hashes = "SELECT hashtext(s) FROM unnest(%s::text[]) AS s ORDER BY 1"
        (low,), (high,) = stranger.execute(hashes, (["from", "to"],)).fetchall()
        take = "SELECT pg_advisory_xact_lock(8451, %s)"
        first.execute(take, (low,))
        stranger.execute("SET deadlock_timeout = '1h'")
        stranger.execute(take, (high,))
        appending = threading.Thread(target=transfer, args=(store, "from", "to"))
        crossing = threading.Thread(target=lambda: (stranger.execute(take, (low,)), stranger.commit()))
        for number, job in enumerate((appending, crossing), start=1):
            job.start()
            waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'advisory'"
            while watching.execute(waiting).fetchone() != (number,):
                watching.execute("SELECT pg_sleep(0.005)")
        first.commit()
        appending.join()
        crossing.join()
    assert (store.stream_version("from"), store.stream_version("to")) == (1, 1)


def test_only_conflicts_are_tried_again() -> None:
    tried = []

    @retried
    def fail(error: Exception) -> None:
        tried.append(error)
        raise error

    broken = errors.QueryCanceled("statement timeout")
    with pytest.raises(errors.QueryCanceled):
        fail(broken)
    with pytest.raises(DBAPIError):
        fail(DBAPIError("SELECT 1", None, broken))
    assert len(tried) == 2
