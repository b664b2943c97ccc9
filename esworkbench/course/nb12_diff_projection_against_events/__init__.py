"""Exercises of notebook 12: fair comparisons, late or wrong, what was covered twice, and the one repair that lasts.

``deltas``: claims against the sums of the events, position for position.
``verdict``: late, wrong or neither.
``covered_twice``: positions that two runs have covered.
``rebuild``: the one repair that lasts.
"""

from esworkbench.course.grader.exercise import Exercises
from esworkbench.course.nb12_diff_projection_against_events.covered_twice import COVERED_TWICE
from esworkbench.course.nb12_diff_projection_against_events.deltas import DELTAS, Key
from esworkbench.course.nb12_diff_projection_against_events.rebuild import REBUILD
from esworkbench.course.nb12_diff_projection_against_events.verdict import VERDICT

__all__ = ["COVERED_TWICE", "DELTAS", "REBUILD", "VERDICT", "Key", "exercises"]

exercises = Exercises(__name__, DELTAS, VERDICT, COVERED_TWICE, REBUILD)
