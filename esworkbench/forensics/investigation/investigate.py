"""The whole investigation: seven steps from a disputed balance to a repair that was verified.

Forensics asks the questions; the caller passes in what belongs to a domain: the aggregate's handlers for the replay,
and a ``repairer``. With neither, it steps through postings and plans the repair in words.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

import msgspec

from esworkbench.aggregates.aggregate import Aggregate
from esworkbench.errors import EsworkbenchError
from esworkbench.evidence import Evidence
from esworkbench.forensics.compare.bisect import bisect
from esworkbench.forensics.compare.diff import diff
from esworkbench.forensics.compare.residuals import Residuals
from esworkbench.forensics.diagnosis.diagnose import diagnose
from esworkbench.forensics.diagnosis.findings import Diagnosis, Finding, Unexplained
from esworkbench.forensics.diagnosis.reach import amounts_of
from esworkbench.forensics.investigation import seven_steps as ask
from esworkbench.forensics.investigation.disputed_claim import unexplained_claim
from esworkbench.forensics.replay.replay import Bounds, fold
from esworkbench.forensics.verify import Verification, verify_log
from esworkbench.money import format_minor
from esworkbench.upcasters import EventDecoder


class Handlers(NamedTuple):
    """The real apply path: how a new aggregate is made for an account, and how its events are decoded."""

    new_aggregate: Callable[[str], Aggregate]
    decoder: EventDecoder


class DisputedBalance(NamedTuple):
    """What somebody says a balance is, in minor units; ``by`` says who."""

    account: str
    currency: str | None
    claimed: int
    by: str


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """Whom else the same faults touch. ``amounts`` sums them per currency, in minor units; positions are inclusive.

    Of each fault by itself see ``Diagnosis.reach``.
    """

    accounts: int
    amounts: dict[str, int]
    first: int | None
    last: int | None


class Repair(msgspec.Struct, frozen=True, kw_only=True):
    """The seventh step. ``applied_to`` says to what: the store itself, or a scratch copy of it.

    ``kept`` are the files that hold the rows it replaced; ``looked_at`` says in words what was read again to verify it.
    """

    applied: bool
    verified: bool
    applied_to: str
    rows: list[list[Any]] = []
    event_ids: list[str] = []
    kept: list[str] = []
    looked_at: str = ""


Repairer = Callable[[Diagnosis, Verification], Repair]
"""Repairs what was found, or tries to, and says what came of it. It is given what ``verify_log`` said, too."""


class Inquiry(msgspec.Struct, frozen=True, kw_only=True):
    """An investigation and all that came of it; amounts in minor units of ``currency``.

    ``account`` is None where nothing is wrong with any account and none was asked about. ``unexplained`` is the
    diagnosis's, and the claim if no finding explains it; ``verified``: repaired, and no such claim is left.
    ``other_accounts`` have findings too, and were left alone since another account was named.
    ``decimals`` is the scale of every currency named, None where nobody says. ``unprovable`` is what nothing in the
    evidence can show of its log, in sentences.
    """

    question: str
    verdict: str
    account: str | None
    currency: str | None
    claimed: int | None
    event_sum: int | None
    delta: int
    claimed_by: str | None
    steps: list[ask.InquiryStep]
    findings: list[Finding]
    diagnosis: Diagnosis
    unexplained: list[Unexplained]
    verified: bool
    reach: Reach
    repair: Repair
    decimals: dict[str, int | None]
    unprovable: list[str] = []
    other_accounts: list[str] = []

    @property
    def reach_sentence(self) -> str:
        """Whom else it touches, in words."""
        if not self.reach.accounts:
            loose = len({each.account for each in self.unexplained if each.account is not None})
            return f"{loose} account{'s' * (loose != 1)} differ unexplained." if loose else "No account is touched."
        amounts = ", ".join(
            format_minor(amount, currency, self.decimals.get(currency))
            for currency, amount in sorted(self.reach.amounts.items())
        )
        return (
            f"The same faults touch {self.reach.accounts} account{'s' * (self.reach.accounts != 1)}, {amounts} in all, "
            f"between positions {self.reach.first} and {self.reach.last}."
        )

    @property
    def culprits(self) -> list[int]:
        """Positions of the events that the findings on this account name."""
        return sorted({position for finding in self.findings for position in finding.positions})


def investigate(
    evidence: Evidence,
    *,
    claim: DisputedBalance | None = None,
    account: str | None = None,
    currency: str | None = None,
    now: datetime | None = None,
    handlers: Handlers | None = None,
    repairer: Repairer | None = None,
) -> Inquiry:
    """Ask the seven questions about one account: the claim's, the one named, or the one that diverges most.

    Where ``account`` is given, nothing is repaired but what concerns it; ``repairer`` has to keep to it as well.
    Raises UnknownAccount, and UnusableInput where an account of several currencies is given without one.
    """
    now = now or evidence.now
    residuals, whole = Residuals(evidence, now=now), verify_log(evidence)
    diagnosis = diagnose(evidence, now=now, residuals=residuals, whole=whole)
    dispute = _dispute(evidence, residuals, claim, account, currency, diagnosis)
    # Where no balance is disputed, whatever was found is the answer.
    mine = [each for each in diagnosis.findings if dispute is None or each.concerns(dispute.account)]
    found = [each for each in mine if not each.healthy]
    steps = _steps(evidence, residuals, whole, dispute, diagnosis, found, now, handlers)
    asked = diagnosis.about(account)
    others = sorted({each.account for each in diagnosis.unhealthy if each.account and not each.concerns(account)})
    repair = repairer(diagnosis, whole) if repairer and asked.unhealthy else _left_to_a_person(asked)
    steps.append(_repair_step(asked, repair, account, others))
    loose: list[Unexplained] = []
    if dispute is not None and claim is not None:
        loose = unexplained_claim(evidence, dispute, ask.held_still(evidence, residuals, dispute, now), diagnosis)
    unexplained = [*diagnosis.unexplained, *loose]
    return Inquiry(
        question=_question(dispute),
        verdict=_verdict(evidence, dispute, found, unexplained),
        account=dispute.account if dispute else None,
        currency=dispute.currency if dispute else None,
        claimed=dispute.claimed if dispute else None,
        event_sum=dispute.event_sum if dispute else None,
        delta=dispute.delta if dispute else 0,
        claimed_by=dispute.claimed_by if dispute else None,
        steps=steps,
        findings=mine,
        diagnosis=diagnosis,
        unexplained=unexplained,
        verified=repair.verified and not loose,
        reach=_reach(diagnosis, found),
        repair=repair,
        decimals=_decimals(evidence, [dispute, *diagnosis.findings, *unexplained]),
        unprovable=whole.unprovable,
        other_accounts=others,
    )


def _decimals(evidence: Evidence, named: Sequence[ask.Dispute | Finding | Unexplained | None]) -> dict[str, int | None]:
    currencies = {each.currency for each in named if each is not None and each.currency is not None}
    return {currency: evidence.decimals(currency) for currency in sorted(currencies)}


def _dispute(
    evidence: Evidence,
    residuals: Residuals,
    claim: DisputedBalance | None,
    account: str | None,
    currency: str | None,
    diagnosis: Diagnosis,
) -> ask.Dispute | None:
    """Whose balance is in dispute, and who contradicts the events."""
    if claim is not None:
        currency = evidence.choose_currency(claim.account, claim.currency)
        total = _sum_of(evidence, claim.account, currency)
        return ask.Dispute(claim.account, currency, claim.claimed, claim.by, total, evidence.decimals(currency))
    if account is None:
        wrong: Sequence[Finding | Unexplained] = diagnosis.unhealthy or diagnosis.unexplained
        worst = max(wrong, key=lambda each: (abs(each.amount), each.account or ""), default=None)
        if worst is None or worst.account is None or worst.currency is None:
            return None
        account, currency = worst.account, worst.currency
    currency = evidence.choose_currency(account, currency)
    total, decimals = _sum_of(evidence, account, currency), evidence.decimals(currency)
    rows = [
        row for row in diff(evidence, residuals=residuals).rows if (row.account, row.currency) == (account, currency)
    ]
    apart = max(rows, key=lambda row: abs(row.delta), default=None)
    heads = evidence.assertions(account, currency, kind="head")
    if not heads and (apart is None or apart.kind == "running"):
        # No current balance is kept: the last running one is what is shown to people.
        running = evidence.assertions(account, currency, source=apart.source if apart else None, kind="running")
        for last in running[-1:]:
            return ask.Dispute(account, currency, last.claimed_minor, last.source, total, decimals)
    if apart is None:
        return ask.Dispute(account, currency, total, heads[0].source if heads else None, total, decimals)
    return ask.Dispute(account, currency, apart.claimed or 0, apart.source, apart.event_sum, decimals)


def _sum_of(evidence: Evidence, account: str, currency: str) -> int:
    return evidence.opening(account, currency) + sum(
        posting.amount_minor for posting in evidence.postings(account, currency)
    )


def _steps(
    evidence: Evidence,
    residuals: Residuals,
    whole: Verification,
    dispute: ask.Dispute | None,
    diagnosis: Diagnosis,
    found: Sequence[Finding],
    now: datetime,
    handlers: Handlers | None,
) -> list[ask.InquiryStep]:
    read_side = ask.checkpoint_and_double_application(evidence, diagnosis, whole)
    if dispute is None:
        return [_nothing_disputed(evidence, residuals), read_side]
    positions = [position for finding in found for position in finding.positions]
    point = min(positions, default=None)
    if point is None:
        point = bisect(evidence, dispute.account, currency=dispute.currency, residuals=residuals).position
    states = _states(evidence, dispute.account, point, handlers)
    return [
        ask.projection_against_claim(residuals, dispute),
        ask.event_sum(evidence, residuals, dispute),
        ask.suspicious_events(evidence, dispute),
        ask.replay_to_the_point(evidence, dispute, point, states),
        ask.compensations_that_never_fired(evidence, residuals, dispute, now),
        read_side,
    ]


def _nothing_disputed(evidence: Evidence, residuals: Residuals) -> ask.InquiryStep:
    compared = diff(evidence, residuals=residuals)
    answer = f"{compared.compared:,} balance assertions were compared with the events; {compared.divergent:,} diverge"
    return ask.InquiryStep(number=1, title="Every claim against the events", answer=answer)


def _states(
    evidence: Evidence, account: str, point: int | None, handlers: Handlers | None
) -> list[dict[str, Any]] | str:
    """The real aggregate just before the point and at it, or why its code can't replay this stream."""
    stream = evidence.own_stream(account)
    if handlers is None or point is None or stream is None:
        return []
    made = partial(handlers.new_aggregate, account)
    before = [each.position for each in evidence.postings(account) if each.position < point][-1:]
    try:
        return [
            fold(evidence, stream, made, handlers.decoder, bounds=Bounds(position=position)).state()
            for position in [*before, point]
        ]
    except EsworkbenchError as error:
        return str(error)


