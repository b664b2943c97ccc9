"""A message lost on its way: the network declined the purchase, and the bank never heard."""

from datetime import timedelta

from esworkbench.lab.incidents.faults.scene import PlantableFault, Scene
from esworkbench.lab.incidents.sealed import PlantedFault
from esworkbench.lab.world.bus import ANSWERS, Partition
from esworkbench.lab.world.life import LINK_FROM_THE_NETWORK


class UnresolvedPending(PlantableFault):
    """The bus's link back from the network is cut for half an hour at night, and one answer is lost.

    The hold stays for ever: the event sum and every read model lack the money that the statement still shows.
    """

    name = "unresolved_pending"
    shows_in = ("statement",)

    def before(self, scene: Scene) -> None:
        begins = scene.life.partition_night + timedelta(minutes=10)
        scene.life.bus.partitions.append(
            Partition(LINK_FROM_THE_NETWORK, ANSWERS, begins, begins + timedelta(minutes=30))
        )

    def after(self, scene: Scene) -> list[PlantedFault]:
        return [
            PlantedFault(self.name, lost.account, [lost.event_id], [lost.position], lost.amount_minor, lost.currency)
            for lost in scene.life.bus.lost
        ]
