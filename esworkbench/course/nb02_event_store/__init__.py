"""Exercises of notebook 02: append with a version, try again, publish, repeat, and stop before a gap.

``append``: events onto a stream, if it is at the version that is expected.
``withdraw``: load, decide and save, and all three again after a lost race.
``save_and_tell``: events are published once they are committed, and not before.
``deposit_once``: a command that is sent twice is booked once.
``safe_checkpoint``: a reader stops before a position that may still fill.
"""

from esworkbench.course.grader.exercise import Exercises
from esworkbench.course.nb02_event_store.append import APPEND, INSERT, LAST_VERSION, append
from esworkbench.course.nb02_event_store.deposit_once import DEPOSIT_ONCE, deposit_once
from esworkbench.course.nb02_event_store.safe_checkpoint import SAFE_CHECKPOINT, safe_checkpoint
from esworkbench.course.nb02_event_store.save_and_tell import SAVE_AND_TELL, Tell, Transaction, save_and_tell
from esworkbench.course.nb02_event_store.withdraw import WITHDRAW, Load, Save, withdraw

__all__ = [
    "APPEND",
    "DEPOSIT_ONCE",
    "INSERT",
    "LAST_VERSION",
    "SAFE_CHECKPOINT",
    "SAVE_AND_TELL",
    "WITHDRAW",
    "Load",
    "Save",
    "Tell",
    "Transaction",
    "append",
    "deposit_once",
    "exercises",
    "safe_checkpoint",
    "save_and_tell",
    "withdraw",
]

exercises = Exercises(__name__, APPEND, WITHDRAW, SAVE_AND_TELL, DEPOSIT_ONCE, SAFE_CHECKPOINT)
