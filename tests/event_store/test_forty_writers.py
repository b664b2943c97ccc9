"""Forty real processes write to hot streams that all share and to cold ones of their own, and a reader follows.

Promises 1 (no lost update), 2 (no skipped event) and 12 (a repeated command is one command), under load.
"""

import json
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


@pytest.mark.parametrize("commands", [3, pytest.param(90, marks=pytest.mark.sweep)])
def test_forty_writers_lose_nothing_and_a_reader_skips_nothing(
    store_url: str, forty_processes: Pool, commands: int
) -> None:
    store = EventStore.open(store_url)
    bank = Bank(store)
    for account in HOT:
        bank.handle(OpenAccount(account_id=account, owner="Everybody", currency="USD"))

    jobs = [(store_url, writer, commands) for writer in range(WRITERS)]
    writing = forty_processes.starmap_async(bank_writers.pay_hot_and_cold, jobs, chunksize=1)
    seen: list[RecordedEvent] = []
    while True:
        finished = writing.ready()
        page = store.read_all(after=seen[-1].global_position if seen else 0, limit=100)
        seen += page
        if finished and not page:
            break
    told = [each for of_one_writer in writing.get() for each in of_one_writer]

    assert_every_acknowledged_command_counts_once(bank, told)
    assert_refused_only_after_every_attempt(told)
    with store.engine.connect() as connection:
        everything = connection.exec_driver_sql("SELECT event_id FROM events ORDER BY global_position").scalars().all()
    assert [event.event_id for event in seen] == everything
    store.engine.dispose()


def assert_every_acknowledged_command_counts_once(bank: Bank, told: list[Told]) -> None:
    for account in {account for each in told for account, _ in each.effects}:
        acknowledged = [each for each in told if each.version is not None and account in dict(each.effects)]
        opened, *paid = bank.store.read_stream(f"BankAccount-{account}")
        assert [event.version for event in paid] == list(range(2, len(paid) + 2))
        assert [event.prev_hash for event in paid] == [event.hash for event in [opened, *paid][:-1]]
        references = {event.version: json.loads(event.payload)["reference"] for event in paid}
        assert sorted(references.values()) == sorted(each.reference for each in acknowledged)
        assert bank.accounts.load(account).balance_minor == sum(dict(each.effects)[account] for each in acknowledged)
        for each in acknowledged:
            if each.effects[0][0] == account and each.version is not None:
                assert references[each.version] == each.reference


def assert_refused_only_after_every_attempt(told: list[Told]) -> None:
    for each in told:
        assert 1 <= each.appends <= ATTEMPTS
        if each.version is None:
            assert each.appends == ATTEMPTS
            assert set(dict(each.effects)) & set(HOT), "nobody else writes to a cold account"
    assert any(each.appends > 1 for each in told), "no two writers ever met, so nothing was tested"
