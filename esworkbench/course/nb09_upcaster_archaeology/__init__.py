"""Exercises of notebook 09: sample a log, tell a version by its fields, prove a step dead, compare two readings.

``spread``: which events of a log to look at.
``order_placed_version``: the version that a payload is of, by its fields.
``dead_steps``: steps that no event needs any more.
``same``: whether two readings of an event mean the same.
"""

from esworkbench.course.grader.exercise import Exercises
from esworkbench.course.nb09_upcaster_archaeology.dead_steps import DEAD_STEPS
from esworkbench.course.nb09_upcaster_archaeology.order_placed_version import ORDER_PLACED_VERSION, Payload
from esworkbench.course.nb09_upcaster_archaeology.same import SAME
from esworkbench.course.nb09_upcaster_archaeology.spread import SPREAD

__all__ = ["DEAD_STEPS", "ORDER_PLACED_VERSION", "SAME", "SPREAD", "Payload", "exercises"]

exercises = Exercises(__name__, SPREAD, ORDER_PLACED_VERSION, DEAD_STEPS, SAME)
