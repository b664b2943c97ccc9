"""Diagnosis: name the faults, say what was tested, drop nothing.

Works on evidence only. The residuals between claims and events are read once; then each detector of an ordered list is
asked what it can explain, and what it explains is taken off before the next one looks. What the log and the hash chain
can prove comes first, patterns next, and what only exclusion can name comes last. (The order is that of a differential
diagnosis; the records are modelled on Beancount's balance checks.)
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from esworkbench.evidence import Evidence
from esworkbench.evidence.capturing.poster import account_of
from esworkbench.forensics.compare.bisect import rows_without_order
from esworkbench.forensics.compare.records import DIFFERS, Key, State
from esworkbench.forensics.compare.residuals import Residuals
from esworkbench.forensics.compare.unposted import unposted_events
from esworkbench.forensics.diagnosis.beside import consequences
from esworkbench.forensics.diagnosis.booked_elsewhere import booked_elsewhere
from esworkbench.forensics.diagnosis.catalogue import FAULTS, detectors
from esworkbench.forensics.diagnosis.context import Facts, gather
from esworkbench.forensics.diagnosis.corrected_since import weighed
from esworkbench.forensics.diagnosis.faults.event_deleted import gaps_of, links_of
from esworkbench.forensics.diagnosis.findings import (
    FOUND,
    NO_TEST,
    NOT_TESTABLE,
    RULED_OUT,
    Diagnosis,
    Finding,
    Unexplained,
)
from esworkbench.forensics.diagnosis.moved_positions import head_then
from esworkbench.forensics.diagnosis.not_excluded import not_excluded
from esworkbench.forensics.diagnosis.reach import decided_on_wrong_balances, reach_of_each
from esworkbench.forensics.diagnosis.replay_with_code import Code, replay_with_code
from esworkbench.forensics.diagnosis.rewritten import witnesses_of_then
from esworkbench.forensics.diagnosis.shares import shares_of_money
from esworkbench.forensics.diagnosis.told_of_events import told_of_events, unexplained_of_events
from esworkbench.forensics.diagnosis.unexplained import Explanation, Left, NotTestable, echoes, explained, merged
from esworkbench.forensics.diagnosis.written_elsewhere import written_elsewhere
from esworkbench.forensics.verify import Break, Verification

MOVES = ("event_deleted", "backdated_insert", "reordered", "event_misfiled", "payload_edited")
"""Faults that leave events at other places than they were hashed for."""

NAMED_BY_ANCHORS = (*MOVES, "rehashed_history", "split_view", "tail_truncated", "chain_fork")
"""Faults that change what an anchor covers."""


def diagnose(
    evidence: Evidence,
    *,
    account: str | None = None,
    now: datetime | None = None,
    projection: Code | None = None,
    residuals: Residuals | None = None,
    whole: Verification | None = None,
) -> Diagnosis:
    """Name what is wrong with the claims, or with the log under them.

    ``account`` narrows what is reported, never what is looked at: a pattern needs all accounts. ``now`` is the moment
    ages are measured at, by default the evidence's latest ``recorded_at``. ``projection`` is a read model's own code,
    as it ran: replayed on a scratch copy, it turns a pattern into a proof. ``residuals`` and ``whole``, what
    ``verify_log`` says of the log, are the evidence's, where they are at hand. Raises UnknownAccount, and UnusableInput
    where nothing has a time and no ``now`` is given.
    """
    if account is not None:
        evidence.currencies(account)
    facts = gather(evidence, now or evidence.now, residuals=residuals, whole=whole)
    if projection is not None:
        facts = facts._replace(code_replay=replay_with_code(evidence, facts.now, projection))
    left = Left(facts.residuals)
    tested = {fault.name: f"{NO_TEST}; it would take {fault.needs}" for fault in FAULTS.values()}
    blind: set[str] = set()
    findings: list[Finding] = []
    signed: list[Finding] = []
    days = [source for source in facts.sources if source.kind == "daily"]
    damaged_log = [fault.name for fault in FAULTS.values() if fault.repair == "restore"]
    for fault, detector in detectors():
        left.book(consequences(facts, left, findings, damaged_log))
        if signed:
            left.book(witnesses_of_then(facts.sources, left, signed))
        if detector is fault.by_exclusion:
            left.book(echoes(findings, left, days))
        answer = detector(facts, left)
        if isinstance(answer, NotTestable):
            tested[fault.name] = NOT_TESTABLE + answer.missing
            blind.add(fault.name)
            continue
        # Of a fault with two detectors, one that found nothing rules nothing out for the one that could not look.
        if fault.name not in blind:
            tested[fault.name] = RULED_OUT
        for named in answer:
            explanation = weighed(facts, left, named) if fault.repair == "compensate" else named
            left.book(explanation.shares)
            left.note(explanation.finding)
            findings += [explained(explanation.finding, explanation.shares), *_look_alikes(explanation)]
            if detector is fault.by_anchor and fault.repair == "restore":
                signed.append(explanation.finding)
    left.book(echoes(findings, left, facts.sources))
    left.book(consequences(facts, left, findings, damaged_log))
    for explanation in told_of_events(facts, tuple(findings), damaged_log):
        findings += [explanation.finding, *_look_alikes(explanation)]
    of_the_log = tuple(findings)
    for explanation in written_elsewhere(facts, left):
        left.book(explanation.shares)
        findings.append(explained(explanation.finding, explanation.shares))
    for finding in findings:
        tested[finding.fault] = FOUND
    tested.update(not_excluded(facts, tested))
    everywhere = merged(findings)
    shown = [finding for finding in everywhere if finding.concerns(account)]
    differences = _residuals_left(facts, left)
    left.require_conserved(differences)
    of_events = list(unexplained_of_events(facts, of_the_log, damaged_log))
    unexplained = [
        *(each for each in differences if account in (None, each.account)),
        *_breaks_left(facts, of_the_log, account),
        *(each for each in of_events if account in (None, each.account)),
    ]
    apart = [each for each in facts.residuals if each.state is State.DIVERGENCE and account in (None, each.account)]
    unposted = unposted_events(evidence)
    return Diagnosis(
        findings=shown,
        tested=tested,
        unexplained=unexplained,
        divergences=len(apart),
        unposted=unposted,
        reach=reach_of_each(evidence, everywhere),
        decided=decided_on_wrong_balances(evidence, everywhere),
        shares=shares_of_money(evidence, facts.sources, facts.residuals, differences, unposted),
    )


def _look_alikes(explanation: Explanation) -> list[Finding]:
    """The same events and amount under another name, where the evidence doesn't tell the two apart."""
    return [
        msgspec.structs.replace(
            explanation.finding, fault=other.fault, healthy=FAULTS[other.fault].healthy, certainty="possible",
            proof=other.proof, remedy=FAULTS[other.fault].remedy, alternative_to=explanation.finding.fault,
        )
        for other in explanation.look_alikes
    ]  # fmt: skip


