"""A product manager deposits $500, sees the old balance, and reports that money has disappeared.

Real processes: one that feeds the read models and is behind because it is held, never because it is slow; and others
that write all the while. First the page that reads the read model after the command, which is wrong; then the four
ways in which it is right.
"""

import subprocess
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import msgspec
import pytest

from esworkbench.cqrs.commands import CommandReply
from esworkbench.cqrs.read_your_writes import ReadYourWrites
from esworkbench.domains.bank import Deposit, OpenAccount
from esworkbench.domains.bank.bank import Bank
from esworkbench.domains.bank.queries import Balance, BalanceOfAccount, BankQueries, HistoryOfAccount
from esworkbench.event_store import EventStore
from esworkbench.lab.processes.held_runner import HeldRunner

HERE = Path(__file__).parent
CUSTOMERS = [["c1", "c2", "c3", "c4"], ["c5", "c6", "c7", "c8"]]
"""Whose process is whose."""

BALANCE = BalanceOfAccount(account_id="pm", currency="USD")
JOINT = BalanceOfAccount(account_id="joint", currency="USD")
PATIENCE_SECONDS = 60.0


class Child:
    """A process that is told what to do line by line, and answers so. The URL may hold a password: no argument."""

    def __init__(self, script: str, *first_lines: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
        )
        for line in first_lines:
            self.tell(line)

    def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def says(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def end(self) -> str:
        """Its last words."""
        said, _ = self.process.communicate()
        assert self.process.returncode == 0
        return said.strip()

    def kill(self) -> None:
        with self.process:
            self.process.kill()


class Town:
    """The product manager's process, with both sides of the bank, the runner's, and the other customers'."""

    def __init__(self, url: str) -> None:
        self.store = EventStore.open(url)
        self.bank = Bank(self.store)
        self.queries = BankQueries(self.store.engine)
        self.reads = ReadYourWrites(self.queries.bus)
        self.store.subscribe(self.reads.see)
        for account in ("pm", "joint", *chain(*CUSTOMERS)):
            self.bank.handle(OpenAccount(account_id=account, owner=account, currency="USD"))
        self.deposit("pm", 100_00)
        self.runner = HeldRunner(url)
        self.writers = [Child("busy_writer.py", url, *customers, "") for customers in CUSTOMERS]

    def deposit(self, account: str, amount_minor: int) -> CommandReply:
        command = Deposit(account_id=account, amount_minor=amount_minor, currency="USD", reference="salary")
        reply = self.bank.handle(command, actor="pm", attempts=1000)
        self.reads.remember("pm", reply)
        return reply

    def balance_at(self, version: int) -> int:
        """What the joint account held at a version, by its events: each customer deposits, nobody withdraws."""
        deposits = self.store.read_stream("BankAccount-joint", after_version=1, up_to_version=version)
        return sum(msgspec.json.decode(event.payload)["amount_minor"] for event in deposits)

    def children(self) -> list[HeldRunner | Child]:
        return [self.runner, *self.writers]


@pytest.fixture
def town(store_url: str) -> Iterator[Town]:
    """Everybody is at work: the runner knows 100.00 on the product manager's account, and the others write."""
    town = Town(store_url)
    try:
        for writer in town.writers:
            assert writer.says() == "writing"
        yield town
    finally:
        for child in town.children():
            child.kill()
        town.store.engine.dispose()


def minor(balance: Balance | None) -> int:
    assert balance is not None
    return balance.balance_minor


def test_five_hundred_dollars(town: Town) -> None:
    reply = town.deposit("pm", 500_00)

    # The page that reads the read model after the command. This is the complaint.
    naive = town.queries.ask(BALANCE)
    assert minor(naive.value) == 100_00
    assert naive.lag.positions > 0

    # 1. The page shows the command's own reply, which comes from the write side.
    assert reply.state["balance_minor"] == 600_00

    # 2. The page asks again, and is answered from what the user's own command said. Nobody else is.
    own = town.reads.ask("pm", BALANCE)
    assert (minor(own.value), own.version, own.from_own_write) == (600_00, reply.version, True)
    assert minor(town.reads.ask("somebody else", BALANCE).value) == 100_00

    # 3. The page that needs more than the reply holds, a list of transactions, waits until the read model has it.
    # While the runner is held it says that it is stale, and never shows the old list for the new one.
    history = HistoryOfAccount(account_id="pm", currency="USD")
    assert town.queries.wait_for(history, position=reply.position, at_most_seconds=0.1).stale
    assert town.queries.wait_for(BALANCE, version=reply.version, at_most_seconds=0.1).stale
    town.runner.follow()
    fresh = town.queries.wait_for(
        BALANCE, version=reply.version, position=reply.position, at_most_seconds=PATIENCE_SECONDS
    )
    assert (minor(fresh.value), fresh.stale) == (600_00, False)
    page = town.queries.wait_for(history, position=reply.position, at_most_seconds=PATIENCE_SECONDS)
    assert [row.amount_minor for row in page.value.transactions] == [500_00, 100_00]

    # 4. Everybody else sees it a little later, without asking for anything.
    assert minor(town.reads.ask("somebody else", BALANCE).value) == 600_00


def test_under_load_every_deposit_is_read_back_and_every_balance_is_that_of_its_version(town: Town) -> None:
    deposit_again_and_again(town, times=12)


@pytest.mark.sweep
def test_under_load_a_hundred_deposits_are_read_back(town: Town) -> None:
    deposit_again_and_again(town, times=100)


def deposit_again_and_again(town: Town, times: int) -> None:
    """Into an account that nine customers write to, while the runner follows and is held by turns."""
    for number in range(times):
        (town.runner.follow if number % 2 else town.runner.hold)()
        reply = town.deposit("joint", 500_00)
        assert reply.state["balance_minor"] == town.balance_at(reply.version)
        own = town.reads.ask("pm", JOINT)
        assert own.stale is False
        assert own.version is not None
        assert own.version >= reply.version
        assert minor(own.value) == town.balance_at(own.version)
        if number % 2:
            waited = town.queries.wait_for(JOINT, version=reply.version, at_most_seconds=PATIENCE_SECONDS)
            assert waited.version is not None
            assert waited.version >= reply.version
            assert minor(waited.value) == town.balance_at(waited.version)

    town.runner.follow()
    written = [int(writer.end()) for writer in town.writers]
    last = town.deposit("joint", 1)
    assert last.state["balance_minor"] == times * 500_00 + sum(written) + 1
    final = town.queries.wait_for(JOINT, version=last.version, at_most_seconds=PATIENCE_SECONDS)
    assert minor(final.value) == last.state["balance_minor"]
