"""A release of the balances' handler that gets one event type wrong, put live with a rebuild."""

from esworkbench.domains.bank import FeeCharged, WithdrawalCancelled
from esworkbench.lab.incidents.faults.buggy_handlers import CancellationsIgnored, FeesAdded
from esworkbench.lab.incidents.faults.scene import PlantableFault, Scene, effect, planted_per_account
from esworkbench.lab.incidents.sealed import PlantedFault

READ_MODEL = "account_balances"


class HandlerBug(PlantableFault):
    """Every event of the type is wrong in the read model from the first on; a rebuild with this code repeats it."""

    name = "handler_bug"
    shows_in = (READ_MODEL,)

    def before(self, scene: Scene) -> None:
        self.code = scene.rng.choice([FeesAdded, CancellationsIgnored])
        scene.life.agenda.at(scene.quiet_moment(0.5), lambda: self.release(scene))

    def release(self, scene: Scene) -> None:
        scene.readers.code[READ_MODEL] = self.code
        scene.life.operations.note("release", scene.life.agenda.now)
        scene.readers.runner(READ_MODEL).rebuild()

    def after(self, scene: Scene) -> list[PlantedFault]:
        off_by = []
        for event in scene.decoded():
            posting = effect(event)
            if posting is None:
                continue
            if self.code is FeesAdded and isinstance(event.data, FeeCharged):
                off_by.append((event, -2 * posting.amount_minor))
            if self.code is CancellationsIgnored and isinstance(event.data, WithdrawalCancelled):
                off_by.append((event, -posting.amount_minor))
        return planted_per_account(self.name, off_by)
