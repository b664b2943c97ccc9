"""What a fault works with: the bank while it lives, and the tools to break it."""

from datetime import datetime, timedelta
from random import Random
from typing import ClassVar

from esworkbench.domains.bank import WithdrawalRequested, bank_decoder
from esworkbench.domains.bank.read_models import PostedAmount, posting_of
from esworkbench.errors import UnusableInput
from esworkbench.events import DomainEvent, Event, RecordedEvent
from esworkbench.lab.incidents.sealed import PlantedFault
from esworkbench.lab.world.books import Booking
from esworkbench.lab.world.life import Life
from esworkbench.lab.world.people import CURRENT_ACCOUNT, Person
from esworkbench.lab.world.readers import Readers


class Scene:
    """One fault's view of the bank: the account it strikes, and a random generator that is its own.

    Of several faults each has a scene. ``taken`` is shared by all: ids of events that one of them is about, or needs
    as a witness, so that no other may lay hands on them. ``earlier`` keeps their quiet moments on different days.
    """

    def __init__(
        self,
        url: str,
        life: Life,
        readers: Readers,
        rng: Random,
        *,
        account: str = CURRENT_ACCOUNT,
        taken: set[str] | None = None,
        earlier: timedelta = timedelta(0),
    ) -> None:
        self.url = url
        self.life = life
        self.readers = readers
        self.rng = rng
        self.store = life.store
        self.engine = life.store.engine
        self.account = account
        self.person = self._person(account)
        self.taken: set[str] = set() if taken is None else taken
        self.earlier = earlier

    def _person(self, account: str) -> Person:
        return next(person for person in self.life.people if person.account == account)

    @property
    def partner(self) -> Person:
        """Who the account's owner does business with: the savings account, else whoever has the same currency."""
        if self.person.savings_account:
            return self._person(self.person.savings_account)
        others = [each for each in self.life.people if each.closes is None and each.account != self.account]
        return next((each for each in others if each.currency == self.person.currency), others[0])

    def available(self) -> int:
        """What the account's owner may take out, overdraft included, in minor units."""
        account = self.life.bank.accounts.load(self.account)
        return account.balance_minor + account.overdraft_limit_minor

    def funds(self, amount_minor: int) -> int:
        """That amount, once it is there to be taken out: where it isn't, the owner pays something in first."""
        if self.available() < amount_minor:
            short = amount_minor - self.available()
            self.life.deposit(self.person, short + 10_000, f"TOPUP-{self.account}-{self.life.agenda.now:%Y%m%d%H%M%S}")
            self.life.agenda.wait()
        return amount_minor

    def own_events(self) -> list[Event]:
        """The account's events, in order."""
        return [bank_decoder().decode(each) for each in self.store.read_stream(f"BankAccount-{self.account}")]

    def events_of(self, kind: type[DomainEvent] | tuple[type[DomainEvent], ...], reference: str) -> list[Event]:
        """Events of the account, of that type, under that reference."""
        return [
            event for event in self.own_events()
            if isinstance(event.data, kind) and getattr(event.data, "reference", None) == reference
        ]  # fmt: skip

    def event_of(self, kind: type[DomainEvent], reference: str) -> Event:
        """The one event of the account, of that type, under that reference."""
        [event] = self.events_of(kind, reference)
        return event

    def printed_line(self) -> tuple[int, Event, Booking]:
        """A line of the account's statement, not among its first or last, and the one event that it books.

        Raises UnusableInput where there is none that is free for another fault.
        """
        posted: dict[tuple[str, int], list[Event]] = {}
        for event in self.own_events():
            posting = effect(event)
            reference = getattr(event.data, "reference", None)
            at_once = not isinstance(event.data, WithdrawalRequested)
            if reference and at_once and posting is not None:
                posted.setdefault((reference, posting.amount_minor), []).append(event)
        lines = self.life.books.lines(self.account, self.person.currency)
        free = [
            (at, booked[0], line) for at, line in enumerate(lines)
            if len(lines) // 3 <= at < len(lines) - 2
            and len(booked := posted.get((line.reference, line.amount_minor), [])) == 1
            and booked[0].recorded.event_id not in self.taken
        ]  # fmt: skip
        if not free:
            raise UnusableInput(
                f"the statement of account {self.account} has no line that is free for another fault: take another seed"
            )
        return self.rng.choice(free)

    def quiet_moment(self, part: float) -> datetime:
        """Early on a day shortly before read models are next run, ``part`` of the way through the bank's life.

        Nothing else happens at 04:00, so what a fault does then falls between two events, not into one.
        """
        scale = self.life.scale
        month = max(1, round(scale.months * part / scale.run_months)) * scale.run_months
        return self.life.month_start(month) - timedelta(days=8) + timedelta(hours=4) - self.earlier

    def all_events(self, *, after: int = 0) -> list[RecordedEvent]:
        return self.store.read_all(after=after, limit=1_000_000)

    def decoded(self, *, after: int = 0) -> list[Event]:
        return [bank_decoder().decode(recorded) for recorded in self.all_events(after=after)]


