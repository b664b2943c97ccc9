"""What reading makes of a stored event, seen from outside: the events it is in today's shape.

Archaeology and compaction need only this, so that a chain, an inherited function and whatever comes next can be held
against each other, event by event.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from esworkbench.errors import InvalidEvent, UnknownEventType
from esworkbench.events import RecordedEvent
from esworkbench.upcasters.chain import UpcasterChain, newer_than_the_code
from esworkbench.upcasters.steps import Shaped


class ShapedEvent(NamedTuple):
    """An event in the shape it is read in: ``payload`` as Python values, fractions as Decimal."""

    event_type: str
    schema_version: int
    payload: dict[str, Any]


LatestShape = Callable[[RecordedEvent], Sequence[ShapedEvent]]
"""Reads one stored event: as one event as a rule, as none where it is dropped, as several where it is split."""

VersionOf = Callable[[RecordedEvent], int]
"""Says which version a stored event's shape is."""

HALF_A_PAIR = rb"\ud"
"""How JSON escapes a surrogate: alone, which JSON allows, it is no letter, and no text can be written with it."""

_encoder = msgspec.json.Encoder(decimal_format="number")
_sorted = msgspec.json.Encoder(decimal_format="number", order="sorted")


def recorded_version(recorded: RecordedEvent) -> int:
    """The version noted when the event was written: right wherever people noted it."""
    return recorded.schema_version


def decode_payload(recorded: RecordedEvent) -> dict[str, Any]:
    """The stored payload; fractions as Decimal, never through a float. Raises InvalidEvent where it is no object."""
    return _object_in(recorded, "payload")


def decode_metadata(recorded: RecordedEvent) -> dict[str, Any]:
    """The stored metadata, likewise."""
    return _object_in(recorded, "metadata")


def _object_in(recorded: RecordedEvent, column: str) -> dict[str, Any]:
    text: bytes = getattr(recorded, column)
    try:
        content = json.loads(text, parse_float=Decimal)
        if HALF_A_PAIR in text.lower():
            json.dumps(content, ensure_ascii=False, default=str).encode()
    except (ValueError, RecursionError) as error:
        raise _unreadable(recorded, column, repr(error)) from error
    if not isinstance(content, dict):
        raise _unreadable(recorded, column, f"it is {type(content).__name__}, not an object")
    return content


def encode_payload(payload: Mapping[str, Any]) -> bytes:
    """JSON text of a payload; a Decimal becomes the number it is, digit by digit."""
    return _encoder.encode(payload)


def same_event(left: ShapedEvent, right: ShapedEvent) -> bool:
    """Whether two events are written alike but for the order of their keys.

    Python's own equality isn't enough: to it ``true`` is 1 and ``5.00`` is 5, to whoever reads the JSON they are not.
    """
    return left[:2] == right[:2] and _as_written(left.payload) == _as_written(right.payload)


def _as_written(payload: Mapping[str, Any]) -> bytes:
    """Canonical JSON; numbers are read back first, so that a float and a Decimal of the same digits are one."""
    return _sorted.encode(json.loads(_encoder.encode(payload), parse_float=Decimal))


def through_chain(
    chain: UpcasterChain, latest_versions: Mapping[str, int], version_of: VersionOf = recorded_version
) -> LatestShape:
    """Reading through a chain; ``latest_versions`` says, per event type, the version that today's code knows.

    The function made raises UnknownEventType for a type that isn't there, MissingUpcaster and InvalidEvent like the
    chain.
    """

    def latest_shape(recorded: RecordedEvent) -> Sequence[ShapedEvent]:
        stored = Shaped(recorded.event_type, version_of(recorded), decode_payload(recorded))
        return [known(recorded, fact) for fact in chain.follow(stored, latest_versions)]

    def known(recorded: RecordedEvent, fact: Shaped) -> ShapedEvent:
        latest = latest_versions.get(fact.event_type)
        if latest is None:
            raise UnknownEventType(
                f"event type {fact.event_type!r} at position {recorded.global_position} has no latest version here;"
                f" known are {', '.join(sorted(latest_versions))}"
            )
        if fact.schema_version > latest:
            raise newer_than_the_code(fact.shape, latest)
        return ShapedEvent(*fact)

    return latest_shape


def _unreadable(recorded: RecordedEvent, column: str, found: str) -> InvalidEvent:
    return InvalidEvent(
        f"the {column} of {recorded.event_type} at position {recorded.global_position} is no JSON object: {found}"
    )
