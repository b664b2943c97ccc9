"""The runner: reads on from the checkpoint, hands events to the projection, saves how far it got.

Rows, checkpoint, log and dead letters are written in **one** transaction. Whenever the process dies, they all happened
or none did, so no event is applied twice and none is lost. (Kleppmann, *Designing Data-Intensive Applications*,
chapter 11, on exactly-once by committing the effect and the place reached at once.)
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from esworkbench.errors import OtherReadModel, StoreBusy
from esworkbench.event_store import EventStore, write_transaction
from esworkbench.events import RecordedEvent
from esworkbench.projections import built_tables, checkpoints
from esworkbench.projections.built_tables import drop_and_reset
from esworkbench.projections.dead_letters import handle_or_park
from esworkbench.projections.projection import Projection
from esworkbench.upcasters import EventDecoder

logger = logging.getLogger(__name__)


class ProjectionRunner:
    """Keeps one projection up to date. Several runners of one projection may run at once: they take turns.

    ``run_id`` names this run in the checkpoint log. An event whose decoding or handling raises is parked and the run
    goes on; an error of the database (sqlalchemy.exc.DBAPIError, StoreBusy) stops it with nothing of the batch written.
    So do tables that were built to another shape (OtherReadModel). ``engine`` is the database of the read model, where
    that isn't the store's own (see ``elsewhere``).
    """

    def __init__(
        self,
        store: EventStore,
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
        self._reached: int | None = None

    def checkpoint(self) -> int:
        """The position up to which everything was seen."""
        with self.engine.connect() as connection:
            return checkpoints.position_of(connection, self.projection.name)

    def catch_up(self, *, up_to: int | None = None) -> int:
        """Run to the head of the log, or to position ``up_to`` inclusive. Returns the events handled or parked."""
        total = 0
        while handled := self.run_once(up_to=up_to):
            total += handled
        return total

    def rebuild(self) -> int:
        """Drop, reset, replay. Returns the events handled or parked."""
        with write_transaction(self.engine) as connection:
            drop_and_reset(connection, self.projection, self.run.run_id, self.clock())
        return self.catch_up()

    def run_once(self, *, up_to: int | None = None) -> int:
        """One batch. Returns the events handled or parked; 0 when there was nothing left to do.

        A batch first runs without savepoints, which cost more than the handlers do. Only when something raises is it
        rolled back and done again with a savepoint around each event, so that just the bad ones are parked.
        """
        self._prepare()
        while True:
            # Where this runner left the checkpoint is where it mostly still is, and ``_apply`` refuses when it isn't.
            after = self.checkpoint() if self._reached is None else self._reached
            batch = [
                recorded
                for recorded in self.store.read_all(after=after, limit=self.batch_size)
                if up_to is None or recorded.global_position <= up_to
            ]
            if not batch:
                if self._reached is None:
                    return 0
                self._reached = None
                continue
            try:
                applied = self._apply(after, batch, self._handle_together)
            except (DBAPIError, StoreBusy, OtherReadModel):
                raise
            except Exception:  # noqa: BLE001 - whatever a handler raises, the second try finds out which event it was
                applied = self._apply(after, batch, self._handle_each)
            self._reached = batch[-1].global_position if applied else None
            if applied:
                return len(batch)

    def _apply(
        self, after: int, batch: Sequence[RecordedEvent], handle: Callable[[Sequence[RecordedEvent], Connection], None]
    ) -> bool:
        """The one transaction. False when another runner has moved the checkpoint since the batch was read."""
        with write_transaction(self.engine) as connection:
            if checkpoints.lock(connection, self.projection.name) != after:
                return False
            built_tables.require_own(connection, self.projection)
            handle(self._subscribed(batch), connection)
            checkpoints.advance(connection, self.run, after=after, to=batch[-1].global_position, now=self.clock())
        return True

    def _subscribed(self, batch: Sequence[RecordedEvent]) -> list[RecordedEvent]:
        return [recorded for recorded in batch if self.projection.subscribes_to(recorded.event_type)]

    def _handle_together(self, batch: Sequence[RecordedEvent], connection: Connection) -> None:
        events = list(self.decoder.decode_all(batch))
        if self.projection.handles_batches():
            self.projection.handle_many(events, connection)
        else:
            Projection.handle_many(self.projection, events, connection)

    def _handle_each(self, batch: Sequence[RecordedEvent], connection: Connection) -> None:
        for recorded in batch:
            handle_or_park(self.projection, self.decoder, recorded, connection, self.run, self.clock)

    def handle_or_park(self, batch: Sequence[RecordedEvent], connection: Connection) -> None:
        """A batch inside the caller's transaction, which must not be rolled back for the sake of a bad event."""
        wanted = self._subscribed(batch)
        try:
            with connection.begin_nested():
                self._handle_together(wanted, connection)
        except DBAPIError:
            raise
        except Exception:  # noqa: BLE001 - whatever a handler raises, the second try finds out which event it was
            self._handle_each(wanted, connection)

    def _prepare(self) -> None:
        """Tables are created for a projection that has not run; if they are gone later, that is an error to see."""
        if self._prepared:
            return
        with write_transaction(self.engine) as connection:
            checkpoint = checkpoints.begin(connection, self.projection.name, self.clock())
            built = built_tables.claim(connection, self.projection, checkpoint, self.clock())
            if checkpoint == 0:
                self.projection.create_tables(connection)
        if built.code_version != self.projection.code_version:
            logger.info(
                "read model %s was begun by code version %s and goes on with %s: rebuild it if the rows now differ",
                self.projection.name, built.code_version, self.projection.code_version,
            )  # fmt: skip
        self._prepared = True
