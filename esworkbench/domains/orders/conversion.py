"""The one-time job that puts lost fractions of a cent on record: rounding is finance's decision and leaves a trace.

A reader that rounds must not write: it runs many times, on many machines, in rebuilds. So this job, and nothing else,
appends one ``TotalConverted`` to each order whose dollars were no whole number of cents.
"""

import json
from decimal import Decimal
from typing import NamedTuple

from esworkbench.domains.orders.commands import NoteConversion
from esworkbench.domains.orders.events import OrderPlaced
from esworkbench.domains.orders.shop import Shop
from esworkbench.domains.orders.upcasters import ORDER_UPCASTERS, order_decoder
from esworkbench.event_store import write_transaction
from esworkbench.events import RecordedEvent
from esworkbench.money import to_major_units
from esworkbench.projections import checkpoints
from esworkbench.upcasters import EventDecoder, Shape
from esworkbench.upcasters.one_payload import upcast

JOB = "totals_conversion"
CODE_VERSION = "1"
IN_DOLLARS = Shape("OrderPlaced", 2)


class Converted(NamedTuple):
    """Stored events looked at, and conversions put on record by this run."""

    seen: int
    recorded: int


class TotalsConversion:
    """Follows the log from its own checkpoint; may be killed at any moment, run again, and run twice at once.

    The checkpoint moves after a batch is done. What a killed run did of its last batch is asked for again, and each
    order's idempotency key turns that into nothing.
    """

    def __init__(self, shop: Shop, *, run_id: str, batch_size: int = 1000) -> None:
        self._shop = shop
        self._decoder = order_decoder()
        self._run = checkpoints.Run(JOB, run_id, CODE_VERSION)
        self._batch_size = batch_size

    def catch_up(self) -> Converted:
        """Run to the end of the log. Raises what reading an event or recording a conversion raises."""
        seen = recorded = 0
        while (done := self.run_once()).seen:
            seen += done.seen
            recorded += done.recorded
        return Converted(seen, recorded)

    def run_once(self) -> Converted:
        """One batch; nothing seen when there was nothing left to do."""
        store = self._shop.store
        with write_transaction(store.engine) as connection:
            after = checkpoints.begin(connection, JOB, store.clock())
        batch = store.read_all(after=after, limit=self._batch_size)
        if not batch:
            return Converted(0, 0)
        recorded = sum(self._put_on_record(each) for each in batch)
        with write_transaction(store.engine) as connection:
            if checkpoints.lock(connection, JOB) == after:
                reached = batch[-1].global_position
                checkpoints.advance(connection, self._run, after=after, to=reached, now=store.clock())
        return Converted(len(batch), recorded)

    def _put_on_record(self, recorded: RecordedEvent) -> int:
        command = conversion_of(recorded, self._decoder)
        if command is None:
            return 0
        reply = self._shop.handle(
            command,
            idempotency_key=f"{JOB}-{recorded.event_id}",
            actor=JOB,
            correlation_id=recorded.metadata_dict().get("correlation_id"),
            causation_id=recorded.event_id,
        )
        return 0 if reply.repeated else 1


def conversion_of(recorded: RecordedEvent, decoder: EventDecoder) -> NoteConversion | None:
    """What reading this event in cents loses; None where it loses nothing, or never held dollars.

    The cents are what the readers' own decoder makes of it. Raises InvalidEvent for a total it can't read.
    """
    if recorded.event_type != IN_DOLLARS.event_type or recorded.schema_version > IN_DOLLARS.schema_version:
        return None
    placed = decoder.decode(recorded).data
    assert isinstance(placed, OrderPlaced)
    payload = json.loads(recorded.payload, parse_float=Decimal)
    in_dollars = upcast(
        ORDER_UPCASTERS, recorded.event_type, recorded.schema_version, payload, to_version=IN_DOLLARS.schema_version
    )
    dollars = Decimal(in_dollars["total_dollars"])
    if dollars == to_major_units(placed.total_cents):
        return None
    return NoteConversion(order_id=placed.order_id, from_dollars=dollars, to_cents=placed.total_cents)
