"""A transfer written in two transactions, and a kill between the two."""

from esworkbench.domains.bank import TransferSent
from esworkbench.lab.incidents.faults.broken_writers import BETWEEN_THE_APPENDS, transfer_in_two_appends
from esworkbench.lab.incidents.faults.scene import PlantableFault, Scene
from esworkbench.lab.incidents.faults.writer_process import WriterTask, held_writer, ids_of
from esworkbench.lab.incidents.sealed import PlantedFault
from esworkbench.lab.world.people import Person


class HalfTransfer(PlantableFault):
    """The bank's clearing has moved the money on both accounts; the log has only the side that sent it.

    The fault is named by the half that stands. What is off by its amount is the other account's statement.
    """

    name = "half_transfer"
    strikes_any_account = True
    shows_in = ("statement",)

    @classmethod
    def may_strike(cls, person: Person) -> bool:
        return person.currency == "USD"  # there is always somebody to send dollars to

    def before(self, scene: Scene) -> None:
        scene.life.agenda.at(scene.quiet_moment(0.6), lambda: self.transfer(scene))

    def transfer(self, scene: Scene) -> None:
        life, agenda, currency = scene.life, scene.life.agenda, scene.person.currency
        self.partner = scene.partner.account
        self.reference = f"MOVE-{scene.account}-{agenda.now:%Y%m%d}"
        self.amount = scene.funds(scene.rng.randrange(5_000, 30_000))
        task = WriterTask(
            scene.url, transfer_in_two_appends.__name__, scene.account, self.amount, currency, self.reference,
            agenda.now, ids_of(scene.store), self.partner,
        )  # fmt: skip
        with held_writer(task, BETWEEN_THE_APPENDS) as writer:
            writer.kill()
        life.operations.note("restart", agenda.now)
        life.books.book(scene.account, currency, -self.amount, self.reference, agenda.now)
        life.books.book(self.partner, currency, self.amount, self.reference, agenda.now)

    def after(self, scene: Scene) -> list[PlantedFault]:
        sent = scene.event_of(TransferSent, self.reference).recorded
        currency = scene.person.currency
        return [PlantedFault(self.name, scene.account, [sent.event_id], [sent.global_position], self.amount, currency)]

    def puts_off(self, planted: list[PlantedFault]) -> list[tuple[str, str, str, int]]:
        return [(claim, self.partner, currency, amount) for claim, _, currency, amount in super().puts_off(planted)]
