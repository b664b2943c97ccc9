"""Exercises of notebook 06: which process, from where, into what, by which query, and when to swap.

``change_over``: the next table takes the live one's place, in one instant.
``shard_of``: the same shard of a stream in every process.
``left_to_do``: what each shard has yet to handle after a kill.
``ready``: whether the next rows may go live.
``balances``: one query of the archive for the balances of all accounts.
"""

from esworkbench.course.grader.exercise import Exercises
from esworkbench.course.nb06_rebuilding_projections.balances import BALANCES, balances
from esworkbench.course.nb06_rebuilding_projections.change_over import CHANGE_OVER, BuildFailed, Tables, change_over
from esworkbench.course.nb06_rebuilding_projections.left_to_do import LEFT_TO_DO, Seen, left_to_do
from esworkbench.course.nb06_rebuilding_projections.ready import READY, ready
from esworkbench.course.nb06_rebuilding_projections.shard_of import SHARD_OF, shard_of

__all__ = [
    "BALANCES",
    "CHANGE_OVER",
    "LEFT_TO_DO",
    "READY",
    "SHARD_OF",
    "BuildFailed",
    "Seen",
    "Tables",
    "balances",
    "change_over",
    "exercises",
    "left_to_do",
    "ready",
    "shard_of",
]

exercises = Exercises(__name__, CHANGE_OVER, SHARD_OF, LEFT_TO_DO, READY, BALANCES)
