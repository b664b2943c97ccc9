"""What a fault works with: the bank while it lives, and the tools to break it."""

from datetime import datetime, timedelta
from random import Random

from esworkbench.domains.bank import bank_decoder
from esworkbench.domains.bank.read_models import PostedAmount, posting_of
from esworkbench.events import Event, RecordedEvent
from esworkbench.lab.incidents.sealed import PlantedFault
from esworkbench.lab.world.life import Life
from esworkbench.lab.world.people import CURRENT_ACCOUNT
from esworkbench.lab.world.readers import Readers


class Scene:
    def __init__(self, url: str, life: Life, readers: Readers, rng: Random) -> None:
        self.url = url
        self.life = life
        self.readers = readers
        self.rng = rng
        self.store = life.store
        self.engine = life.store.engine
        self.account = CURRENT_ACCOUNT
        self.person = next(person for person in life.people if person.account == self.account)

    def quiet_moment(self, part: float) -> datetime:
        """Early on a day shortly before read models are next run, ``part`` of the way through the bank's life.

        Nothing else happens at 04:00, so what a fault does then falls between two events, not into one.
        """
        scale = self.life.scale
        month = max(1, round(scale.months * part / scale.run_months)) * scale.run_months
        return self.life.month_start(month) - timedelta(days=8) + timedelta(hours=4)

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


class PlantableFault:
    """Base of all faults, and the healthy bank.

    ``before`` puts the cause into the agenda. When the bank's life is over, ``last_run`` brings the read models up to
    date; ``after`` does what can only be done then, and says what was planted.
    """

    name = "none"

    def before(self, scene: Scene) -> None:
        """Nothing goes wrong."""

    def last_run(self, scene: Scene) -> None:
        """Bring every read model up to date for the last time."""
        scene.readers.run_all()

    def after(self, scene: Scene) -> list[PlantedFault]:
        return []
