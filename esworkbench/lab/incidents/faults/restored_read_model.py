"""The rows of a read model are put back from an older copy, and nobody thinks of the checkpoint."""

from datetime import timedelta
from typing import Any

from sqlalchemy import delete, insert, select

from esworkbench.domains.bank.read_models.account_balances import account_balances
from esworkbench.errors import UnusableInput
from esworkbench.event_store import write_transaction
from esworkbench.lab.incidents.faults.scene import PlantableFault, Scene, effect, planted_per_account
from esworkbench.lab.incidents.sealed import PlantedFault


class RestoredReadModel(PlantableFault):
    """The backup is of its table alone, five weeks old. In some banks the runner goes on from its checkpoint for
    months; in others the restore is the last thing that happened.
    """

    name = "restored_read_model"
    shows_in = (account_balances.name,)

    def __init__(self) -> None:
        self.backup: list[dict[str, Any]] = []
        self.copied_at = self.restored_at = 0
        self.at_the_end = False

    def before(self, scene: Scene) -> None:
        self.at_the_end = scene.rng.random() < 0.5
        moment = scene.quiet_moment(1.0 if self.at_the_end else 0.7)
        scene.life.agenda.at(moment - timedelta(days=35), lambda: self.copy(scene))
        if not self.at_the_end:
            scene.life.agenda.at(moment, lambda: self.restore(scene))

    def copy(self, scene: Scene) -> None:
        scene.readers.run(account_balances.name)
        self.copied_at = scene.readers.runner(account_balances.name).checkpoint()
        with scene.engine.connect() as connection:
            self.backup = [dict(row) for row in connection.execute(select(account_balances)).mappings()]

    def restore(self, scene: Scene) -> None:
        scene.readers.run(account_balances.name)
        self.restored_at = scene.readers.runner(account_balances.name).checkpoint()
        scene.life.operations.note("restore", scene.life.agenda.now)
        with write_transaction(scene.engine) as connection:
            connection.execute(delete(account_balances))
            connection.execute(insert(account_balances), self.backup)

    def after(self, scene: Scene) -> list[PlantedFault]:
        """An account whose events of those weeks come to nothing has a row that is right all the same."""
        if self.at_the_end:
            self.restore(scene)
        lacking = [
            (event, -posting.amount_minor)
            for event in scene.decoded(after=self.copied_at)
            if event.recorded.global_position <= self.restored_at and (posting := effect(event)) is not None
        ]
        return off_in_sum(planted_per_account(self.name, lacking))


def off_in_sum(planted: list[PlantedFault]) -> list[PlantedFault]:
    """Without accounts on which what was planted comes to nothing. Raises UnusableInput where no other is left."""
    found = [each for each in planted if each.amount]
    if not found:
        raise UnusableInput("nothing happened in the bank that this fault could be about: take another seed")
    return found
