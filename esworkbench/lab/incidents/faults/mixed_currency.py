"""A release of the balances' handler that adds two currencies up, in a bank where one account holds two."""

from esworkbench.domains.bank import MoneyDeposited
from esworkbench.lab.incidents.faults.broken_readers import OneFigureAnAccount
from esworkbench.lab.incidents.faults.scene import PlantableFault, Scene
from esworkbench.lab.incidents.sealed import PlantedFault
from esworkbench.lab.world import old_release

READ_MODEL = "account_balances"
FOREIGN = "EUR"


class MixedCurrency(PlantableFault):
    """On its last evening euros are paid in on a dollar account, by a counter whose old code asks no account.

    Today's commands wouldn't take them. No command follows, so neither a decision nor a snapshot rests on the mixture.
    The balance claims the euros as dollars, and no euros: two figures are off, by the same number.
    """

    name = "mixed_currency"
    shows_in = (READ_MODEL,)

    def last_run(self, scene: Scene) -> None:
        scene.readers.code[READ_MODEL] = OneFigureAnAccount
        scene.life.operations.note("release", scene.life.agenda.now)
        agenda = scene.life.agenda
        for part in range(scene.rng.randint(1, 3)):
            agenda.wait()
            amount = scene.rng.randrange(2_000, 90_000)
            reference = f"NOTES-{scene.account}-{agenda.now:%Y%m%d}-{part}"
            text = old_release.decimal_text(amount)
            old_release.deposit_v2(scene.life.bank, scene.account, text, FOREIGN, reference)
            scene.life.books.book(scene.account, FOREIGN, amount, reference, agenda.now)
        scene.readers.run_all()

    def after(self, scene: Scene) -> list[PlantedFault]:
        foreign = []
        amount = 0
        for event in scene.decoded():
            mine = event.recorded.stream_id == f"BankAccount-{scene.account}"
            if mine and isinstance(event.data, MoneyDeposited) and event.data.currency == FOREIGN:
                foreign.append(event.recorded)
                amount += event.data.amount_minor
        ids, positions = [each.event_id for each in foreign], [each.global_position for each in foreign]
        return [
            PlantedFault(self.name, scene.account, ids, positions, off_by, currency)
            for currency, off_by in ((FOREIGN, -amount), (scene.person.currency, amount))
        ]
