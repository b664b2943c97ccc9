"""A projection that is never behind: its rows change in the transaction that appends the events.

What it buys is that whoever reads after an append sees it. What it costs is the freedom of the write side:

- **A handler that fails fails the append.** A defect in a read model now keeps facts out of the log.
- **Appends take turns**, all of them on PostgreSQL, those to other streams and from other processes too (see
  ``event_store.participants``), each for as long as its handlers and its commit take.
- **Only appends through this store object are in step.** What others append plainly is handled at the next append here.

So it is for the one query that can't wait, and few writers. For the rest there is the answer of the command itself, or
waiting until the read model has reached its version. (Marten calls the two kinds inline and async projections.)
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import Connection

from esworkbench.errors import SynchronousProjectionFailed
from esworkbench.event_store.participants import JoinedStore, events_between
from esworkbench.events import RecordedEvent
from esworkbench.projections import built_tables, checkpoints
from esworkbench.projections.dead_letters import stops_the_run
from esworkbench.projections.projection import Projection
from esworkbench.projections.projection_runner import ProjectionRunner
from esworkbench.projections.runner import Runner
from esworkbench.upcasters import EventDecoder

Handle = Callable[[Sequence[RecordedEvent], Connection], None]


class SynchronousRunner(ProjectionRunner):
    """A runner that, once it has joined them, runs inside its store's appends. It may still be run beside them."""

    def __init__(
        self,
        store: JoinedStore,
        projection: Projection,
        decoder: EventDecoder,
        *,
        run_id: str,
        batch_size: int = 1000,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        super().__init__(store, projection, decoder, run_id=run_id, batch_size=batch_size, clock=clock)
        self._joined = store

    def join_appends(self) -> None:
        """Catch up with the log, then take part in every later append through the store.

        Such an append raises SynchronousProjectionFailed, with nothing written, when the projection can't handle its
        events; OtherReadModel, when the tables were meanwhile rebuilt to another shape.
        """
        self.catch_up()
        self._joined.join_appends(self._in_step)

    def _in_step(self, connection: Connection, written: Sequence[RecordedEvent]) -> None:
        """First what others appended meanwhile, then what is being appended.

        The first are facts already: one that can't be handled is parked, as ever, or it would block every append from
        now on. The second can still be refused, and are.
        """
        checkpoint = checkpoints.lock(connection, self.projection.name)
        built_tables.require_own(connection, self.projection)
        first = written[0].global_position
        while checkpoint < first - 1:
            batch = events_between(connection, checkpoint, first, self.batch_size)
            if not batch:
                break
            checkpoint = self._follow(connection, checkpoint, batch, self.handle)
        self._follow(connection, checkpoint, written, self._handle_or_fail)

    def _follow(self, connection: Connection, checkpoint: int, batch: Sequence[RecordedEvent], handle: Handle) -> int:
        handle(batch, connection)
        to = batch[-1].global_position
        checkpoints.advance(connection, self.run, after=checkpoint, to=to, now=self.clock())
        return to

    def _handle_or_fail(self, batch: Sequence[RecordedEvent], connection: Connection) -> None:
        try:
            Runner.handle(self, batch, connection)
        except Exception as error:
            if stops_the_run(error):
                raise
            types = ", ".join(sorted({recorded.event_type for recorded in batch}))
            raise SynchronousProjectionFailed(
                f"nothing was appended, because the synchronous projection {self.projection.name!r} could not handle "
                f"{types} ({type(error).__name__}: {error}): fix its handler, or run it beside the appends instead"
            ) from error
