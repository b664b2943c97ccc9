"""Two writers on one stream, step by step, as a pure model: load, decide, append, commit.

Two cash machines pay from one account that opened with ``OPENING_MINOR``. With the version check the slower of two
appends gets ConcurrencyError and its writer begins anew from a fresh load. Without it both append at the same version,
each by a decision that knew nothing of the other's, and more is paid out than was there. (On a row the second write
would wipe out the first: the lost update, P4 of Berenson and others, "A Critique of ANSI SQL Isolation Levels".) As on
SQLite, nothing is visible before its commit, and an append waits while another writer's is uncommitted.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from esworkbench.errors import ConcurrencyError, UnusableInput
from esworkbench.money import format_minor

STREAM = "BankAccount-ACC-1001"
CURRENCY = "USD"
OPENING_MINOR = 10_000
ASKED_MINOR: Mapping[str, int] = MappingProxyType({"A": 8_000, "B": 8_000})
"""What each writer is asked to pay out, in minor units."""

MOST_STEPS = 20
"""More than any race of two needs: a writer that is refused once by the version check is done after seven steps."""


class Withdrawal(NamedTuple):
    """An event of the stream, beside the deposit at version 1 that opened the account."""

    version: int
    writer: str
    amount_minor: int


class Loaded(NamedTuple):
    """What a writer knows: the stream's version and the balance folded from it, in minor units."""

    version: int
    balance_minor: int


class RaceStep(NamedTuple):
    """One step that was made, and what came of it."""

    number: int
    writer: str
    step: str
    what: str


class Writer:
    """``outcome`` is empty until the writer has "paid" or "refused"; ``attempts`` counts its loads."""

    def __init__(self, name: str, asked_minor: int) -> None:
        self.name = name
        self.asked_minor = asked_minor
        self.next_step = "load"
        self.loaded: Loaded | None = None
        self.uncommitted: Withdrawal | None = None
        self.attempts = 0
        self.outcome = ""


class Race:
    """``checked`` says whether ``append`` looks at the version. ``log`` holds every step made, in order.

    ``doubled`` holds the withdrawals that were committed at a version which another event had already.
    """

    def __init__(self, *, checked: bool, asked_minor: Mapping[str, int] = ASKED_MINOR) -> None:
        self.checked = checked
        self.writers = {name: Writer(name, asked) for name, asked in asked_minor.items()}
        self.log: list[RaceStep] = []
        self.doubled: list[Withdrawal] = []
        self._stream: list[Withdrawal] = []

    @property
    def stream(self) -> list[Withdrawal]:
        """The committed withdrawals in version order, two of one version in that of their commits; from version 2."""
        return sorted(self._stream, key=lambda event: event.version)

    @property
    def version(self) -> int:
        return max((event.version for event in self._stream), default=1)

    @property
    def balance_minor(self) -> int:
        """What the stream folds to."""
        return OPENING_MINOR - sum(event.amount_minor for event in self.stream)

    @property
    def paid_minor(self) -> int:
        """What left the cash machines, whatever the stream says."""
        return sum(writer.asked_minor for writer in self.writers.values() if writer.outcome == "paid")

    @property
    def ready(self) -> list[str]:
        """The writers that can make a step now."""
        return [name for name, writer in self.writers.items() if not writer.outcome and self.waits_for(name) is None]

    def waits_for(self, name: str) -> str | None:
        """Whose commit this writer's append has to wait for, if anybody's."""
        if self._writer(name).next_step != "append":
            return None
        return next((other.name for other in self.writers.values() if other.uncommitted), None)

    def advance(self, name: str) -> None:
        """Let one writer make its next step. Raises UnusableInput when it has to wait or is done."""
        writer = self._writer(name)
        if writer.outcome:
            raise UnusableInput(f"{name} is done, it has {writer.outcome}: let the other one go, or start over")
        if other := self.waits_for(name):
            raise UnusableInput(f"{name} waits: {other} has appended and not committed, so let {other} go first")
        step = writer.next_step
        what = {"load": self._load, "decide": self._decide, "append": self._append, "commit": self._commit}[step](
            writer
        )
        self.log.append(RaceStep(len(self.log) + 1, name, step, what))

    def conclusion(self) -> str:
        """What can be said now, in one sentence."""
        if self.ready:
            return "nothing is decided yet" if not self.log else f"{' and '.join(self.ready)} can go on"
        if self.doubled:
            second = self.doubled[0]
            return (
                f"too much is paid: {_money(self.paid_minor)} left the machines, {_money(OPENING_MINOR)} were there; "
                f"{second.writer} decided on a state that was gone, and two events are version {second.version}"
            )
        return f"all is well: {_money(self.paid_minor)} were paid out, {_money(OPENING_MINOR)} were there"

    def _load(self, writer: Writer) -> str:
        writer.loaded = Loaded(self.version, self.balance_minor)
        writer.attempts += 1
        writer.next_step = "decide"
        return f"version {self.version}, balance {_money(self.balance_minor)}"

    def _decide(self, writer: Writer) -> str:
        assert writer.loaded is not None
        asked, there = _money(writer.asked_minor), _money(writer.loaded.balance_minor)
        if writer.asked_minor > writer.loaded.balance_minor:
            writer.outcome = "refused"
            return f"refused: asked for {asked}, {there} are there"
        writer.next_step = "append"
        return f"pay {asked}, for {there} are there"

    def _append(self, writer: Writer) -> str:
        assert writer.loaded is not None
        if self.checked and writer.loaded.version != self.version:
            error = ConcurrencyError(STREAM, writer.loaded.version, self.version)
            writer.loaded, writer.next_step = None, "load"
            return f"ConcurrencyError: {error}"
        writer.uncommitted = Withdrawal(writer.loaded.version + 1, writer.name, writer.asked_minor)
        writer.next_step = "commit"
        return f"version {writer.uncommitted.version}, not visible yet"

    def _commit(self, writer: Writer) -> str:
        assert writer.uncommitted is not None
        mine, writer.uncommitted = writer.uncommitted, None
        taken = any(event.version == mine.version for event in self._stream)
        self._stream.append(mine)
        writer.outcome = "paid"
        if not taken:
            return f"version {mine.version} stands, {_money(mine.amount_minor)} paid out"
        self.doubled.append(mine)
        return f"a second event at version {mine.version}, {_money(mine.amount_minor)} paid out"

    def _writer(self, name: str) -> Writer:
        try:
            return self.writers[name]
        except KeyError:
            raise UnusableInput(f"there is no writer {name!r}: there are {', '.join(self.writers)}") from None


def played(order: str, *, checked: bool) -> Race:
    """A race whose writers went in this order: ``played("AABB", checked=True)``. Raises like ``advance``."""
    race = Race(checked=checked)
    for name in order:
        race.advance(name)
    return race


def every_order(*, checked: bool) -> dict[str, Race]:
    """Every order in which the two can go to the end, and the race that it leads to.

    Raises UnusableInput for a race that goes on for more than ``MOST_STEPS``: it would have no end.
    """
    finished: dict[str, Race] = {}
    begun = [""]
    while begun:
        order = begun.pop()
        race = played(order, checked=checked)
        if len(order) > MOST_STEPS:
            raise UnusableInput(f"a race goes on after {MOST_STEPS} steps ({order}): look for a writer that never ends")
        if not race.ready:
            finished[order] = race
        begun += [order + name for name in reversed(race.ready)]
    return finished


def _money(amount_minor: int) -> str:
    return format_minor(amount_minor, CURRENCY)
