"""Years in the life of a small bank: every event was decided by the real ``Bank``.

Customers' habits are drawn from the seed month by month and account by account, so that what goes wrong with one
leaves the others' lives as they were.
"""

import calendar
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random

from esworkbench.cqrs.commands import Command
from esworkbench.domains.bank import (
    Bank,
    CancelWithdrawal,
    ChargeFee,
    CloseAccount,
    CreditInterest,
    Deposit,
    OpenAccount,
    RequestWithdrawal,
    SettleWithdrawal,
    Transfer,
    Withdraw,
    WithdrawalRequested,
    bank_decoder,
)
from esworkbench.errors import CommandRejected
from esworkbench.event_store import EventStore
from esworkbench.events import RecordedEvent
from esworkbench.lab.world import old_release
from esworkbench.lab.world.agenda import Agenda
from esworkbench.lab.world.books import Books
from esworkbench.lab.world.bus import ANSWERS, REQUESTS, Bus, CardMessage, Partition
from esworkbench.lab.world.card_network import CardNetwork
from esworkbench.lab.world.interest import interest_half_up
from esworkbench.lab.world.newcomers import Newcomers
from esworkbench.lab.world.operations import Operations
from esworkbench.lab.world.people import CURRENT_ACCOUNT, FIRST_MONTH, Person, Scale, draw_people

FEE_MINOR = 250
FATEFUL_AMOUNT = 4723
LINK_FROM_THE_NETWORK = "the link from the card network"


def month_start(scale: Scale, month: int) -> datetime:
    """Midnight, UTC, of the first day of a month counted from 0."""
    years, index = divmod(FIRST_MONTH - 1 + month, 12)
    return datetime(scale.first_year + years, index + 1, 1, tzinfo=UTC)


