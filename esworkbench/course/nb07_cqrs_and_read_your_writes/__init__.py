"""Exercises of notebook 07: when is a read model fresh enough, what to keep of your own write, how late is late.

``fresh``: whether a read model's answer includes what a command wrote.
``own_writes``: users read back their own writes, and nobody else's.
``own_writes_steps``: what happens in its cases, step by step.
``old_holds``: which withdrawals have been on hold for too long.
``lag_percentiles``: how late is late, as p50, p95 and p99.
``start``: the moment of every event and measurement in the cases.
"""

from esworkbench.course.grader.exercise import Exercises
from esworkbench.course.nb07_cqrs_and_read_your_writes.fresh import FRESH, fresh
from esworkbench.course.nb07_cqrs_and_read_your_writes.lag_percentiles import LAG_PERCENTILES
from esworkbench.course.nb07_cqrs_and_read_your_writes.old_holds import OLD_HOLDS, old_holds
from esworkbench.course.nb07_cqrs_and_read_your_writes.own_writes import (
    KEPT_SECONDS,
    OWN_WRITES,
    Kept,
    Memory,
    OwnWrites,
)

__all__ = [
    "FRESH",
    "KEPT_SECONDS",
    "LAG_PERCENTILES",
    "OLD_HOLDS",
    "OWN_WRITES",
    "Kept",
    "Memory",
    "OwnWrites",
    "exercises",
    "fresh",
    "old_holds",
]

exercises = Exercises(__name__, FRESH, OWN_WRITES, OLD_HOLDS, LAG_PERCENTILES)
