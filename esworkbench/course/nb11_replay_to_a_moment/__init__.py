"""Exercises of notebook 11: moments without doubt, the two axes of time, and an account as it stood.

``postings``: postings with their two moments, of which cases are made.
``moment``: one moment, or a refusal.
``known_then``: what was known at a moment.
``believed``: what was believed then of another moment.
``as_of_version``: the account as it stood at a version.
"""

from esworkbench.course.grader.exercise import Exercises
from esworkbench.course.nb11_replay_to_a_moment.as_of_version import AS_OF_VERSION
from esworkbench.course.nb11_replay_to_a_moment.believed import BELIEVED
from esworkbench.course.nb11_replay_to_a_moment.known_then import KNOWN_THEN, known_then
from esworkbench.course.nb11_replay_to_a_moment.moment import MOMENT

__all__ = ["AS_OF_VERSION", "BELIEVED", "KNOWN_THEN", "MOMENT", "exercises", "known_then"]

exercises = Exercises(__name__, MOMENT, KNOWN_THEN, BELIEVED, AS_OF_VERSION)
