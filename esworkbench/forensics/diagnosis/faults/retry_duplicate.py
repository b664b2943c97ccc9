"""retry_duplicate: one command was recorded twice, and a statement books it only once.

A reference is a hint: rent bears one for years, part payments share one, a declined hold and its retry do. So a double
is the same reference, kind and amount close in time, and a statement that books one fewer; one that books them all
rules it out. Where no statement covers the second, only two that follow each other shortly are even possible.

Two that follow each other shortly may both be meant, so that alone proves nothing. Proof is what the events bear of
one act, the client's key, the cause or the transfer's id; or a statement that goes on for as long as a booking may
take, and has no line left that might be the second.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

from esworkbench.forensics.compare.holds import json_path
from esworkbench.forensics.compare.records import NO_ROW, Key, Residual
from esworkbench.forensics.compare.statement_lines import LATEST_BOOKING, make_movements
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.corrected_since import adjustments_of
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.findings import Certainty
from esworkbench.forensics.diagnosis.lines_without_event import lost_with, unmatched_lines
from esworkbench.forensics.diagnosis.unexplained import (
    Explanation,
    Explanations,
    Left,
    LookAlike,
    NotTestable,
    whole,
)
from esworkbench.forensics.diagnosis.whole_log import is_whole
from esworkbench.forensics.diagnosis.wording import finding, places

AT_ONCE = timedelta(hours=1)
"""A client that got no reply tries again within that."""
NEAR = timedelta(hours=24)
"""A queue or a clerk may take so long; what comes later has other reasons."""

_ALIKE = """
    WITH ends AS (
        SELECT file, account, currency, max(booked_at) AS last FROM statement_lines GROUP BY ALL
    )
    SELECT m.account, m.currency, m.type, m.amount, m.reference, m.position, m.event_id, m.recorded_at,
        EXISTS (SELECT 1 FROM pairs WHERE pairs.event_id = m.event_id AND pairs.account = m.account
                AND pairs.currency = m.currency),
        EXISTS (SELECT 1 FROM expected AS x JOIN ends USING (file, account, currency) WHERE x.event_id = m.event_id
                AND x.account = m.account AND x.currency = m.currency AND ends.last - x.due_at >= $latest),
        e.idempotency_key, e.causation_id, CASE WHEN json_valid(e.payload) AND list_contains($sides, e.type)
            THEN json_extract_string(e.payload, $id) END
    FROM movements AS m JOIN events AS e USING (event_id)
    WHERE undoes IS NULL AND (account, currency, m.type, amount) IN
        (SELECT (account, currency, type, amount) FROM movements WHERE list_contains($holes, event_id))
    ORDER BY m.position
"""

# A third use of the reference makes it a habit, or money that came back.
_UNCOVERED = """
    WITH used AS (
        SELECT *, lag(position) OVER same AS first, recorded_at - lag(recorded_at) OVER same AS apart,
            count(*) OVER (PARTITION BY account, currency, reference) AS uses
        FROM movements WHERE undoes IS NULL AND reference <> ''
        WINDOW same AS (PARTITION BY account, currency, type, amount, reference ORDER BY position)
    )
    SELECT account, currency, amount, reference, position, event_id, first,
        uses = 2 AND coalesce(apart <= to_seconds($at_once), FALSE)
    FROM used
    WHERE first IS NOT NULL
      AND NOT EXISTS (SELECT 1 FROM pairs WHERE pairs.event_id = used.event_id)
      AND NOT EXISTS (SELECT 1 FROM statement_steps AS s WHERE s.event_id = used.event_id)
    ORDER BY position
