"""Read models are disposable: drop, reset and replay gives the same rows, and heals what running could not."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from projection_logs import BankLog, Expected, all_rows, raw, whole_log
from sqlalchemy import Connection, func, select, text

from esworkbench.domains.bank import FeeCharged, bank_decoder
from esworkbench.domains.bank.read_models import BANK_PROJECTIONS, TransactionHistory
from esworkbench.domains.bank.read_models.transaction_history import transaction_history
from esworkbench.event_store import EventStore
from esworkbench.events import Event
from esworkbench.projections import Projection, ProjectionRunner
from esworkbench.projections.tables import checkpoint_log, dead_letters


@pytest.fixture
def store(store_url: str) -> Iterator[EventStore]:
    store = EventStore.open(store_url)
    yield store
    store.engine.dispose()


def runner_of(store: EventStore, projection: Projection, batch_size: int, run_id: str = "run-1") -> ProjectionRunner:
    return ProjectionRunner(store, projection, bank_decoder(), run_id=run_id, batch_size=batch_size)


@pytest.mark.parametrize("make", BANK_PROJECTIONS.values(), ids=BANK_PROJECTIONS)
def test_a_rebuild_equals_the_incremental_run_bit_for_bit(store: EventStore, make: Callable[[], Projection]) -> None:
    log = BankLog(store, seed=3)
    for batch_size in (1, 7, 1000):
        log.write(60)
        runner_of(store, make(), batch_size).catch_up()
    [table] = make().tables
    incremental = all_rows(store, table)

    assert runner_of(store, make(), 13).rebuild() == len(whole_log(store))
    assert all_rows(store, table) == incremental == Expected(whole_log(store), 10**9).rows(make().name)


def test_a_rebuild_heals_a_row_edited_by_hand(store: EventStore) -> None:
    BankLog(store, seed=4).write(40)
    runner = runner_of(store, TransactionHistory(), 10)
    runner.catch_up()
    clean = all_rows(store, transaction_history)
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE transaction_history SET balance_after_minor = 1 WHERE position > 20"))
    assert all_rows(store, transaction_history) != clean
    runner.rebuild()
    assert all_rows(store, transaction_history) == clean


class RefusesFees(TransactionHistory):
    def handle(self, event: Event, connection: Connection) -> None:
        if isinstance(event.data, FeeCharged):
            raise ValueError("no fee was expected")
        super().handle(event, connection)


def test_running_balances_heal_by_rebuild_after_an_event_was_parked(store: EventStore) -> None:
    BankLog(store, seed=6).write(60)
    runner_of(store, RefusesFees(), 10).catch_up()
    expected = Expected(whole_log(store), 10**9).rows("transaction_history")
    assert all_rows(store, transaction_history) != expected
    with store.engine.connect() as connection:
        assert connection.execute(select(dead_letters)).first() is not None

    runner_of(store, TransactionHistory(), 10).rebuild()

    assert all_rows(store, transaction_history) == expected
    with store.engine.connect() as connection:
        assert connection.execute(select(dead_letters)).all() == []


class AskedToRebuild(TransactionHistory):
    """Before its first row it waits until a rebuild stands in line behind the batch."""

    def __init__(self, rebuild_stands_in_line: Callable[[], None]) -> None:
        self.rebuild_stands_in_line = rebuild_stands_in_line

    def handle(self, event: Event, connection: Connection) -> None:
        if event.recorded.global_position == 1:
            self.rebuild_stands_in_line()
        super().handle(event, connection)


def test_a_rebuild_and_the_batch_under_way_take_turns(postgres_url: str) -> None:
    """Both take the checkpoint first. Did the rebuild drop the table first, each would wait for the other."""
    store, other = EventStore.open(postgres_url), EventStore.open(postgres_url)
    BankLog(store, seed=9).write(40)
    rebuilt: list[Future[int]] = []

    def rebuild_stands_in_line() -> None:
        if rebuilt:
            return
        rebuilt.append(pool.submit(runner_of(other, TransactionHistory(), 10, "rebuild").rebuild))
        waiting = select(func.count()).select_from(text("pg_locks")).where(text("NOT granted"))
        while True:
            with store.engine.connect() as connection:
                if connection.scalar(waiting):
                    return

    with ThreadPoolExecutor(1) as pool:
        runner_of(store, AskedToRebuild(rebuild_stands_in_line), 10).catch_up()
        rebuilt[0].result(timeout=60)
    expected = Expected(whole_log(store), 10**9).rows("transaction_history")
    assert all_rows(store, transaction_history) == expected
    other.engine.dispose()
    store.engine.dispose()


def test_the_log_tells_a_rebuild_from_a_double_application(store: EventStore) -> None:
    BankLog(store, seed=7).write(30)
    runner_of(store, TransactionHistory(), 1000, "first").catch_up()
    runner_of(store, TransactionHistory(), 1000, "again").rebuild()
    head = store.head_position()
    columns = checkpoint_log.c["run_id", "shard", "from_position", "to_position", "code_version"]
    with store.engine.connect() as connection:
        told = [tuple(row) for row in connection.execute(select(*columns).order_by(checkpoint_log.c.id))]
    assert told == [("first", 0, 1, head, "1"), ("again", 0, 0, 0, "1"), ("again", 0, 1, head, "1")]


def test_rebuilding_one_projection_leaves_the_others_alone(store: EventStore) -> None:
    log = BankLog(store, seed=8)
    log.write(10)
    unknown = log.write_event("a1", raw("PointsGranted", points=1))
    log.write(20)
    runners = {name: runner_of(store, make(), 10) for name, make in BANK_PROJECTIONS.items()}
    for runner in runners.values():
        runner.catch_up(up_to=unknown)
    runners["account_balances"].rebuild()
    assert {name: runner.checkpoint() for name, runner in runners.items()} == {
        "account_balances": store.head_position(),
        "transaction_history": unknown,
        "pending_withdrawals": unknown,
        "daily_summaries": unknown,
    }
    with store.engine.connect() as connection:
        assert set(connection.execute(select(dead_letters.c.projection, dead_letters.c.position))) == {
            (name, unknown) for name in BANK_PROJECTIONS
        }
