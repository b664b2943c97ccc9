"""Promises 2 and 3 for a projection inside the append: never behind, never past a lower position that is still open.

And what it costs: who can't be projected isn't appended, and all writers take turns.
"""

import random
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from projection_logs import SIGNS, BankLog, Expected, all_rows, encoded, raw, whole_log
from sqlalchemy import Connection, func, select, text

from esworkbench.domains.bank import FeeCharged, MoneyDeposited, bank_decoder
from esworkbench.domains.bank.read_models import AccountBalances, TransactionHistory
from esworkbench.errors import ConcurrencyError, OtherReadModel, SynchronousProjectionFailed
from esworkbench.event_store import ANY_VERSION, EventStore, Idempotency, StreamAppend
from esworkbench.event_store.postgres_log import ONE_ROW
from esworkbench.event_store.schema import checkpoint_log, dead_letters, events
from esworkbench.events import Event, NewEvent
from esworkbench.projections import Projection, ProjectionRunner, SynchronousRunner, checkpoints
from tests.event_store.workers import raw_row

APPENDER = Path(__file__).parent / "killed_appender.py"
CRASH_POINTS = (
    "before the rows", "between rows and checkpoint", "between checkpoint and log", "before the commit",
    "after the commit",
)  # fmt: skip
DEPOSIT = encoded(MoneyDeposited(amount_minor=500, currency="USD", reference="r"))
FEE = encoded(FeeCharged(amount_minor=5, currency="USD", reference="f", reason="monthly"))


@pytest.fixture
def open_store(store_url: str) -> Iterator[Callable[[], EventStore]]:
    """Opens a store as another process would: same database, an engine of its own."""
    opened: list[EventStore] = []

    def open_store() -> EventStore:
        opened.append(EventStore.open(store_url))
        return opened[-1]

    yield open_store
    for store in opened:
        store.engine.dispose()


@pytest.fixture
def store(open_store: Callable[[], EventStore]) -> EventStore:
    return open_store()


def joined(store: EventStore, projection: Projection, **options: Any) -> SynchronousRunner:
    runner = SynchronousRunner(store, projection, bank_decoder(), **{"run_id": "in step", "batch_size": 20, **options})
    runner.join_appends()
    return runner


def assert_in_step(store: EventStore, *projections: type[Projection]) -> None:
    """Rows and checkpoint are those of the whole log, and no position was covered twice or left out."""
    log, head = whole_log(store), store.head_position()
    for projection in projections:
        assert all_rows(store, projection.tables[0]) == Expected(log, head).rows(projection.name)
        ranges = select(checkpoint_log.c.from_position, checkpoint_log.c.to_position).order_by(checkpoint_log.c.id)
        with store.engine.connect() as connection:
            after = 0
            for first, last in connection.execute(ranges.where(checkpoint_log.c.projection == projection.name)):
                assert first == after + 1
                after = last
        assert after == head


def deposit(store: EventStore, account: str, event: NewEvent = DEPOSIT) -> int:
    return store.append(f"BankAccount-{account}", [event], expected_version=ANY_VERSION).events[0].global_position


def test_whoever_reads_after_an_append_sees_it(store: EventStore) -> None:
    joined(store, TransactionHistory())
    joined(store, AccountBalances())
    log = BankLog(store, seed=1)
    for _ in range(10):
        log.write(1)
        assert_in_step(store, TransactionHistory, AccountBalances)


def test_an_existing_log_is_caught_up_with_first(store: EventStore) -> None:
    log = BankLog(store, seed=2)
    log.write(70)
    joined(store, TransactionHistory())
    assert_in_step(store, TransactionHistory)
    log.write(1)
    assert_in_step(store, TransactionHistory)


def test_what_others_append_plainly_is_handled_before_the_next_append(
    store: EventStore, open_store: Callable[[], EventStore]
) -> None:
    joined(store, TransactionHistory())
    log = BankLog(open_store(), seed=3)
    log.write(50)
    log.store = store
    log.write(1)
    assert_in_step(store, TransactionHistory)


class RefusesFees(AccountBalances):
    """A handler with a defect: it writes first and raises afterwards."""

    def handle(self, event: Event, connection: Connection) -> None:
        super().handle(event, connection)
        if isinstance(event.data, FeeCharged):
            raise ZeroDivisionError("no fee was expected")


