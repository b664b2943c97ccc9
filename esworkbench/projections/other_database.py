"""Read models in another database than the events: why nothing but the place changes, and which of two ways to take.

A read model is exact where its rows and the memory of what was handled share one transaction, so that memory goes
where the rows are. The projections are the same classes, and never know.

- **Pull**, ``ProjectionRunner(…, engine=open_read_models(url))``, where the read model's process may read the store:
  the checkpoint stands beside the rows, and one integer says what was seen, in the order of the whole log, in batches.
  Take this one where you can.
- **Push**, ``Inbox``, where it may not: another team's service, another network, a broker in between. Messages come at
  least once and in order only within a stream, so each one is remembered by its event's id.

Either way the read model can be dropped and built again from zero: ``ProjectionRunner.rebuild``, or ``Inbox.reset``
and then ``queue_again`` at the store.
"""

from sqlalchemy import BigInteger, Column, Engine, MetaData, Table, Text, UniqueConstraint

from esworkbench.event_store import open_database, write_transaction
from esworkbench.event_store.columns import UtcMoment
from esworkbench.event_store.guards import make_tables
from esworkbench.projections import tables

inbox = Table(
    "inbox",
    MetaData(),
    Column("projection", Text, primary_key=True),
    Column("event_id", Text, primary_key=True),
    Column("stream_id", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("received_at", UtcMoment, nullable=False),
    UniqueConstraint("projection", "stream_id", "version", name="inbox_place"),
)


def open_read_models(url: str, *, create: bool = True) -> Engine:
    """The database at a URL or SQLite path, ready to keep read models in. Raises UnusableInput.

    With ``create`` it gets the tables that tell how far they are. It holds no events: it is no event store.
    """
    engine = open_database(url, create=create)
    if create:
        with write_transaction(engine) as connection:
            tables.make_missing(connection)
            make_tables(connection, [inbox])
    return engine
