"""A deposit that the bank's books take some days later. Healthy: both agree in the end."""

from datetime import timedelta

from esworkbench.domains.bank import Deposit, MoneyDeposited
from esworkbench.lab.incidents.faults.scene import PlantableFault, Scene
from esworkbench.lab.incidents.sealed import PlantedFault


class ValidTimeShift(PlantableFault):
    """A cheque is credited on the day it comes in, and booked when the other bank has paid."""

    name = "valid_time_shift"
    strikes_any_account = True
    shows_in = ()

    def before(self, scene: Scene) -> None:
        scene.life.agenda.at(scene.quiet_moment(0.6), lambda: self.pay_in(scene))

    def pay_in(self, scene: Scene) -> None:
        life, person = scene.life, scene.person
        amount = scene.rng.randrange(5_000, 60_000)
        self.reference = f"CHEQUE-{person.account}-{life.agenda.now:%Y%m%d}"
        life.bank.handle(
            Deposit(account_id=person.account, amount_minor=amount, currency=person.currency, reference=self.reference),
            actor="cheque-clearing",
        )
        paid = life.agenda.now + timedelta(days=scene.rng.randrange(2, 6), hours=scene.rng.randrange(4, 10))
        life.agenda.at(
            paid,
            lambda: life.books.book(person.account, person.currency, amount, self.reference, life.agenda.now),
        )

    def after(self, scene: Scene) -> list[PlantedFault]:
        event = scene.event_of(MoneyDeposited, self.reference).recorded
        currency = scene.person.currency
        return [PlantedFault(self.name, scene.account, [event.event_id], [event.global_position], 0, currency)]
