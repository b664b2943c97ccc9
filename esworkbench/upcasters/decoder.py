"""From what the store holds to what today's code understands."""

import json
from collections.abc import Collection, Iterable, Iterator
from decimal import Decimal
from itertools import chain

import msgspec

from esworkbench.errors import InvalidEvent
from esworkbench.events import LOG_RECORDS, DomainEvent, Event, EventTypes, RecordedEvent
from esworkbench.upcasters.chain import UpcasterChain, newer_than_the_code
from esworkbench.upcasters.steps import Shaped

_exact_json = json.JSONDecoder(parse_float=Decimal)


class EventDecoder:
    """Decodes recorded events: JSON text, through the upcasters, to the classes of ``event_types``.

    One record is one event as a rule. It is none where the chain drops it, and several where the chain splits it: these
    share one record, and so its position and version. The chain is checked when the decoder is made (ValueError).

    Records of the log's own (``LOG_RECORDS``) stand for no event of any domain.
    """

    left_out: Collection[str] = LOG_RECORDS

    def __init__(self, event_types: EventTypes, upcasters: UpcasterChain) -> None:
        self.event_types = event_types
        self.upcasters = upcasters
        self._wanted = {name: event_types.latest_version(name) for name in event_types.names()}
        self._as_written = {
            (name, version): msgspec.json.Decoder(event_types.class_of(name)) for name, version in self._wanted.items()
        }
        self.check()

    def check(self) -> None:
        """Raises ValueError for a chain that doesn't lead to the shapes that are read here."""
        self.upcasters.check(self.event_types)

    def events_in(self, recorded: RecordedEvent) -> list[Event]:
        """The events the record stands for, in today's shape. Fractions are read as Decimal, never through a float.

        Raises UnknownEventType, MissingUpcaster, or InvalidEvent for a payload that is no JSON, that an upcaster can't
        take, or whose fields aren't those of the latest shape.
        """
        decoder = self._as_written.get((recorded.event_type, recorded.schema_version))
        try:
            if decoder is not None:
                return [Event(recorded, decoder.decode(recorded.payload))]
            return [Event(recorded, data, ordinal) for ordinal, data in enumerate(self._decode_another_shape(recorded))]
        except (ValueError, ArithmeticError, RecursionError, InvalidEvent) as error:
            raise InvalidEvent(
                f"{recorded.event_type} v{recorded.schema_version} at position {recorded.global_position} "
                f"(version {recorded.version} of {recorded.stream_id!r}) can't be read: {error}"
            ) from error

    def decode_all(self, recorded: Iterable[RecordedEvent]) -> Iterator[Event]:
        """The events of all the records, in order."""
        return chain.from_iterable(map(self.events_in, recorded))

    def decode(self, recorded: RecordedEvent) -> Event:
        """The one event of a record that is neither split nor dropped: raises ValueError for any other."""
        events = self.events_in(recorded)
        if len(events) != 1:
            raise ValueError(
                f"the {recorded.event_type} v{recorded.schema_version} at position {recorded.global_position} stands "
                f"for {len(events)} events, not for one: ask for events_in"
            )
        return events[0]

    def _decode_another_shape(self, recorded: RecordedEvent) -> list[DomainEvent]:
        payload = _exact_json.decode(recorded.payload.decode())
        stored = Shaped(recorded.event_type, recorded.schema_version, payload)
        return [
            self.decode_fact(fact)
            for fact in self.upcasters.follow(stored, self._wanted)
            if fact.event_type not in self.left_out
        ]

    def decode_fact(self, fact: Shaped) -> DomainEvent:
        """The event of a fact that no upcaster takes on. Raises MissingUpcaster for a shape newer than the class's."""
        latest = self._wanted.get(fact.event_type, fact.schema_version)
        if fact.schema_version > latest:
            raise newer_than_the_code(fact.shape, latest)
        return self.event_types.decode(fact.event_type, fact.payload)
