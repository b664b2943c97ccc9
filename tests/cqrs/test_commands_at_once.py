"""Many clients at once: no lost update, no double command, no two writers that wait for each other for ever."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from esworkbench.cqrs.commands import CommandReply
from esworkbench.domains.bank.bank import Bank
from esworkbench.domains.bank.commands import Deposit, OpenAccount, Transfer
from esworkbench.event_store import EventStore

DEPOSIT = Deposit(account_id="a", amount_minor=100, currency="USD", reference="r")


def all_at_once(count: int, work: Callable[[int], CommandReply]) -> list[CommandReply]:
    """``work(0) … work(count - 1)`` in threads that start together; results in order, the first exception raised."""
    gate = threading.Barrier(count)

    def run(number: int) -> CommandReply:
        gate.wait()
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


@pytest.fixture
def bank(store_url: str) -> Bank:
    """A bank for many threads: its clock and ids are the real ones, which never give two threads the same."""
    bank = Bank(EventStore.open(store_url))
    bank.handle(OpenAccount(account_id="a", owner="Ada", currency="USD"))
    bank.handle(OpenAccount(account_id="b", owner="Bob", currency="USD"))
    return bank


def test_no_deposit_is_lost_among_many_writers(bank: Bank) -> None:
    replies = all_at_once(8, lambda number: bank.handle(DEPOSIT, attempts=50))
    assert sorted(reply.version for reply in replies) == [2, 3, 4, 5, 6, 7, 8, 9]
    assert bank.accounts.load("a").balance_minor == 800


def test_one_command_sent_many_times_at_once_happens_once_and_is_answered_alike(bank: Bank) -> None:
    replies = all_at_once(8, lambda number: bank.handle(DEPOSIT, idempotency_key="k", attempts=50))
    assert sorted(reply.repeated for reply in replies) == [False] + [True] * 7
    assert {(reply.version, reply.position, reply.state["balance_minor"]) for reply in replies} == {
        (2, bank.store.head_position(), 100)
    }
    assert bank.accounts.load("a").balance_minor == 100


def test_one_account_opened_many_times_at_once_is_opened_once_and_nobody_is_refused(bank: Bank) -> None:
    opening = OpenAccount(account_id="c", owner="Cy", currency="USD")
    replies = all_at_once(8, lambda number: bank.handle(opening, idempotency_key="k"))
    assert sorted(reply.repeated for reply in replies) == [False] + [True] * 7
    assert bank.accounts.load("c").version == 1


def test_transfers_in_both_directions_at_once_end(bank: Bank) -> None:
    bank.handle(DEPOSIT)
    bank.handle(Deposit(account_id="b", amount_minor=100, currency="USD", reference="r"))

    def transfer(number: int) -> CommandReply:
        sender, receiver = ("a", "b") if number % 2 else ("b", "a")
        command = Transfer(
            transfer_id=f"t{number}",
            from_account=sender,
            to_account=receiver,
            amount_minor=10,
            currency="USD",
            reference=f"t{number}",
        )
        return bank.handle(command, attempts=100)

    all_at_once(8, transfer)
    assert (bank.accounts.load("a").balance_minor, bank.accounts.load("b").balance_minor) == (100, 100)
