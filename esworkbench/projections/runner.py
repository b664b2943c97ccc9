"""The runner: reads on from the checkpoint, hands events to the projection, saves how far it got.

Rows, checkpoint and log are written in **one** transaction. Whenever the process dies, they all happened
or none did, so no event is applied twice and none is lost. (Kleppmann, *Designing Data-Intensive Applications*, ch. 11)
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection, Engine

from esworkbench.event_store.database import retried, write_transaction
from esworkbench.events import RecordedEvent
from esworkbench.projections import checkpoints
from esworkbench.projections.projection import Projection
from esworkbench.upcasters.decoder import EventDecoder


class Followed(Protocol):
    """What a runner follows: an event store, or whatever can be read on like one. ``read_all`` as the store's."""

    engine: Engine
    clock: Callable[[], datetime]

    def read_all(self, *, after: int = 0, limit: int = 1000) -> list[RecordedEvent]: ...


class Runner:
    """Keeps one projection up to date. Several runners of one projection may run at once: they take turns.

    ``run_id`` names this run in the checkpoint log. Whatever decoding or handling raises stops the run with nothing of
    the batch written; ``ProjectionRunner``, which is the one to use, parks the bad event and goes on. ``engine`` is the
    database of the read model, where that isn't the store's own (see ``other_database``).
    """

    def __init__(
        self,
        store: Followed,
        projection: Projection,
        decoder: EventDecoder,
        *,
        run_id: str,
        batch_size: int = 1000,
        clock: Callable[[], datetime] | None = None,
        engine: Engine | None = None,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size must be 1 or more, not {batch_size}: no batch would ever reach an event")
        self.store = store
        self.engine = engine or store.engine
        self.projection = projection
        self.decoder = decoder
        self.batch_size = batch_size
        self.clock = clock or store.clock
        self.run = checkpoints.Run(projection.name, run_id, projection.code_version)
        self._prepared = False

    def checkpoint(self) -> int:
        """The position up to which everything was seen."""
        with self.engine.connect() as connection:
            return checkpoints.position_of(connection, self.projection.name)

    def catch_up(self, *, up_to: int | None = None) -> int:
        """Run to the head of the log, or to position ``up_to`` inclusive. Returns the events handled."""
        total = 0
        while handled := self.run_once(up_to=up_to):
            total += handled
        return total

    def run_once(self, *, up_to: int | None = None) -> int:
        """One batch. Returns the events handled; 0 when there was nothing left to do."""
        self._prepare()
        while True:
            with self.engine.connect() as connection:
                after = checkpoints.reached(connection, self.projection.name) or 0
            read = self.store.read_all(after=after, limit=self.batch_size)
            batch = [recorded for recorded in read if up_to is None or recorded.global_position <= up_to]
            if not batch or self._apply(after, batch):
                return len(batch)

    @retried
    def _apply(self, after: int, batch: Sequence[RecordedEvent]) -> bool:
        """The one transaction. False when another runner has moved the checkpoint since the batch was read."""
        with write_transaction(self.engine) as connection:
            if checkpoints.lock(connection, self.projection.name) != after:
                return False
            self.check(connection)
            self.handle(batch, connection)
            checkpoints.advance(connection, self.run, after=after, to=batch[-1].global_position, now=self.clock())
        return True

    def handle(self, batch: Sequence[RecordedEvent], connection: Connection) -> None:
        """Handle those of the batch that the projection subscribes to; raises what the first bad one raises."""
        wanted = [recorded for recorded in batch if self.projection.subscribes_to(recorded.event_type)]
        events = list(self.decoder.decode_all(wanted))
        if self.projection.in_batches:
            self.projection.handle_many(events, connection)
        else:
            for event in events:
                self.projection.handle(event, connection)

    @retried
    def _prepare(self) -> None:
        """Tables are created for a projection that has not run; if they are gone later, that is an error to see."""
        if self._prepared:
            return
        with write_transaction(self.engine) as connection:
            checkpoint = checkpoints.begin(connection, self.projection.name, self.clock())
            self.claim(connection, checkpoint)
            if checkpoint == 0:
                self.projection.create_tables(connection)
        self._prepared = True

    def claim(self, connection: Connection, checkpoint: int) -> None:
        """Raise what speaks against going on from the checkpoint. Asked once, before any table is made."""

    def check(self, connection: Connection) -> None:
        """Raise what speaks against writing to the tables now. Asked within each transaction, under its lock."""
