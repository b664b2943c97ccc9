"""The inbox: a read model fed by messages that may come twice stays exact.

The event's id is written in one transaction with the rows it leads to. Whenever the process dies, both are there or
neither is, and a message that comes again is known. (Pat Helland, *Life beyond Distributed Transactions*: whoever is
to get a message only once must remember it himself.)
"""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection, Engine, delete, func, insert, select, text

from esworkbench.errors import MessageRefused
from esworkbench.event_store.database import retried, write_transaction
from esworkbench.events import utc_now
from esworkbench.outbox.message import OutboxMessage
from esworkbench.projections import built_tables
from esworkbench.projections.checkpoints import Run
from esworkbench.projections.dead_letters import handle_or_park
from esworkbench.projections.other_database import inbox
from esworkbench.projections.projection import Projection
from esworkbench.projections.tables import dead_letters
from esworkbench.upcasters import EventDecoder

TAKE_TURNS = text("SELECT pg_advisory_xact_lock(8452, hashtext(:projection))")


class Inbox:
    """One projection, fed by messages, in a database of ``open_read_models``. Several may share that database.

    Within a stream the next version must follow the last. One too early is refused, so that it comes again after
    those it waits for: keeping it here meanwhile would do what the outbox does already. Where the outbox sends only
    some event types, or began in the middle of streams, say ``every_event=False``: a later version is then taken as
    the next, and one that was lost on the way can't be noticed.

    Between streams any order may come. Rows that depend on one stream alone come out as the runner writes them; a
    projection that joins streams must bring its own tolerance.
    """

    def __init__(
        self,
        engine: Engine,
        projection: Projection,
        decoder: EventDecoder,
        *,
        run_id: str,
        every_event: bool = True,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.engine = engine
        self.projection = projection
        self.decoder = decoder
        self.every_event = every_event
        self.clock = clock
        self.run = Run(projection.name, run_id, projection.code_version)
        self._ours = inbox.c.projection == projection.name
        self._prepared = False

    @retried
    def receive(self, message: OutboxMessage) -> bool:
        """Write the message's rows, once: True if it was now, False if that was done before. Committed on return.

        An event that can't be handled is parked in the dead letters here, and counts as received: that is no fault of
        the sender's. Raises MessageRefused for one that comes too early or contradicts one received before;
        DBAPIError, StoreBusy and OtherReadModel with nothing written.
        """
        self._prepare()
        with write_transaction(self.engine) as connection:
            self._take_turns(connection)
            built_tables.require_own(connection, self.projection)
            if self._knows(connection, message):
                return False
            self._check_order(connection, message)
            now = self.clock()
            connection.execute(
                insert(inbox),
                {
                    "projection": self.projection.name,
                    "event_id": message.event_id,
                    "stream_id": message.stream_id,
                    "version": message.version,
                    "received_at": now,
                },
            )
            if self.projection.subscribes_to(message.event_type):
                handle_or_park(self.projection, self.decoder, message.recorded(), connection, self.run, self.clock)
        return True

    @retried
    def reset(self) -> None:
        """Back to zero: tables empty, nothing received, nothing parked. Then have the store ``queue_again``."""
        with write_transaction(self.engine) as connection:
            self._take_turns(connection)
            self.projection.drop_tables(connection)
            self.projection.create_tables(connection)
            built_tables.record(connection, self.projection, self.clock())
            connection.execute(delete(inbox).where(self._ours))
            connection.execute(delete(dead_letters).where(dead_letters.c.projection == self.projection.name))

    def _knows(self, connection: Connection, message: OutboxMessage) -> bool:
        same = select(inbox.c.version).where(self._ours, inbox.c.event_id == message.event_id)
        return connection.scalar(same) is not None

    def _check_order(self, connection: Connection, message: OutboxMessage) -> None:
        of_stream = select(func.max(inbox.c.version)).where(self._ours, inbox.c.stream_id == message.stream_id)
        last = connection.scalar(of_stream) or 0
        place = f"version {message.version} of stream {message.stream_id!r}"
        if message.version <= last:
            raise MessageRefused(
                f"{place} came as event {message.event_id!r}, which is unknown, though version {last} was received "
                "before it: compare the inbox with the store's events, then reset it and queue the events again"
            )
        if self.every_event and message.version > last + 1:
            raise MessageRefused(
                f"{place} came too early, as version {last} is the last that was received: if the store has marked "
                "those between as published, queue them again"
            )

    def _take_turns(self, connection: Connection) -> None:
        # On SQLite write transactions take turns by themselves.
        if connection.dialect.name == "postgresql":
            connection.execute(TAKE_TURNS, {"projection": self.projection.name})

    def _prepare(self) -> None:
        """Tables are created for a projection that has received nothing; if they are gone later, that is to be seen."""
        if self._prepared:
            return
        with write_transaction(self.engine) as connection:
            self._take_turns(connection)
            received = connection.scalar(select(inbox.c.version).where(self._ours).limit(1)) or 0
            built_tables.claim(connection, self.projection, received, self.clock())
            if not received:
                self.projection.create_tables(connection)
        self._prepared = True
