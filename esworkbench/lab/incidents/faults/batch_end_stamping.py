"""A release of the history's handler that writes one running balance into every row of a batch."""

from collections.abc import Callable
from itertools import groupby

from sqlalchemy import select

from esworkbench.domains.bank.read_models import BANK_PROJECTIONS, posting_of
from esworkbench.events import Event
from esworkbench.lab.incidents.faults.broken_readers import StampedAtBatchEnd
from esworkbench.lab.incidents.faults.scene import PlantableFault, Scene
from esworkbench.lab.incidents.sealed import PlantedFault
from esworkbench.projections import Projection
from esworkbench.projections.tables import checkpoint_log

READ_MODEL = "transaction_history"


class BatchEndStamping(PlantableFault):
    """Live for a good part of the bank's life, then taken back. Each batch ends right, so the next begins right.

    Told are, as of every running claim, the events at which its difference from the event sum changes, the last of a
    batch with them; the amount is the first such difference, as at the head there is none.
    """

    name = "batch_end_stamping"
    shows_in = ()
    healed_by_rebuild = True

    def __init__(self) -> None:
        self.live_after = self.live_up_to = 0

    def before(self, scene: Scene) -> None:
        agenda = scene.life.agenda
        agenda.at(scene.quiet_moment(0.4), lambda: self.release(scene))
        agenda.at(scene.quiet_moment(0.9), lambda: self.take_back(scene))

    def release(self, scene: Scene) -> None:
        self.live_after = self.ship(scene, StampedAtBatchEnd)

    def take_back(self, scene: Scene) -> None:
        self.live_up_to = self.ship(scene, BANK_PROJECTIONS[READ_MODEL])

    def ship(self, scene: Scene, code: Callable[[], Projection]) -> int:
        """Between two batches: what came before was read by the code of then. Returns where that ended."""
        scene.readers.run(READ_MODEL)
        scene.readers.code[READ_MODEL] = code
        scene.life.operations.note("release", scene.life.agenda.now)
        return scene.readers.runner(READ_MODEL).checkpoint()

    def after(self, scene: Scene) -> list[PlantedFault]:
        log = scene.decoded()
        found: dict[tuple[str, str], list[tuple[Event, int]]] = {}
        for first, last in self.batches(scene):
            batch = [event for event in log if first <= event.recorded.global_position <= last and posting_of(event)]
            by_account = sorted(batch, key=_account)
            for key, mine in groupby(by_account, key=_account):
                found.setdefault(key, []).extend(stamped(list(mine)))
        return [
            PlantedFault(
                self.name, account, [event.recorded.event_id for event, _ in steps],
                [event.recorded.global_position for event, _ in steps], steps[0][1], currency,
            )
            for (account, currency), steps in sorted(found.items()) if steps
        ]  # fmt: skip

    def batches(self, scene: Scene) -> list[tuple[int, int]]:
        """From where to where each batch of the release went."""
        table = checkpoint_log.c
        query = (
            select(table.from_position, table.to_position)
            .where(table.projection == READ_MODEL)
            .where(table.from_position > self.live_after, table.to_position <= self.live_up_to)
            .order_by(table.id)
        )
        with scene.engine.connect() as connection:
            return [(first, last) for first, last in connection.execute(query)]


def _account(event: Event) -> tuple[str, str]:
    posting = posting_of(event)
    assert posting is not None
    return posting.account_id, posting.currency


def stamped(batch: list[Event]) -> list[tuple[Event, int]]:
    """Of one account's events in a batch, those at which the difference changes, and by how much it does."""
    amounts = [posting.amount_minor for event in batch if (posting := posting_of(event)) is not None]
    changes = [sum(amounts[1:]), *(-amount for amount in amounts[1:])]
    return [(event, change) for event, change in zip(batch, changes, strict=True) if change]
