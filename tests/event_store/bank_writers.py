"""What each of the forty processes runs: a client of the bank, and what it was told about each of its commands."""

import random
from collections.abc import Sequence
from typing import NamedTuple

from esworkbench.cqrs.commands import CommandReply
from esworkbench.domains.bank.bank import Bank
from esworkbench.domains.bank.commands import Deposit, OpenAccount, Transfer
from esworkbench.errors import ConcurrencyError
from esworkbench.event_store import AppendResult, EventStore, Idempotency, StreamAppend
from tests.event_store.workers import together

ATTEMPTS = 4
HOT = ("hot-0", "hot-1")


class Told(NamedTuple):
    """What a client knows of one command: whom it would pay what, and what it was answered.

    ``effects`` are (account, amount in minor units), the answering account first; ``version`` is that account's in the
    reply, None when the command was refused; ``appends`` counts the attempts.
    """

    reference: str
    effects: list[tuple[str, int]]
    version: int | None
    appends: int


class CountingStore(EventStore):
    """Counts the appends it is asked for: one per attempt of a command."""

    appends = 0

    def append_many(self, appends: Sequence[StreamAppend], *, idempotency: Idempotency | None = None) -> AppendResult:
        self.appends += 1
        return super().append_many(appends, idempotency=idempotency)


def pay_hot_and_cold(url: str, writer: int, commands: int) -> list[Told]:
    """Deposits to an account of the writer's own and to those everybody pays into, and transfers between the two.

    Every third command is sent again with its key, as by a client that lost the answer.
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
    for number in range(commands):
        command, effects = _payment(dice, number, cold, f"{writer}-{number}")
        before = store.appends
        reply = _send(bank, command)
        told.append(Told(command.reference, effects, reply and reply.version, store.appends - before))
        if reply is not None and number % 3 == 0:
            again = bank.handle(command, idempotency_key=command.reference)
            assert (again.repeated, again.version, again.position) == (True, reply.version, reply.position)
    store.engine.dispose()
    return told


def _payment(
    dice: random.Random, number: int, cold: str, reference: str
) -> tuple[Deposit | Transfer, list[tuple[str, int]]]:
    """In turns a deposit to the cold account, one to a hot account, and a transfer from the cold one to a hot one."""
    hot, amount_minor = dice.choice(HOT), dice.randint(1, 10_000)
    if number % 3 == 2:
        transfer = Transfer(
            transfer_id=reference,
            from_account=cold,
            to_account=hot,
            amount_minor=1,
            currency="USD",
            reference=reference,
        )
        return transfer, [(cold, -1), (hot, 1)]
    account = hot if number % 3 else cold
    deposit = Deposit(account_id=account, amount_minor=amount_minor, currency="USD", reference=reference)
    return deposit, [(account, amount_minor)]


def _send(bank: Bank, command: Deposit | Transfer) -> CommandReply | None:
    """The reply, or None for a client that lost all its races; any other error ends the writer, and the test."""
    try:
        return bank.handle(command, idempotency_key=command.reference, attempts=ATTEMPTS)
    except ConcurrencyError:
        return None
