"""An event that never happened, written with the bank's own library under a clock that was set back."""

from datetime import timedelta

from esworkbench.domains.bank import BANK_EVENT_TYPES, MoneyDeposited
from esworkbench.event_store import EventStore
from esworkbench.events import RecordedEvent
from esworkbench.lab.incidents.faults.scene import PlantableFault, Scene, planted_per_account
from esworkbench.lab.incidents.sealed import PlantedFault


class BackdatedInsert(PlantableFault):
    """A script credits the account, and says that it did so weeks ago. Hashes, links and read models agree with it.

    Nobody paid anything in, so the statement has no such line.
    """

    name = "backdated_insert"
    strikes_any_account = True
    shows_in = ("statement",)

    def __init__(self) -> None:
        self.written: list[RecordedEvent] = []

    def before(self, scene: Scene) -> None:
        scene.life.agenda.at(scene.quiet_moment(0.7), lambda: self.write(scene))

    def write(self, scene: Scene) -> None:
        then = scene.life.agenda.now - timedelta(
            days=scene.rng.randint(9, 40), hours=scene.rng.randrange(4, 17), minutes=scene.rng.randrange(60)
        )
        amount = scene.rng.randrange(20_000, 90_000)
        deposited = MoneyDeposited(
            amount_minor=amount, currency=scene.person.currency, reference=f"CASH-{scene.account}-{then:%Y%m}B"
        )
        stream = f"BankAccount-{scene.account}"
        version = scene.store.stream_version(stream)
        metadata = {"correlation_id": scene.store.new_id(), "actor": "counter", "decided_on_version": version}
        event = BANK_EVENT_TYPES.encode(deposited, metadata=metadata)
        scene.life.operations.note("batch", scene.life.agenda.now)
        set_back = EventStore(scene.engine, clock=lambda: then, new_id=scene.store.new_id)
        self.written = set_back.append(stream, [event], expected_version=version).events

    def after(self, scene: Scene) -> list[PlantedFault]:
        [inserted] = [event for event in scene.decoded() if event.recorded.event_id == self.written[0].event_id]
        assert isinstance(inserted.data, MoneyDeposited)
        return planted_per_account(self.name, [(inserted, -inserted.data.amount_minor)])
