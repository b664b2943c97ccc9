"""A statement's printer that swaps two digits of one balance. The amounts, and the balances after it, are right."""

from random import Random

from esworkbench.lab.incidents.faults.scene import PlantableFault, Scene, planted_per_account
from esworkbench.lab.incidents.sealed import PlantedFault


class StatementInconsistent(PlantableFault):
    name = "statement_inconsistent"
    strikes_any_account = True
    shows_in = ()

    def after(self, scene: Scene) -> list[PlantedFault]:
        at, event, line = scene.printed_line()
        printed = digits_swapped(line.balance_minor, scene.rng)
        scene.life.books.misprint(scene.account, scene.person.currency, at, printed)
        return planted_per_account(self.name, [(event, printed - line.balance_minor)])


def digits_swapped(amount_minor: int, rng: Random) -> int:
    """The amount with two neighbouring digits swapped that differ; 90 more where none do."""
    digits = str(abs(amount_minor))
    places = [at for at in range(len(digits) - 1) if digits[at] != digits[at + 1]]
    if not places:
        return amount_minor + 90
    at = rng.choice(places)
    swapped = int(digits[:at] + digits[at + 1] + digits[at] + digits[at + 2 :])
    return swapped if amount_minor > 0 else -swapped
