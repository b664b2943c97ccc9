"""What changed between two shapes that follow each other, in words, and how sure that is.

Which fields are there and of which type is a fact of the events looked at. That one field took another's place, or that
a number changed its unit, is read out of the values: likely, and for a person to confirm.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from itertools import permutations
from statistics import median
from typing import NamedTuple

from esworkbench.upcasters.archaeology.fields import parent_of
from esworkbench.upcasters.archaeology.shapes import RecoveredShape

UNITS = (100, 1000)
"""Factors between units: of money (dollars and cents), of weight and length (kilo, milli)."""

ALIKE = 0.5
"""The least overlap of two fields' values, from 0 to 1, at which one may be the other under a new name."""

NEARBY = 20
"""How many values on either side of a moment are held against each other. A median of 20 bears noise and stragglers."""

NEAREST = 50
"""How many values of two neighbouring shapes are held against each other: enough for a steady median."""

JUMP = 8
"""The least factor between the medians before and after a moment that looks like a new unit."""

NUMBER = re.compile(r"-?\d+(\.\d+)?")


class Change(NamedTuple):
    """``kind``: added, removed, renamed, split, retyped, unit. ``certainty``: certain, likely or suspected."""

    kind: str
    text: str
    certainty: str


class _Explained(NamedTuple):
    """A change that accounts for fields that went and fields that came."""

    gone: list[str]
    come: list[str]
    change: Change


def changes_between(old: RecoveredShape, new: RecoveredShape) -> list[Change]:
    """What the newer shape has, lacks or has otherwise, with the changes that the values explain first."""
    removed = [path for path in old.paths if path not in new.paths]
    added = [path for path in new.paths if path not in old.paths]
    explained = [*_renames(old, new, removed, added), *_splits(old, new, removed, added)]
    gone = _outermost(path for path in removed if not any(path in each.gone for each in explained))
    come = _outermost(path for path in added if not any(path in each.come for each in explained))
    # What stands in a field that only now became an object goes without saying.
    come = [path for path in come if not _retyped(old, new, parent_of(path), parent_of(path))]
    changes = [each.change for each in explained]
    changes += [Change("removed", f"removed {path}", "certain") for path in gone]
    changes += [Change("added", f"added {path}{_maybe(new, path)}", "certain") for path in come]
    for path in old.paths:
        if path in new.paths:
            changes += _same_path(old, new, path)
    return changes


