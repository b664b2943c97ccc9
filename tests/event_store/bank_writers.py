"""What each of the forty processes runs: a client of the bank, and what it was told about each of its commands."""

import random
from collections.abc import Sequence
from typing import NamedTuple

from esworkbench.commands import CommandReply
from esworkbench.domains.bank.bank import Bank
from esworkbench.domains.bank.commands import Deposit, OpenAccount
from esworkbench.errors import ConcurrencyError
from esworkbench.event_store import AppendResult, EventStore, Idempotency, StreamAppend
from tests.event_store.workers import together

ATTEMPTS = 4
HOT = ("hot-0", "hot-1")


class Told(NamedTuple):
    """What a client knows of one deposit: ``version`` is the one it was answered with, None when it was refused."""

    account: str
    reference: str
    amount_minor: int
    version: int | None
    appends: int


class CountingStore(EventStore):
    """Counts the appends it is asked for: one per attempt of a command."""

    appends = 0

    def append_many(self, appends: Sequence[StreamAppend], *, idempotency: Idempotency | None = None) -> AppendResult:
        self.appends += 1
        return super().append_many(appends, idempotency=idempotency)


def deposit_hot_and_cold(url: str, writer: int, deposits: int) -> list[Told]:
    """Half of the deposits go to accounts that everybody pays into, half to an account of the writer's own.

    Every third one is sent again with its key, as by a client that lost the answer.
    """
    dice = random.Random(writer)
    store = CountingStore.open(url, create=False)
    # Forty processes that each kept an idle connection beside the one they write on would fill a server.
    store.engine.dispose()
    bank = Bank(store)
    cold = f"cold-{writer}"
    together()
    bank.handle(OpenAccount(account_id=cold, owner="Ada", currency="USD"))
    told = []
    for number in range(deposits):
        account = dice.choice(HOT) if number % 2 else cold
        reference = f"{writer}-{number}"
        amount_minor = dice.randint(1, 10_000)
        command = Deposit(account_id=account, amount_minor=amount_minor, currency="USD", reference=reference)
        before = store.appends
        reply = _send(bank, command)
        told.append(Told(account, reference, amount_minor, reply and reply.version, store.appends - before))
        if reply is not None and number % 3 == 0:
            again = bank.handle(command, idempotency_key=reference)
            assert (again.repeated, again.version, again.position) == (True, reply.version, reply.position)
    store.engine.dispose()
    return told


def _send(bank: Bank, command: Deposit) -> CommandReply | None:
    """The reply, or None for a client that lost all its races; any other error ends the writer, and the test."""
    try:
        return bank.handle(command, idempotency_key=command.reference, attempts=ATTEMPTS)
    except ConcurrencyError:
        return None
