"""A projection: the handler that turns events into rows of the tables it keeps.

Read models are disposable. A projection owns its tables, writes to nothing else, and can be dropped and replayed from
the events at any time. (Greg Young, *CQRS Documents*; Fowler, *Event Sourcing*, on rebuilding application state.)
"""

from collections.abc import Collection, Sequence
from typing import ClassVar

from sqlalchemy import Connection, Table

from esworkbench.event_store.columns import keep_whole
from esworkbench.events import Event


class Projection:
    """Base of all projections. Subclasses set ``name`` and ``tables`` and write ``handle``.

    ``code_version`` goes into the checkpoint log, so that an error that began with a deploy can be told from one that
    was always there. ``order_insensitive`` says that an event handled late leaves the same rows as one handled in its
    place; only such a projection may replay a parked event instead of being rebuilt. ``shardable`` says that each row
    depends on the streams of one ``shard_key`` alone; only such a projection may be rebuilt by several processes.

    ``schema_version`` is the shape of the tables: raise it when a column, or the meaning of one, changes. ``settings``
    says what the rows depend on besides the events, such as a time zone. Tables built otherwise are refused until they
    are rebuilt (see ``read_models``). ``event_types`` are the stored types it reads, None for all; it parks no others.

    ``in_batches``, which sets itself, tells whether the runner may call ``handle_many``: write one beside ``handle``
    where one statement can do a whole batch.

    A projection keeps no state between calls but in its tables, so a rolled-back batch leaves nothing behind.
    """

    name: ClassVar[str]
    code_version: str = "1"
    tables: ClassVar[Sequence[Table]] = ()
    order_insensitive: ClassVar[bool] = False
    shardable: ClassVar[bool] = False
    schema_version: ClassVar[int] = 1
    settings: str = ""
    in_batches: ClassVar[bool] = False
    event_types: ClassVar[Collection[str] | None] = None

    def subscribes_to(self, event_type: str) -> bool:
        return self.event_types is None or event_type in self.event_types

    def shard_key(self, stream_id: str) -> str:
        """Streams of the same key are rebuilt by the same process. Raise ``code_version`` when it changes."""
        return stream_id

    def handle(self, event: Event, connection: Connection) -> None:
        """Write the rows of one event, inside the runner's transaction. Whatever this raises parks the event."""
        raise NotImplementedError(f"{type(self).__name__} must say what each event does to its tables")

    def handle_many(self, events: Sequence[Event], connection: Connection) -> None:
        """The same rows as ``handle`` for each event in turn, in one statement for the whole batch, say."""
        for event in events:
            self.handle(event, connection)

    def __init_subclass__(cls) -> None:
        """A ``handle_many`` speaks for the ``handle`` it was written with, not for one changed alone in a subclass."""
        if {"handle", "handle_many"} & vars(cls).keys():
            cls.in_batches = "handle_many" in vars(cls)
        keep_whole(cls.tables)

    def create_tables(self, connection: Connection) -> None:
        for table in self.tables:
            table.create(connection, checkfirst=True)

    def drop_tables(self, connection: Connection) -> None:
        for table in self.tables:
            table.drop(connection, checkfirst=True)
