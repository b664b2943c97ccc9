"""A read model is rebuilt while it is read, while its runner works and while events are appended, and nobody notices.

Every read shows the rows of some position exactly, never an empty or a half-filled table, and never an earlier position
than the read before it.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from projection_logs import BankLog, Expected, all_rows, raw, rows_of, whole_log
from rebuilding_logs import assert_log_is_true, told
from sqlalchemy import text

from esworkbench.domains.bank import bank_decoder
from esworkbench.domains.bank.read_models import AccountBalances, TransactionHistory
from esworkbench.domains.bank.read_models.account_balances import account_balances
from esworkbench.domains.bank.read_models.set_based import BANK_QUERIES
from esworkbench.errors import StoreBusy
from esworkbench.event_store import EventStore
from esworkbench.events import RecordedEvent
from esworkbench.evidence.capturing.postgres_opening import open_postgres
from esworkbench.evidence.capturing.source import Pace
from esworkbench.projections import Projection, ProjectionRunner, checkpoints
from esworkbench.projections.rebuilding import Recipe, rebuild, strategies, swap

Rows = list[tuple[Any, ...]]
BALANCES = Recipe(AccountBalances, bank_decoder, BANK_QUERIES["account_balances"])


@pytest.fixture
def open_store(store_url: str) -> Iterator[Callable[[], EventStore]]:
    """Opens the same database as often as somebody needs a store of their own."""
    opened: list[EventStore] = []

    def open_one() -> EventStore:
        opened.append(EventStore.open(store_url))
        return opened[-1]

    yield open_one
    for store in opened:
        store.engine.dispose()


class Others:
    """Who goes on as if nothing were rebuilt: a writer, the live runner, a reader; each until told to stop."""

    def __init__(self, open_store: Callable[[], EventStore], log: BankLog, projection: Projection) -> None:
        self.reads: list[Rows] = []
        self.cuts: list[tuple[int, Rows]] = []
        self._projection = projection
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(3)
        workers = (self._write(log), self._run(open_store()), self._read(open_store()))
        self._futures = [self._pool.submit(self._until_stopped, work) for work in workers]

    def stop(self) -> None:
        self._stop.set()
        for future in self._futures:
            future.result(timeout=60)
        self._pool.shutdown()

    def _until_stopped(self, work: Callable[[], object]) -> None:
        while not self._stop.is_set():
            work()

    def _write(self, log: BankLog) -> Callable[[], None]:
        return lambda: log.write(5)

    def _run(self, store: EventStore) -> Callable[[], object]:
        runner = ProjectionRunner(store, self._projection, bank_decoder(), run_id="live", batch_size=20)
        return runner.catch_up

    def _read(self, store: EventStore) -> Callable[[], None]:
        """One plain statement, as any client sends it; and rows with their checkpoint, in one snapshot."""
        [table] = self._projection.tables
        on_postgres = store.engine.dialect.name == "postgresql"
        options = {"isolation_level": "REPEATABLE READ"} if on_postgres else {}

        def read() -> None:
            self.reads.append(all_rows(store, table))
            with store.engine.connect().execution_options(**options) as connection:
                if on_postgres:
                    connection.execute(text(f"LOCK TABLE {table.name} IN ACCESS SHARE MODE"))
                position = checkpoints.position_of(connection, self._projection.name)
                self.cuts.append((position, rows_of(connection, table)))

        return read


@pytest.mark.parametrize("strategy", ["plain", "bulk", "set-based"])
def test_readers_and_writers_never_notice_a_rebuild(open_store: Callable[[], EventStore], strategy: str) -> None:
    store = open_store()
    log = BankLog(store, seed=21)
    log.write(150)
    runner = ProjectionRunner(store, AccountBalances(), bank_decoder(), run_id="live")
    runner.catch_up()
    others = Others(open_store, log, AccountBalances())
    for _ in range(2):
        rebuild(store, BALANCES, strategy=strategy, batch_size=50)
    others.stop()
    runner.catch_up()

    events = whole_log(store)
    assert all_rows(store, account_balances) == Expected(events, 10**9).rows("account_balances")
    assert_log_is_true(store, "account_balances")
    assert_every_read_was_right(others, events)


def assert_every_read_was_right(others: Others, events: list[RecordedEvent]) -> None:
    """The rows at each position, from one walk over the log; a row's last column is the position of its last event."""
    claimed = [(max(row[-1] for row in rows), rows) for rows in others.reads] + others.cuts
    assert len(others.reads) > 2
    for seen in ([max(row[-1] for row in rows) for rows in others.reads], [cut for cut, _ in others.cuts]):
        assert seen == sorted(seen), "a later read must not show an earlier position"
    by_position: dict[int, list[Rows]] = {}
    for position, rows in claimed:
        by_position.setdefault(position, []).append(rows)
    expected = Expected([], 0)
    for event in events:
        expected.see(event)
        for rows in by_position.pop(event.global_position, []):
            assert rows == expected.rows("account_balances")
    assert not by_position


