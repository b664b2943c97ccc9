"""A map of shapes to versions: which number each shape gets, what changed in it, and where the recorded number lies."""

from collections.abc import Sequence
from typing import NamedTuple

from esworkbench.upcasters.archaeology.changes import Change, changes_between, jumps_within
from esworkbench.upcasters.archaeology.shapes import RecoveredShape


class ProposedVersion(NamedTuple):
    """A shape and the version it is taken for.

    ``changes`` is what is different from the version before, ``suspicions`` what shape alone can't show.
    ``disagreement`` says where the recorded schema versions don't bear the number out; None where they do.
    """

    event_type: str
    version: int
    shape: RecoveredShape
    changes: tuple[Change, ...]
    suspicions: tuple[Change, ...]
    disagreement: str | None


def map_shapes_to_versions(shapes: Sequence[RecoveredShape]) -> list[ProposedVersion]:
    """Versions for one event type's shapes, which come by the position they were first seen at.

    Where each shape was always recorded under a number of its own, and the numbers rise, they are kept: a number that
    is missing among them was never written. Everywhere else the shapes are counted from 1.
    """
    noted = [next(iter(shape.recorded_versions)) for shape in shapes]
    trusted = all(len(shape.recorded_versions) == 1 for shape in shapes) and noted == sorted(set(noted))
    numbers = noted if trusted else list(range(1, len(shapes) + 1))
    before = [None, *shapes[:-1]]
    return [
        ProposedVersion(
            shape.event_type,
            number,
            shape,
            tuple(changes_between(older, shape)) if older is not None else (),
            tuple(jumps_within(shape)),
            _disagreement(shape, number),
        )
        for number, shape, older in zip(numbers, shapes, before, strict=True)
    ]


def _disagreement(shape: RecoveredShape, number: int) -> str | None:
    if list(shape.recorded_versions) == [number]:
        return None
    recorded = ", ".join(f"v{version} in {count}" for version, count in shape.recorded_versions.items())
    return f"recorded as {recorded} of {shape.events} events"
