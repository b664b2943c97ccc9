"""A small bank and the paper its customers get: plain lists, in which every line is written when the money moves.

The oracle is the writing itself: a healthy life books what it records, so nothing may be said of it; a damage is one
act on the lists, with its truth written down before anybody is asked.
"""

import json
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from small_ledger import START, SmallLedger

from esworkbench.evidence import Evidence

LEDGER = b"""
name = "paper"
business_key = "reference"
without_posting = ["Received", "Sent", "Fee", "Adjusted"]
[[posting]]
event = "Moved"
amount = "amount"
currency = "USD"
kind = "move"
[[posting]]
event = "Settled"
amount = "amount"
sign = 0
currency = "USD"
kind = "settlement"
[pending]
request = "Held"
settle = "Settled"
cancel = "Released"
id_field = "id"
[transfer]
sent = "Sent"
received = "Received"
id_field = "id"
to_field = "to"
from_field = "from"
"""


class Line(NamedTuple):
    """What a statement books; ``event_id`` is the movement meant."""

    account: str
    currency: str
    at: datetime
    reference: str
    amount: int
    event_id: str | None


class Hold(NamedTuple):
    account: str
    id: str
    amount: int
    reference: str
    event_id: str
    opened: datetime


class Printed(NamedTuple):
    """A line with its balance, as it stands in a file."""

    account: str
    currency: str
    at: datetime
    reference: str
    amount: int
    balance: int


_ENVELOPE = ("valid_at", "currency", "metadata", "correlation_id", "causation_id", "idempotency_key")


class World:
    """Events and lines, written together. Amounts in minor units; the clock moves only by ``wait``."""

    def __init__(self) -> None:
        self.ledger = SmallLedger()
        self.ledger.ledger = LEDGER
        self.now = START
        self.lines: list[Line] = []
        self.files: dict[str, list[Printed]] = {}
        self.by_day = False
        """Whether the paper tells days and no hours; then its lines are to stand at midnight."""
        self._ids = 0

    def wait(self, **time: float) -> None:
        self.now += timedelta(**time)

    def record(self, account: str, amount: int | None, kind: str, /, **payload: Any) -> str:
        """One event; returns its id."""
        given = {name: payload.pop(name) for name in _ENVELOPE if name in payload}
        position = self.ledger.event(
            account, amount, type=kind, payload=json.dumps(payload), recorded_at=self.now, **given
        )
        self.wait(minutes=7)
        return f"e{position}"

    def book(self, account: str, amount: int, reference: str, event_id: str | None = None, **given: Any) -> None:
        at = given.get("at", self.now - timedelta(minutes=7))
        self.lines.append(Line(account, given.get("currency", "USD"), at, reference, amount, event_id))

    def pay(self, account: str, amount: int, reference: str, *, told: bool = True, **given: Any) -> str:
        """Money in or out, and its line."""
        event_id = self.record(account, amount, given.pop("kind", "Moved"), reference=reference, **given)
        if told:
            self.book(account, amount, reference, event_id, currency=given.get("currency", "USD"))
        return event_id

    def new_id(self) -> str:
        self._ids += 1
        return f"id-{self._ids}"

    def hold(self, account: str, amount: int, reference: str, hold_id: str | None = None) -> Hold:
        name, opened = hold_id or self.new_id(), self.now
        event_id = self.record(account, -amount, "Held", id=name, reference=reference)
        return Hold(account, name, amount, reference, event_id, opened)

    def settle(self, hold: Hold, amount: int | None = None, *, told: bool = True) -> str:
        paid = hold.amount if amount is None else amount
        event_id = self.record(hold.account, 0, "Settled", id=hold.id, amount=paid)
        if told:
            self.book(hold.account, -paid, hold.reference, hold.event_id)
        return event_id

    def cancel(self, hold: Hold) -> str:
        return self.record(hold.account, hold.amount, "Released", id=hold.id)

    def transfer(self, sender: str, receiver: str, amount: int, reference: str) -> None:
        name, at = self.new_id(), self.now
        self.record(sender, -amount, "Sent", id=name, to=receiver, reference=reference)
        self.now = at
        self.record(receiver, amount, "Received", id=name, reference=reference, **{"from": sender})
        self.book(sender, -amount, reference)
        self.book(receiver, amount, reference)

    def printed(self, order: Callable[[Line], Any] = lambda line: line.at) -> list[Printed]:
        """Every line with the balance after it."""
        balances: dict[tuple[str, str], int] = {}
        found = []
        for line in sorted(self.lines, key=order):
            key = line.account, line.currency
            balances[key] = balances.get(key, 0) + line.amount
            found.append(Printed(*key, line.at, line.reference, line.amount, balances[key]))
        return found

    def write(self, path: Path) -> Evidence:
        for file, lines in self.files.items():
            for place, line in enumerate(lines, 2):
                shared = {"account": line.account, "currency": line.currency}
                self.ledger.lines.append(
                    {"file": file, "line": place, "booked_at": line.at, "reference": line.reference,
                     "amount_minor": line.amount, "balance_minor": line.balance, "by_day": self.by_day} | shared
                )  # fmt: skip
                self.ledger.claim(
                    line.account, line.balance, source=file, kind="statement", valid_at=line.at, order_key=place,
                    currency=line.currency,
                )  # fmt: skip
        return self.ledger.write(path)


