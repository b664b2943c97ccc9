"""What a plant is: a function that does the damage in a working copy, and says what it did."""

from collections.abc import Callable
from typing import NamedTuple

from esworkbench.forensics.challenge.draw import Draw
from esworkbench.forensics.challenge.working_copy import WorkingCopy


class Planted(NamedTuple):
    """What was done. ``amount`` (claimed − event sum, minor units) is what a finding has to say; None: it may say any.

    ``size`` is how large the damage is in minor units, whichever way it shows; None where it is about no amount.
    """

    account: str | None
    currency: str | None
    amount: int | None
    size: int | None = None


Plant = Callable[[WorkingCopy, Draw], Planted]
