"""A release of the readers with an upcaster that gets the first shape of deposits wrong."""

from collections.abc import Callable
from decimal import Decimal

from esworkbench.domains.bank import BANK_EVENT_TYPES, MoneyDeposited, bank_decoder
from esworkbench.domains.bank.upcasters import count_in_minor_units
from esworkbench.lab.incidents.faults.broken_readers import NextBalances
from esworkbench.lab.incidents.faults.scene import PlantableFault, Scene, planted_per_account
from esworkbench.lab.incidents.sealed import PlantedFault
from esworkbench.projections import ProjectionRunner
from esworkbench.upcasters import EventDecoder, Payload, Upcaster, UpcasterChain

READ_MODEL = "account_balances"


def as_cents(payload: Payload) -> Payload:
    """The first shape is believed to have counted cents."""
    return {**payload, "amount": Decimal(payload["amount"]) / 100, "currency": "USD"}


def as_tens(payload: Payload) -> Payload:
    """The first shape is believed to have counted in tens of dollars."""
    return {**payload, "amount": Decimal(payload["amount"]) * 10, "currency": "USD"}


def less_a_charge(payload: Payload) -> Payload:
    """The first shape is believed to have held the counter's charge of 1.50, too."""
    return {**payload, "amount": Decimal(payload["amount"]) - Decimal("1.50"), "currency": "USD"}


BELIEFS: tuple[Callable[[Payload], Payload], ...] = (as_cents, as_tens, less_a_charge)


class WrongUpcaster(PlantableFault):
    """The balances are rebuilt by the release; the second shape and today's are read as they should be.

    Later events are all of today's shape, so the runs that follow make nothing better or worse.
    """

    name = "wrong_upcaster"
    shows_in = (READ_MODEL,)

    def before(self, scene: Scene) -> None:
        belief = scene.rng.choice(BELIEFS)
        steps = [Upcaster("MoneyDeposited", 1, belief), Upcaster("MoneyDeposited", 2, count_in_minor_units)]
        self.decoder = EventDecoder(BANK_EVENT_TYPES, UpcasterChain(steps))
        scene.life.agenda.at(scene.quiet_moment(0.5), lambda: self.release(scene))

    def release(self, scene: Scene) -> None:
        scene.life.operations.note("release", scene.life.agenda.now)
        scene.readers.code[READ_MODEL] = NextBalances
        ProjectionRunner(
            scene.store, NextBalances(), self.decoder, run_id=scene.readers.next_run_id(), batch_size=500
        ).rebuild()

    def after(self, scene: Scene) -> list[PlantedFault]:
        off_by = []
        for recorded in scene.all_events():
            if (recorded.event_type, recorded.schema_version) == ("MoneyDeposited", 1):
                right, wrong = bank_decoder().decode(recorded), self.decoder.decode(recorded)
                assert isinstance(right.data, MoneyDeposited)
                assert isinstance(wrong.data, MoneyDeposited)
                off_by.append((right, wrong.data.amount_minor - right.data.amount_minor))
        return planted_per_account(self.name, off_by)