"""


class Alike(NamedTuple):
    """An event as a statement would book it, in minor units; ``booked``: some statement has a line for it.

    ``is_due``: a statement goes on for long enough after it that it must have been booked by then. ``client_key``,
    ``cause`` and ``transfer`` are what it bears of the act that it records, where it does.
    """

    account: str
    currency: str
    type: str
    amount: int
    reference: str
    position: int
    event_id: str
    recorded_at: datetime | None
    booked: bool
    is_due: bool
    client_key: str | None
    cause: str | None
    transfer: str | None

    @property
    def key(self) -> Key:
        return self.account, self.currency


class Double(NamedTuple):
    """Events too many, the booked ones that they repeat, and the residuals that show it."""

    events: list[Alike]
    booked: list[Alike]
    steps: list[Residual]
    certainty: Certainty


def retry_duplicate(facts: Facts, left: Left) -> Explanations:
    """The later of two events for one command, by what the statements book of them."""
    if facts.evidence.ledger.business_key is None:
        return NotTestable("the ledger names no business key")
    if not facts.count("statements"):
        make_movements(facts.connection, facts.evidence, repeated_only=True)
    doubles: dict[Key, list[Double]] = {}
    for double in _covered(facts, left):
        doubles.setdefault(double.events[0].key, []).append(double)
    explanations = [
        explanation for key, mine in doubles.items() for explanation in _explanations(facts, left, key, mine)
    ]
    uncovered = facts.rows(_UNCOVERED, at_once=int(AT_ONCE.total_seconds()))
    explanations += _uncovered([row[:-1] for row in uncovered if row[-1]], doubles)
    if uncovered and not explanations:
        return NotTestable(
            f"{len(uncovered):,} event{'s repeat' if len(uncovered) > 1 else ' repeats'} reference, kind and amount "
            "of an earlier one, and no statement that covers them tells how many were meant"
        )
    return explanations


FAULT = Fault(
    name="retry_duplicate",
    meaning="one command was recorded twice: the same reference, kind and amount, close in time",
    look_alikes=("twin_dropped", "double_repair", "statement_incomplete", "half_transfer"),
    remedy="compensate one of the two events, and have clients send an idempotency key",
    repair="compensate",
    detector=retry_duplicate,
)


def _covered(facts: Facts, left: Left) -> Iterator[Double]:
    """For each reference that a statement books less often than the log: what it repeats, and how near."""
    steps: dict[tuple[Key, str], list[Residual]] = {}
    for step in left.steps(kind="statement"):
        if step.reason == NO_ROW and step.event_id is not None:
            steps.setdefault((step.key, step.event_id), []).append(step)
    alike = _alike(facts, [event_id for _, event_id in steps]) if steps else []
    same: dict[tuple[Key, str, int], list[Alike]] = {}
    for movement in alike:
        same.setdefault((movement.key, movement.type, movement.amount), []).append(movement)
    for (key, _, _), movements in same.items():
        by_reference: dict[str, list[Alike]] = {}
        for movement in movements:
            if (key, movement.event_id) in steps and not movement.booked:
                by_reference.setdefault(movement.reference, []).append(movement)
        for missing in by_reference.values():
            shown = [step for each in missing for step in steps[key, each.event_id]]
            yield from _doubles(facts, left, missing, [each for each in movements if each.booked], shown)


def _alike(facts: Facts, holes: list[str]) -> list[Alike]:
    """The events without a line, and all that agree with one of them in account, kind and amount."""
    transfer = facts.evidence.ledger.transfer
    rows = facts.rows(
        _ALIKE, holes=holes, latest=LATEST_BOOKING, id=json_path(transfer.id_field if transfer else None),
        sides=[transfer.sent, transfer.received] if transfer else [],
    )  # fmt: skip
    return [Alike(*row) for row in rows]


def _doubles(
    facts: Facts, left: Left, missing: list[Alike], booked: list[Alike], steps: list[Residual]
) -> Iterator[Double]:  # fmt: skip
    """``missing`` have one reference, and no line. Of those that were recorded shortly after each other, and of which
    a line tells one, the last are too many.
    """
    reference = missing[0].reference
    own = [each for each in booked if each.reference == reference and reference]
    others = [each for each in booked if each.reference != reference]
    for chain in _chains([*missing, *own]):
        lost = [each for each in chain if each in missing]
        kept = [each for each in chain if each in own]
        shown = [step for step in steps if any(step.event_id == each.event_id for each in lost)]
        if not lost:
            continue
        if kept:
            certainty = "possible" if _are_part_payments(kept, chain) else _certainty(facts, left, chain, shown)
            yield Double(chain[-len(lost) :], chain[: -len(lost)], shown, certainty)
            continue
        near = [each for each in others if _apart(each, lost[0]) <= AT_ONCE and each.position < lost[0].position]
        if near and len(lost) == 1:
            derived = [each for each in near if each.reference and reference.startswith(each.reference)]
            yield Double(lost, derived[:1] or near[:1], shown, "likely" if derived else "possible")
        elif own:
            yield Double(lost, own, shown, "possible")


def _certainty(facts: Facts, left: Left, chain: list[Alike], steps: list[Residual]) -> Certainty:
    """How sure it is that the statement has fewer lines than ``chain`` has events because one act was recorded again.

    Possible at most, where lines that no event explains come to just what seems too much; likely, where there are other
    such lines, or the events say that they are of several acts.
    """
    one = chain[0]
    unmatched = unmatched_lines(
        facts, left, one.key, steps, [each.recorded_at for each in chain], sign=1 if one.amount > 0 else -1
    )
    if unmatched.is_elsewhere or any(line.amount % one.amount == 0 for line in unmatched.loose):
        return "possible"
    if unmatched or not is_whole(facts, one.key) or _of_several_acts(chain):
        return "likely"
    if _is_one({each.client_key for each in chain}) or _is_one({each.transfer for each in chain}):
        return "proven"  # one request, or the same side of one transfer
    # One cause may have two effects alike: the bank's silence tells, once it is late enough.
    close = all(_apart(before, after) <= AT_ONCE for before, after in pairwise(chain))
    alike = close or _is_one({each.cause for each in chain})
    return "proven" if alike and all(each.is_due for each in chain) and not lost_with(facts, steps) else "likely"


def _are_part_payments(kept: Sequence[Alike], chain: Sequence[Alike]) -> bool:
    """The bank books several alike under one reference, so that they are genuine, and the next may be as well; unless
    the events bear one act, whatever the bank makes of it.
    """
    is_one_act = _is_one({each.client_key for each in chain}) or _is_one({each.transfer for each in chain})
    return len(kept) > 1 and not is_one_act


def _is_one(names: set[str | None]) -> bool:
    return None not in names and len(names) == 1


def _of_several_acts(chain: Sequence[Alike]) -> bool:
    """Some bear different keys, or causes: a client that tries again sends the key that it sent before."""
    return len({each.client_key for each in chain} - {None}) > 1 or len({each.cause for each in chain} - {None}) > 1


def _chains(movements: Sequence[Alike]) -> Iterator[list[Alike]]:
    """Alikes in order of position, divided where two are too far apart in time."""
    chain: list[Alike] = []
    for movement in sorted(movements, key=lambda each: each.position):
        if chain and _apart(chain[-1], movement) > NEAR:
            yield chain
            chain = []
        chain.append(movement)
    yield chain


def _apart(one: Alike, other: Alike) -> timedelta:
    """How far apart in time; for ever where a time isn't known, so that nothing is concluded from nearness."""
    if one.recorded_at is None or other.recorded_at is None:
        return timedelta.max
    return abs(other.recorded_at - one.recorded_at)


