"""The ledger of residuals: what of each is still unexplained. Every residual is explained once.

Detectors read it and never write it: they return what they would explain, and ``diagnose`` books that before the next
detector looks.
"""

from typing import NamedTuple

from esworkbench.forensics.diagnosis.context import Key, Residual
from esworkbench.forensics.diagnosis.findings import Finding


class Share(NamedTuple):
    """``amount`` minor units of a source's residual: of one step, or of the head figure where ``number`` is None."""

    source: str
    key: Key
    amount: int
    number: int | None = None


class Claim(NamedTuple):
    """A finding and the residuals it accounts for."""

    finding: Finding
    shares: list[Share]


class NotTestable(NamedTuple):
    """What the evidence lacks for a test."""

    missing: str


Answer = list[Claim] | NotTestable


class Left:
    """What is left of each residual, in minor units. Heads without a residual stand at 0, and may be taken below."""

    def __init__(self, residuals: list[Residual]) -> None:
        self._residuals = residuals
        self._steps = {residual.number: residual.amount for residual in residuals if residual.kind != "head"}
        self._heads: dict[tuple[str, Key], int] = {
            (residual.source, residual.key): residual.amount for residual in residuals if residual.kind == "head"
        }

    def head(self, source: str, key: Key) -> int:
        return self._heads.get((source, key), 0)

    def heads(self, source: str) -> dict[Key, int]:
        """The source's figures that are not explained, by account and currency."""
        return {key: amount for (name, key), amount in self._heads.items() if name == source and amount}

    def step(self, residual: Residual) -> int:
        return self._steps[residual.number]

    def steps(self, *, source: str | None = None, key: Key | None = None, kind: str | None = None) -> list[Residual]:
        """The steps that are not explained, with what is left of each as their amount, in the evidence's order."""
        return [
            residual._replace(amount=self._steps[residual.number])
            for residual in self._residuals
            if self._steps.get(residual.number)
            and source in (None, residual.source)
            and key in (None, residual.key)
            and kind in (None, residual.kind)
        ]

    def book(self, shares: list[Share]) -> None:
        """Take off what a finding explains."""
        for share in shares:
            if share.number is None:
                place = (share.source, share.key)
                self._heads[place] = self._heads.get(place, 0) - share.amount
            else:
                self._steps[share.number] -= share.amount

    def keys(self) -> list[Key]:
        """Accounts and currencies with anything left, sorted."""
        heads = {key for (_, key), amount in self._heads.items() if amount}
        return sorted(heads | {residual.key for residual in self.steps()})


def whole(residual: Residual) -> Share:
    """All that is left of one step."""
    return Share(residual.source, residual.key, residual.amount, residual.number)
