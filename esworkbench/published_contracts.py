"""Published contracts: one log, served at the edge in every shape that some reader was promised.

Each reader names the contract version it was built against. Events older than that are upcast to it, newer ones
downcast, and the log knows of neither. Who still reads what is counted, so that an old version can be retired when its
use is zero.
(Stripe's API versioning; Fowler, *Parallel Change*: expand, migrate, contract.)
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import NamedTuple

import msgspec
from sqlalchemy import BigInteger, Column, Date, MetaData, Table, Text, bindparam, select, text

from esworkbench.errors import UnusableInput
from esworkbench.event_store import EventStore, write_transaction
from esworkbench.event_store.columns import UtcMoment
from esworkbench.events import Event, EventTypes
from esworkbench.upcasters import UpcasterChain
from esworkbench.upcasters.downcasters import ContractDecoder, Downcasters

contract_use = Table(
    "contract_use",
    MetaData(),
    Column("contract", Text, primary_key=True),
    Column("consumer", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("reads", BigInteger, nullable=False),
    Column("events", BigInteger, nullable=False),
    Column("last_read_at", UtcMoment, nullable=False),
)

COUNT_READ = text("""
    INSERT INTO contract_use (contract, consumer, day, reads, events, last_read_at)
    VALUES (:contract, :consumer, :day, 1, :events, :now)
    ON CONFLICT (contract, consumer, day) DO UPDATE SET
        reads = contract_use.reads + 1,
        events = contract_use.events + excluded.events,
        last_read_at = excluded.last_read_at
""").bindparams(bindparam("day", type_=Date), bindparam("now", type_=UtcMoment))

_json = msgspec.json.Encoder(decimal_format="number")


class PublishedContract(NamedTuple):
    """A promise to readers: these event types, in exactly these shapes.

    ``left_out`` names the types its readers never see. A type that is neither promised nor left out is an error on
    reading, so that a new one isn't withheld, or published, by oversight.
    """

    name: str
    event_types: EventTypes
    left_out: frozenset[str] = frozenset()

    def decoder(self, upcasters: UpcasterChain, downcasters: Downcasters) -> ContractDecoder:
        """Reads every stored event in the shape this contract promises."""
        return ContractDecoder(self.event_types, upcasters, downcasters, self.left_out)


class PublishedEvent(NamedTuple):
    """An event as a reader gets it; ``payload`` is JSON text in UTF-8, fractions as numbers with all their digits."""

    position: int
    ordinal: int
    event_id: str
    event_type: str
    schema_version: int
    payload: bytes
    valid_at: datetime


class Page(NamedTuple):
    """The next events, and the position to go on after, which moves past what this contract leaves out, too."""

    events: list[PublishedEvent]
    position: int


class ContractUse(NamedTuple):
    """How much one consumer read under one contract on one day (UTC)."""

    contract: str
    consumer: str
    day: date
    reads: int
    events: int
    last_read_at: datetime


class Publisher:
    """Serves one log under several contracts, and counts who reads under which in the table ``contract_use``."""

    def __init__(
        self,
        store: EventStore,
        upcasters: UpcasterChain,
        downcasters: Downcasters,
        contracts: Sequence[PublishedContract],
    ) -> None:
        self._store = store
        self._decoders = {each.name: each.decoder(upcasters, downcasters) for each in contracts}
        with write_transaction(store.engine) as connection:
            contract_use.create(connection, checkfirst=True)

    def read(self, consumer: str, contract: str, *, after: int = 0, limit: int = 1000) -> Page:
        """The events after a position, in the shapes of the contract; ``limit`` bounds the records read.

        Raises UnusableInput for a contract that isn't served (any more), and like ``EventDecoder.events_in``.
        """
        decoder = self._decoders.get(contract)
        if decoder is None:
            served = ", ".join(sorted(self._decoders))
            raise UnusableInput(
                f"contract {contract!r}, which {consumer!r} asks for, is not served; served are {served}"
            )
        records = self._store.read_all(after=after, limit=limit)
        events = [_published(event) for event in decoder.decode_all(records)]
        self._count(contract, consumer, len(events))
        return Page(events, records[-1].global_position if records else after)

    def use_since(self, contract: str, day: date) -> list[ContractUse]:
        """Who read under the contract on that day (UTC) or later. Empty: nobody would miss it."""
        rows = (
            select(contract_use)
            .where(contract_use.c.contract == contract, contract_use.c.day >= day)
            .order_by(contract_use.c.day, contract_use.c.consumer)
        )
        with self._store.engine.connect() as connection:
            return [ContractUse(*row) for row in connection.execute(rows)]

    def _count(self, contract: str, consumer: str, events: int) -> None:
        now = self._store.clock().astimezone(UTC)
        row = {"contract": contract, "consumer": consumer, "day": now.date(), "events": events, "now": now}
        with write_transaction(self._store.engine) as connection:
            connection.execute(COUNT_READ, row)


def _published(event: Event) -> PublishedEvent:
    recorded, data = event.recorded, event.data
    return PublishedEvent(
        recorded.global_position,
        event.ordinal,
        recorded.event_id,
        type(data).__name__,
        data.schema_version,
        _json.encode(data),
        recorded.valid_at,
    )
