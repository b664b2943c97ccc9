"""An operator's repair, run twice because its first run seemed to have failed."""

from datetime import timedelta

from esworkbench.domains.bank import BalanceAdjusted, ChargeFee, FeeCharged
from esworkbench.domains.bank.compensate import BankCompensator
from esworkbench.lab.incidents.faults.scene import PlantableFault, Scene
from esworkbench.lab.incidents.sealed import PlantedFault


class DoubleRepair(PlantableFault):
    """A fee that should not have been charged is given back two days later, by a script without an idempotency key."""

    name = "double_repair"
    strikes_any_account = True
    shows_in = ("statement",)

    def before(self, scene: Scene) -> None:
        begins = scene.quiet_moment(0.6)
        scene.life.agenda.at(begins, lambda: self.charge(scene))
        scene.life.agenda.at(begins + timedelta(days=1, minutes=30), lambda: self.repair(scene))

    def charge(self, scene: Scene) -> None:
        life, currency = scene.life, scene.person.currency
        self.amount = scene.rng.randrange(500, 4_000, 50)
        self.reference = f"CARDFEE-{scene.account}-{life.agenda.now:%Y%m%d}"
        life.bank.handle(
            ChargeFee(
                account_id=scene.account, amount_minor=self.amount, currency=currency, reference=self.reference,
                reason="a new card",
            ),
            actor="counter",
        )  # fmt: skip
        life.books.book(scene.account, currency, -self.amount, self.reference, life.agenda.now)

    def repair(self, scene: Scene) -> None:
        """The script is run, its window closes, it is run again. The refund itself was ordered, and booked, once."""
        life = scene.life
        charged = scene.event_of(FeeCharged, self.reference).recorded
        compensator = BankCompensator(life.bank)
        for _ in range(2):
            command = compensator.command_for(
                account=scene.account, currency=scene.person.currency, amount_minor=self.amount,
                event_id=charged.event_id, event_type=charged.event_type, payload={}, reason="the card was ours to pay",
                operator="night-desk", case_id=f"CASE-{life.agenda.now:%Y%m%d}", valid_at=charged.valid_at,
            )  # fmt: skip
            life.bank.handle(command, actor="night-desk", metadata={"compensates": charged.event_id})
            life.operations.note("batch", life.agenda.now)
            life.agenda.wait(timedelta(minutes=4))
        life.books.book(
            scene.account, scene.person.currency, self.amount, f"REPAIR-{charged.event_id}", life.agenda.now
        )  # fmt: skip
        self.repaired = charged.event_id

    def after(self, scene: Scene) -> list[PlantedFault]:
        first, second = scene.events_of(BalanceAdjusted, f"REPAIR-{self.repaired}")
        scene.taken.update({first.recorded.event_id, self.repaired})
        event, currency = second.recorded, scene.person.currency
        return [
            PlantedFault(self.name, scene.account, [event.event_id], [event.global_position], -self.amount, currency)
        ]
