"""Promises 2 and 3 for a projection inside the append: it is never behind, and stands or falls with the events.

And what it costs: what cannot be projected is not appended. What writers wait for is in ``test_synchronous_writers``.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from in_step import DEPOSIT, assert_in_step, deposit, joined
from projection_logs import SIGNS, BankLog, all_rows, encoded, raw, whole_log
from sqlalchemy import Connection, func, select

from esworkbench.domains.bank import FeeCharged, bank_decoder
from esworkbench.domains.bank.read_models import AccountBalances, TransactionHistory
from esworkbench.errors import ConcurrencyError, OtherReadModel, SynchronousProjectionFailed
from esworkbench.event_store import Idempotency, StreamAppend
from esworkbench.event_store.participants import JoinedStore
from esworkbench.event_store.schema import events
from esworkbench.events import Event
from esworkbench.projections import ProjectionRunner, checkpoints
from esworkbench.projections.tables import dead_letters

APPENDER = Path(__file__).parent / "killed_appender.py"
CRASH_POINTS = (
    "before the rows", "between rows and checkpoint", "between checkpoint and log", "before the commit",
    "after the commit",
)  # fmt: skip
FEE = encoded(FeeCharged(amount_minor=5, currency="USD", reference="f", reason="monthly"))


@pytest.fixture
def open_store(store_url: str) -> Iterator[Callable[[], JoinedStore]]:
    """Opens a store as another process would: same database, an engine of its own."""
    opened: list[JoinedStore] = []

    def open_store() -> JoinedStore:
        opened.append(JoinedStore.open(store_url))
        return opened[-1]

    yield open_store
    for store in opened:
        store.engine.dispose()


@pytest.fixture
def store(open_store: Callable[[], JoinedStore]) -> JoinedStore:
    return open_store()


def test_whoever_reads_after_an_append_sees_it(store: JoinedStore) -> None:
    joined(store, TransactionHistory())
    joined(store, AccountBalances())
    log = BankLog(store, seed=1)
    for _ in range(10):
        log.write(1)
        assert_in_step(store, TransactionHistory, AccountBalances)


def test_an_existing_log_is_caught_up_with_first(store: JoinedStore) -> None:
    log = BankLog(store, seed=2)
    log.write(70)
    joined(store, TransactionHistory())
    assert_in_step(store, TransactionHistory)
    log.write(1)
    assert_in_step(store, TransactionHistory)


def test_what_others_append_plainly_is_handled_before_the_next_append(
    store: JoinedStore, open_store: Callable[[], JoinedStore]
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


def test_what_the_projection_cannot_handle_is_not_appended(store: JoinedStore) -> None:
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
    store: JoinedStore, open_store: Callable[[], JoinedStore]
) -> None:
    joined(store, RefusesFees())
    plain = open_store()
    bad = [deposit(plain, "a"), deposit(plain, "a", FEE), deposit(plain, "a", raw("PointsGranted", points=1))][1:]
    deposit(store, "a")
    with store.engine.connect() as connection:
        assert connection.scalars(select(dead_letters.c.position).order_by("position")).all() == bad
    assert all_rows(store, AccountBalances.tables[0]) == [("a", "USD", 1000, 4, 4)]


def test_a_stale_writer_is_refused_and_leaves_nothing(store: JoinedStore) -> None:
    joined(store, TransactionHistory())
    deposit(store, "a")
    with pytest.raises(ConcurrencyError, match="is at version 1, not 0"):
        store.append_many([StreamAppend("BankAccount-b", 0, [DEPOSIT]), StreamAppend("BankAccount-a", 0, [DEPOSIT])])
    assert len(whole_log(store)) == 1
    assert_in_step(store, TransactionHistory)


def test_a_repeated_command_is_one_command(store: JoinedStore) -> None:
    joined(store, TransactionHistory())
    once = Idempotency("key-1", "digest", b'{"ok":1}')
    first = store.append("BankAccount-a", [DEPOSIT], expected_version=0, idempotency=once)
    again = store.append("BankAccount-a", [DEPOSIT], expected_version=0, idempotency=once)
    assert (first.repeated, again.repeated, again.reply) == (False, True, b'{"ok":1}')
    assert_in_step(store, TransactionHistory)


class NextShape(TransactionHistory):
    schema_version = 2


def test_tables_rebuilt_to_another_shape_stop_the_append(
    store: JoinedStore, open_store: Callable[[], JoinedStore]
) -> None:
    joined(store, TransactionHistory())
    deposit(store, "a")
    ProjectionRunner(open_store(), NextShape(), bank_decoder(), run_id="next release").rebuild()
    with pytest.raises(OtherReadModel, match="built with schema version 2, this code keeps schema version 1"):
        deposit(store, "a")
    assert len(whole_log(store)) == 1


def test_events_of_types_it_does_not_subscribe_to_move_the_checkpoint_only(store: JoinedStore) -> None:
    class MoneyOnly(TransactionHistory):
        event_types = frozenset(SIGNS)

    joined(store, MoneyOnly())
    deposit(store, "a", raw("PointsGranted", points=1))
    deposit(store, "a")
    assert_in_step(store, TransactionHistory)


@pytest.mark.parametrize("point", CRASH_POINTS)
def test_killed_at_any_point_of_an_append_events_and_rows_stand_or_fall_together(
    store_url: str, store: JoinedStore, point: str
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