def test_what_the_projection_cannot_handle_is_not_appended(store: EventStore) -> None:
    joined(store, RefusesFees())
    deposit(store, "a")
    once = Idempotency("key-1", "digest", b"{}")
    appends = [StreamAppend("BankAccount-a", 1, [DEPOSIT]), StreamAppend("BankAccount-b", 0, [FEE])]
    published: list[object] = []
    store.subscribe(published.append)

    with pytest.raises(
        SynchronousProjectionFailed, match=r"'account_balances' could not handle FeeCharged, Money.*fee"
    ):
        store.append_many(appends, idempotency=once)

    assert published == []
    assert store.find_reply("key-1", "digest") is None
    assert [event.event_type for event in whole_log(store)] == ["MoneyDeposited"]
    assert_in_step(store, AccountBalances)
    store.append_many(appends[:1], idempotency=once)
    assert_in_step(store, AccountBalances)


def test_a_bad_event_of_somebody_else_is_parked_and_blocks_nobody(
    store: EventStore, open_store: Callable[[], EventStore]
) -> None:
    joined(store, RefusesFees())
    plain = open_store()
    bad = [deposit(plain, "a"), deposit(plain, "a", FEE), deposit(plain, "a", raw("PointsGranted", points=1))][1:]
    deposit(store, "a")
    with store.engine.connect() as connection:
        assert connection.scalars(select(dead_letters.c.position).order_by("position")).all() == bad
    assert all_rows(store, AccountBalances.tables[0]) == [("a", "USD", 1000, 4, 4)]


def test_a_stale_writer_is_refused_and_leaves_nothing(store: EventStore) -> None:
    joined(store, TransactionHistory())
    deposit(store, "a")
    with pytest.raises(ConcurrencyError, match="is at version 1, not 0"):
        store.append_many([StreamAppend("BankAccount-b", 0, [DEPOSIT]), StreamAppend("BankAccount-a", 0, [DEPOSIT])])
    assert len(whole_log(store)) == 1
    assert_in_step(store, TransactionHistory)


def test_a_repeated_command_is_one_command(store: EventStore) -> None:
    joined(store, TransactionHistory())
    once = Idempotency("key-1", "digest", b'{"ok":1}')
    first = store.append("BankAccount-a", [DEPOSIT], expected_version=0, idempotency=once)
    again = store.append("BankAccount-a", [DEPOSIT], expected_version=0, idempotency=once)
    assert (first.repeated, again.repeated, again.reply) == (False, True, b'{"ok":1}')
    assert_in_step(store, TransactionHistory)


class NextShape(TransactionHistory):
    schema_version = 2


def test_tables_rebuilt_to_another_shape_stop_the_append(
    store: EventStore, open_store: Callable[[], EventStore]
) -> None:
    joined(store, TransactionHistory())
    deposit(store, "a")
    ProjectionRunner(open_store(), NextShape(), bank_decoder(), run_id="next release").rebuild()
    with pytest.raises(OtherReadModel, match="built with schema version 2, this code keeps schema version 1"):
        deposit(store, "a")
    assert len(whole_log(store)) == 1


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_lower_position_that_is_still_open_is_waited_for(postgres_url: str, end: str) -> None:
    """Promise 2. A plain writer has drawn position 1 and not committed: position 2 must not become a checkpoint yet."""
    store = EventStore.open(postgres_url)
    joined(store, TransactionHistory())
    with psycopg.connect(postgres_url) as slow, ThreadPoolExecutor(1) as pool:
        slow.execute(ONE_ROW, deposit_row("slow"))
        quick = pool.submit(deposit, store, "quick")
        wait_until_somebody_waits(store, quick)
        getattr(slow, end)()
        assert quick.result(timeout=60) == 2
    assert [row[1] for row in all_rows(store, TransactionHistory.tables[0])] == ([2] if end == "rollback" else [2, 1])
    assert_in_step(store, TransactionHistory)
    store.engine.dispose()


def deposit_row(account: str) -> list[Any]:
    """The values of DEPOSIT for a bare INSERT."""
    values = list(raw_row(f"BankAccount-{account}"))
    values[3:6] = "MoneyDeposited", 3, DEPOSIT.payload.decode()
    return values