@pytest.mark.parametrize("strategy", ["plain", "set-based"])
def test_what_the_live_runner_saw_before_the_swap_is_not_taken_back(
    open_store: Callable[[], EventStore], monkeypatch: pytest.MonkeyPatch, strategy: str
) -> None:
    store = open_store()
    log = BankLog(store, seed=22)
    log.write(60)
    runner = ProjectionRunner(store, TransactionHistory(), bank_decoder(), run_id="live")
    runner.catch_up()

    def swap_late(*arguments: Any) -> tuple[int, int]:
        log.write(30)
        log.write_event("a1", raw("PointsGranted", points=1))
        runner.catch_up()
        return swap.swap(*arguments)

    monkeypatch.setattr(strategies, "swap", swap_late)
    done = rebuild(
        store, Recipe(TransactionHistory, bank_decoder, BANK_QUERIES["transaction_history"]), strategy=strategy
    )

    assert done.events == len(whole_log(store))
    assert done.position == runner.checkpoint() == store.head_position()
    rebuilt = told(store, TransactionHistory())
    assert rebuilt.rows == Expected(whole_log(store), 10**9).rows("transaction_history")
    assert [letter[0] for letter in rebuilt.parked] == [store.head_position()]
    assert_log_is_true(store, "transaction_history")


def test_a_reader_that_never_lets_go_keeps_the_old_table_and_the_work_is_kept(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = EventStore.open(postgres_url)
    BankLog(store, seed=23).write(100)
    ProjectionRunner(store, AccountBalances(), bank_decoder(), run_id="live").catch_up()
    before = all_rows(store, account_balances)
    monkeypatch.setattr(swap, "TRIES", 2)
    with store.engine.connect() as reader:
        rows_of(reader, account_balances)
        with pytest.raises(StoreBusy, match="kept the old table locked 2 times"):
            rebuild(store, BALANCES, strategy="plain")
        assert rows_of(reader, account_balances) == before
    assert rebuild(store, BALANCES, strategy="plain").events == 0
    assert all_rows(store, account_balances) == before
    store.engine.dispose()


def test_a_capture_under_way_holds_off_the_swap_that_would_empty_its_tables(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its snapshot is older than the rebuilt table, in which it could see no row."""
    store = EventStore.open(postgres_url)
    BankLog(store, seed=24).write(60)
    ProjectionRunner(store, AccountBalances(), bank_decoder(), run_id="live").catch_up()
    monkeypatch.setattr(swap, "TRIES", 1)
    held = [account_balances.name, "no_such_table"]
    with open_postgres(store.engine.url, Pace(), "the bank", tables=held) as source:
        assert "events" in source.columns()
        with pytest.raises(StoreBusy):
            rebuild(store, BALANCES, strategy="plain")
        [captured] = source.rows("SELECT account_id FROM account_balances")
    assert len(captured) == len(all_rows(store, account_balances)) > 0
    store.engine.dispose()
