"""A statement's printer that leaves a line out. The balances it prints go on as if the line were there."""

from esworkbench.lab.incidents.faults.scene import PlantableFault, Scene, planted_per_account
from esworkbench.lab.incidents.sealed import PlantedFault


class StatementIncomplete(PlantableFault):
    name = "statement_incomplete"
    strikes_any_account = True
    shows_in = ()

    def after(self, scene: Scene) -> list[PlantedFault]:
        at, event, line = scene.printed_line()
        scene.life.books.leave_out(scene.account, scene.person.currency, at)
        return planted_per_account(self.name, [(event, -line.amount_minor)])