def _reach(diagnosis: Diagnosis, found: Sequence[Finding]) -> Reach:
    """Everyone affected by the same kind of fault, whichever account was asked about."""
    classes = {finding.fault for finding in found or diagnosis.unhealthy}
    same = [finding for finding in diagnosis.unhealthy if finding.fault in classes]
    positions = [position for finding in same for position in finding.positions]
    return Reach(
        accounts=len({finding.account for finding in same if finding.account is not None}),
        amounts=amounts_of(same),
        first=min(positions, default=None),
        last=max(positions, default=None),
    )


def _left_to_a_person(diagnosis: Diagnosis) -> Repair:
    times = Counter((finding.fault, finding.remedy) for finding in diagnosis.unhealthy)
    rows = [
        [fault, remedy, "for a person" + (f", {count} times" if count > 1 else "")]
        for (fault, remedy), count in times.items()
    ]
    return Repair(
        applied=False, verified=not diagnosis.unhealthy and not diagnosis.unexplained, applied_to="", rows=rows
    )


def _repair_step(diagnosis: Diagnosis, repair: Repair, account: str | None, others: Sequence[str]) -> ask.InquiryStep:
    if diagnosis.unexplained and not diagnosis.unhealthy:
        answer = (
            "nothing can be repaired yet: what differs has no fault's name, so nobody knows what would put it right"
        )
    elif not diagnosis.unhealthy:
        answer = "nothing needs a repair" if account is None else f"nothing of account {account} needs a repair"
    elif repair.applied:
        answer = f"repaired by appending and rebuilding, on {repair.applied_to}; " + (
            "captured and compared with the events again, it agrees" if repair.verified else "it still does not agree"
        )
        if repair.looked_at:
            answer += f" (read again: {repair.looked_at})"
    else:
        answer = (
            "no repair was applied here; each finding has its remedy, and `esworkbench repair` plans what can be "
            "appended or rebuilt"
        )
    if others:
        answer += (
            f"; {_listed(others)} {'has' if len(others) == 1 else 'have'} findings too, and nothing is repaired of "
            "them here: `esworkbench diagnose` lists them, and without --account all are looked at"
        )
    return ask.InquiryStep(
        number=7, title="Repair by appending, and verify", answer=answer,
        columns=["step", "what", "state"], rows=repair.rows,
    )  # fmt: skip


