"""A projection runner the way many people write it first: the rows in one transaction, the checkpoint in the next.

Killed between the two, it applies the batch again when it is started again. What a handler can't handle it parks, as
every runner does.
"""

from collections.abc import Callable

from sqlalchemy import update

from esworkbench.event_store import EventStore, write_transaction
from esworkbench.projections import Projection, checkpoints
from esworkbench.projections.dead_letters import handle_or_park
from esworkbench.projections.tables import checkpoints as checkpoints_table
from esworkbench.upcasters import EventDecoder

BETWEEN_ROWS_AND_CHECKPOINT = "between rows and checkpoint"


class NaiveRunner:
    """``at`` is called with the name of each crash point as it is reached."""

    def __init__(
        self,
        store: EventStore,
        projection: Projection,
        decoder: EventDecoder,
        *,
        run_id: str,
        batch_size: int,
        at: Callable[[str], None] = lambda point: None,
    ) -> None:
        self.store = store
        self.projection = projection
        self.decoder = decoder
        self.batch_size = batch_size
        self.run = checkpoints.Run(projection.name, run_id, projection.code_version)
        self.at = at

    def catch_up(self) -> None:
        while self.run_once():
            pass

    def run_once(self) -> bool:
        with self.store.engine.connect() as connection:
            after = checkpoints.position_of(connection, self.projection.name)
        batch = self.store.read_all(after=after, limit=self.batch_size)
        if not batch:
            return False
        to = batch[-1].global_position
        with write_transaction(self.store.engine) as connection:
            for recorded in batch:
                handle_or_park(self.projection, self.decoder, recorded, connection, self.run, self.store.clock)
            checkpoints.log(connection, self.run, after + 1, to, self.store.clock())
        self.at(BETWEEN_ROWS_AND_CHECKPOINT)
        with write_transaction(self.store.engine) as connection:
            connection.execute(
                update(checkpoints_table)
                .where(checkpoints_table.c.projection == self.projection.name)
                .values(position=to, updated_at=self.store.clock())
            )
        return True
