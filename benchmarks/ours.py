"""Our contenders: the event store alone, the repository with the bank's account, the projection runner."""

from collections.abc import Callable

from benchmarks.rounds import Contender
from benchmarks.workload import (
    AMOUNT_MINOR,
    CURRENCY,
    METADATA,
    Ticks,
    commits_of,
    deposits,
    once,
    reference,
)
from esworkbench.aggregates.repository import Repository
from esworkbench.domains.bank import BankAccount, bank_decoder
from esworkbench.domains.bank.read_models.account_balances import AccountBalances
from esworkbench.event_store import EventStore, write_transaction
from esworkbench.event_store.store import time_ordered_id
from esworkbench.events import NewEvent
from esworkbench.projections import ProjectionRunner
from esworkbench.projections.built_tables import drop_and_reset


def open_store(url: str, new_id: Callable[[], str] = time_ordered_id) -> EventStore:
    """A store with nothing switched off; it holds one connection only once it appends."""
    store = EventStore.open(url, clock=Ticks(), new_id=new_id)
    store.engine.dispose()
    return store


class Append(Contender):
    """``EventStore.append``: encoded events in; optimistic check, chain, guards and idempotency key on."""

    name = "ours: append"

    def __init__(self, store: EventStore, size: int, per_commit: int, writer: str = "one") -> None:
        self.store = store
        self.size = size
        self.per_commit = per_commit
        self.writer = writer
        self.with_key = True
        self._stream = ""
        self._commits: list[list[NewEvent]] = []

    def prepare(self, round_number: int) -> None:
        self._stream = f"BankAccount-{self.writer}-{round_number}"
        self._commits = commits_of(self.size, self.per_commit)

    def work(self) -> None:
        stream, append, version = self._stream, self.store.append, 0
        for events in self._commits:
            idempotency = once(stream, version) if self.with_key else None
            append(stream, events, expected_version=version, idempotency=idempotency)
            version += len(events)

    def done(self) -> int:
        return self.store.head_position()

    def close(self) -> None:
        self.store.engine.dispose()


class Save(Contender):
    """``account.deposit`` and ``Repository.save``: the rules, the encoding, and all that ``append`` does."""

    name = "ours: deposit and save"

    def __init__(self, store: EventStore, size: int, per_commit: int, writer: str = "one") -> None:
        self.store = store
        self.size = size
        self.per_commit = per_commit
        self.writer = writer
        self.accounts = Repository(store, BankAccount, bank_decoder())
        self._account = BankAccount("none")

    def prepare(self, round_number: int) -> None:
        self._account = BankAccount(f"saved-{self.writer}-{round_number}")
        self._account.open("Ada", CURRENCY)
        self.accounts.save(self._account)

    def work(self) -> None:
        account, number = self._account, 0
        while number < self.size:
            for _ in range(self.per_commit):
                account.deposit(AMOUNT_MINOR, CURRENCY, reference(number))
                number += 1
            self.accounts.save(account, metadata=METADATA, idempotency=once(account.stream_id, number))

    def done(self) -> int:
        return self.store.head_position()

    def close(self) -> None:
        self.store.engine.dispose()


class Load(Contender):
    """``Repository.load`` of one account with ``size`` events: read, decode, fold."""

    name = "ours: load"

    def __init__(self, store: EventStore, size: int) -> None:
        self.store = store
        self.size = size
        self.accounts = Repository(store, BankAccount, bank_decoder())
        self._loaded = 0
        account = BankAccount("long")
        account.open("Ada", CURRENCY)
        for number in range(size - 1):
            account.deposit(AMOUNT_MINOR, CURRENCY, reference(number))
        self.accounts.save(account, metadata=METADATA)

    def work(self) -> None:
        self._loaded += self.accounts.load("long").version

    def done(self) -> int:
        return self._loaded

    def close(self) -> None:
        self.store.engine.dispose()


class Follow(Contender):
    """``ProjectionRunner`` with the bank's ``AccountBalances``: rows, checkpoint and checkpoint log per batch."""

    def __init__(self, store: EventStore, size: int, batch_size: int, accounts: int = 10) -> None:
        self.name = f"ours: commit per {batch_size}"
        self.store = store
        self.runner = ProjectionRunner(
            store, AccountBalances(), bank_decoder(), run_id="benchmark", batch_size=batch_size
        )
        self._followed = 0
        for number in range(accounts):
            store.append(f"BankAccount-{number}", deposits(size // accounts), expected_version=0)

    def prepare(self, round_number: int) -> None:
        with write_transaction(self.store.engine) as connection:
            drop_and_reset(connection, self.runner.projection, "benchmark", self.store.clock())

    def work(self) -> None:
        self._followed += self.runner.catch_up()

    def done(self) -> int:
        return self._followed

    def close(self) -> None:
        self.store.engine.dispose()
