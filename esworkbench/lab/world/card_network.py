"""The card network: a company of its own, with its own clearing runs and its own books."""

from datetime import datetime, time, timedelta
from random import Random

from esworkbench.lab.world.agenda import Agenda
from esworkbench.lab.world.books import Books
from esworkbench.lab.world.bus import ANSWERS, REQUESTS, Bus, CardMessage

CUT_OVER_HOUR = 2
"""From 02:00 to 03:00 UTC the network switches to its next day and declines every request."""

CLEARING = (time(6), time(18))
"""When the two daily clearing runs begin; each takes up to two hours. So every answer comes within twenty hours."""


class CardNetwork:
    """Answers each request for a withdrawal: clears it in one of the next runs, or declines it.

    What it clears it books, and only then tells the bank. A declined purchase moved no money and is in no books.
    ``tips`` are what guests add at the table, by withdrawal, in minor units: such a purchase is cleared, for the sum.
    """

    def __init__(self, agenda: Agenda, bus: Bus, books: Books, rng: Random, *, declines_per_cent: int) -> None:
        self._agenda = agenda
        self._bus = bus
        self._books = books
        self._rng = rng
        self._declines_per_cent = declines_per_cent
        self.tips: dict[str, int] = {}
        bus.subscribe(REQUESTS, self.asked)

    def asked(self, request: CardMessage) -> None:
        now = self._agenda.now
        tip = self.tips.get(request.withdrawal_id)
        if tip is not None:
            with_tip = request._replace(amount_minor=request.amount_minor + tip)
            self._agenda.at(next_clearing(now + timedelta(hours=1)), lambda: self._clear(with_tip))
        elif now.hour == CUT_OVER_HOUR:
            self._decline(request, now + timedelta(minutes=9), "network cut-over: authorisation timed out")
        elif self._rng.randrange(100) < self._declines_per_cent:
            minutes = self._rng.randint(5, 90)
            self._decline(request, now + timedelta(minutes=minutes), "purchase given up at the till")
        else:
            begins = next_clearing(now + timedelta(hours=1))
            self._agenda.at(begins + timedelta(seconds=self._rng.randrange(7200)), lambda: self._clear(request))

    def _clear(self, request: CardMessage) -> None:
        self._books.book(request.account, request.currency, -request.amount_minor, request.reference, self._agenda.now)
        self._bus.publish(ANSWERS, request._replace(settled=True))

    def _decline(self, request: CardMessage, moment: datetime, reason: str) -> None:
        self._agenda.at(moment, lambda: self._bus.publish(ANSWERS, request._replace(reason=reason)))


def next_clearing(moment: datetime) -> datetime:
    """When the next clearing run begins after ``moment``."""
    today = [datetime.combine(moment.date(), begins, moment.tzinfo) for begins in CLEARING]
    return min(run for run in (*today, today[0] + timedelta(days=1)) if run > moment)
