"""Exercises of notebook 05: one batch, one message, one day, one bad event, each counted once.

``one_batch``: rows and checkpoint are kept together or not at all, whoever is killed when.
``receive``: a message that comes again is not added again.
``catch_up``: a bad event is parked, and all others are handled.
``day_of``: the day of a moment, which it has once a zone is named.
``database_errors``: errors of a database and of the store on it, as the cases of several exercises raise them.
"""

from esworkbench.course.grader.exercise import Exercises
from esworkbench.course.nb05_projections.catch_up import CATCH_UP, Handle, Park, catch_up
from esworkbench.course.nb05_projections.day_of import DAY_OF, day_of
from esworkbench.course.nb05_projections.one_batch import ONE_BATCH
from esworkbench.course.nb05_projections.receive import RECEIVE, Balances, Inbox, Message, receive

__all__ = [
    "CATCH_UP",
    "DAY_OF",
    "ONE_BATCH",
    "RECEIVE",
    "Balances",
    "Handle",
    "Inbox",
    "Message",
    "Park",
    "catch_up",
    "day_of",
    "exercises",
    "receive",
]

exercises = Exercises(__name__, ONE_BATCH, RECEIVE, CATCH_UP, DAY_OF)