def live(world: World, chance: random.Random, *, count: int = 25) -> None:
    """An eventful and healthy life on accounts A and B, in which everything is booked that should be."""
    acts = [
        _salary, _rent, _twins, _card, _declined_and_retried, _loan_and_back, _refund, _part_payments, _repaired,
        _fee, _reversed_on_paper, _young_hold_elsewhere, _tip_adjusted, _other_currency,
    ]  # fmt: skip
    world.pay("A", 10_000_000, "OPEN-A")
    world.pay("B", 10_000_000, "OPEN-B")
    for _ in range(count):
        chance.choice(acts)(world, chance)
        world.wait(hours=chance.choice([0, 1, 5, 24, 24 * 30]), seconds=chance.choice([0, 0.5, 13]))


def _account(chance: random.Random) -> str:
    return chance.choice("AB")


def _salary(world: World, chance: random.Random) -> None:
    world.pay(_account(chance), chance.randint(1, 10**6), world.new_id(), valid_at=world.now + timedelta(hours=3))
    world.wait(hours=4)


def _rent(world: World, chance: random.Random) -> None:
    for _ in range(3):
        world.pay("A", -90_000, "RENT")
        world.wait(days=chance.choice([1, 30]))


def _twins(world: World, chance: random.Random) -> None:
    account = _account(chance)
    for _ in range(2):
        world.pay(account, 6_000, world.new_id())


def _card(world: World, chance: random.Random) -> None:
    hold = world.hold(_account(chance), chance.randint(1, 9_999), world.new_id())
    world.wait(hours=chance.choice([0, 23, 24, 30]))
    world.settle(hold)


def _declined_and_retried(world: World, chance: random.Random) -> None:
    account, reference = _account(chance), world.new_id()
    first = world.hold(account, 4_500, reference)
    world.cancel(first)
    world.settle(world.hold(account, 4_500, reference, chance.choice([first.id, None])))


def _loan_and_back(world: World, chance: random.Random) -> None:
    world.transfer("A", "B", 5_000, "LOAN")
    world.wait(days=chance.choice([0, 9]))
    world.transfer("B", "A", 5_000, "LOAN")


def _refund(world: World, chance: random.Random) -> None:
    account, reference = _account(chance), world.new_id()
    world.pay(account, -250, reference)
    world.pay(account, 250, reference)


def _part_payments(world: World, chance: random.Random) -> None:
    account, reference = _account(chance), world.new_id()
    for _ in range(3):
        world.pay(account, -chance.choice([1_000, 1_000, 1_500]), reference)


def _repaired(world: World, chance: random.Random) -> None:
    """A double, compensated since, of which the paper knows nothing."""
    account, reference = _account(chance), world.new_id()
    world.pay(account, 4_321, reference)
    double = world.pay(account, 4_321, reference, told=False)
    world.pay(account, -4_321, world.new_id(), told=False, metadata=json.dumps({"compensates": double}))


def _fee(world: World, chance: random.Random) -> None:
    """A fee that the paper nets with the deposit."""
    account, reference = _account(chance), world.new_id()
    world.pay(account, 10_000, reference, told=False)
    world.pay(account, -250, chance.choice([reference, world.new_id()]), kind="Fee", told=False)
    world.book(account, 9_750, reference)


def _reversed_on_paper(world: World, chance: random.Random) -> None:
    """A wrong booking that the bank's paper tells of, with its reversal and the right one."""
    account, reference = _account(chance), world.new_id()
    wrong = world.pay(account, 7_000, reference)
    world.pay(account, -7_000, reference, metadata=json.dumps({"compensates": wrong}))
    world.pay(account, 700, reference)


def _young_hold_elsewhere(world: World, chance: random.Random) -> None:
    """Held and given back after a day and more, without a line."""
    hold = world.hold(_account(chance), 700, world.new_id())
    world.wait(hours=chance.choice([1, 30]))
    world.cancel(hold)


def _tip_adjusted(world: World, chance: random.Random) -> None:
    """Settled for more than was held, and adjusted at once; the paper has one line."""
    hold = world.hold(_account(chance), 5_000, world.new_id())
    settlement = world.settle(hold, 6_000)
    world.pay(hold.account, -1_000, world.new_id(), told=False, metadata=json.dumps({"compensates": settlement}))


def _other_currency(world: World, chance: random.Random) -> None:
    world.pay("A", chance.choice([1, 2**53 - 1]), world.new_id(), currency="JPY")
    world.pay("A", -1, world.new_id(), currency="JPY")


def print_files(world: World, chance: random.Random) -> None:
    """The paper in one of the ways in which banks print it."""
    late = chance.choice([timedelta(0), timedelta(0), timedelta(days=1), timedelta(days=3)])
    lines = [line._replace(at=line.at + late) for line in world.printed()]
    way = chance.choice(["whole", "newest first", "begins mid-life", "ends early", "two files", "by sender's zone"])
    if way == "newest first":
        world.files["s.csv"] = lines[::-1]
    elif way == "begins mid-life":
        world.files["s.csv"] = lines[len(lines) // 3 :]
    elif way == "ends early":
        world.files["s.csv"] = lines[: len(lines) * 2 // 3]
    elif way == "two files":
        world.files["a.csv"] = lines[: len(lines) * 2 // 3]
        world.files["b.csv"] = lines[len(lines) // 3 :]
    else:
        world.files["s.csv"] = lines


def a_bank() -> World:
    """Two accounts with money, and a transfer between them."""
    world = World()
    world.pay("A", 100_000, "OPEN-A")
    world.pay("B", 100_000, "OPEN-B")
    world.transfer("A", "B", 100, "T-0")
    return world


def later(world: World, *, days: float = 11) -> None:
    """Days pass, and both accounts move, so that the statement covers what was before, however late it books."""
    world.wait(days=days)
    world.pay("A", 5, "LAST-A")
    world.pay("B", 5, "LAST-B")
