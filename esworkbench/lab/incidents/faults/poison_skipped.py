"""Events that a release can't handle. The runner parks each, with its error, and goes on."""

from esworkbench.domains.bank import BANK_EVENT_TYPES, FeeCharged
from esworkbench.domains.bank.upcasters import count_in_minor_units
from esworkbench.events import Event
from esworkbench.lab.incidents.faults.broken_readers import FeesByPlan, NextBalances
from esworkbench.lab.incidents.faults.scene import PlantableFault, Scene, effect, planted_per_account
from esworkbench.lab.incidents.sealed import PlantedFault
from esworkbench.projections import ProjectionRunner
from esworkbench.upcasters import EventDecoder, Payload, Upcaster, UpcasterChain

READ_MODEL = "account_balances"


def name_the_currency_by_branch(payload: Payload) -> Payload:
    """A deposit's currency is that of its branch, which the first years didn't write down: KeyError."""
    return {**payload, "currency": {"Zurich": "CHF", "New York": "USD"}[payload["branch"]]}


BY_BRANCH = UpcasterChain(
    [Upcaster("MoneyDeposited", 1, name_the_currency_by_branch), Upcaster("MoneyDeposited", 2, count_in_minor_units)]
)


class PoisonSkipped(PlantableFault):
    """Either a handler that raises on every fee from its release on, or an upcaster that raises on every deposit of
    the first shape, shipped with a rebuild.
    """

    name = "poison_skipped"
    shows_in = (READ_MODEL,)

    def __init__(self) -> None:
        self.released_at = 0
        self.first_shape = False

    def before(self, scene: Scene) -> None:
        self.first_shape = scene.rng.random() < 0.5
        scene.life.agenda.at(scene.quiet_moment(0.5), lambda: self.release(scene))

    def release(self, scene: Scene) -> None:
        scene.life.operations.note("release", scene.life.agenda.now)
        if self.first_shape:
            scene.readers.code[READ_MODEL] = NextBalances
            ProjectionRunner(
                scene.store, NextBalances(), EventDecoder(BANK_EVENT_TYPES, BY_BRANCH),
                run_id=scene.readers.next_run_id(), batch_size=500,
            ).rebuild()  # fmt: skip
        else:
            scene.readers.run(READ_MODEL)
            self.released_at = scene.store.head_position()
            scene.readers.code[READ_MODEL] = FeesByPlan

    def after(self, scene: Scene) -> list[PlantedFault]:
        parked = [event for event in scene.decoded(after=self.released_at) if self.is_poison(event)]
        return planted_per_account(
            self.name, [(event, -posting.amount_minor) for event in parked if (posting := effect(event)) is not None]
        )

    def is_poison(self, event: Event) -> bool:
        if self.first_shape:
            return (event.recorded.event_type, event.recorded.schema_version) == ("MoneyDeposited", 1)
        return isinstance(event.data, FeeCharged)