def wait_until_somebody_waits(store: EventStore, unless: Future[int]) -> None:
    waiting = select(func.count()).select_from(text("pg_locks")).where(text("NOT granted"))
    while True:
        with store.engine.connect() as connection:
            if connection.scalar(waiting):
                return
        assert not unless.done(), "it did not wait for the open position"


def test_joined_and_plain_writers_of_the_same_streams_end_in_step(open_store: Callable[[], EventStore]) -> None:
    """Transfers in both directions and a runner beside them: nobody waits in a circle, nothing is applied twice."""
    stores = [open_store() for _ in range(4)]
    joined(stores[0], TransactionHistory())
    joined(stores[1], TransactionHistory())
    beside = ProjectionRunner(open_store(), TransactionHistory(), bank_decoder(), run_id="beside", batch_size=5)
    gate = threading.Barrier(5)

    def transfer(store: EventStore, ends: list[str]) -> None:
        gate.wait()
        for _ in range(15):
            store.append_many([StreamAppend(f"BankAccount-{end}", ANY_VERSION, [DEPOSIT]) for end in ends])

    def follow() -> None:
        gate.wait()
        for _ in range(20):
            beside.catch_up()

    with ThreadPoolExecutor(5) as pool:
        work = [pool.submit(transfer, store, ["a", "b"] if n % 2 else ["b", "a"]) for n, store in enumerate(stores)]
        for each in [*work, pool.submit(follow)]:
            each.result(timeout=60)
    deposit(stores[0], "a")
    assert len(whole_log(stores[0])) == 4 * 15 * 2 + 1
    assert_in_step(stores[0], TransactionHistory)


def test_events_of_types_it_does_not_subscribe_to_move_the_checkpoint_only(store: EventStore) -> None:
    class MoneyOnly(TransactionHistory):
        event_types = frozenset(SIGNS)

    joined(store, MoneyOnly())
    deposit(store, "a", raw("PointsGranted", points=1))
    deposit(store, "a")
    assert_in_step(store, TransactionHistory)


@pytest.mark.parametrize("point", CRASH_POINTS)
def test_killed_at_any_point_of_an_append_events_and_rows_stand_or_fall_together(
    store_url: str, store: EventStore, point: str
) -> None:
    """Promise 3. What was acknowledged is there, and the read model is not behind it."""
    process = subprocess.run(
        [sys.executable, str(APPENDER), store_url, point, "2"], stdout=subprocess.PIPE, encoding="utf-8", timeout=60
    )
    assert process.returncode == -9
    snapshot = {"isolation_level": "REPEATABLE READ"} if store.engine.dialect.name == "postgresql" else {}
    with store.engine.connect().execution_options(**snapshot) as connection:
        count = connection.scalar(select(func.count()).select_from(events)) or 0
        rows = connection.execute(select(AccountBalances.tables[0])).all()
        assert checkpoints.position_of(connection, "account_balances") == count
    assert count >= len(process.stdout.split()) >= 2
    assert rows == [("a", "USD", 7 * count, count, count)]


def append_slowly(url: str, writer: int, rounds: int) -> None:
    """A plain writer that draws a position, dawdles, and commits or not."""
    dice = random.Random(writer)
    with psycopg.connect(url) as connection:
        for number in range(rounds):
            connection.execute(ONE_ROW, deposit_row(f"slow-{writer}-{number}"))
            connection.execute("SELECT pg_sleep(%s)", (dice.random() / 200,))
            end = connection.rollback if dice.random() < 0.3 else connection.commit
            end()


def soak(url: str, rounds: int) -> None:
    stores = [EventStore.open(url) for _ in range(2)]
    for store in stores:
        joined(store, TransactionHistory())
    with ThreadPoolExecutor(6) as pool:
        slow = [pool.submit(append_slowly, url, writer, rounds) for writer in range(4)]
        in_step = [pool.submit(lambda store: [deposit(store, "a") for _ in range(rounds)], store) for store in stores]
        for each in [*slow, *in_step]:
            each.result(timeout=600)
    deposit(stores[0], "a")
    assert_in_step(stores[0], TransactionHistory)
    for store in stores:
        store.engine.dispose()


def test_no_position_is_passed_among_slow_writers_and_rollbacks(postgres_url: str) -> None:
    soak(postgres_url, rounds=15)


@pytest.mark.sweep
def test_no_position_is_passed_in_very_many_appends(postgres_url: str) -> None:
    soak(postgres_url, rounds=500)
