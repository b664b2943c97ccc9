"""Exercises of notebook 01: derive a balance, ask about the past, and correct without deleting.

``balance``: what is left when each fact has done what it does.
``balance_at``: what it was at a moment.
``between``: what moved on a customer's days, both included.
``compensate``: the event that makes up for another one.
``facts``: events as this notebook uses them, and streams of them.
"""

from esworkbench.course.grader.exercise import Exercises
from esworkbench.course.nb01_events_not_rows.balance import BALANCE, balance
from esworkbench.course.nb01_events_not_rows.balance_at import BALANCE_AT
from esworkbench.course.nb01_events_not_rows.between import BETWEEN
from esworkbench.course.nb01_events_not_rows.compensate import COMPENSATE
from esworkbench.course.nb01_events_not_rows.facts import POSTED, Fact

__all__ = ["BALANCE", "BALANCE_AT", "BETWEEN", "COMPENSATE", "POSTED", "Fact", "balance", "exercises"]

exercises = Exercises(__name__, BALANCE, BALANCE_AT, COMPENSATE, BETWEEN)
