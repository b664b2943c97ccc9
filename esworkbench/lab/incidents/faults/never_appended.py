"""A cash machine that pays first and writes down after, killed between the two."""

from esworkbench.lab.incidents.faults.broken_writers import BOOKED_AND_NOT_APPENDED, pay_and_then_append
from esworkbench.lab.incidents.faults.scene import PlantableFault, Scene
from esworkbench.lab.incidents.faults.writer_process import WriterTask, held_writer, ids_of
from esworkbench.lab.incidents.sealed import PlantedFault


class NeverAppended(PlantableFault):
    """The money is gone and booked, and no event was ever written: only the statement knows of it."""

    name = "never_appended"
    strikes_any_account = True
    shows_in = ("statement",)

    def before(self, scene: Scene) -> None:
        scene.life.agenda.at(scene.quiet_moment(0.7), lambda: self.pay(scene))

    def pay(self, scene: Scene) -> None:
        life, agenda, currency = scene.life, scene.life.agenda, scene.person.currency
        reference = f"ATM-{scene.account}-{agenda.now:%Y%m%d}"
        self.amount = scene.funds(scene.rng.randrange(2_000, 20_000, 1_000))
        task = WriterTask(
            scene.url, pay_and_then_append.__name__, scene.account, self.amount, currency, reference, agenda.now,
            ids_of(scene.store),
        )  # fmt: skip
        with held_writer(task, BOOKED_AND_NOT_APPENDED) as writer:
            life.books.book(scene.account, currency, -self.amount, reference, agenda.now)
            writer.kill()
        life.operations.note("restart", agenda.now)

    def after(self, scene: Scene) -> list[PlantedFault]:
        return [PlantedFault(self.name, scene.account, [], [], -self.amount, scene.person.currency)]