def _residuals_left(facts: Facts, left: Left) -> list[Unexplained]:
    found: list[tuple[Key, str, int, int | None, str]] = []
    for source in facts.sources:
        for key, amount in left.heads(source.name).items() if source.kind == "head" else ():
            apart = f"{source.name} differs from the events by {facts.money(amount, key)}"
            words = f"{apart}, and no fault in the catalogue explains it"
            found.append((key, source.name, amount, None, words))
    elsewhere = {pair.event.number: pair.words_at_event() for pair in booked_elsewhere(facts) if pair.event}
    for step in (*left.steps(), *left.columns()):
        words = f"{step.source} differs from the events by {facts.money(step.amount, step.key)} ({step.reason})"
        if rows := rows_without_order(facts.evidence, step.position):
            words += f"; the {rows} rows of that day add up in no order, so a row is missing, repeated or wrong"
        if step.kind == "statement" and step.reason == DIFFERS and step.amount == -2 * step.posted:
            words += "; line and event have one reference and amount, and opposite signs"
        elif step.number in elsewhere:
            words += f"; {elsewhere[step.number]}"
        found.append((step.key, step.source, step.amount, step.position, words))
    return [
        Unexplained(account=key[0], currency=key[1], source=source, amount=amount, at_position=position, words=words)
        for key, source, amount, position, words in found
    ]


