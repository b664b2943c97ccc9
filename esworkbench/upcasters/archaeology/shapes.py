"""The shapes a log really holds, recovered from its events: which fields, of which types, from when to when.

A schema that a document describes is what somebody meant to write; this is what was written. (The field-presence
analyzers of document stores, such as Variety for MongoDB, work so; time is what they leave out.)
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from esworkbench.errors import UnusableInput
from esworkbench.events import RecordedEvent
from esworkbench.upcasters.archaeology.fields import fields_of
from esworkbench.upcasters.archaeology.latest import decode_payload
from esworkbench.upcasters.archaeology.merging import FieldSet, Group, merged
from esworkbench.upcasters.archaeology.thinned import Thinned

MOST_FIELD_SETS = 300
"""More different sets of fields than this in one event type mean that an object in it has data for keys."""


class ShapeField(NamedTuple):
    """One field of a shape. It stands in ``events`` of the shape's events; where these aren't all, it is optional."""

    path: str
    json_types: tuple[str, ...]
    events: int
    optional: bool


class RecoveredShape(NamedTuple):
    """One shape of one event type. ``share`` is of the type's events looked at, from 0 to 1.

    ``first`` and ``last`` are the events it was first and last seen in, as really written. ``recorded_versions`` counts
    the schema versions noted beside it. ``values`` holds, per path, (position, value) of numbers and strings by
    position, thinned out to about a thousand for each set of fields.
    """

    event_type: str
    fields: tuple[ShapeField, ...]
    events: int
    share: float
    first: RecordedEvent
    last: RecordedEvent
    recorded_versions: dict[int, int]
    values: dict[str, list[tuple[int, Any]]]

    @property
    def paths(self) -> dict[str, ShapeField]:
        return {field.path: field for field in self.fields}


class Presence(NamedTuple):
    """A row of the field-presence table. Times are when the fact was true (``valid_at``)."""

    event_type: str
    shape: int
    path: str
    json_types: str
    events: int
    share: float
    first_position: int
    last_position: int
    first_at: datetime
    last_at: datetime


def recover_shapes(events: Iterable[RecordedEvent], *, opaque: Iterable[str] = ()) -> dict[str, list[RecoveredShape]]:
    """Per event type its shapes, by the position they were first seen at. The events come by position, of any types.

    **When two sets of fields are one shape.** No field changes its type (null goes with any), one has all of the
    other's fields and perhaps more, and at least half of the rarer set's events lie inside the period of the other.
    Then the fields they part in are optional: both were written by the same code. Sets that follow each other in time
    are two shapes, even though one only added a field. Sets that part least are joined first, and the period is that of
    all joined so far. It leaves out their first and last 2%, because during a rollout two releases write side by side,
    and a forgotten node may write an old shape years later. What a null or an empty array would hold is not known, so
    sets that part in nothing else are one shape at any time.

    Memory grows with the number of field sets, not of events. ``opaque`` paths are not looked into; raises
    UnusableInput, naming the type, when one has too many field sets because data serve it as keys.
    """
    dark = frozenset(opaque)
    groups: dict[str, dict[FieldSet, Group]] = {}
    for recorded in events:
        of_type = groups.setdefault(recorded.event_type, {})
        _add(of_type, recorded, dark)
        if len(of_type) > MOST_FIELD_SETS:
            raise UnusableInput(
                f"{recorded.event_type} has more than {MOST_FIELD_SETS} different sets of fields by position "
                f"{recorded.global_position}: name the objects whose keys are data as opaque, so that they are not "
                "looked into"
            )
    return {event_type: _shapes(event_type, list(of_type.values())) for event_type, of_type in sorted(groups.items())}


def field_presence(shapes: Sequence[RecoveredShape]) -> list[Presence]:
    """The table of one type's shapes (numbered from 1) and their fields: how many events have each, first and last."""
    return [
        Presence(
            shape.event_type, number, field.path, " or ".join(field.json_types), field.events,
            field.events / shape.events, shape.first.global_position, shape.last.global_position,
            shape.first.valid_at, shape.last.valid_at,
        )
        for number, shape in enumerate(shapes, start=1)
        for field in shape.fields
    ]  # fmt: skip


def _add(groups: dict[FieldSet, Group], recorded: RecordedEvent, opaque: frozenset[str]) -> None:
    found = list(fields_of(decode_payload(recorded), opaque))
    field_set = frozenset((field.path, field.json_type) for field in found)
    group = groups.get(field_set)
    if group is None:
        group = groups[field_set] = Group(field_set, recorded)
    group.events += 1
    group.last = recorded
    group.positions.add(recorded.global_position)
    group.recorded_versions[recorded.schema_version] += 1
    for field in found:
        if field.json_type in ("number", "string"):
            group.values.setdefault(field.path, Thinned()).add((recorded.global_position, field.value))


def _shapes(event_type: str, groups: list[Group]) -> list[RecoveredShape]:
    looked_at = sum(group.events for group in groups)
    shapes = [_shape(event_type, members, looked_at) for members in merged(groups)]
    return sorted(shapes, key=lambda shape: shape.first.global_position)


def _shape(event_type: str, members: list[Group], looked_at: int) -> RecoveredShape:
    count = sum(group.events for group in members)
    recorded_versions: Counter[int] = sum((group.recorded_versions for group in members), Counter())
    values: dict[str, list[tuple[int, Any]]] = {}
    for group in members:
        for path, thinned in group.values.items():
            values.setdefault(path, []).extend(thinned.kept)
    return RecoveredShape(
        event_type=event_type,
        fields=tuple(_fields(members, count)),
        events=count,
        share=count / looked_at,
        first=min((group.first for group in members), key=lambda recorded: recorded.global_position),
        last=max((group.last for group in members), key=lambda recorded: recorded.global_position),
        recorded_versions=dict(sorted(recorded_versions.items())),
        values={path: sorted(kept, key=lambda pair: pair[0]) for path, kept in sorted(values.items())},
    )


def _fields(members: list[Group], count: int) -> Iterable[ShapeField]:
    for path in sorted(set[str]().union(*(group.paths for group in members))):
        having = [group for group in members if path in group.paths]
        types = {json_type for group in having for at, json_type in group.field_set if at == path}
        seen = sum(group.events for group in having)
        yield ShapeField(path, tuple(sorted(types)), seen, seen < count)
