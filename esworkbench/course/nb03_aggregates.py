"""The exercises of notebook 03: deciding and applying, on an account; taking back and rebasing, in a document."""

from esworkbench.course.account_exercises import APPLY, RECORD, WITHDRAW_WITH_MINIMUM
from esworkbench.course.document_exercises import INVERSE, SAVE_OR_REBASE
from esworkbench.course.mechanism import Exercises

exercises = Exercises(APPLY, RECORD, WITHDRAW_WITH_MINIMUM, INVERSE, SAVE_OR_REBASE)
