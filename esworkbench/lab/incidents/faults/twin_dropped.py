"""A release of the balances' handler that takes two payments which say the same for one."""

from datetime import timedelta

from esworkbench.events import Event
from esworkbench.lab.incidents.faults.broken_readers import KeyedByValue
from esworkbench.lab.incidents.faults.scene import PlantableFault, Scene, effect, planted_per_account
from esworkbench.lab.incidents.sealed import PlantedFault

READ_MODEL = "account_balances"


class TwinDropped(PlantableFault):
    """The customer pays one invoice's money in, in two equal parts and with one reference; the bank books both.

    The release meets both in one batch: a runner that is called for every event of its own would never have noticed.
    """

    name = "twin_dropped"
    strikes_any_account = True
    shows_in = (READ_MODEL,)

    def __init__(self) -> None:
        self.reference = ""

    def before(self, scene: Scene) -> None:
        moment = scene.quiet_moment(0.6)
        amount = scene.rng.randrange(4_000, 40_000, 10)
        self.reference = f"INVOICE-{scene.account}-{moment:%Y%m}"
        agenda = scene.life.agenda
        agenda.at(moment, lambda: self.release(scene))
        for hours in (6, 6 + scene.rng.randint(1, 5)):
            agenda.at(moment + timedelta(hours=hours), lambda: scene.life.deposit(scene.person, amount, self.reference))
        agenda.at(moment + timedelta(days=1), lambda: self.read_on(scene))

    def release(self, scene: Scene) -> None:
        """From here on: what was read before stays as it was, and the next batch begins here."""
        scene.readers.run(READ_MODEL)
        scene.readers.code[READ_MODEL] = KeyedByValue
        scene.life.operations.note("release", scene.life.agenda.now)

    def read_on(self, scene: Scene) -> None:
        scene.readers.run(READ_MODEL)

    def after(self, scene: Scene) -> list[PlantedFault]:
        _first, twin = [event for event in scene.decoded() if self.is_part(event)]
        posting = effect(twin)
        assert posting is not None
        return planted_per_account(self.name, [(twin, -posting.amount_minor)])

    def is_part(self, event: Event) -> bool:
        return getattr(event.data, "reference", None) == self.reference