def _breaks_left(facts: Facts, findings: Sequence[Finding], account: str | None) -> list[Unexplained]:
    """Breaks in the log itself that belong to no finding, such as a single event that was rehashed."""
    seen = {position for finding in findings for position in finding.positions}
    lost = {finding.account for finding in findings if finding.fault == "event_deleted"}
    for gap in gaps_of(facts):
        if not lost.isdisjoint({None, *_accounts(facts, gap.stream_id)}):
            seen.add(gap.before)
    told = [finding.account for finding in findings if finding.fault in MOVES]
    moved_from = set()
    for stream in facts.renumbered:
        if not {None, *_accounts(facts, stream.stream_id)}.isdisjoint(told):
            seen.update(event.position for event in stream.moved)
    for event in facts.failing:
        if event.home is not None and event.position in seen:
            moved_from.add((event.home[0], event.home[1] + 1))
        elif event.named and event.position in seen:
            moved_from.add((event.stream_id, event.version + 1))
    edited = {event.position for event in facts.failing if event.home is None and event.position in seen}
    seen.update(after for after, named in links_of(facts, edited) if named in edited)
    cut_off = any(finding.fault == "tail_truncated" for finding in findings)
    stream_gone = any(
        finding.fault == "event_deleted" and finding.account and not facts.rows(_OF_ACCOUNT, account=finding.account)
        for finding in findings
    )
    rewritten = [finding for finding in findings if finding.fault == "rehashed_history"]
    named = [finding for finding in findings if finding.fault in NAMED_BY_ANCHORS]
    contradiction = facts.anchored.contradiction
    pushed = contradiction.pushed if contradiction else set()
    left_by = {finding.account for finding in findings if finding.fault == "event_misfiled"}
    for each in contradiction.differences if contradiction else ():
        # The hole that an event left in the versions of the stream that it was taken from.
        if each.was and each.kind in ("missing", "moved") and account_of(each.was.stream_id) in left_by:
            moved_from.add((each.was.stream_id, each.was.version + 1))
    moved_up_to = head_then(facts) if not cut_off and (lost or rewritten) else 0

    def told_by_finding(apart: Break) -> bool:
        """Whether what an anchor contradicts is what a finding is about."""
        whose = {None, account_of(apart.stream_id or ""), *_accounts(facts, apart.stream_id or "")}
        follows = apart.stream_id is None or (apart.kind == "anchor_moved" and apart.event_id in pushed)
        follows = follows or (contradiction is not None and contradiction.is_written_over(apart.position))
        return any(follows or each.account in whose for each in named)

    return [
        Unexplained(
            account=None, currency=None, source=each.source, amount=0, at_position=each.position, words=each.words
        )
        for each in facts.breaks
        if not (each.kind.startswith("anchor_") and told_by_finding(each))
        and each.position not in seen
        and not (each.kind == "order" and _before(facts, each) in seen)
        and not (each.kind == "checkpoint_ahead" and (cut_off or stream_gone or (each.position or 0) <= moved_up_to))
        and (each.stream_id, each.version) not in moved_from
        and not (each.kind == "link" and any(
            finding.account in _accounts(facts, each.stream_id or "")
            and min(finding.positions, default=0) < (each.position or 0) for finding in rewritten
        ))
        and (account is None or each.stream_id is None or account in _accounts(facts, each.stream_id))
    ]  # fmt: skip


_OF_ACCOUNT = "SELECT 1 FROM postings WHERE account = $account LIMIT 1"


def _before(facts: Facts, each: Break) -> int | None:
    """Where the event stands that bears the version before."""
    found = facts.rows(
        "SELECT position FROM events WHERE stream_id = $stream AND version = $version - 1",
        stream=each.stream_id, version=each.version,
    )  # fmt: skip
    return found[0][0] if found else None


def _accounts(facts: Facts, stream_id: str) -> list[str]:
    return [name for name, _ in facts.accounts_of_stream(stream_id)]
