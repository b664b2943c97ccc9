"""The runner as it is used: it parks events that it can't handle, and refuses tables built to another shape."""

import logging
from collections.abc import Sequence

from sqlalchemy import Connection

from esworkbench.errors import UnreadableEvent
from esworkbench.event_store.database import retried, write_transaction
from esworkbench.events import RecordedEvent
from esworkbench.projections import built_tables, checkpoints
from esworkbench.projections.dead_letters import handle_or_park, park, stops_the_run
from esworkbench.projections.runner import Runner

logger = logging.getLogger(__name__)


class ProjectionRunner(Runner):
    """A runner that doesn't stand still for one bad event, and keeps its hands off other code's tables.

    An event whose decoding or handling raises is parked as a dead letter, in the batch's transaction, and counts as
    handled; so does one whose rows the database can't hold (a sum past 64 bits), and one that the store can't read. Any
    other error of the database (sqlalchemy.exc.DBAPIError, StoreBusy) stops the run with nothing of the batch written,
    and so do tables that were built to another shape (OtherReadModel).
    """

    def rebuild(self) -> int:
        """Drop, reset, replay; readers see the rows come back batch by batch. Returns the events handled or parked."""
        with write_transaction(self.engine) as connection:
            built_tables.drop_and_reset(connection, self.projection, self.run.run_id, self.clock())
        return self.catch_up()

    def run_once(self, *, up_to: int | None = None) -> int:
        try:
            return super().run_once(up_to=up_to)
        except UnreadableEvent as unreadable:
            return self._pass_unreadable(unreadable, up_to)

    @retried
    def _pass_unreadable(self, unreadable: UnreadableEvent, up_to: int | None) -> int:
        """Park the event that the store can't read and go on behind it: nothing before it can still come."""
        position = unreadable.global_position
        if up_to is not None and position > up_to:
            return 0
        with write_transaction(self.engine) as connection:
            after = checkpoints.lock(connection, self.projection.name)
            if after < position:
                self.check(connection)
                if self.projection.subscribes_to(unreadable.event_type):
                    park(connection, self.run, unreadable, unreadable, self.clock())
                checkpoints.advance(connection, self.run, after=after, to=position, now=self.clock())
        return 1

    def claim(self, connection: Connection, checkpoint: int) -> None:
        built = built_tables.claim(connection, self.projection, checkpoint, self.clock())
        if built.code_version != self.projection.code_version:
            logger.info(
                "read model %s was begun by code version %s and goes on with %s: rebuild it if the rows now differ",
                self.projection.name, built.code_version, self.projection.code_version,
            )  # fmt: skip

    def check(self, connection: Connection) -> None:
        built_tables.require_own(connection, self.projection)

    def handle(self, batch: Sequence[RecordedEvent], connection: Connection) -> None:
        """Handle or park a batch inside the caller's transaction.

        All together first, because a savepoint for each costs more than the handlers do. Only when something raises is
        that undone, and each is handled in a savepoint of its own, so that just the bad ones are parked.
        """
        try:
            with connection.begin_nested():
                super().handle(batch, connection)
        except Exception as error:
            if stops_the_run(error):
                raise
            # Whatever a handler raised, the second try finds out which event it was.
            for recorded in batch:
                if self.projection.subscribes_to(recorded.event_type):
                    handle_or_park(self.projection, self.decoder, recorded, connection, self.run, self.clock)
