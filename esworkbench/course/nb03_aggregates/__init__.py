"""The exercises of notebook 03: deciding and applying, on an account; undoing and rebasing, in a document.

``apply``: one fact changes the account.
``withdraw_with_minimum``: a new rule, in the command.
``record``: the one path of every decision.
``inverse``: the edit that undoes an edit.
``save_or_rebase``: unsaved edits, made again where somebody was faster.
``account_events``: events that the cases of several exercises begin with, and two that no account knows.
"""

from esworkbench.course.grader.exercise import Exercises
from esworkbench.course.nb03_aggregates.account_events import PointsGranted, PointsRedeemed
from esworkbench.course.nb03_aggregates.apply import APPLY, apply
from esworkbench.course.nb03_aggregates.inverse import INVERSE
from esworkbench.course.nb03_aggregates.record import RECORD
from esworkbench.course.nb03_aggregates.save_or_rebase import SAVE_OR_REBASE, save_or_rebase
from esworkbench.course.nb03_aggregates.withdraw_with_minimum import WITHDRAW_WITH_MINIMUM, withdraw_with_minimum

__all__ = [
    "APPLY",
    "INVERSE",
    "RECORD",
    "SAVE_OR_REBASE",
    "WITHDRAW_WITH_MINIMUM",
    "PointsGranted",
    "PointsRedeemed",
    "apply",
    "exercises",
    "save_or_rebase",
    "withdraw_with_minimum",
]

exercises = Exercises(__name__, APPLY, WITHDRAW_WITH_MINIMUM, RECORD, INVERSE, SAVE_OR_REBASE)
