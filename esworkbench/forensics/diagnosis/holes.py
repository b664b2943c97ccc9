"""Missing rows that a later row of the same claim takes into account: the balance goes on as though they were there.

Where a reader never saw an event, nothing it claims later counts it. Where only the row or the line is gone, the next
one moves by both amounts.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from esworkbench.forensics.compare.records import DIFFERS, NO_ROW, Residual


class Hole(NamedTuple):
    """Events without a row, and the row after them that moves by their amounts as well as by its own."""

    lost: list[Residual]
    heals: Residual

    @property
    def amount(self) -> int:
        """What the claim is short of inside the hole, in minor units: claimed − events, as every residual."""
        return sum(step.amount for step in self.lost)


def holes(steps: Sequence[Residual]) -> Iterator[Hole]:
    """The holes in one claim of one account. ``steps`` are its residuals in order; each belongs to one hole at most."""
    missing: list[Residual] = []
    for step in steps:
        if step.reason == NO_ROW:
            missing.append(step)
            continue
        if step.reason == DIFFERS:
            for first in reversed(range(len(missing))):
                if sum(each.amount for each in missing[first:]) == -step.amount:
                    yield Hole(missing[first:], step)
                    break
        missing = []
