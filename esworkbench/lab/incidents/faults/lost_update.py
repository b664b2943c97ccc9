"""Two cash machines that decide on the same state, and a store that is told not to check."""

from datetime import timedelta

from esworkbench.domains.bank import MoneyWithdrawn
from esworkbench.lab.incidents.faults.broken_writers import DECIDED, withdraw_without_version_check
from esworkbench.lab.incidents.faults.scene import PlantableFault, Scene
from esworkbench.lab.incidents.faults.writer_process import WriterTask, held_writer, ids_of
from esworkbench.lab.incidents.sealed import PlantedFault


class LostUpdate(PlantableFault):
    """Each withdrawal alone was covered; both together go beyond the overdraft. Both were paid out, and are booked."""

    name = "lost_update"
    strikes_any_account = True
    shows_in = ()

    def before(self, scene: Scene) -> None:
        scene.life.agenda.at(scene.quiet_moment(0.6), lambda: self.race(scene))

    def race(self, scene: Scene) -> None:
        """Both have decided before either writes; then one after the other writes."""
        agenda = scene.life.agenda
        scene.funds(2_000)
        available = scene.available()
        amounts = [available * scene.rng.randrange(60, 95) // 100 for _ in range(2)]
        self.references = [f"ATM{number}-{scene.account}-{agenda.now:%Y%m%d}" for number in (1, 2)]
        one, other = (
            WriterTask(
                scene.url, withdraw_without_version_check.__name__, scene.account, amount, scene.person.currency,
                reference, agenda.now, ids_of(scene.store),
            )
            for amount, reference in zip(amounts, self.references, strict=True)
        )  # fmt: skip
        with held_writer(one, DECIDED) as first, held_writer(other, DECIDED) as second:
            for writer, task in ((first, one), (second, other)):
                agenda.wait(timedelta(seconds=2))
                writer.go_on(agenda.now)
                scene.life.books.book(
                    scene.account, task.currency, -task.amount_minor, task.reference, agenda.now
                )  # fmt: skip

    def after(self, scene: Scene) -> list[PlantedFault]:
        both = [scene.event_of(MoneyWithdrawn, reference).recorded for reference in self.references]
        ids, positions = [event.event_id for event in both], [event.global_position for event in both]
        return [PlantedFault(self.name, scene.account, ids, positions, 0, scene.person.currency)]
