"""A release of the daily sums that ends the day when it ends where the server stands."""

from datetime import UTC
from zoneinfo import ZoneInfo

from esworkbench.lab.incidents.faults.broken_readers import DaysOfTheServer
from esworkbench.lab.incidents.faults.scene import PlantableFault, Scene, effect
from esworkbench.lab.incidents.sealed import PlantedFault

READ_MODEL = "daily_summaries"
SERVERS_STAND_IN = ("America/New_York", "Asia/Tokyo", "Europe/Zurich", "Asia/Kolkata")


class DayBoundary(PlantableFault):
    """The tables are rebuilt by that release and still say that they are in UTC. The total is right.

    Told are the events that count for another day, and no account, as it befalls all.
    """

    name = "day_boundary"
    shows_in = ()

    def before(self, scene: Scene) -> None:
        self.zone = scene.rng.choice(SERVERS_STAND_IN)
        scene.life.agenda.at(scene.quiet_moment(0.5), lambda: self.release(scene))

    def release(self, scene: Scene) -> None:
        zone = self.zone
        scene.life.operations.note("release", scene.life.agenda.now)
        scene.readers.code[READ_MODEL] = lambda: DaysOfTheServer(zone)
        scene.readers.runner(READ_MODEL).rebuild()

    def after(self, scene: Scene) -> list[PlantedFault]:
        moved = [
            event.recorded
            for event in scene.decoded()
            if effect(event) is not None
            and event.recorded.recorded_at.astimezone(ZoneInfo(self.zone)).date()
            != event.recorded.recorded_at.astimezone(UTC).date()
        ]
        ids, positions = [each.event_id for each in moved], [each.global_position for each in moved]
        return [PlantedFault(self.name, None, ids, positions, 0, None)]
