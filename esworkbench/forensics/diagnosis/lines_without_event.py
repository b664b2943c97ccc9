"""Lines of a statement that no event explains. While there are any, that a statement lacks a line proves nothing.

References are hints: a card payment is requested under a shop's name and booked under a terminal's number. So what an
account's statement seems never to have booked may be just what such a line books, under the name that the bank gave it.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from esworkbench.forensics.compare.records import DIFFERS, NO_EVENT, NO_ROW, Key, Residual
from esworkbench.forensics.compare.statement_lines import LATEST_BOOKING
from esworkbench.forensics.diagnosis.booked_elsewhere import booked_elsewhere
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.unexplained import Left

A_DAY = timedelta(days=1)
"""A statement that tells days and no hours books at midnight what happened afterwards."""

_BOOKED = """
    SELECT file, account, currency, s.place, l.booked_at
    FROM statement_steps AS s JOIN statement_lines AS l USING (file, account, currency, line)
    WHERE s.state = 'divergence'
"""


class Unmatched(NamedTuple):
    """``loose``: what lines book beyond the events; ``is_elsewhere``: a line of another account books the movement."""

    loose: list[Residual]
    is_elsewhere: bool

    def __bool__(self) -> bool:
        return bool(self.loose) or self.is_elsewhere


def unmatched_lines(
    facts: Facts, left: Left, key: Key, unbooked: Sequence[Residual], since: Iterable[datetime | None], *, sign: int
) -> Unmatched:
    """What may be the bookings of the movements that a statement lacks, ``unbooked``; they happened at ``since``.

    Lines of the account, of its ``sign`` (1: money in, -1: money out), booked no earlier than the first of them. A
    line that has an event and books more than it counts with what it books beyond it.
    """
    moments = list(since)
    first = None if None in moments else min((moment for moment in moments if moment is not None), default=None)
    booked = _when_booked(facts)
    own = {step.event_id for step in unbooked if step.event_id is not None}
    loose = [
        step for step in left.steps(key=key, kind="statement")
        if step.reason in (NO_EVENT, DIFFERS) and step.amount * sign > 0 and step.event_id not in own
        and _not_before(booked.get((step.source, step.key, step.place)), first)
    ]  # fmt: skip
    numbers = {step.number for step in unbooked}
    return Unmatched(loose, any(pair.event and pair.event.number in numbers for pair in booked_elsewhere(facts)))


def lines_since_the_end(facts: Facts, left: Left, key: Key, *, early: timedelta = timedelta()) -> list[Residual]:
    """Lines without an event that were booked when the log has no event any more, or so much before."""
    lines = [step for step in left.steps(key=key, kind="statement") if step.reason == NO_EVENT]
    [(end,)] = facts.rows("SELECT max(recorded_at) FROM events") if lines else [(None,)]
    booked = _when_booked(facts)
    moments = [(step, booked.get((step.source, step.key, step.place))) for step in lines]
    return [step for step, at in moments if at is not None and end is not None and at >= end - early]


def lines_of_the_cut(facts: Facts, left: Left, after: int) -> dict[Key, list[Residual]]:
    """Lines without an event, by account, that were booked between the last event up to the position ``after`` and the
    first behind it: of a log that was cut off there and went on, what was cut off was written in that time."""
    lines = [step for step in left.steps(kind="statement") if step.reason == NO_EVENT]
    [(last, first)] = facts.rows(
        "SELECT max(recorded_at) FILTER (position <= $after), min(recorded_at) FILTER (position > $after) FROM events",
        after=after,
    )  # fmt: skip
    if last is None:
        return {}
    booked = _when_booked(facts)
    found: dict[Key, list[Residual]] = {}
    for step in lines:
        at = booked.get((step.source, step.key, step.place))
        # A statement that tells days and no hours books at midnight what happened afterwards.
        if at is not None and (at >= last or at == _midnight_of(last)) and (first is None or at < first):
            found.setdefault(step.key, []).append(step)
    return found


def _midnight_of(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def lines_nearest(facts: Facts, lines: Iterable[Residual], moments: Sequence[datetime]) -> list[Residual]:
    """For each moment one of these lines, no two the same: the one that was booked nearest to it."""
    booked = _when_booked(facts)
    dated = [(line, at) for line in lines if (at := booked.get((line.source, line.key, line.place))) is not None]
    found: list[Residual] = []
    for moment in sorted(moments):
        open_ones = [each for each in dated if each[0] not in found]
        if open_ones:
            found.append(min(open_ones, key=lambda each: abs(each[1] - moment))[0])
    return found


def _when_booked(facts: Facts) -> dict[tuple[str, Key, int], datetime | None]:
    found: dict[tuple[str, Key, int], datetime | None] = facts.once("when lines were booked", lambda: {
        (file, (account, currency), place): at for file, account, currency, place, at in facts.rows(_BOOKED)
    })  # fmt: skip
    return found


def _not_before(booked_at: datetime | None, first: datetime | None) -> bool:
    return booked_at is None or first is None or booked_at >= first - A_DAY


def bookings_of(unbooked: Sequence[Residual], loose: Sequence[Residual]) -> list[Residual]:
    """Of the lines without an event those that come to just what is unbooked, statement by statement: one by one where
    amounts are equal, else all that are left together. Empty for what they don't come to.
    """
    found: list[Residual] = []
    for source in dict.fromkeys(step.source for step in unbooked):
        lines = [line for line in loose if line.source == source and line.reason == NO_EVENT]
        owed = []
        for step in (each for each in unbooked if each.source == source):
            equal = next((line for line in lines if line.amount == -step.amount), None)
            if equal is None:
                owed.append(step)
            else:
                lines.remove(equal)
                found.append(equal)
        total = -sum(step.amount for step in owed)
        whole = [line for line in lines if owed and line.amount == total][:1]
        if whole or (owed and sum(line.amount for line in lines) == total):
            found += whole or lines
    return found


MOST_SUMMED = 12
"""Of more events without a line every sum is taken to be possible."""


def lost_with(facts: Facts, steps: Iterable[Residual]) -> list[Residual]:
    """Events without a line, beside those of ``steps``, that with some of them come to nothing.

    A page of a statement that moved no balance may be missing, and the balances chain all the same: that the statement
    lacks what stood on it proves nothing. What was recorded further apart than a bank takes stood on two pages, and
    the balances between them would tell.
    """
    unbooked, recorded_at = facts.once("events without a line", lambda: _unbooked(facts))
    own: dict[tuple[str, Key], list[Residual]] = {}
    for step in steps:
        if step.kind == "statement" and step.reason == NO_ROW:
            own.setdefault((step.source, step.key), []).append(step)
    found = []
    for part, mine in own.items():
        numbers = {step.number for step in mine}
        moments = [recorded_at.get(step.event_id) for step in mine]
        others = [
            step for step in unbooked.get(part, []) if step.number not in numbers
            and any(_on_one_page(recorded_at.get(step.event_id), moment) for moment in moments)
        ]  # fmt: skip
        if others and _may_cancel([step.amount for step in mine], [step.amount for step in others]):
            found += others
    return found


def _unbooked(facts: Facts) -> tuple[dict[tuple[str, Key], list[Residual]], dict[str | None, datetime | None]]:
    found: dict[tuple[str, Key], list[Residual]] = {}
    for step in facts.residuals:
        if step.kind == "statement" and step.reason == NO_ROW:
            found.setdefault((step.source, step.key), []).append(step)
    ids = [step.event_id for mine in found.values() for step in mine]
    when = "SELECT event_id, recorded_at FROM events WHERE event_id IN (SELECT unnest($ids::VARCHAR[]))"
    return found, dict(facts.rows(when, ids=ids))


def _on_one_page(one: datetime | None, other: datetime | None) -> bool:
    return one is None or other is None or abs(one - other) <= LATEST_BOOKING


def _may_cancel(mine: list[int], others: list[int]) -> bool:
    if len(mine) + len(others) > MOST_SUMMED:
        return any(one * other < 0 for one in mine for other in others)
    return any(-one in _sums(others) for one in _sums(mine))


def _sums(amounts: list[int]) -> set[int]:
    """What any of them come to together."""
    found: set[int] = set()
    for amount in amounts:
        found |= {amount, *(each + amount for each in found)}
    return found