class Life:
    """``begin`` plans one month in the agenda; running the agenda lives it.

    ``store`` must use ``agenda.clock``. ``partition_night`` is 02:00 of the night on which the busy account's owner
    buys something for 47.23 while the card network switches to its next day. ``answered`` takes the card network's
    answers; a fault may ship another.
    """

    def __init__(self, store: EventStore, agenda: Agenda, scale: Scale, seed: int) -> None:
        self.store = store
        self.agenda = agenda
        self.scale = scale
        self.seed = seed
        self.bank = Bank(store, snapshot_every=scale.snapshot_every)
        self.books = Books()
        self.bus = Bus(agenda.clock)
        self.network = CardNetwork(
            agenda, self.bus, self.books, Random(f"{seed}/network"), declines_per_cent=scale.declines_per_cent
        )
        self.people = draw_people(scale, Random(f"{seed}/people"))
        self.newcomers = Newcomers(self, scale.newcomers, Random(f"{seed}/newcomers"))
        self.refused = 0
        night = Random(f"{seed}/night")
        self.partition_night = self.month_start(int(scale.months * 0.6) + night.randrange(scale.months // 6))
        self.partition_night += timedelta(days=night.randrange(2, 27), hours=2)
        self.bus.partitions += self._harmless_partitions(Random(f"{seed}/operations"))
        self.operations = Operations(
            self.month_start(0), self.month_start(scale.months), Random(f"{seed}/operations log")
        )
        store.subscribe(self._announce)
        self.answered: Callable[[CardMessage], None] = self._answered
        self.bus.subscribe(ANSWERS, lambda answer: self.answered(answer))

    def month_start(self, month: int) -> datetime:
        """Midnight, UTC, of the first day of a month counted from 0."""
        return month_start(self.scale, month)

    def _harmless_partitions(self, rng: Random) -> list[Partition]:
        """Nights on which the link from the card network is down, too, and no answer is under way: nothing is lost.

        Answers come between six in the morning and half past eleven, but for the one of ``partition_night``.
        """
        first, last = self.month_start(0), self.month_start(self.scale.months)
        nights = [first + timedelta(days=day) for day in range(1, (last - first).days)]
        nights.remove(self.partition_night.replace(hour=0))
        begins = [
            night + timedelta(minutes=rng.randrange(60, 240))
            for night in sorted(rng.sample(nights, self.scale.months // 10 + rng.randint(1, 4)))
        ]
        return [
            Partition(LINK_FROM_THE_NETWORK, ANSWERS, each, each + timedelta(minutes=rng.randrange(10, 50)))
            for each in begins
        ]

    def begin(self, month: int) -> None:
        """Plan one month for everybody. Call it at the month's start."""
        for number, person in enumerate(self.people):
            if person.opens <= month and (person.closes is None or month <= person.closes):
                self._plan(person, number, month, Random(f"{self.seed}/{person.account}/{month}"))
        self.newcomers.begin(month)

    def _plan(self, person: Person, number: int, month: int, rng: Random) -> None:
        start = self.month_start(month)
        days = calendar.monthrange(start.year, start.month)[1]
        label = f"{person.account}-{start:%Y%m}"

        def on(day: int, hour: int, minute: int = 0) -> datetime:
            return start + timedelta(days=day - 1, hours=hour, minutes=minute)

        if month == person.opens:
            first_deposit = rng.randrange(20_000, 90_000)
            self.agenda.at(on(1, 8, number), lambda: self._open(person, first_deposit))
        if month == person.closes:
            self.agenda.at(on(20, 10), lambda: self._close(person, label))
            return
        # The busy account's owner is paid last: the very last events of the log are this account's.
        last = 0 if person.account == CURRENT_ACCOUNT else number + 1
        pay, charge = on(days, 21, 59 - last), on(days, 22, 59 - last)
        if person.account == CURRENT_ACCOUNT:
            pay, charge = on(days, 23, 40), on(days, 23, 45)
        if person.salary_minor:
            self.agenda.at(pay, lambda: self.deposit(person, person.salary_minor, f"SAL-{label}"))
        if person.rent_minor:
            self.agenda.at(on(3, 7, last), lambda: self._withdraw(person, person.rent_minor, f"RENT-{label}"))
        if person.saves_minor:
            self.agenda.at(on(5, 9), lambda: self._save(person, label))
        for index in range(self._how_many(person.purchases, rng)):
            moment = on(rng.randint(2, days - 3), rng.randint(8, 21), rng.randrange(60))
            amount = rng.randint(250, 9_900)
            amount += amount == FATEFUL_AMOUNT
            self._plan_purchase(person, moment, amount, f"CARD-{label}-{index:02d}")
        if person.account == CURRENT_ACCOUNT and start <= self.partition_night < self.month_start(month + 1):
            self._plan_purchase(
                person, self.partition_night + timedelta(minutes=5), FATEFUL_AMOUNT, f"CARD-{label}-NIGHT"
            )
        if rng.randrange(100) < person.cash_per_cent:
            self._plan_cash(person, on(rng.randint(2, days - 3), rng.randint(9, 16), rng.randrange(60)), label, rng)
        if (month + 1) % person.fee_months == 0:
            self.agenda.at(charge, lambda: self._charge(person, f"FEE-{label}"))
        if person.interest and (month + 1) % self.scale.interest_months == 0:
            self.agenda.at(charge + timedelta(minutes=5), lambda: self._credit_interest(person, f"INT-{label}"))

    @staticmethod
    def _how_many(usual: int, rng: Random) -> int:
        return max(0, usual + rng.randint(-2, 2)) if usual > 2 else usual

    def _plan_purchase(self, person: Person, moment: datetime, amount: int, reference: str) -> None:
        self.agenda.at(moment, lambda: self._purchase(person, amount, reference))

    def _plan_cash(self, person: Person, moment: datetime, label: str, rng: Random) -> None:
        """Cash in, and part of it out again. What went into the night safe is counted, and recorded, next morning."""
        amount = rng.randint(2_000, 60_000)
        at_night = rng.randrange(4) == 0
        valid_at = moment + timedelta(hours=5) if at_night else None
        counted = moment + timedelta(hours=20) if at_night else moment
        odd_half_cent = rng.randrange(6) == 0
        self.agenda.at(
            counted,
            lambda: self.deposit(person, amount, f"CASH-{label}", valid_at=valid_at, odd_half_cent=odd_half_cent),
        )
        withdrawn = rng.randrange(1_000, max(2_000, amount), 1_000)
        self.agenda.at(counted + timedelta(hours=3), lambda: self._withdraw(person, withdrawn, f"ATM-{label}"))

    def _open(self, person: Person, first_deposit: int) -> None:
        self._do(OpenAccount(
            account_id=person.account, owner=person.owner, currency=person.currency,
            overdraft_limit_minor=person.overdraft_minor,
        ), "counter")  # fmt: skip
        self.agenda.wait()
        self.deposit(person, first_deposit, f"OPEN-{person.account}")

    def _close(self, person: Person, label: str) -> None:
        balance = self.bank.accounts.load(person.account).balance_minor
        if balance > 0:
            self._withdraw(person, balance, f"CLOSE-{label}")
            self.agenda.wait()
        self._do(CloseAccount(account_id=person.account, reason="the customer moved away"), "counter")

    def shape_of_today(self) -> int:
        """The schema version deposits are written in: v1 for the first fifth of the bank's life, v2 for the next."""
        fifths = [self.month_start(self.scale.months * part // 5) for part in (1, 2)]
        return 1 + sum(self.agenda.now >= moment for moment in fifths)

    def deposit(
        self,
        person: Person,
        amount: int,
        reference: str,
        *,
        valid_at: datetime | None = None,
        odd_half_cent: bool = False,
    ) -> None:
        """Money in, written by the release of the day. In v1's days a foreign note could be worth half a cent more."""
        match self.shape_of_today():
            case 1:
                text = old_release.decimal_text(amount) + ("5" if odd_half_cent else "")
                old_release.deposit_v1(self.bank, person.account, text, reference, quoted=reference.startswith("CASH"))
                amount += odd_half_cent
            case 2:
                text = old_release.decimal_text(amount)
                old_release.deposit_v2(self.bank, person.account, text, person.currency, reference)
            case _:
                self._do(Deposit(
                    account_id=person.account, amount_minor=amount, currency=person.currency, reference=reference,
                    valid_at=valid_at,
                ), "counter")  # fmt: skip
        self.books.book(person.account, person.currency, amount, reference, self.agenda.now)

    def _withdraw(self, person: Person, amount: int, reference: str) -> None:
        done = self._do(Withdraw(
            account_id=person.account, amount_minor=amount, currency=person.currency, reference=reference
        ), "counter")  # fmt: skip
        if done:
            self.books.book(person.account, person.currency, -amount, reference, self.agenda.now)

    def _save(self, person: Person, label: str) -> None:
        reference = f"SAVE-{label}"
        done = self._do(Transfer(
            transfer_id=f"T-{label}", from_account=person.account, to_account=person.savings_account,
            amount_minor=person.saves_minor, currency=person.currency, reference=reference,
        ), "standing-order")  # fmt: skip
        if done:
            self.books.book(person.account, person.currency, -person.saves_minor, reference, self.agenda.now)
            self.books.book(person.savings_account, person.currency, person.saves_minor, reference, self.agenda.now)

    def _charge(self, person: Person, reference: str) -> None:
        self._do(ChargeFee(
            account_id=person.account, amount_minor=FEE_MINOR, currency=person.currency, reference=reference,
            reason="account keeping",
        ), "month-end")  # fmt: skip
        self.books.book(person.account, person.currency, -FEE_MINOR, reference, self.agenda.now)

    def _credit_interest(self, person: Person, reference: str) -> None:
        available = self.bank.accounts.load(person.account).balance_minor
        amount = interest_half_up(available, self.scale.interest_months)
        if amount:
            self._do(CreditInterest(
                account_id=person.account, amount_minor=amount, currency=person.currency, reference=reference
            ), "month-end")  # fmt: skip
            self.books.book(person.account, person.currency, amount, reference, self.agenda.now)

    def _purchase(self, person: Person, amount: int, reference: str) -> None:
        self._do(RequestWithdrawal(
            account_id=person.account, withdrawal_id=f"W-{reference}", amount_minor=amount, currency=person.currency,
            reference=reference,
        ), "card-terminal", f"W-{reference}")  # fmt: skip

    def _announce(self, events: list[RecordedEvent]) -> None:
        """After the commit: each requested withdrawal goes out to the card network."""
        for recorded in events:
            if recorded.event_type != "WithdrawalRequested":
                continue
            asked = bank_decoder().decode(recorded).data
            assert isinstance(asked, WithdrawalRequested)
            message = CardMessage(
                recorded.stream_id.removeprefix("BankAccount-"), asked.withdrawal_id, asked.amount_minor,
                asked.currency, asked.reference, recorded.event_id, recorded.global_position,
            )  # fmt: skip
            self.agenda.at(self.agenda.now, partial(self.bus.publish, REQUESTS, message))

    def _answered(self, answer: CardMessage) -> None:
        account, withdrawal = answer.account, answer.withdrawal_id
        command: Command = SettleWithdrawal(account_id=account, withdrawal_id=withdrawal)
        if not answer.settled:
            command = CancelWithdrawal(account_id=account, withdrawal_id=withdrawal, reason=answer.reason)
        self.bank.handle(
            command, actor="card-network", correlation_id=answer.withdrawal_id, causation_id=answer.event_id
        )

    def _do(self, command: Command, actor: str, correlation_id: str | None = None) -> bool:
        """False when the account's rules refuse: the customer leaves empty-handed."""
        try:
            self.bank.handle(command, actor=actor, correlation_id=correlation_id)
        except CommandRejected:
            self.refused += 1
            return False
        return True
