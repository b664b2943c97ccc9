"""A second server whose clock is behind."""

from datetime import timedelta

from esworkbench.domains.bank import Bank, Deposit, MoneyDeposited
from esworkbench.event_store import EventStore
from esworkbench.lab.incidents.faults.scene import PlantableFault, Scene
from esworkbench.lab.incidents.sealed import PlantedFault


class ClockSkew(PlantableFault):
    """A deposit comes in over one server, and the next ones over the other: recorded before it, and placed after it."""

    name = "clock_skew"
    strikes_any_account = True
    shows_in = ()

    def before(self, scene: Scene) -> None:
        scene.life.agenda.at(scene.quiet_moment(0.7), lambda: self.pay_in(scene))

    def pay_in(self, scene: Scene) -> None:
        life, agenda, person = scene.life, scene.life.agenda, scene.person
        behind = timedelta(minutes=scene.rng.randrange(7, 50), seconds=scene.rng.randrange(60))
        second_server = Bank(EventStore(scene.engine, clock=lambda: agenda.now - behind, new_id=scene.store.new_id))
        life.deposit(person, scene.rng.randrange(1_000, 20_000), f"GIFT-{person.account}-{agenda.now:%Y%m%d}")
        self.references = []
        for number in range(scene.rng.randrange(1, 4)):
            agenda.wait(timedelta(seconds=40))
            amount = scene.rng.randrange(1_000, 20_000)
            reference = f"BRANCH-{person.account}-{agenda.now:%Y%m%d}-{number}"
            second_server.handle(
                Deposit(account_id=person.account, amount_minor=amount, currency=person.currency, reference=reference),
                actor="branch",
            )
            life.books.book(person.account, person.currency, amount, reference, agenda.now)
            self.references.append(reference)
        life.operations.note("clock", agenda.now + timedelta(hours=2))

    def after(self, scene: Scene) -> list[PlantedFault]:
        late = [scene.event_of(MoneyDeposited, reference).recorded for reference in self.references]
        ids, positions = [event.event_id for event in late], [event.global_position for event in late]
        return [PlantedFault(self.name, None, ids, positions, 0, None)]