def effect(event: Event) -> PostedAmount | None:
    """The event's posting where it moves money, else None."""
    posting = posting_of(event)
    return posting if posting is not None and posting.amount_minor else None


def planted_per_account(fault: str, off_by: list[tuple[Event, int]]) -> list[PlantedFault]:
    """One fault per account and currency; ``off_by`` says how far each event puts the claim off."""
    by_account: dict[tuple[str, str], list[tuple[Event, int]]] = {}
    for event, amount in off_by:
        posting = posting_of(event)
        assert posting is not None, "only events that post can put a balance off"
        by_account.setdefault((posting.account_id, posting.currency), []).append((event, amount))
    return [
        PlantedFault(
            fault,
            account,
            [event.recorded.event_id for event, _ in events],
            [event.recorded.global_position for event, _ in events],
            sum(amount for _, amount in events),
            currency,
        )
        for (account, currency), events in sorted(by_account.items())
    ]


AFTER_LIFE, EDITS_LOG, CUTS_LOG = range(3)
"""In this order the faults of one incident have their ``after``: those that only tell what has happened, or touch what
isn't the log; those that change the log; those that cut events off its end. So each finds the log as it was lived, and
what a later one does away with is never what an earlier one is about (``Scene.taken``)."""


class PlantableFault:
    """Base of all faults, and the healthy bank.

    ``before`` puts the cause into the agenda. When the bank's life is over, ``last_run`` brings the read models up to
    date; ``after`` does what can only be done then, and says what was planted.

    ``stage`` says when its ``after`` comes among those of other faults. ``strikes_any_account``: it can be planted on
    another account than the busy one, and more than once in one bank. ``shows_in`` names the claims that the planted
    amounts put off (tables, or "statement"); None where the lab can't hold its answer against a claim.
    ``healed_by_rebuild``: nothing is left of it once the read models are built anew, though no total tells.
    """

    name = "none"
    stage: ClassVar[int] = AFTER_LIFE
    strikes_any_account: ClassVar[bool] = False
    shows_in: ClassVar[tuple[str, ...] | None] = None
    healed_by_rebuild: ClassVar[bool] = False

    @classmethod
    def may_strike(cls, person: Person) -> bool:
        """Whether this account's life gives the fault what it needs; the account has been open for long enough."""
        return True

    def before(self, scene: Scene) -> None:
        """Nothing goes wrong."""

    def last_run(self, scene: Scene) -> None:
        """Bring every read model up to date for the last time. Of several faults one at most may do otherwise."""
        scene.readers.run_all()

    def after(self, scene: Scene) -> list[PlantedFault]:
        return []

    def puts_off(self, planted: list[PlantedFault]) -> list[tuple[str, str, str, int]]:
        """Claim, account, currency and amount of every claim that what was planted puts off."""
        return [
            (claim, each.account, each.currency, each.amount)
            for each in planted
            for claim in self.shows_in or ()
            if each.account is not None and each.currency is not None
        ]
