"""From what the store holds to what today's code understands."""

import json
from collections.abc import Iterable, Iterator
from decimal import Decimal

import msgspec

from esworkbench.errors import InvalidEvent
from esworkbench.events import DomainEvent, Event, EventTypes, RecordedEvent
from esworkbench.upcasters.chain import UpcasterChain


class EventDecoder:
    """Decodes recorded events: JSON text, through the upcasters, to the class of the latest shape."""

    def __init__(self, event_types: EventTypes, upcasters: UpcasterChain) -> None:
        self.event_types = event_types
        self.upcasters = upcasters
        self._latest: dict[tuple[str, int], msgspec.json.Decoder[DomainEvent]] = {}
        for name in event_types.names():
            event_class = event_types.class_of(name)
            self._latest[name, event_class.schema_version] = msgspec.json.Decoder(event_class)

    def decode(self, recorded: RecordedEvent) -> Event:
        """The event in its latest shape. Fractions are read as Decimal, never through a float.

        Raises UnknownEventType, MissingUpcaster, or InvalidEvent for a payload that is no JSON, that an upcaster can't
        take, or whose fields aren't those of the latest shape.
        """
        decoder = self._latest.get((recorded.event_type, recorded.schema_version))
        try:
            if decoder is not None:
                return Event(recorded, decoder.decode(recorded.payload))
            return Event(recorded, self._decode_older_shape(recorded))
        except (ValueError, ArithmeticError, RecursionError, InvalidEvent) as error:
            raise InvalidEvent(
                f"{recorded.event_type} v{recorded.schema_version} at position {recorded.global_position} "
                f"(version {recorded.version} of {recorded.stream_id!r}) can't be read: {error}"
            ) from error

    def decode_all(self, recorded: Iterable[RecordedEvent]) -> Iterator[Event]:
        return map(self.decode, recorded)

    def _decode_older_shape(self, recorded: RecordedEvent) -> DomainEvent:
        latest = self.event_types.latest_version(recorded.event_type)
        payload = json.loads(recorded.payload, parse_float=Decimal)
        shaped = self.upcasters.upcast(recorded.event_type, recorded.schema_version, payload, to_version=latest)
        return self.event_types.decode(recorded.event_type, shaped)