def _explanations(facts: Facts, left: Left, key: Key, doubles: list[Double]) -> Iterator[Explanation]:
    """One finding an account and currency; what is merely possible waits until what is more than that is mended. What
    has been put right already is told apart, one by one.
    """
    told: list[Residual] = []
    owed = []
    for double in doubles:
        amount = -sum(event.amount for event in double.events)
        made_up = adjustments_of(facts, left, key, amount, after=double.events[-1].position, but=told)
        told += made_up
        if made_up:
            yield _explanation(facts, key, [double], double.certainty)
        else:
            owed.append(double)
    doubles = owed
    for certainties in (("proven", "likely"), ("possible",)):
        mine = [double for double in doubles if double.certainty in certainties]
        if mine:
            weakest = max((double.certainty for double in mine), key=["proven", "likely", "possible"].index)
            yield _explanation(facts, key, mine, weakest)
            return


def _explanation(facts: Facts, key: Key, doubles: list[Double], certainty: Certainty) -> Explanation:
    events = [event for double in doubles for event in double.events]
    booked = [event for double in doubles for event in double.booked]
    steps = [step for double in doubles for step in double.steps]
    amount = -sum(event.amount for event in events)
    them = f"the event{'s' * (len(events) > 1)} at {places([event.position for event in events])}"
    references = ", ".join(dict.fromkeys(event.reference for event in booked[:5]))
    proof = (
        f"{them} repeat kind and amount of {places([event.position for event in booked])} ({references}), and "
        f"{steps[0].source}, which covers them, differs from the events by just {facts.money(amount, key)}"
    )
    if certainty == "likely":
        proof += (
            "; that they record one act is not shown: it would take a client's key that they share, or a whole log "
            f"and a statement that goes on for {LATEST_BOOKING.days} days with every line explained"
        )
    if certainty == "possible":
        proof += (
            "; that they are doubles is not shown: they are far apart in time, or have a reference of their own, or "
            "the statement books several such payments under it, or a line that no event explains may be the second"
        )
    found = finding(
        FAULT, key, amount=amount, events=[(event.position, event.event_id) for event in events], certainty=certainty,
        source=steps[0].source, proof=proof,
    )  # fmt: skip
    line = LookAlike("statement_incomplete", f"{them} may be genuine, and a line missing from {steps[0].source}")
    return Explanation(found, [whole(step) for step in steps], () if certainty == "proven" else (line,))


def _uncovered(rows: Sequence[tuple[Any, ...]], doubles: dict[Key, list[Double]]) -> Iterator[Explanation]:
    """Two and no more that follow each other shortly, where no statement tells how many were meant."""
    groups: dict[Key, list[tuple[int, str, int, str, int]]] = {}
    for account, currency, amount, reference, position, event_id, first in rows:
        groups.setdefault((account, currency), []).append((position, event_id, amount, reference, first))
    for key, events in groups.items():
        if key in doubles:
            continue
        proof = (
            f"the event{'s' * (len(events) > 1)} at {places([event[0] for event in events])} repeat reference, kind "
            f"and amount of {places([event[4] for event in events])} ({', '.join(event[3] for event in events[:5])}) "
            "shortly after; a statement would show whether they were booked once or twice"
        )
        yield Explanation(
            finding(
                FAULT, key, amount=-sum(event[2] for event in events), certainty="possible", proof=proof,
                events=[(event[0], event[1]) for event in events],
            ),
            [],
        )  # fmt: skip
