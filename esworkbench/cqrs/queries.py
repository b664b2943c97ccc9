"""The query side of CQRS: one question in, one answer out of a read model, with how much of the log it had seen.

A read model follows the events, so it may not have seen yet what somebody has just done. Nothing here hides that: each
answer says where its read model stood, and ``wait_for`` waits until it has seen a version or a position. Nothing here
loads an aggregate or decides anything; this side may run on other machines than the commands, in any number, and on a
standby of the database. (Greg Young, *CQRS Documents*; Kleppmann, *Designing Data-Intensive Applications*, chapter 5,
on reading your own writes.)
"""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

import msgspec
from sqlalchemy import Connection, Engine, exists, inspect, select
from sqlalchemy.exc import DBAPIError

from esworkbench.errors import UnusableInput
from esworkbench.events import utc_now
from esworkbench.projections import tables
from esworkbench.projections.monitoring.measure import ALARM_OVER_SECONDS, Lag, measure
from esworkbench.projections.projection import Projection
from esworkbench.projections.tables import dead_letters

V = TypeVar("V")

FIRST_PAUSE, LONGEST_PAUSE = 0.005, 0.1
"""Seconds between two looks at a read model that is being waited for; doubled from the one up to the other."""


class Query(msgspec.Struct, Generic[V], frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all queries: what somebody wants to know, answered by a ``V``. Asking changes nothing.

    ``has_version`` says that the read model's rows keep the version of the stream they come from.
    """

    has_version: ClassVar[bool] = False


class StreamQuery(Query[V], frozen=True, kw_only=True):
    """A query about one stream, whose own writer may know the answer before the read model does."""

    def stream_id(self) -> str:
        """The stream that it asks about."""
        raise NotImplementedError(f"{type(self).__name__} must say which stream it is about")

    def from_state(self, state: dict[str, Any]) -> V | None:
        """The answer that an aggregate's state gives (see ``CommandReply``), None where it can't give one."""
        return None


class Found(NamedTuple, Generic[V]):
    """What a query's handler read: the value, and the stream's version in its rows, None where they keep none."""

    value: V
    version: int | None = None


class Answer(NamedTuple, Generic[V]):
    """What the read model said, and how much it had seen.

    Everything up to ``lag.checkpoint`` is in ``value``; value and lag come from one snapshot. ``version`` is that of
    the last event of the stream that the row shows. ``stale``: what was waited for is not in it. ``parked``: nor will
    it be by waiting, as the projection could not handle that event and has put it aside. ``from_own_write``: the read
    model is behind, and the value is what the user's own command was answered (see ``read_your_writes``).
    """

    value: V
    version: int | None
    lag: Lag
    stale: bool = False
    parked: bool = False
    from_own_write: bool = False


Q = TypeVar("Q", bound=Query[Any])
Handler = Callable[[Q, Connection], Found[Any]]


class QueryBus:
    """Finds the handler and lets it read, in one snapshot with the checkpoint.

    ``clock`` measures the lag's age; ``timer`` (seconds, monotonic) and ``pause`` (sleeps seconds) measure waiting.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        clock: Callable[[], datetime] = utc_now,
        timer: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        if engine.dialect.name == "postgresql":
            # Elsewhere each statement would see a snapshot of its own, and a checkpoint ahead of its rows.
            engine = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        self._engine = engine
        self._clock = clock
        self._timer = timer
        self._pause = pause
        self._handlers: dict[type[Query[Any]], tuple[type[Projection], Handler[Any]]] = {}

    def register(self, query_type: type[Q], projection: type[Projection], handler: Handler[Q]) -> None:
        """``handler`` reads the tables of ``projection``, and no others, through the connection it is given."""
        if query_type in self._handlers:
            raise ValueError(f"{query_type.__name__} has a handler already")
        self._handlers[query_type] = (projection, handler)

    def ask(self, query: Query[V]) -> Answer[V]:
        """What the read model says now. Raises UnusableInput where its tables have never been made."""
        return self._look(query, None, None)

    def wait_for(
        self,
        query: Query[V],
        *,
        version: int | None = None,
        position: int | None = None,
        at_most_seconds: float = ALARM_OVER_SECONDS,
    ) -> Answer[V]:
        """What the read model says once it shows ``version`` of the stream, or everything up to ``position``.

        Both stand in a command's reply. Whatever an event does, its position is reached; its version is seen only where
        it touches the row that is asked for, and is for whoever knows no position. Given both, either will do.

        Not to have caught up in time is no error: the answer is then ``stale`` and says how far behind, so that a page
        can be shown with what there is. ``at_most_seconds`` 0 looks once. Raises ValueError when there is nothing that
        could ever be reached.
        """
        if position is None and (version is None or not query.has_version):
            raise ValueError(f"{type(query).__name__} can't wait for version {version}: give it the reply's position")
        end = self._timer() + at_most_seconds
        pause = FIRST_PAUSE
        while True:
            answer = self._look(query, version, position)
            left = end - self._timer()
            if not answer.stale or answer.parked or left <= 0:
                return answer
            self._pause(min(pause, left))
            pause = min(pause * 2, LONGEST_PAUSE)

    def _look(self, query: Query[V], version: int | None, position: int | None) -> Answer[V]:
        projection, handler = self._handler_of(query)
        try:
            with self._engine.connect() as connection:
                lag = measure(connection, projection.name, self._clock)
                found = handler(query, connection)
                parked = position is not None and _is_parked(connection, projection.name, position)
        except DBAPIError as error:
            self._explain_missing_tables(projection, error)
            raise
        shows_version = version is not None and found.version is not None and found.version >= version
        shows_position = position is not None and lag.checkpoint >= position
        waits = version is not None or position is not None
        stale = waits and (parked or not (shows_version or shows_position))
        return Answer(found.value, found.version, lag, stale=stale, parked=parked)

    def _handler_of(self, query: Query[Any]) -> tuple[type[Projection], Handler[Any]]:
        try:
            return self._handlers[type(query)]
        except KeyError:
            raise LookupError(f"no handler is registered for {type(query).__name__}") from None

    def _explain_missing_tables(self, projection: type[Projection], error: DBAPIError) -> None:
        missing = [table.name for table in projection.tables if not inspect(self._engine).has_table(table.name)]
        if missing:
            raise UnusableInput(
                f"the read model {projection.name!r} was asked, but {', '.join(missing)} is not in this database: "
                "run its projection once"
            ) from error


def _is_parked(connection: Connection, projection: str, position: int) -> bool:
    letter = exists().where((dead_letters.c.projection == projection) & (dead_letters.c.position == position))
    return tables.can_hold_dead_letters(connection) and bool(connection.scalar(select(letter)))
