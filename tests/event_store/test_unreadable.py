"""A row that no event can be made of stops nobody without a word: readers name position and column, runners park it."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from sqlalchemy import text

from esworkbench.aggregates.snapshots import SnapshotStore, SnapshottingRepository
from esworkbench.domains.bank import bank_decoder
from esworkbench.domains.bank.account import BankAccount
from esworkbench.domains.bank.read_models import AccountBalances
from esworkbench.errors import UnreadableEvent, UnusableInput
from esworkbench.event_store import EventStore, write_transaction
from esworkbench.event_store.guards import drop_guards
from esworkbench.event_store.postgres import log as postgres_log
from esworkbench.event_store.postgres.sql import ONE_ROW, WRITTEN
from esworkbench.projections import ProjectionRunner
from esworkbench.projections.dead_letters import parked
from esworkbench.snapshotting.background import Snapshotter
from tests.event_store.workers import raw_row
from tests.support import new_event, replace_sleep

ODD_ON_SQLITE: dict[str, tuple[str, object]] = {
    "a payload as bytes": ("payload", b"{}"),
    "metadata as bytes": ("metadata", b"{}"),
    "a type as bytes": ("event_type", b"MoneyDeposited"),
    "a stream as bytes": ("stream_id", b"BankAccount-odd"),
    "a hash as bytes": ("hash", b"x"),
    "a version that is no number": ("version", "one"),
    "a schema version with a fraction": ("schema_version", 1.5),
    "SQLite's own spelling": ("recorded_at", "2026-01-01 00:00:00"),
    "seconds alone": ("valid_at", "2026-01-01T00:00:00Z"),
    "an offset": ("recorded_at", "2026-01-01T00:00:00.000000+00:00"),
    "a week": ("recorded_at", "2026-W01-1T00:00:00.000000Z"),
    "no such day": ("valid_at", "2026-02-30T00:00:00.000000Z"),
    "seconds since 1970": ("recorded_at", "1767225600"),
    "a moment as bytes": ("valid_at", b"2026-01-01T00:00:00.000000Z"),
}
ODD_ON_POSTGRES: dict[str, tuple[str, object]] = {
    "infinity": ("recorded_at", "infinity"),
    "minus infinity": ("valid_at", "-infinity"),
    "before Christ": ("valid_at", "0044-03-15 12:00:00+00 BC"),
    "a year of five digits": ("recorded_at", "12026-01-01 00:00:00+00"),
}
CASES = [("sqlite", name) for name in ODD_ON_SQLITE] + [("postgres", name) for name in ODD_ON_POSTGRES]


def plant(store: EventStore, column: str, value: object) -> None:
    row = dict(zip(WRITTEN, raw_row("BankAccount-odd"), strict=True)) | {"event_type": "MoneyDeposited", column: value}
    names = ", ".join(WRITTEN)
    values = ", ".join(f":{name}" for name in WRITTEN)
    with write_transaction(store.engine) as connection:
        connection.execute(text(f"INSERT INTO events ({names}) VALUES ({values})"), row)


def deposit(store: EventStore, version: int) -> None:
    event = new_event("MoneyDeposited", {"amount_minor": 100, "currency": "CHF", "reference": "r"}, schema_version=3)
    store.append("BankAccount-a", [event], expected_version=version)


@pytest.fixture
def odd(request: pytest.FixtureRequest) -> tuple[EventStore, str]:
    """A store with a deposit at position 1, the odd row at 2, a deposit at 3; and the odd column."""
    engine, name = request.param
    store = EventStore.open(request.getfixturevalue(f"{engine}_url"))
    column, value = (ODD_ON_SQLITE | ODD_ON_POSTGRES)[name]
    deposit(store, 0)
    plant(store, column, value)
    deposit(store, 1)
    return store, column


every_odd_row = pytest.mark.parametrize("odd", CASES, indirect=True)


@every_odd_row
def test_readers_name_position_and_column(odd: tuple[EventStore, str]) -> None:
    store, column = odd
    assert [event.global_position for event in store.read_all()] == [1], "what stands before it is read"
    assert [event.global_position for event in store.read_all(after=2)] == [3]
    readers: list[Callable[[], Any]] = [lambda: store.read_all(after=1)]
    if column not in ("stream_id", "version"):
        readers.append(lambda: store.read_stream("BankAccount-odd"))
    for read in readers:
        with pytest.raises(UnreadableEvent, match=f"position 2 .*{column}") as caught:
            read()
        assert isinstance(caught.value, UnusableInput)
        assert (caught.value.global_position, caught.value.column) == (2, column)
        assert "\n" not in str(caught.value)


@every_odd_row
def test_a_runner_parks_it_and_goes_on(odd: tuple[EventStore, str]) -> None:
    """Promise 11: nothing is skipped without a record, and one bad event blocks nobody for ever."""
    store, column = odd
    runner = ProjectionRunner(store, AccountBalances(), bank_decoder(), run_id="run")
    runner.catch_up()
    assert runner.checkpoint() == 3
    with store.engine.connect() as connection:
        (letter,) = parked(connection, "account_balances")
        rows = connection.execute(text("SELECT account_id, balance_minor FROM account_balances")).all()
        covered = connection.execute(text("SELECT from_position, to_position FROM checkpoint_log ORDER BY id")).all()
    assert letter["position"] == 2
    assert column in letter["error"]
    assert [tuple(row) for row in rows] == [("a", 200)]
    assert [tuple(row) for row in covered] == [(1, 1), (2, 2), (3, 3)]


@every_odd_row
def test_a_run_up_to_a_position_before_it_parks_nothing(odd: tuple[EventStore, str]) -> None:
    runner = ProjectionRunner(odd[0], AccountBalances(), bank_decoder(), run_id="run")
    assert runner.catch_up(up_to=1) == 1
    assert runner.checkpoint() == 1


@every_odd_row
def test_a_snapshotter_parks_it_too(odd: tuple[EventStore, str]) -> None:
    store, _column = odd
    repository = SnapshottingRepository(store, BankAccount, bank_decoder(), snapshots=SnapshotStore(store.engine))
    snapshotter = Snapshotter(store, repository, every=100, run_id="run")
    snapshotter.catch_up()
    assert snapshotter.checkpoint() == 3


def test_it_is_no_reason_to_pass_a_gap_that_may_still_fill(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Promise 2 comes first: before the odd row at 3, position 2 is still being written."""
    store = EventStore.open(postgres_url)
    store.append("s", [new_event()], expected_version=0)
    with psycopg.connect(postgres_url) as slow:
        slow.execute(ONE_ROW, raw_row("slow"))
        plant(store, "recorded_at", "infinity")
        replace_sleep(monkeypatch, postgres_log, lambda _seconds: slow.commit())
        assert [event.global_position for event in store.read_all(after=1)] == [2]
    with pytest.raises(UnreadableEvent):
        store.read_all(after=2)


