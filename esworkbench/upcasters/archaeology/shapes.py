"""The shapes a log really holds, recovered from its events: which fields, of which types, from when to when.

A schema that a document describes is what somebody meant to write; this is what was written. (The field-presence
analyzers of document stores, such as Variety for MongoDB, work so; time is what they leave out.)
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import combinations
from typing import Any, NamedTuple

from esworkbench.errors import UnusableInput
from esworkbench.events import RecordedEvent
from esworkbench.upcasters.archaeology.fields import fields_of, parent_of
from esworkbench.upcasters.archaeology.latest import decode_payload
from esworkbench.upcasters.archaeology.thinned import Thinned

MOST_FIELD_SETS = 300
"""More different sets of fields than this in one event type mean that an object in it has data for keys."""

EDGE = 0.02
"""The share of a shape's events, at each end of its life, that doesn't count as its period: rollouts and stragglers."""

FieldSet = frozenset[tuple[str, str]]
"""The (path, JSON type) pairs of one payload."""


class ShapeField(NamedTuple):
    """One field of a shape. It stands in ``events`` of the shape's events; where these aren't all, it is optional."""

    path: str
    json_types: tuple[str, ...]
    events: int
    optional: bool


class Shape(NamedTuple):
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


class _Group:
    """Events of one type with the very same set of fields."""

    def __init__(self, field_set: FieldSet, first: RecordedEvent) -> None:
        self.field_set = field_set
        self.paths = {path for path, _ in field_set}
        self.events = 0
        self.first = self.last = first
        self.positions: Thinned[int] = Thinned()
        self.recorded_versions: Counter[int] = Counter()
        self.values: dict[str, Thinned[tuple[int, Any]]] = {}

    def types_of(self, path: str) -> set[str]:
        return {json_type for at, json_type in self.field_set if at == path} - {"null"}

    def could_hold(self, paths: set[str]) -> set[str]:
        """Those paths that would lie under a null, or in an array that is empty here."""
        hollow = {path for path, json_type in self.field_set if json_type in ("null", "array")}
        hollow = {path for path in hollow if not any(parent_of(inner) == path for inner in self.paths)}
        return {path for path in paths if any(path.startswith((f"{each}.", f"{each}[]")) for each in hollow)}


def recover_shapes(events: Iterable[RecordedEvent], *, opaque: Iterable[str] = ()) -> dict[str, list[Shape]]:
    """Per event type its shapes, by the position they were first seen at. The events come by position, of any types.

    **When two sets of fields are one shape.** No field changes its type (null goes with any), and either they have the
    same fields, or one has all of the other's and more, and at least half of the rarer set's events lie inside the
    period of the other. Then the fields they part in are optional: both were written by the same code. Sets that follow
    each other in time are two shapes, even though one only added a field. A period leaves out a set's first and last
    2%, because during a rollout two releases write side by side, and a forgotten node may write an old shape years
    later. What an empty array or a null would hold is not known, and parts nobody.

    Memory grows with the number of field sets, not of events. ``opaque`` paths are not looked into; raises
    UnusableInput, naming the type, when one has too many field sets because data serve it as keys.
    """
    dark = frozenset(opaque)
    groups: dict[str, dict[FieldSet, _Group]] = {}
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


def field_presence(shapes: Sequence[Shape]) -> list[Presence]:
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


def _add(groups: dict[FieldSet, _Group], recorded: RecordedEvent, opaque: frozenset[str]) -> None:
    found = list(fields_of(decode_payload(recorded), opaque))
    field_set = frozenset((field.path, field.json_type) for field in found)
    group = groups.get(field_set)
    if group is None:
        group = groups[field_set] = _Group(field_set, recorded)
    group.events += 1
    group.last = recorded
    group.positions.add(recorded.global_position)
    group.recorded_versions[recorded.schema_version] += 1
    for field in found:
        if field.json_type in ("number", "string"):
            group.values.setdefault(field.path, Thinned()).add((recorded.global_position, field.value))


def _shapes(event_type: str, groups: list[_Group]) -> list[Shape]:
    looked_at = sum(group.events for group in groups)
    shapes = [_shape(event_type, members, looked_at) for members in _merged(groups)]
    return sorted(shapes, key=lambda shape: shape.first.global_position)


def _merged(groups: list[_Group]) -> list[list[_Group]]:
    """Groups joined wherever the rule joins two of them, directly or through a third."""
    home = list(range(len(groups)))
    for left, right in combinations(range(len(groups)), 2):
        if home[left] != home[right] and _one_shape(groups[left], groups[right]):
            moved, into = home[right], home[left]
            home = [into if each == moved else each for each in home]
    return [[group for group, at in zip(groups, home, strict=True) if at == chosen] for chosen in dict.fromkeys(home)]


def _one_shape(left: _Group, right: _Group) -> bool:
    for path in left.paths & right.paths:
        types, others = left.types_of(path), right.types_of(path)
        if types and others and types != others:
            return False
    paths, other_paths = left.paths - right.could_hold(left.paths), right.paths - left.could_hold(right.paths)
    if paths == other_paths:
        return True
    if not (paths < other_paths or other_paths < paths):
        return False
    rarer, other = sorted((left, right), key=lambda group: group.events)
    low, high = other.positions.between(EDGE)
    inside = sum(low <= position <= high for position in rarer.positions.kept)
    return 2 * inside >= len(rarer.positions.kept)


def _shape(event_type: str, members: list[_Group], looked_at: int) -> Shape:
    count = sum(group.events for group in members)
    recorded_versions: Counter[int] = sum((group.recorded_versions for group in members), Counter())
    values: dict[str, list[tuple[int, Any]]] = {}
    for group in members:
        for path, thinned in group.values.items():
            values.setdefault(path, []).extend(thinned.kept)
    return Shape(
        event_type=event_type,
        fields=tuple(_fields(members, count)),
        events=count,
        share=count / looked_at,
        first=min((group.first for group in members), key=lambda recorded: recorded.global_position),
        last=max((group.last for group in members), key=lambda recorded: recorded.global_position),
        recorded_versions=dict(sorted(recorded_versions.items())),
        values={path: sorted(kept, key=lambda pair: pair[0]) for path, kept in sorted(values.items())},
    )


def _fields(members: list[_Group], count: int) -> Iterable[ShapeField]:
    for path in sorted(set[str]().union(*(group.paths for group in members))):
        having = [group for group in members if path in group.paths]
        types = {json_type for group in having for at, json_type in group.field_set if at == path}
        seen = sum(group.events for group in having)
        yield ShapeField(path, tuple(sorted(types)), seen, seen < count)
