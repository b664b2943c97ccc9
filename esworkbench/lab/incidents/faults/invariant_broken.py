"""A release of the withdrawal that forgot to look at the balance."""

from datetime import timedelta

from esworkbench.aggregates.repository import Repository
from esworkbench.domains.bank import BankAccount, MoneyWithdrawn, bank_decoder
from esworkbench.lab.incidents.faults.scene import PlantableFault, Scene
from esworkbench.lab.incidents.sealed import PlantedFault


class AccountWithoutLimit(BankAccount):
    """Everything that the release changed: open and in its own currency is enough."""

    def _require_funds(self, amount_minor: int, currency: str, reference: str) -> None:
        self._require_movement(amount_minor, currency, reference)


class InvariantBroken(PlantableFault):
    """For a few minutes at night the counter runs that release; somebody takes out more than is there."""

    name = "invariant_broken"
    strikes_any_account = True
    shows_in = ()

    def before(self, scene: Scene) -> None:
        scene.life.agenda.at(scene.quiet_moment(0.7), lambda: self.withdraw(scene))

    def withdraw(self, scene: Scene) -> None:
        life, agenda, currency = scene.life, scene.life.agenda, scene.person.currency
        life.operations.note("core", agenda.now - timedelta(minutes=3))
        self.reference = f"COUNTER-{scene.account}-{agenda.now:%Y%m%d}"
        amount = max(0, scene.available()) + scene.rng.randrange(5_000, 40_000)
        accounts = Repository(scene.store, AccountWithoutLimit, bank_decoder())
        account = accounts.load(scene.account)
        account.withdraw(amount, currency, self.reference)
        accounts.save(account, metadata={"correlation_id": scene.store.new_id(), "actor": "counter"})
        life.books.book(scene.account, currency, -amount, self.reference, agenda.now)

    def after(self, scene: Scene) -> list[PlantedFault]:
        event = scene.event_of(MoneyWithdrawn, self.reference).recorded
        currency = scene.person.currency
        return [PlantedFault(self.name, scene.account, [event.event_id], [event.global_position], 0, currency)]
