"""Which sets of fields are one shape: the rule that ``recover_shapes`` states, carried out."""

from bisect import bisect_left, bisect_right
from collections import Counter
from itertools import combinations
from typing import Any

from esworkbench.events import RecordedEvent
from esworkbench.upcasters.archaeology.fields import parent_of
from esworkbench.upcasters.archaeology.thinned import Thinned

EDGE = 0.02
"""The share of a shape's events, at each end of its life, that doesn't count as its period: rollouts and stragglers."""

FieldSet = frozenset[tuple[str, str]]
"""The (path, JSON type) pairs of one payload."""


class Group:
    """Events of one type with the very same set of fields."""

    def __init__(self, field_set: FieldSet, first: RecordedEvent) -> None:
        self.field_set = field_set
        self.paths = {path for path, _ in field_set}
        self.events = 0
        self.first = self.last = first
        self.positions: Thinned[int] = Thinned()
        self.recorded_versions: Counter[int] = Counter()
        self.values: dict[str, Thinned[tuple[int, Any]]] = {}

    def could_hold(self, paths: set[str]) -> set[str]:
        """Those paths that would lie under a null, or in an array that is empty here."""
        hollow = {path for path, json_type in self.field_set if json_type in ("null", "array")}
        hollow = {path for path in hollow if not any(parent_of(inner) == path for inner in self.paths)}
        return {path for path in paths if any(path.startswith((f"{each}.", f"{each}[]")) for each in hollow)}


class _Members:
    """Groups that are one shape, as far as that is known."""

    def __init__(self, groups: list[Group]) -> None:
        self.groups = groups
        self.events = sum(group.events for group in groups)
        self.positions = sorted(position for group in groups for position in group.positions.kept)
        self.types: dict[str, set[str]] = {}
        for path, json_type in (pair for group in groups for pair in group.field_set):
            self.types.setdefault(path, set()).update({json_type} - {"null"})

    def agrees_with(self, other: "_Members") -> bool:
        """Whether no field has other types here than there, where it has any."""
        shared = self.types.keys() & other.types.keys()
        return all(not self.types[path] or not other.types[path] or self.types[path] == other.types[path]
                   for path in shared)  # fmt: skip

    def written_beside(self, other: "_Members") -> bool:
        """Whether at least half of the rarer ones lie inside the period of the others."""
        rarer, frequent = sorted((self, other), key=lambda members: members.events)
        cut = int(len(frequent.positions) * EDGE)
        first = bisect_left(rarer.positions, frequent.positions[cut])
        beyond = bisect_right(rarer.positions, frequent.positions[-1 - cut])
        return 2 * (beyond - first) >= len(rarer.positions)


def merged(groups: list[Group]) -> list[list[Group]]:
    """Groups joined by the rule, those first that part in the fewest fields; a period is that of all joined so far."""
    home = [_Members([group]) for group in groups]
    pairs = [
        (difference, left, right)
        for left, right in combinations(range(len(groups)), 2)
        if (difference := _difference(groups[left], groups[right])) is not None
    ]
    for at_any_time in (False, True):
        joined = True
        while joined:
            joined = False
            for difference, left, right in sorted(pairs):
                one, other = home[left], home[right]
                together = one.written_beside(other) or (at_any_time and difference == 0)
                if one is not other and together and one.agrees_with(other):
                    both = _Members([*one.groups, *other.groups])
                    home = [both if each in (one, other) else each for each in home]
                    joined = True
    return [members.groups for members in dict.fromkeys(home)]


def _difference(left: Group, right: Group) -> int | None:
    """In how many fields two sets part; None where each has fields that the other lacks."""
    paths, other_paths = left.paths - right.could_hold(left.paths), right.paths - left.could_hold(right.paths)
    return len(paths ^ other_paths) if paths <= other_paths or other_paths <= paths else None