def _listed(accounts: Sequence[str]) -> str:
    if len(accounts) > 3:
        return f"{', '.join(accounts[:3])} and {len(accounts) - 3:,} more accounts"
    return " and ".join(filter(None, [", ".join(accounts[:-1]), accounts[-1]]))


def _question(dispute: ask.Dispute | None) -> str:
    if dispute is None:
        return "Is any balance in this evidence wrong?"
    summed = f"the events sum to {dispute.money(dispute.event_sum)}"
    if dispute.claimed_by is None:
        return f"Is the balance of account {dispute.account} wrong? Nothing here claims one; {summed}."
    claim = f"{dispute.claimed_by} claims {dispute.money(dispute.claimed)}"
    return f"Is the balance of account {dispute.account} wrong? {claim}, {summed}."


def _verdict(
    evidence: Evidence, dispute: ask.Dispute | None, found: Sequence[Finding], unexplained: Sequence[Unexplained]
) -> str:
    named = [
        f"{finding.fault} ({finding.certainty}"
        + (f", {evidence.money(finding.amount, finding.currency)}" if finding.currency else "")
        + ")"
        for finding in found
    ]
    amounts = [
        evidence.money(each.amount, each.currency)
        for each in unexplained
        if dispute and each.account == dispute.account and each.currency and each.amount
    ]
    if amounts:
        named.append(f"{', '.join(amounts[:3])} that no fault in the catalogue explains")
    elif unexplained and not found:
        named.append(f"{len(unexplained)} residuals unexplained")
    silent = ask.events_that_post_nothing(evidence)
    if not named and silent:
        named.append(f"nothing is wrong in what the ledger definition covers; it doesn't cover {silent}")
    return "; ".join(named) or "nothing is wrong here"
