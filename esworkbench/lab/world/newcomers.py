"""Accounts of a bank that was taken over: many, with short lives, so that a bank of a hundred thousand is soon built.

Every event is decided by the real account. What makes it quick is that a night's commands are decided in memory and
appended some hundreds at a time, as a nightly batch does. Their lives have what trips up a careless investigator:
standing orders that bear one reference for ever, twins, holds settled and declined on the same day, money that was
valid days before it was recorded, orders refused for want of money, accounts given up.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from esworkbench.aggregates.repository import Repository
from esworkbench.domains.bank import BankAccount, bank_decoder
from esworkbench.errors import CommandRejected
from esworkbench.event_store import EventStore

if TYPE_CHECKING:
    from esworkbench.lab.world.life import Life

FIRST_NUMBER = 20_001
CURRENCIES = ("USD", "USD", "USD", "EUR", "EUR", "GBP", "CHF", "JPY")
NIGHTS = (6, 14, 22)
"""The days of a month on which the batch runs, at 01:30; what it asked of others is answered by 20:30."""
BATCH = 400
"""Accounts whose events are appended in one transaction."""

Booked = tuple[int, str]
"""A signed amount in minor units, and its reference."""


class Newcomer(NamedTuple):
    account: BankAccount
    currency: str
    rng: Random


class Newcomers:
    """``count`` accounts, opened between the time when the bank first counts minor units and the end of its life."""

    def __init__(self, life: "Life", count: int, rng: Random) -> None:
        self._life = life
        # A store of its own: the card network doesn't hear of what is appended here.
        self._store = EventStore(life.store.engine, clock=life.agenda.clock, new_id=life.store.new_id)
        self._accounts = Repository(self._store, BankAccount, bank_decoder())
        self._first = life.scale.months * 2 // 5 + 1
        self._opening: dict[tuple[int, int], list[int]] = {}
        self._living: list[Newcomer] = []
        self._seed = rng.random()
        months = life.scale.months - self._first
        for number in range(count):
            when = self._first + rng.randrange(months), rng.choice(NIGHTS)
            self._opening.setdefault(when, []).append(FIRST_NUMBER + number)

    def begin(self, month: int) -> None:
        """Plan the month's nights. Call it at the month's start."""
        if not self._opening or month < self._first:
            return
        for day in NIGHTS:
            night = self._life.month_start(month) + timedelta(days=day - 1, hours=1, minutes=30)
            self._life.agenda.at(night, partial(self._night, self._opening.pop((month, day), [])))

    def _night(self, opening: list[int]) -> None:
        asked: list[tuple[Newcomer, str, bool]] = []
        came = [self._newcomer(number) for number in opening]
        self._append((each, self._opens(each)) for each in came)
        staying = []
        acts = []
        for each in self._living:
            goes = each.rng.randrange(4) == 0
            acts.append((each, self._goes(each) if goes else self._acts(each, asked)))
            if not goes:
                staying.append(each)
        self._append(iter(acts))
        self._living = staying + came
        if asked:
            self._life.agenda.at(self._life.agenda.now + timedelta(hours=19), lambda: self._answer(asked))

    def _newcomer(self, number: int) -> Newcomer:
        rng = Random(f"{self._seed}/{number}")
        return Newcomer(BankAccount(f"ACC-{number}"), rng.choice(CURRENCIES), rng)

    def _opens(self, each: Newcomer) -> list[Booked]:
        amount = each.rng.randrange(1_000, 250_000)
        each.account.open(f"Customer {each.account.id}", each.currency, each.rng.choice((0, 0, 20_000)))
        return [self._deposit(each, amount, f"TAKEOVER-{each.account.id}")]

    def _acts(self, each: Newcomer, asked: list[tuple[Newcomer, str, bool]]) -> list[Booked]:
        """What an account does in one night: one thing, mostly."""
        rng, account = each.rng, each.account
        label = f"{account.id}-{self._life.agenda.now:%Y%m%d}"
        match rng.randrange(8):
            case 0:
                return []
            case 1:  # a standing order: one reference and one amount, every time
                return self._withdraw(each, 1_500, f"GYM-{account.id}")
            case 2:  # paid in days ago, at a branch that sends its slips by post
                paid = self._life.agenda.now - timedelta(days=rng.randrange(1, 4), hours=rng.randrange(12))
                return [self._deposit(each, rng.randrange(500, 40_000), f"SLIP-{label}", valid_at=paid)]
            case 3:  # twins: two genuine payments of one amount
                amount = rng.randrange(100, 2_000)
                return [self._deposit(each, amount, f"SPLIT-{label}-{part}") for part in (1, 2)]
            case 4 | 5:
                withdrawal_id = f"W-CARD-{label}"
                try:
                    account.request_withdrawal(
                        withdrawal_id, rng.randrange(300, 12_000), each.currency, f"CARD-{label}"
                    )
                except CommandRejected:
                    return []
                asked.append((each, withdrawal_id, rng.randrange(5) > 0))
                return []
            case 6:
                return self._withdraw(each, rng.randrange(500, 60_000), f"ATM-{label}")
            case _:
                return [self._deposit(each, rng.randrange(500, 60_000), f"CASH-{label}")]

    def _goes(self, each: Newcomer) -> list[Booked]:
        """Empties the account; one in two closes it as well. No hold is open: all were answered the same day."""
        left = each.account.balance_minor
        booked = self._withdraw(each, left, f"CLOSE-{each.account.id}") if left > 0 else []
        if each.account.balance_minor == 0 and each.rng.randrange(2):
            each.account.close("went elsewhere")
        return booked

    def _answer(self, asked: list[tuple[Newcomer, str, bool]]) -> None:
        """The card network of the bank that was taken over: it books what it settles."""

        def answered(each: Newcomer, withdrawal_id: str, settled: bool) -> list[Booked]:
            amount = each.account.pending[withdrawal_id]
            if settled:
                each.account.settle_withdrawal(withdrawal_id)
                return [(-amount, withdrawal_id.removeprefix("W-"))]
            each.account.cancel_withdrawal(withdrawal_id, "purchase given up at the till")
            return []

        self._append((each, answered(each, withdrawal_id, settled)) for each, withdrawal_id, settled in asked)

    def _deposit(self, each: Newcomer, amount: int, reference: str, *, valid_at: datetime | None = None) -> Booked:
        each.account.deposit(amount, each.currency, reference, valid_at=valid_at)
        return amount, reference

    def _withdraw(self, each: Newcomer, amount: int, reference: str) -> list[Booked]:
        try:
            each.account.withdraw(amount, each.currency, reference)
        except CommandRejected:
            return []
        return [(-amount, reference)]

    def _append(self, decided: Iterator[tuple[Newcomer, list[Booked]]]) -> None:
        """Append what these accounts have decided, batch by batch, and book what moved with it."""
        batch: list[tuple[Newcomer, list[Booked]]] = []
        for each in decided:
            batch.append(each)
            if len(batch) == BATCH:
                self._append_batch(batch)
                batch = []
        self._append_batch(batch)

    def _append_batch(self, batch: list[tuple[Newcomer, list[Booked]]]) -> None:
        changed = [each.account for each, _ in batch if each.account.uncommitted]
        if not changed:
            return
        self._store.append_many(
            [
                self._accounts.append_of(
                    account, {"correlation_id": self._life.store.new_id(), "actor": "night-batch"}
                )
                for account in changed
            ]
        )  # fmt: skip
        self._accounts.saved(changed)
        for each, booked in batch:
            for amount, reference in booked:
                self._life.books.book(each.account.id, each.currency, amount, reference, self._life.agenda.now)
        self._life.agenda.wait()
