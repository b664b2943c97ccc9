"""A writer that reads the last hash before it takes the lock, and another that is faster."""

from esworkbench.domains.bank import MoneyDeposited
from esworkbench.lab.incidents.faults.broken_writers import HEAD_READ, deposit_on_a_head_read_before
from esworkbench.lab.incidents.faults.scene import PlantableFault, Scene
from esworkbench.lab.incidents.faults.writer_process import WriterTask, held_writer, ids_of
from esworkbench.lab.incidents.sealed import PlantedFault


class ChainFork(PlantableFault):
    """Two deposits name one predecessor's hash. Both are genuine, and every sum is right."""

    name = "chain_fork"
    strikes_any_account = True
    shows_in = ()

    def before(self, scene: Scene) -> None:
        scene.life.agenda.at(scene.quiet_moment(0.7), lambda: self.overtake(scene))

    def overtake(self, scene: Scene) -> None:
        life, agenda = scene.life, scene.life.agenda
        self.references = [f"{kind}-{scene.account}-{agenda.now:%Y%m%d}" for kind in ("GIFT", "CHEQUE")]
        quick, slow = (scene.rng.randrange(2_000, 30_000) for _ in range(2))
        task = WriterTask(
            scene.url, deposit_on_a_head_read_before.__name__, scene.account, slow, scene.person.currency,
            self.references[1], agenda.now, ids_of(scene.store),
        )  # fmt: skip
        with held_writer(task, HEAD_READ) as writer:
            life.deposit(scene.person, quick, self.references[0])
            agenda.wait()
            writer.go_on(agenda.now)
        life.books.book(scene.account, scene.person.currency, slow, self.references[1], agenda.now)

    def after(self, scene: Scene) -> list[PlantedFault]:
        both = [scene.event_of(MoneyDeposited, reference).recorded for reference in self.references]
        ids, positions = [event.event_id for event in both], [event.global_position for event in both]
        return [PlantedFault(self.name, scene.account, ids, positions, 0, scene.person.currency)]
