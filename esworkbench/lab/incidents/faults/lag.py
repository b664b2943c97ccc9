"""A runner that stopped before the head of the log. Nothing is wrong: the figure is right for its checkpoint."""

from esworkbench.lab.incidents.faults.scene import PlantableFault, Scene
from esworkbench.lab.incidents.sealed import PlantedFault

READ_MODEL = "account_balances"


class LaggingReadModel(PlantableFault):
    name = "lag"
    shows_in = ()

    def __init__(self) -> None:
        self.stopped_at = 0

    def last_run(self, scene: Scene) -> None:
        log = scene.all_events()
        behind = max(3, len(log) // 40)
        self.stopped_at = log[-1 - behind].global_position
        for name in scene.readers.code:
            scene.readers.run(name, up_to=self.stopped_at if name == READ_MODEL else None)

    def after(self, scene: Scene) -> list[PlantedFault]:
        unread = scene.all_events(after=self.stopped_at)
        ids = [event.event_id for event in unread]
        return [PlantedFault(self.name, None, ids, [event.global_position for event in unread], 0, None)]
