"""From what the store holds to what today's code understands."""

import json
from collections.abc import Iterable
from decimal import Decimal

from esworkbench.events import Event, EventTypes, RecordedEvent
from esworkbench.upcasters.chain import UpcasterChain


class EventDecoder:
    """Decodes recorded events: JSON text, through the upcasters, to the class of the latest shape."""

    def __init__(self, event_types: EventTypes, upcasters: UpcasterChain) -> None:
        self.event_types = event_types
        self.upcasters = upcasters

    def decode(self, recorded: RecordedEvent) -> Event:
        """The event in its latest shape. Fractions are read as Decimal, never through a float.

        Raises UnknownEventType, MissingUpcaster, msgspec.ValidationError, or ValueError for a payload that is no JSON.
        """
        payload = json.loads(recorded.payload, parse_float=Decimal)
        latest = self.event_types.latest_version(recorded.event_type)
        shaped = self.upcasters.upcast(recorded.event_type, recorded.schema_version, payload, to_version=latest)
        return Event(recorded, self.event_types.decode(recorded.event_type, shaped))

    def decode_all(self, recorded: Iterable[RecordedEvent]) -> Iterable[Event]:
        return map(self.decode, recorded)
