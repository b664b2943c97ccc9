"""What an operator with SQL does to a projection: its checkpoint is set, a row of it is deleted."""

from datetime import timedelta

from sqlalchemy import Row, delete, select, update

from esworkbench.domains.bank.read_models.transaction_history import transaction_history
from esworkbench.errors import UnusableInput
from esworkbench.event_store import write_transaction
from esworkbench.lab.incidents.faults.by_hand import amount_of
from esworkbench.lab.incidents.faults.restored_read_model import off_in_sum
from esworkbench.lab.incidents.faults.scene import PlantableFault, Scene, effect, planted_per_account
from esworkbench.lab.incidents.sealed import PlantedFault
from esworkbench.projections.tables import checkpoints

READ_MODEL = "account_balances"


class CheckpointMoved(PlantableFault):
    """Either set to the head of the log while a month waits to be read, so that month is never read; or, after the
    last run, set back, so that rows seem ahead of what was read.
    """

    name = "checkpoint_moved"
    shows_in = (READ_MODEL,)

    def __init__(self) -> None:
        self.back = False
        self.first = self.last = 0

    def before(self, scene: Scene) -> None:
        self.back = scene.rng.random() < 0.5
        if not self.back:
            moment = scene.quiet_moment(0.6)
            scene.life.agenda.at(moment - timedelta(days=30), lambda: self.read_on(scene))
            scene.life.agenda.at(moment, lambda: self.move(scene, scene.store.head_position()))

    def read_on(self, scene: Scene) -> None:
        scene.readers.run(READ_MODEL)

    def move(self, scene: Scene, to: int) -> None:
        stood = scene.readers.runner(READ_MODEL).checkpoint()
        self.first, self.last = sorted((stood, to))
        scene.life.operations.note("session", scene.life.agenda.now)
        with write_transaction(scene.engine) as connection:
            connection.execute(update(checkpoints).where(checkpoints.c.projection == READ_MODEL).values(position=to))

    def after(self, scene: Scene) -> list[PlantedFault]:
        log = scene.decoded()
        if self.back:
            self.move(scene, log[-1 - max(5, len(log) // 30)].recorded.global_position)
        sign = 1 if self.back else -1
        between = [
            (event, sign * amount_of(event))
            for event in log
            if self.first < event.recorded.global_position <= self.last and effect(event) is not None
        ]
        return off_in_sum(planted_per_account(self.name, between))


class RowLost(PlantableFault):
    """One row of the history is deleted, long after later rows have counted it."""

    name = "row_lost"
    strikes_any_account = True
    shows_in = ()
    healed_by_rebuild = True

    def after(self, scene: Scene) -> list[PlantedFault]:
        rows = self.rows(scene)
        free = [row for row in rows[len(rows) // 4 : -1] if row.amount_minor and row.event_id not in scene.taken]
        if not free:
            raise UnusableInput(f"account {scene.account} has no row that is free to be lost: take another seed")
        lost = scene.rng.choice(free)
        with write_transaction(scene.engine) as connection:
            connection.execute(delete(transaction_history).where(transaction_history.c.event_id == lost.event_id))
        [event] = scene.decoded(after=lost.position - 1)[:1]
        return planted_per_account(self.name, [(event, -amount_of(event))])

    def rows(self, scene: Scene) -> list[Row[tuple[int, str, int]]]:
        table = transaction_history.c
        query = (
            select(table.position, table.event_id, table.amount_minor)
            .where(table.account_id == scene.account, table.currency == scene.person.currency)
            .order_by(table.position)
        )
        with scene.engine.connect() as connection:
            return list(connection.execute(query))
