"""The exercises of notebook 04: load from a snapshot, know when not to, migrate one, when one is due, the p99.

``load_from_snapshot``: the state that was kept, then what came after it, and nothing else.
``usable``: whether today's code can vouch for a snapshot.
``count_in_minor_units``: a state of the first shape becomes one of the second.
``due``: whether a save has reached a multiple of so many events.
``percentile``: the p99, or any other share, by nearest rank.
"""

from esworkbench.course.grader.exercise import Exercises
from esworkbench.course.nb04_repository_and_snapshots.count_in_minor_units import (
    COUNT_IN_MINOR_UNITS,
    count_in_minor_units,
)
from esworkbench.course.nb04_repository_and_snapshots.due import DUE, due
from esworkbench.course.nb04_repository_and_snapshots.load_from_snapshot import (
    LOAD_FROM_SNAPSHOT,
    Read,
    load_from_snapshot,
)
from esworkbench.course.nb04_repository_and_snapshots.percentile import PERCENTILE
from esworkbench.course.nb04_repository_and_snapshots.usable import USABLE, usable

__all__ = [
    "COUNT_IN_MINOR_UNITS",
    "DUE",
    "LOAD_FROM_SNAPSHOT",
    "PERCENTILE",
    "USABLE",
    "Read",
    "count_in_minor_units",
    "due",
    "exercises",
    "load_from_snapshot",
    "usable",
]

exercises = Exercises(__name__, LOAD_FROM_SNAPSHOT, USABLE, COUNT_IN_MINOR_UNITS, DUE, PERCENTILE)
