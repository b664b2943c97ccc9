"""The steps a chain is made of: how one stored shape becomes the next.

Each step starts at one shape (an event type in one schema version) and says beforehand which shapes it leads to, so
that a chain can be checked, and printed, without any event at hand. Nearly all are upcasters; ``reshaping`` has the
others, which rename a type, split an event into several facts, or drop it.
"""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

import msgspec

Payload = dict[str, Any]


class Shape(NamedTuple):
    """An event type as it is written in one of its schema versions."""

    event_type: str
    schema_version: int

    def __str__(self) -> str:
        return f"{self.event_type} v{self.schema_version}"


class Shaped(NamedTuple):
    """A payload, and the shape it has."""

    event_type: str
    schema_version: int
    payload: Payload

    @property
    def shape(self) -> Shape:
        return Shape(self.event_type, self.schema_version)


class Step(msgspec.Struct, frozen=True):
    """Base of all steps: one named function for one stored shape. Its docstring is the reason that the step exists."""

    kind: ClassVar[str]

    event_type: str
    from_version: int
    function: Callable[[Payload], Any]

    @property
    def source(self) -> Shape:
        return Shape(self.event_type, self.from_version)

    @property
    def targets(self) -> tuple[Shape, ...]:
        """Every shape that may come of it."""
        raise NotImplementedError(f"{type(self).__name__} must say which shapes it leads to")

    @property
    def name(self) -> str:
        return self.function.__name__

    @property
    def reason(self) -> str:
        return " ".join((self.function.__doc__ or "").split())

    def take(self, payload: Payload) -> Sequence[Shaped]:
        """What comes of one payload, which the function may change as it likes."""
        raise NotImplementedError(f"{type(self).__name__} must say what it makes of a payload")


class Upcaster(Step, frozen=True):
    """One step for one event type, from ``from_version`` to the next."""

    kind = "upcast"

    @property
    def targets(self) -> tuple[Shape, ...]:
        return (Shape(self.event_type, self.from_version + 1),)

    def take(self, payload: Payload) -> Sequence[Shaped]:
        return [Shaped(self.event_type, self.from_version + 1, self.function(payload))]
