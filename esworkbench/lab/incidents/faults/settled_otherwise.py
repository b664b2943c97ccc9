"""A tip: the purchase is settled for more than was held, and the bank's events post only what was held."""

from esworkbench.aggregates.repository import Repository
from esworkbench.domains.bank import (
    BankAccount,
    RequestWithdrawal,
    WithdrawalSettled,
    bank_decoder,
)
from esworkbench.lab.incidents.faults.scene import PlantableFault, Scene
from esworkbench.lab.incidents.sealed import PlantedFault
from esworkbench.lab.world.bus import CardMessage


class SettledOtherwise(PlantableFault):
    """A release that writes down the amount which the card network names; what it posts is still the held one."""

    name = "settled_otherwise"
    strikes_any_account = True
    shows_in = ("statement",)

    def before(self, scene: Scene) -> None:
        scene.life.agenda.at(scene.quiet_moment(0.6), lambda: self.dine(scene))

    def dine(self, scene: Scene) -> None:
        life, currency = scene.life, scene.person.currency
        life.operations.note("core", life.agenda.now)
        reference = f"TABLE-{scene.account}-{life.agenda.now:%Y%m%d}"
        self.withdrawal_id = f"W-{reference}"
        amount = scene.funds(scene.rng.randrange(3_000, 15_000))
        self.tip = amount * scene.rng.randrange(5, 21) // 100
        life.network.tips[self.withdrawal_id] = self.tip
        answered = life.answered
        life.answered = lambda answer: self.settle_as_told(scene, answer) if answer.settled else answered(answer)
        life.bank.handle(
            RequestWithdrawal(
                account_id=scene.account, withdrawal_id=self.withdrawal_id, amount_minor=amount, currency=currency,
                reference=reference,
            ),
            actor="card-terminal", correlation_id=self.withdrawal_id,
        )  # fmt: skip

    def settle_as_told(self, scene: Scene, answer: CardMessage) -> None:
        accounts = Repository(scene.store, BankAccount, bank_decoder())
        account = accounts.load(answer.account)
        account.record(
            WithdrawalSettled(
                withdrawal_id=answer.withdrawal_id, amount_minor=answer.amount_minor, currency=answer.currency
            )
        )
        accounts.save(
            account,
            metadata={
                "correlation_id": answer.withdrawal_id, "causation_id": answer.event_id, "actor": "card-network",
            },
        )  # fmt: skip

    def after(self, scene: Scene) -> list[PlantedFault]:
        about = [
            event for event in scene.own_events() if getattr(event.data, "withdrawal_id", "") == self.withdrawal_id
        ]
        asked, settled = about
        scene.taken.add(asked.recorded.event_id)
        event = settled.recorded
        currency = scene.person.currency
        return [PlantedFault(self.name, scene.account, [event.event_id], [event.global_position], -self.tip, currency)]
