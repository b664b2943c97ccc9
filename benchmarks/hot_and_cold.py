"""Commands of a bank, timed one by one: to an account of the writer's own (cold) or to two that all share (hot)."""

from time import perf_counter

from benchmarks.bare import INSERT, Bare, BareInsert
from benchmarks.ours import open_store
from benchmarks.rounds import Contender
from benchmarks.workload import AMOUNT_MINOR, CURRENCY, SeededIds
from esworkbench.domains.bank.bank import Bank
from esworkbench.domains.bank.commands import Deposit, OpenAccount

HOT_ACCOUNTS = 2
ATTEMPTS = 10_000
"""Enough that nobody gives up: the price of a lost race is time, and shows in the time of its command."""


class Commands(Contender):
    """``CommandBus.handle``: load, decide, save, and all of it again after a lost race. One commit per command."""

    def __init__(self, url: str, size: int, writer: str, *, hot: bool) -> None:
        self.name = f"ours: commands, {'hot' if hot else 'cold'}"
        self.bank = Bank(open_store(url))
        self.size = size
        self.writer = writer
        self.hot = hot
        self._accounts: list[str] = []
        self._keys: list[str] = []
        self._new_key = SeededIds(f"keys-{writer}-{hot}")

    def prepare(self, round_number: int) -> None:
        if self.hot:
            self._accounts = [f"hot-{number}-{round_number}" for number in range(HOT_ACCOUNTS)]
        else:
            self._accounts = [f"{self.writer}-{round_number}"]
        for account in self._accounts:
            # All writers open the hot ones; one command with one key is done once.
            opening = OpenAccount(account_id=account, owner="Ada", currency=CURRENCY)
            self.bank.handle(opening, idempotency_key=f"open-{account}", attempts=ATTEMPTS)
        self._keys = [self._new_key() for _ in range(self.size)]

    def work(self) -> None:
        self.commit_seconds = []
        for number, key in enumerate(self._keys):
            account = self._accounts[number % len(self._accounts)]
            command = Deposit(account_id=account, amount_minor=AMOUNT_MINOR, currency=CURRENCY, reference=key)
            started = perf_counter()
            self.bank.handle(command, idempotency_key=key, attempts=ATTEMPTS)
            self.commit_seconds.append(perf_counter() - started)

    def rest(self) -> None:
        self.bank.store.engine.dispose()

    def close(self) -> None:
        self.rest()


class TimedBareInsert(BareInsert):
    """``BareInsert`` with one row per commit, each of them timed."""

    def __init__(self, url: str, size: int, writer: str) -> None:
        super().__init__(Bare(url, make_tables=False), size, 1, writer)
        self.rest()

    def prepare(self, round_number: int) -> None:
        self.bare.connect()
        super().prepare(round_number)

    def rest(self) -> None:
        self.bare.connection.close()

    def work(self) -> None:
        self.commit_seconds = []
        execute, statement = self.bare.connection.execute, self.bare.sql(INSERT)
        for row in self._rows:
            started = perf_counter()
            execute(statement, row)
            self.commit_seconds.append(perf_counter() - started)