@pytest.mark.parametrize("column", ["event_type", "payload", "metadata", "recorded_at", "schema_version", "hash"])
def test_a_null_where_its_owner_dropped_what_forbids_it(postgres_url: str, column: str) -> None:
    store = EventStore.open(postgres_url)
    store.append("s", [new_event(), new_event(), new_event()], expected_version=0)
    with write_transaction(store.engine) as connection:
        drop_guards(connection)
        connection.exec_driver_sql(f"ALTER TABLE events ALTER {column} DROP NOT NULL")
        connection.exec_driver_sql(f"UPDATE events SET {column} = NULL WHERE version = 2")
    assert [event.version for event in store.read_all()] == [1]
    with pytest.raises(UnreadableEvent, match=f"position 2 can't be read, as its {column}"):
        store.read_all(after=1)
    with pytest.raises(UnreadableEvent, match=column):
        store.read_stream("s")
    assert [event.version for event in store.read_all(after=2)] == [3]


def test_a_version_of_shape_past_31_bits_is_parked(postgres_url: str) -> None:
    store = EventStore.open(postgres_url)
    store.append("s", [new_event("MoneyDeposited")], expected_version=0)
    with write_transaction(store.engine) as connection:
        drop_guards(connection)
        connection.exec_driver_sql("ALTER TABLE events ALTER schema_version TYPE bigint")
        connection.exec_driver_sql(f"UPDATE events SET schema_version = {2**40}")
    ProjectionRunner(store, AccountBalances(), bank_decoder(), run_id="r").catch_up()
    with store.engine.connect() as connection:
        assert connection.execute(text("SELECT position, schema_version FROM dead_letters")).all() == [(1, 0)]
