"""Rows that say otherwise of their event than it does, and whose amounts are right: what is to be told of them.

Where a finding explains why the row, or the event, is another than it was, the wrong word is its consequence. What is
left was changed by hand, as far as everything else could be tested; it moves no balance, so its amount is 0.
"""

from collections.abc import Iterable, Iterator

from esworkbench.forensics.compare.of_event import WrongColumn
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.faults.backdated_insert import FAULT as INSERTED
from esworkbench.forensics.diagnosis.faults.checkpoint_moved import FAULT as MOVED
from esworkbench.forensics.diagnosis.faults.manual_edit import FAULT
from esworkbench.forensics.diagnosis.faults.manual_edit import untested as not_tested
from esworkbench.forensics.diagnosis.findings import Finding, Unexplained
from esworkbench.forensics.diagnosis.unexplained import Explanation, LookAlike
from esworkbench.forensics.diagnosis.wording import finding

SHOWN = 5
COUNTED = ("head", "daily")
"""Kinds whose rows name the last event that they count."""


def told_of_events(facts: Facts, findings: Iterable[Finding], damaged_log: Iterable[str]) -> Iterator[Explanation]:
    """One explanation a source and account. ``damaged_log`` are the faults of the log itself."""
    for (source, *_), wrong in _left(facts, list(findings), set(damaged_log)).items():
        if facts.batches(source):
            yield _explanation(facts, wrong)


def unexplained_of_events(
    facts: Facts, findings: Iterable[Finding], damaged_log: Iterable[str]
) -> Iterator[Unexplained]:
    """The same, of sources that no checkpoint log tells of: what changed them can't be told."""
    for (source, account, currency), wrong in _left(facts, list(findings), set(damaged_log)).items():
        if not facts.batches(source):
            yield Unexplained(
                account=account, currency=currency, source=source, amount=0, at_position=wrong[0].position,
                words=_words(wrong),
            )  # fmt: skip


def _left(
    facts: Facts, findings: list[Finding], damaged_log: set[str]
) -> dict[tuple[str, str, str], list[WrongColumn]]:
    left: dict[tuple[str, str, str], list[WrongColumn]] = {}
    for each in facts.wrong_columns:
        if not any(_explains(finding, each, damaged_log) for finding in findings):
            left.setdefault((each.source, *each.key), []).append(each)
    return left


def _explains(finding: Finding, wrong: WrongColumn, damaged_log: set[str]) -> bool:
    if finding.healthy:
        return False
    if finding.fault in damaged_log or finding.fault == INSERTED.name:
        # Whoever puts an event into a log, or takes one out, may number all that come later anew.
        first = min(finding.positions, default=None)
        later = first is not None and wrong.column == "position" and (wrong.position or 0) >= first
        return later or finding.account in (None, wrong.account) or wrong.account in finding.elsewhere
    mine = wrong.source in finding.sources
    # What leaves events out of some rows leaves them out of others, where they add up to nothing.
    of_all = finding.fault == MOVED.name or (wrong.stale and finding.fault != FAULT.name)
    return mine and (of_all or finding.account in (None, wrong.account))


def _explanation(facts: Facts, wrong: list[WrongColumn]) -> Explanation:
    first = wrong[0]
    source = facts.source(first.source)
    rows = {(each.position or 0, each.event_id or "") for each in wrong}
    proof = f"{_words(wrong)}; no balance is wrong for it"
    untested = not_tested(facts, source) if source is not None and (len(rows) > 1 or first.stale) else []
    if untested:
        proof += f"; not tested: {'; '.join(untested)}"
    events = sorted(
        (position, event_id) for position, event_id in rows if position is not None and event_id is not None
    )
    found = finding(
        FAULT, first.key, events=events, source=first.source, proof=proof,
        certainty="possible" if len(rows) > 1 or first.stale else "likely",
    )  # fmt: skip
    rewritten = LookAlike(
        "rehashed_history",
        "the events may have been changed and hashed again instead, which an anchor from before would settle",
    )
    return Explanation(found, [], () if first.kind in COUNTED or not facts.hashed else (rewritten,))


def _words(wrong: list[WrongColumn]) -> str:
    first = wrong[0]
    shown = [
        f"{each.column} is {each.says!r}, and of the event at position {each.position} it is {each.event_says!r}"
        if each.event_says is not None else f"{each.column} is {each.says!r}, and the account has no event"
        for each in wrong[:SHOWN]
    ]  # fmt: skip
    more = f"; and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
    return f"rows of {first.source} say otherwise of their events than these do: {'; '.join(shown)}{more}"
