"""Forty real processes write to hot streams that all share and to cold ones of their own, and a reader follows.

Promises 1 (no lost update), 2 (no skipped event) and 12 (a repeated command is one command), under load.
"""

import multiprocessing
from collections.abc import Iterator
from multiprocessing.pool import Pool

import pytest

from esworkbench.domains.bank.bank import Bank
from esworkbench.domains.bank.commands import OpenAccount
from esworkbench.event_store import EventStore
from esworkbench.events import RecordedEvent
from tests.event_store import bank_writers, workers
from tests.event_store.bank_writers import ATTEMPTS, HOT, Told

WRITERS = 40


@pytest.fixture(scope="module")
def forty_processes() -> Iterator[Pool]:
    spawning = multiprocessing.get_context("spawn")
    barrier = spawning.Barrier(WRITERS)
    with spawning.Pool(WRITERS, workers.set_barrier, (barrier,)) as pool:
        yield pool


@pytest.mark.parametrize("deposits", [4, pytest.param(100, marks=pytest.mark.sweep)])
def test_forty_writers_lose_nothing_and_a_reader_skips_nothing(
    store_url: str, forty_processes: Pool, deposits: int
) -> None:
    store = EventStore.open(store_url)
    bank = Bank(store)
    for account in HOT:
        bank.handle(OpenAccount(account_id=account, owner="Everybody", currency="USD"))

    jobs = [(store_url, writer, deposits) for writer in range(WRITERS)]
    writing = forty_processes.starmap_async(bank_writers.deposit_hot_and_cold, jobs, chunksize=1)
    seen: list[RecordedEvent] = []
    while True:
        finished = writing.ready()
        page = store.read_all(after=seen[-1].global_position if seen else 0, limit=20)
        seen += page
        if finished and not page:
            break
        if not page:
            writing.wait(0.01)
    told = [each for of_one_writer in writing.get() for each in of_one_writer]

    assert_every_acknowledged_deposit_counts_once(bank, told)
    assert_refused_only_after_every_attempt(told)
    with store.engine.connect() as connection:
        everything = connection.exec_driver_sql("SELECT event_id FROM events ORDER BY global_position").scalars().all()
    assert [event.event_id for event in seen] == everything
    store.engine.dispose()


def assert_every_acknowledged_deposit_counts_once(bank: Bank, told: list[Told]) -> None:
    for account in {each.account for each in told}:
        acknowledged = [each for each in told if each.account == account and each.version is not None]
        stored = bank.store.read_stream(f"BankAccount-{account}")
        assert [event.version for event in stored] == list(range(1, len(stored) + 1))
        assert [event.prev_hash for event in stored[1:]] == [event.hash for event in stored[:-1]]
        assert {event.version for event in stored[1:]} == {each.version for each in acknowledged}
        assert len(stored) - 1 == len(acknowledged), "one event per acknowledged deposit, none for a refused one"
        assert bank.accounts.load(account).balance_minor == sum(each.amount_minor for each in acknowledged)
        for each in acknowledged:
            assert each.version is not None
            assert f'"reference":"{each.reference}"'.encode() in stored[each.version - 1].payload


def assert_refused_only_after_every_attempt(told: list[Told]) -> None:
    for each in told:
        assert 1 <= each.appends <= ATTEMPTS
        if each.version is None:
            assert each.appends == ATTEMPTS
            assert each.account in HOT, "nobody else writes to a cold account"
    assert any(each.appends > 1 for each in told), "no two writers ever met, so nothing was tested"