def jumps_within(shape: RecoveredShape) -> list[Change]:
    """Numbers that jump by a unit's factor inside one shape: a meaning that changed while the shape didn't.

    Medians of 20 values before and after each moment are compared, so that growth and single outliers raise no alarm.
    """
    found = []
    for path, values in shape.values.items():
        numbers = [(position, float(value)) for position, value in values if not isinstance(value, str)]
        factors = [
            _factor([n for _, n in numbers[at - NEARBY : at]], [n for _, n in numbers[at : at + NEARBY]])
            for at in range(NEARBY, len(numbers) - NEARBY + 1)
        ]
        strongest = max(factors, key=_size, default=1.0)
        if _size(strongest) >= JUMP:
            near = [at for at, factor in enumerate(factors) if _size(factor) >= _size(strongest) / 2]
            position = numbers[NEARBY + near[len(near) // 2]][0]
            text = f"{path} is about {strongest:.3g} times what it was from near position {position} on: a new meaning?"
            found.append(Change("unit", text, "suspected"))
    return found


def _renames(old: RecoveredShape, new: RecoveredShape, removed: list[str], added: list[str]) -> list[_Explained]:
    """Each field that went, with the field that came and resembles it most, in type, values and name."""
    found: list[_Explained] = []
    taken: set[str] = set()
    for path in removed:
        likeness = {other: _likeness(old, new, path, other) for other in added if other not in taken}
        best = max(likeness, key=lambda other: likeness[other][0], default=None)
        if best is None or likeness[best][0] == 0:
            continue
        taken.add(best)
        unit = likeness[best][1]
        text = f"{path} became {best}" + (f", its values about {unit:g} times as large" if unit != 1 else "")
        text += f", its type{retyped}" if (retyped := _retyped(old, new, path, best)) else ""
        found.append(_Explained([path], [best], Change("renamed" if unit == 1 else "unit", text, "likely")))
    return found


def _splits(old: RecoveredShape, new: RecoveredShape, removed: list[str], added: list[str]) -> list[_Explained]:
    """A text of several words that went, and two that came, are called after it, and look like its parts."""
    found = []
    for path in removed:
        whole = _texts(old, path)
        if not whole or sum(" " in each for each in whole) < ALIKE * len(whole):
            continue
        for left, right in permutations(added, 2):
            both = [f"{one} {two}" for one, two in zip(_texts(new, left), _texts(new, right), strict=False)]
            if both and left.endswith(path) and right.endswith(path) and _overlap(whole, both) >= ALIKE:
                text = f"{path} was split into {left} and {right}"
                found.append(_Explained([path], [left, right], Change("split", text, "likely")))
                break
    return found


def _same_path(old: RecoveredShape, new: RecoveredShape, path: str) -> list[Change]:
    retyped = _retyped(old, new, path, path)
    changes = [Change("retyped", f"type of {path} changed{retyped}", "certain")] if retyped else []
    unit = _unit(_numbers(old, path), _numbers(new, path))
    if unit not in (None, 1):
        changes.append(Change("unit", f"{path} is about {unit:g} times what it was: a new unit?", "suspected"))
    return changes


def _retyped(old: RecoveredShape, new: RecoveredShape, path: str, other: str) -> str:
    if path not in old.paths or other not in new.paths:
        return ""
    before, after = (set(types) - {"null"} for types in (old.paths[path].json_types, new.paths[other].json_types))
    if not before or not after or before == after:
        return ""
    return f" from {' or '.join(sorted(before))} to {' or '.join(sorted(after))}"


def _likeness(old: RecoveredShape, new: RecoveredShape, path: str, other: str) -> tuple[float, float]:
    """How well one field may be the other (0: not), and the factor between their values.

    Texts are held against texts by their look. Anything else must be numbers, where a text that holds one is one too.
    """
    names = SequenceMatcher(None, path.rpartition(".")[2], other.rpartition(".")[2]).ratio()
    whole, after = _texts(old, path), _texts(new, other)
    if whole and after:
        overlap = _overlap(whole, after)
        return (overlap + names, 1) if overlap >= ALIKE else (0, 1)
    unit = _unit(_numbers(old, path), _numbers(new, other))
    return (0, 1) if unit is None else (1 + names, unit)


def _unit(before: Sequence[float], after: Sequence[float]) -> float | None:
    """1 where the numbers are of one size, a unit's factor where they are apart by it, None where by anything else.

    The last before and the first after are compared: over years, sizes drift for honest reasons.
    """
    if not before or not after:
        return None
    factor = _factor(before[-NEAREST:], after[:NEAREST])
    if _size(factor) <= 2:
        return 1.0
    for unit in (*UNITS, *(1 / each for each in UNITS)):
        if _size(factor / unit) <= 1.5:
            return float(unit)
    return None


def _factor(before: Sequence[float], after: Sequence[float]) -> float:
    """The ratio of the medians, by size; 1 where one of them is 0 and there is none."""
    low, high = median(map(abs, before)), median(map(abs, after))
    return high / low if low and high else 1.0


def _size(factor: float) -> float:
    return max(factor, 1 / factor)


def _overlap(left: Sequence[str], right: Sequence[str]) -> float:
    """The share of two lists of texts that look alike, letters and digits taken for what they are, not which."""
    looks, others = Counter(map(_look, left)), Counter(map(_look, right))
    return sum(min(count / len(left), others[look] / len(right)) for look, count in looks.items() if look in others)


def _look(value: str) -> str:
    return re.sub(r"\d+", "9", re.sub(r"[^\W\d_]+", "a", value))


def _numbers(shape: RecoveredShape, path: str) -> list[float]:
    """A field's numbers; those in texts too, if every text there is a number."""
    values = [value for _, value in shape.values.get(path, ())]
    if all(NUMBER.fullmatch(value) for value in values if isinstance(value, str)):
        return [float(value) for value in values]
    return []


def _texts(shape: RecoveredShape, path: str) -> list[str]:
    return [value for _, value in shape.values.get(path, ()) if isinstance(value, str)]


def _outermost(paths: Iterable[str]) -> list[str]:
    """Of an object that came or went as a whole, only the object."""
    listed = list(paths)
    return [path for path in listed if parent_of(path) not in listed]


def _maybe(shape: RecoveredShape, path: str) -> str:
    return " (optional)" if shape.paths[path].optional else ""
