"""What stands beside a balance and only repeats what is wrong with it: one act, one finding, and its consequences.

An event edited in the log differs from the history's running balance *and* from the amount in the same row; a day that
lacks an event lacks it in its credits and in its closing.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from esworkbench.forensics.compare.records import Key, Residual
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.findings import Finding
from esworkbench.forensics.diagnosis.unexplained import Left, Share, whole

Place = tuple[str, Key, int]


def consequences(facts: Facts, left: Left, findings: Iterable[Finding], damaged_log: Iterable[str]) -> list[Share]:
    """The shares of what is explained by the balance beside it, and of snapshots by all that the log lacks since.
    ``damaged_log`` are the faults of the log itself."""
    names = set(damaged_log)
    damages = [each for each in findings if each.fault in names]
    counted = list(_counted_together(facts, left, damages))
    if not left.columns():
        return counted
    taken: dict[Place, int] = {
        (each.source, each.key, each.place): of_it
        for each in facts.residuals if each.kind in ("running", "daily") and (of_it := each.amount - left.step(each))
    }  # fmt: skip
    shares = [
        whole(step) for step in left.steps(kind="amount")
        if taken.get((step.source, step.key, step.place)) == step.amount
    ]  # fmt: skip
    days: dict[Place, list[Residual]] = {}
    for step in (*left.steps(kind="credits"), *left.steps(kind="debits")):
        days.setdefault((step.source, step.key, step.place), []).append(step)
    touched = _touched(facts, damages)
    for place, steps in days.items():
        # A hold and its release on one day, both lost with their stream, leave the day's closing as it was.
        closing = taken.get(place, 0 if touched.holds(place[1][0], place[2]) else None)
        if closing == sum(step.amount if step.kind == "credits" else -step.amount for step in steps):
            shares += [whole(step) for step in steps]
    once = {
        share.number: share for share in (*shares, *_moved_in_time(left, touched), *_holds_of(left, set(touched.days)))
    }
    return [*counted, *once.values()]


def _counted_together(facts: Facts, left: Left, damages: Iterable[Finding]) -> Iterator[Share]:
    """A snapshot counts all that the log had: it is off by every proven damage up to there together. What those before
    the first damage are off by already, it is off by besides."""
    proven: dict[Key, dict[int, int]] = {}
    for each in damages:
        if each.account and each.currency and each.amount and each.positions and each.certainty == "proven":
            at = proven.setdefault((each.account, each.currency), {})
            at[each.positions[0]] = at.get(each.positions[0], 0) + each.amount
    whole_amounts = {each.number: each.amount for each in facts.residuals if each.kind == "snapshot"}
    for key, at in proven.items():
        before = 0
        for step in left.steps(key=key, kind="snapshot"):
            lacks = sum(amount for position, amount in at.items() if position <= (step.position or 0))
            if not lacks:
                before = step.amount
            elif step.amount == whole_amounts[step.number] == before + lacks:
                yield Share(step.source, key, lacks, step.number)


_DAYS = """
    SELECT event_id, timezone($zone, recorded_at)::DATE - DATE '1970-01-01' FROM events
    WHERE event_id IN (SELECT unnest($ids::VARCHAR[]))
"""


class _Touched(NamedTuple):
    """The days of damaged events by account; and the accounts with one that is gone, of which no day is known."""

    days: dict[str | None, set[int]]
    anywhere: set[str | None]

    def holds(self, account: str, day: int) -> bool:
        return account in self.anywhere or day in self.days.get(account, ())


def _touched(facts: Facts, damages: Iterable[Finding]) -> _Touched:
    touched = _Touched({}, set())
    for each in damages:
        days = dict(facts.rows(_DAYS, zone=facts.evidence.ledger.time_zone, ids=each.event_ids))
        touched.days.setdefault(each.account, set()).update(days.values())
        if not each.event_ids or len(days) < len(set(each.event_ids)):
            touched.anywhere.add(each.account)
    return touched


def _moved_in_time(left: Left, touched: _Touched) -> Iterator[Share]:
    """Where the time of an event was changed in the log, its amount stands on another day, and the total is right.

    Days of which none is that of a damaged event have a cause of their own.
    """
    sides: dict[tuple[str, str, Key], list[Residual]] = {}
    for kind in ("daily", "credits", "debits"):
        for step in left.steps(kind=kind):
            if step.account in touched.days:
                sides.setdefault((step.source, kind, step.key), []).append(step)
    for steps in sides.values():
        away, apart = 0, list[Residual]()
        for step in sorted(steps, key=lambda each: each.place):
            away += step.amount
            apart.append(step)
            if away == 0:
                if any(touched.holds(each.account, each.place) for each in apart):
                    yield from map(whole, apart)
                apart = []


def _holds_of(left: Left, accounts: set[str | None]) -> Iterator[Share]:
    return (whole(step) for step in left.steps(kind="holds") if step.account in accounts)
