"""What diagnosis says: findings, what was tested, what is left unexplained.

A finding is a small flat record, like the entries and errors of Beancount's balance check: it can be read aloud,
written as JSON, and held against the evidence without asking the code that made it.
"""

from typing import Any, Literal

import msgspec

Certainty = Literal["proven", "likely", "possible"]

FOUND = "found"
RULED_OUT = "ruled_out"
NOT_TESTABLE = "not_testable: "
NO_TEST = NOT_TESTABLE + "this release has no test for it"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One fault, on one account in one currency; or on the whole store, with account None and amount 0.

    ``amount`` is this fault's share, in minor units, of delta = claimed − event sum. ``healthy`` marks what looks like
    a fault and needs no repair. ``alternative_to`` names the finding this one can't be told apart from on the evidence
    at hand: both carry the same amount, and it is counted once. ``source`` is the claim that gives the amount,
    ``sources`` are all in which the fault shows. ``explains`` says how much of each source's residuals this finding
    takes, in minor units: of a claim that was wrong and is right again, nothing in sum.
    """

    fault: str
    account: str | None = None
    currency: str | None = None
    positions: list[int] = []
    event_ids: list[str] = []
    amount: int = 0
    healthy: bool = False
    certainty: Certainty = "proven"
    proof: str
    remedy: str
    source: str | None = None
    sources: list[str] = []
    explains: dict[str, int] = {}
    alternative_to: str | None = None


class Unexplained(msgspec.Struct, frozen=True, kw_only=True):
    """A residual, or a broken link, that no class accounts for. It is reported, never dropped."""

    account: str | None
    currency: str | None
    source: str
    amount: int
    at_position: int | None
    words: str


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """``tested`` says for each name of the catalogue: found, ruled_out, or not_testable: what is missing.

    ``divergences`` counts the residuals in which a claim parts from the events, those that a finding takes included: 0
    says that no balance differs, whatever is wrong with the log.
    """

    findings: list[Finding]
    tested: dict[str, str]
    unexplained: list[Unexplained]
    divergences: int = 0

    @property
    def unhealthy(self) -> list[Finding]:
        """What somebody has to act on."""
        return [finding for finding in self.findings if not finding.healthy]

    def as_json(self) -> dict[str, Any]:
        """Plain lists and mappings, as ``diagnose --json`` prints them."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain
