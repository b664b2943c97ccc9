"""Exercises of notebook 08: the steps of a chain, the chain itself, and the way back.

``count_in_cents``: a step from dollars to cents.
``one_fact_per_parcel``: a step that makes several facts of one.
``upcast``: the chain of steps.
``cents_as_dollars``: the way back, for readers who were promised dollars.
``steps``: what steps are, and how their cases are played and made.
"""

from esworkbench.course.grader.exercise import Exercises
from esworkbench.course.nb08_upcasting.cents_as_dollars import CENTS_AS_DOLLARS
from esworkbench.course.nb08_upcasting.count_in_cents import COUNT_IN_CENTS
from esworkbench.course.nb08_upcasting.one_fact_per_parcel import ONE_FACT_PER_PARCEL
from esworkbench.course.nb08_upcasting.upcast import UPCAST, Step, Steps

__all__ = ["CENTS_AS_DOLLARS", "COUNT_IN_CENTS", "ONE_FACT_PER_PARCEL", "UPCAST", "Step", "Steps", "exercises"]

exercises = Exercises(__name__, UPCAST, COUNT_IN_CENTS, CENTS_AS_DOLLARS, ONE_FACT_PER_PARCEL)
