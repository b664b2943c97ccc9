"""What diagnosis says: findings, what was tested, what is left unexplained.

A finding is a small flat record, like the entries and errors of Beancount's balance check: it can be read aloud,
written as JSON, and held against the evidence without asking the code that made it.
"""

from datetime import datetime
from fractions import Fraction
from typing import Any, Literal

import msgspec

Certainty = Literal["proven", "likely", "possible"]

FOUND = "found"
RULED_OUT = "ruled_out"
NOT_TESTABLE = "not_testable: "
LOOKED_FOR = NOT_TESTABLE + "looked for, and not found; "
"""What a test that found nothing can't exclude: the fault would be seen where anything contradicts it."""
NO_TEST = NOT_TESTABLE + "this release has no test for it"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One fault, on one account in one currency; or on the whole store, with account None and amount 0.

    ``amount`` is this fault's share, in minor units, of delta = claimed − event sum. ``healthy`` marks what looks like
    a fault and needs no repair. ``alternative_to`` names the finding this one can't be told apart from on the evidence
    at hand: both carry the same amount, and it is counted once. ``source`` is the claim that gives the amount,
    ``sources`` are all in which the fault shows. ``explains`` says how much of each source's residuals this finding
    takes, in minor units: of a claim that was wrong and is right again, nothing in sum. ``elsewhere`` names the other
    accounts whose claims the fault makes differ, with by how much in the finding's currency: one cause, counted once,
    in ``amount``.
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
    elsewhere: dict[str, int] = {}
    alternative_to: str | None = None

    def concerns(self, account: str | None) -> bool:
        """Whether it says something of that account, or of the store as a whole; always where None is asked about."""
        return account is None or self.account in (None, account) or account in self.elsewhere


class Unexplained(msgspec.Struct, frozen=True, kw_only=True):
    """A residual, or a broken link, that no class accounts for. It is reported, never dropped."""

    account: str | None
    currency: str | None
    source: str
    amount: int
    at_position: int | None
    words: str


class FaultReach(msgspec.Struct, frozen=True, kw_only=True):
    """Everywhere that one fault was found, whichever account was asked about.

    ``amounts`` sums its shares of delta per currency, in minor units; ``first`` and ``last`` are the positions of the
    first and last event that a finding of it names, ``first_at`` and ``last_at`` when these were recorded. None: no
    finding names an event, or the log doesn't tell its time.
    """

    accounts: int
    amounts: dict[str, int]
    first: int | None
    last: int | None
    first_at: datetime | None = None
    last_at: datetime | None = None


class DecidedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event that was decided on a balance; the amount is what it posted on the account, in minor units."""

    account: str
    position: int
    event_id: str
    type: str
    recorded_at: datetime | None
    amount: int | None
    currency: str | None


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """Events of the ledger's ``depends_on_balance`` that came after the first wrong event of their account.

    ``types`` says which types were looked for; ``by_type`` counts the events of each that was found; ``amounts`` sums
    what they posted, without signs, per currency. ``accounts`` have such an event. ``unknown_since`` counts wrong
    balances of which no finding names an event, so that nobody can say what came after. ``events`` are the first few.
    """

    types: list[str]
    count: int
    by_type: dict[str, int]
    amounts: dict[str, int]
    accounts: int
    unknown_since: int
    events: list[DecidedEvent]


class Ratio(msgspec.Struct, frozen=True):
    """``of`` is the part, ``over`` the whole: minor units of one currency, or events."""

    of: int
    over: int


class Shares(msgspec.Struct, frozen=True, kw_only=True):
    """How much of one currency is cleared, timely, complete and unexplained: ``shares`` defines each."""

    cleared: Ratio
    timely: Ratio
    complete: Ratio
    unexplained: Ratio

    def reach(self, required: float) -> bool:
        """Whether cleared, timely and complete are each at least ``required`` per cent, and no more than the rest is
        unexplained."""
        wanted = Fraction(str(required))  # as it was written: a float of 99.6 is a little more or less
        explained = Ratio(self.unexplained.over - self.unexplained.of, self.unexplained.over)
        whole = (self.cleared, self.timely, self.complete, explained)
        return all(100 * share.of >= wanted * share.over for share in whole) and (
            required == 0 or self.unexplained.over > 0 or self.unexplained.of == 0
        )


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """``tested`` says for each name of the catalogue: found, ruled_out, or not_testable: what is missing.

    ``divergences`` counts the residuals in which a claim parts from the events, those that a finding takes included: 0
    says that no balance differs, whatever is wrong with the log. ``unposted`` counts the events that no rule of the
    ledger knows, by type and schema version: what they did to a balance was not tested. ``reach`` of each fault that
    was found, ``decided`` on wrong balances (None where the ledger doesn't say what is decided on one) and the
    ``shares`` of each currency are of the whole evidence, whichever account was asked about.
    """

    findings: list[Finding]
    tested: dict[str, str]
    unexplained: list[Unexplained]
    divergences: int = 0
    unposted: dict[str, int] = {}
    reach: dict[str, FaultReach] = {}
    decided: Decided | None = None
    shares: dict[str, Shares] = {}

    @property
    def unhealthy(self) -> list[Finding]:
        """What somebody has to act on."""
        return [finding for finding in self.findings if not finding.healthy]

    def about(self, account: str | None) -> "Diagnosis":
        """What it says of that account and of the store as a whole; all of it where None is asked about."""
        return msgspec.structs.replace(
            self,
            findings=[each for each in self.findings if each.concerns(account)],
            unexplained=[each for each in self.unexplained if account is None or each.account in (None, account)],
        )

    def as_json(self) -> dict[str, Any]:
        """Plain lists and mappings, as ``diagnose --json`` prints them."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain
