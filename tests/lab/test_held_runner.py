"""The held runner stands still until it is told to follow, and whoever talks to a dead one is told that it died."""

import pytest

from esworkbench.domains.bank import OpenAccount
from esworkbench.domains.bank.bank import Bank
from esworkbench.domains.bank.queries import BalanceOfAccount, BankQueries
from esworkbench.errors import EsworkbenchError
from esworkbench.event_store import EventStore
from esworkbench.lab.processes.held_runner import HeldRunner

ADA = BalanceOfAccount(account_id="ada", currency="USD")
BOB = BalanceOfAccount(account_id="bob", currency="USD")


def test_it_catches_up_first_then_moves_only_when_it_follows(store_url: str) -> None:
    store = EventStore.open(store_url)
    bank, queries = Bank(store), BankQueries(store.engine)
    bank.handle(OpenAccount(account_id="ada", owner="Ada", currency="USD"))
    runner = HeldRunner(store_url)
    try:
        assert queries.ask(ADA).value is not None
        position = bank.handle(OpenAccount(account_id="bob", owner="Bob", currency="USD")).position
        assert runner.hold() == position - 1
        assert queries.wait_for(BOB, position=position, at_most_seconds=0.5).stale
        assert runner.follow() == position - 1
        assert queries.wait_for(BOB, position=position, at_most_seconds=60).value is not None
        assert runner.hold() == position
        runner.end()
    finally:
        runner.kill()
        store.engine.dispose()


def test_a_dead_one_is_an_error_and_no_answer(sqlite_url: str) -> None:
    EventStore.open(sqlite_url).engine.dispose()
    runner = HeldRunner(sqlite_url)
    runner.follow()
    runner._process.kill()
    runner._process.wait()
    with pytest.raises(EsworkbenchError, match="has died"):
        runner.hold()
    runner.kill()
