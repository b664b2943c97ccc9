"""Exercises of notebook 13: residuals, a search in ⌈log₂ N⌉ probes, and a question that never turns back.

``residuals``: how far each claim is off.
``first_bad``: a search in ⌈log₂ N⌉ probes.
``first_divergence``: the first event at which a claim parts from the events.
``every_divergence``: all of them, though amounts cancel.
"""

from esworkbench.course.grader.exercise import Exercises
from esworkbench.course.nb13_bisect_a_corrupted_balance.every_divergence import EVERY_DIVERGENCE
from esworkbench.course.nb13_bisect_a_corrupted_balance.first_bad import FIRST_BAD
from esworkbench.course.nb13_bisect_a_corrupted_balance.first_divergence import FIRST_DIVERGENCE
from esworkbench.course.nb13_bisect_a_corrupted_balance.residuals import RESIDUALS

__all__ = ["EVERY_DIVERGENCE", "FIRST_BAD", "FIRST_DIVERGENCE", "RESIDUALS", "exercises"]

exercises = Exercises(__name__, RESIDUALS, FIRST_BAD, FIRST_DIVERGENCE, EVERY_DIVERGENCE)
