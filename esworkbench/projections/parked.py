"""Handling parked events late, where that leaves the rows their handling in place would have left.

Wherever order matters (a running balance) there is only one way to heal: rebuild.
"""

from sqlalchemy import delete

from esworkbench.errors import OtherReadModel, UnusableInput
from esworkbench.event_store.database import retried, write_transaction
from esworkbench.projections import built_tables, checkpoints
from esworkbench.projections.dead_letters import parked, stops_the_run
from esworkbench.projections.projection_runner import ProjectionRunner
from esworkbench.projections.tables import dead_letters

HANDLED_LATE = -1
"""As a shard of the checkpoint log: one event, no batch."""


def replay_parked(runner: ProjectionRunner) -> int:
    """Handle the projection's parked events again, now that the cause is mended. Returns how many are parked no more.

    Raises UnusableInput for a projection in which order matters.
    """
    name = runner.projection.name
    if not runner.projection.order_insensitive:
        raise UnusableInput(
            f"projection {name!r} depends on the order of events, so a parked event can't be handled late: "
            "rebuild the projection"
        )
    with runner.engine.connect() as connection:
        positions = [letter["position"] for letter in parked(connection, name)]
    return sum(_handle_late(runner, position) for position in positions)


@retried
def _handle_late(runner: ProjectionRunner, position: int) -> bool:
    """Rows, dead letter and log in one transaction. False when the event is bad still, or another run has been here."""
    name = runner.projection.name
    letter = (dead_letters.c.projection == name) & (dead_letters.c.position == position)
    [recorded] = runner.store.read_all(after=position - 1, limit=1)
    try:
        with write_transaction(runner.engine) as connection:
            checkpoints.lock(connection, name)
            built_tables.require_own(connection, runner.projection)
            if connection.execute(delete(dead_letters).where(letter)).rowcount == 0:
                return False
            for event in runner.decoder.events_in(recorded):
                runner.projection.handle(event, connection)
            checkpoints.log(connection, runner.run, position, position, runner.clock(), shard=HANDLED_LATE)
    except OtherReadModel:
        raise
    except Exception as error:
        if stops_the_run(error):
            raise
        # Rolled back, so the dead letter that tells of it still stands.
        return False
    return True
