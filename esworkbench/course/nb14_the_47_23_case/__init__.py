"""Exercises of notebook 14: where to look, what was never answered, a repair that appends, and amounts in words.

``where_to_look``: the projection is judged first, by its own events, and then what was recorded.
``unanswered``: requests that nothing has settled or cancelled for more than a day.
``put_right``: what was booked too often is made up for by one event, however often it is run.
``in_words``: amounts as a report tells them, to the cent.
``large_amounts``: an amount so large that a float loses a cent of it.
"""

from esworkbench.course.grader.exercise import Exercises
from esworkbench.course.nb14_the_47_23_case.in_words import IN_WORDS, in_words
from esworkbench.course.nb14_the_47_23_case.put_right import PUT_RIGHT, put_right
from esworkbench.course.nb14_the_47_23_case.unanswered import LIMIT, UNANSWERED, unanswered
from esworkbench.course.nb14_the_47_23_case.where_to_look import WHERE_TO_LOOK, where_to_look

__all__ = [
    "IN_WORDS",
    "LIMIT",
    "PUT_RIGHT",
    "UNANSWERED",
    "WHERE_TO_LOOK",
    "exercises",
    "in_words",
    "put_right",
    "unanswered",
    "where_to_look",
]

exercises = Exercises(__name__, WHERE_TO_LOOK, UNANSWERED, PUT_RIGHT, IN_WORDS)
