"""Promise 2 among many writers: a projection inside the append never passes a lower position that is still open."""

import random
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from in_step import DEPOSIT, assert_in_step, deposit, joined
from projection_logs import all_rows, whole_log
from sqlalchemy import func, select, text

from esworkbench.domains.bank import bank_decoder
from esworkbench.domains.bank.read_models import TransactionHistory
from esworkbench.event_store import ANY_VERSION, StreamAppend
from esworkbench.event_store.participants import JoinedStore
from esworkbench.event_store.postgres.sql import ONE_ROW
from esworkbench.projections import ProjectionRunner
from tests.event_store.workers import raw_row


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_lower_position_that_is_still_open_is_waited_for(postgres_url: str, end: str) -> None:
    """Promise 2. A plain writer has drawn position 1 and not committed: position 2 must not become a checkpoint yet."""
    store = JoinedStore.open(postgres_url)
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


def wait_until_somebody_waits(store: JoinedStore, unless: Future[int]) -> None:
    waiting = select(func.count()).select_from(text("pg_locks")).where(text("NOT granted"))
    while True:
        with store.engine.connect() as connection:
            if connection.scalar(waiting):
                return
        assert not unless.done(), "it did not wait for the open position"


def test_joined_and_plain_writers_of_the_same_streams_end_in_step(store_url: str) -> None:
    """Transfers in both directions and a runner beside them: nobody waits in a circle, nothing is applied twice."""
    stores = [JoinedStore.open(store_url) for _ in range(5)]
    joined(stores[0], TransactionHistory())
    joined(stores[1], TransactionHistory())
    beside = ProjectionRunner(stores.pop(), TransactionHistory(), bank_decoder(), run_id="beside", batch_size=5)
    gate = threading.Barrier(5)

    def transfer(store: JoinedStore, ends: list[str]) -> None:
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
    for store in [*stores, beside.store]:
        store.engine.dispose()


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
    stores = [JoinedStore.open(url) for _ in range(2)]
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
