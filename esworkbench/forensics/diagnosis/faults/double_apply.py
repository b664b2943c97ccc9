"""double_apply: two batches of the checkpoint log cover the same position, and the figure counts its events twice."""

from collections.abc import Iterator
from datetime import date, datetime

from esworkbench.forensics.compare.holds import json_path
from esworkbench.forensics.compare.records import NO_EVENT, REPEATED, Key, Residual, Source
from esworkbench.forensics.diagnosis.context import Batch, Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.faults.twin_dropped import events_of_amount
from esworkbench.forensics.diagnosis.stretches import places_of_all, stretches
from esworkbench.forensics.diagnosis.totals import events_between
from esworkbench.forensics.diagnosis.unexplained import (
    Explanation,
    Explanations,
    Left,
    LookAlike,
    NotTestable,
    Share,
    whole,
)
from esworkbench.forensics.diagnosis.wording import finding, places

Covered = tuple[int, int, int]
"""First and last position, inclusive, and how many times too often they were covered."""

_OF_A_DAY = ("daily", "credits", "debits")


def double_apply(facts: Facts, left: Left) -> Explanations:
    if not facts.count("checkpoint_log"):
        return NotTestable("there is no checkpoint log to say which positions were covered when")
    return [each for source in (*facts.sources, *facts.columns) for each in _of_source(facts, left, source)]


def counted_twice(facts: Facts, left: Left) -> Explanations:
    """Figures that count one stretch of the log twice on several accounts, or one event, with no batches to show it."""
    heads = [source for source in facts.sources if source.kind == "head"]
    if facts.is_file or not heads:
        return NotTestable("there is no read model of current balances")
    return [
        each for source in heads
        for each in (list(_a_stretch_twice(facts, left, source)) or _one_event_twice(facts, left, source))
    ]  # fmt: skip


FAULT = Fault(
    name="double_apply",
    meaning="events were applied twice, because rows were saved without the checkpoint that covers them",
    look_alikes=("manual_edit", "handler_bug", "checkpoint_moved"),
    remedy="rebuild the read model, and save rows and checkpoint in one transaction",
    repair="rebuild",
    notebook="12_diff_projection_against_events",
    detector=double_apply,
    by_exclusion=counted_twice,
)


def _a_stretch_twice(facts: Facts, left: Left, source: Source) -> Iterator[Explanation]:
    errors = left.heads(source.name)
    if len(errors) < 2:
        return
    posted = places_of_all(facts, source)
    for found in stretches(errors, posted.searched(errors), source.cut, (1,), posted.within):
        if not found.common:
            continue
        for key in found.fits:
            events = [(position, event_id) for position, event_id, _ in events_between(facts, key, found.after,
                                                                                      found.up_to)]  # fmt: skip
            proof = (
                f"{source.name} counts exactly the events after position {found.after} and up to {found.up_to} twice, "
                f"on {len(found.fits)} accounts alike; no batches of the checkpoint log overlap there, so its rows of "
                f"the second pass are gone or were never written; on this account that makes "
                f"{facts.money(errors[key], key)}"
            )
            named = finding(
                FAULT, key, amount=errors[key], events=events, source=source.name,
                certainty="possible" if found.misses else "likely", proof=proof,
            )  # fmt: skip
            yield Explanation(named, [Share(source.name, key, errors[key])])
        return


def _one_event_twice(facts: Facts, left: Left, source: Source) -> Iterator[Explanation]:
    for key, amount in left.heads(source.name).items():
        events = events_of_amount(facts, source, key, amount)
        if events:
            each = "the event" if len(events) == 1 else "each of the events"
            proof = (
                f"{source.name} is {facts.money(amount, key)} over, which is what {each} at "
                f"{places([position for position, _ in events])} posts; no batches of the checkpoint log overlap there"
            )
            named = finding(FAULT, key, amount=amount, events=events, source=source.name, certainty="possible",
                            proof=proof)  # fmt: skip
            edited = f"the figure of {source.name} may as well have been changed outside the runner by that amount"
            yield Explanation(named, [Share(source.name, key, amount)], (LookAlike("manual_edit", edited),))


def overlaps(batches: list[Batch]) -> list[Covered]:
    """Where batches of one shard overlap, in order of position."""
    edges: dict[int, int] = {}
    for batch in batches:
        edges[batch.from_position] = edges.get(batch.from_position, 0) + 1
        edges[batch.to_position + 1] = edges.get(batch.to_position + 1, 0) - 1
    found: list[Covered] = []
    depth = start = 0
    for position in sorted(edges):
        if depth > 1:
            found.append((start, position - 1, depth - 1))
        depth, start = depth + edges[position], position
    return found


def _of_source(facts: Facts, left: Left, source: Source) -> Iterator[Explanation]:
    batches = facts.batches(source.name)
    shards = sorted({batch.shard for batch in batches})
    covered = [each for shard in shards for each in overlaps([batch for batch in batches if batch.shard == shard])]
    if not covered:
        return
    restored = _rows_put_back(facts, left, source, batches, covered) if len(shards) == 1 else None
    if restored is not None:
        batches, covered = restored
    words = "; ".join(_pair(batches, first) for first, _, _ in covered)
    if source.kind == "running":
        yield from _rows_repeated(facts, left, source, covered, words)
    elif source.kind == "head":
        yield from _sums_too_high(facts, left, source, covered, words, is_read_so=restored is not None)
    elif source.kind == "daily":
        yield from _days_too_high(facts, left, source, covered, words)
    elif source.kind == "holds":
        yield from _holds_put_back(facts, left, source, covered, words)


def _rows_put_back(
    facts: Facts, left: Left, source: Source, batches: list[Batch], covered: list[Covered]
) -> tuple[list[Batch], list[Covered]] | None:
    """The batches whose rows still stand, and where they overlap, if the rows went back with the checkpoint once.

    What was covered before from there on has left nothing then. It is read so only where the figures of all accounts
    follow to the minor unit, and don't otherwise.
    """
    errors = left.heads(source.name) if source.kind == "head" else {}
    if not errors or _come_to(facts, covered) == errors:
        return None
    for number, again in enumerate(batches):
        first = again.from_position
        if not any(each.to_position >= first for each in batches[:number]):
            continue
        before = [each._replace(to_position=min(each.to_position, first - 1)) for each in batches[:number]]
        standing = [each for each in before if each.from_position <= each.to_position] + batches[number:]
        left_over = overlaps(standing)
        if left_over and _come_to(facts, left_over) == errors:
            return standing, left_over
    return None


def _come_to(facts: Facts, covered: list[Covered]) -> dict[Key, int]:
    """By how much the events covered too often move each account, where that isn't 0."""
    sums = {key: sum(extra for *_, extra in events) for key, events in _events_covered(facts, covered).items()}
    return {key: amount for key, amount in sums.items() if amount}


def _sums_too_high(
    facts: Facts, left: Left, source: Source, covered: list[Covered], words: str, *, is_read_so: bool
) -> Iterator[Explanation]:
    """A sum can't say which events it counted, so the log has to; what else is off in the same figure is left over."""
    of_keys = _events_covered(facts, covered)
    # Where nothing is off, rows and checkpoint went back together: a restore done right, or a rebuild.
    counted = any(left.head(source.name, key) for key in of_keys)
    for key, events in of_keys.items():
        amount = sum(extra for _, _, extra in events)
        stands = left.head(source.name, key)
        positions = [position for position, _, _ in events]
        if amount and stands == 0 and counted:
            unseen = (
                f"the events at {places(positions)} were covered twice ({words}), and {source.name} agrees with them"
            )
            proof = f"{unseen} all the same: the second pass changed nothing, or something else makes up for it"
            yield Explanation(finding(FAULT, key, positions=positions, certainty="possible", proof=proof), [])
        if amount == 0 or stands == 0:
            continue
        proof = (
            f"{source.name} is off by {facts.money(stands, key)}; the events at {places(positions)} were covered twice "
            f"({words}) and add up to {facts.money(amount, key)}"
        )
        if is_read_so:
            proof += ", where rows and checkpoint had gone back together before, as in a restore done right"
        if stands != amount:
            proof += f", so {facts.money(stands - amount, key)} has another cause"
        yield Explanation(
            finding(
                FAULT, key, amount=amount, events=[(position, event_id) for position, event_id, _ in events],
                source=source.name, proof=proof,
                certainty="proven" if stands == amount and not is_read_so else "likely",
            ),
            [Share(source.name, key, amount)],
        )  # fmt: skip


def _rows_repeated(
    facts: Facts, left: Left, source: Source, covered: list[Covered], words: str
) -> Iterator[Explanation]:
    by_key: dict[Key, list[Residual]] = {}
    for step in left.steps(source=source.name):
        inside = step.position is not None and any(low <= step.position <= high for low, high, _ in covered)
        if step.reason == REPEATED and inside:
            by_key.setdefault(step.key, []).append(step)
    for key, steps in by_key.items():
        amount = sum(step.amount for step in steps)
        proof = f"{source.name} holds extra rows, {facts.money(amount, key)} in all, for events covered twice ({words})"
        events = [(step.position or 0, step.event_id or "") for step in steps]
        found = finding(FAULT, key, amount=amount, events=events, source=source.name, proof=proof)
        yield Explanation(found, [whole(step) for step in steps])


def _days_too_high(
    facts: Facts, left: Left, source: Source, covered: list[Covered], words: str
) -> Iterator[Explanation]:
    """A day says which events it counted: its closing, its credits and its debits are each held against those of it."""
    zone = facts.evidence.ledger.zone()
    days = {
        place: (moment.astimezone(zone).date() - date(1970, 1, 1)).days for place, moment in _moments(facts, covered)
    }
    for key, events in _events_covered(facts, covered).items():
        extra: dict[tuple[str, int], int] = {}
        for position, _, amount in events:
            if position in days:
                for kind, part in (("daily", amount), ("credits", max(amount, 0)), ("debits", max(-amount, 0))):
                    extra[kind, days[position]] = extra.get((kind, days[position]), 0) + part
        steps = [
            step for kind in _OF_A_DAY for step in left.steps(source=source.name, key=key, kind=kind)
            if (kind, step.place) in extra
        ]  # fmt: skip
        exact = [step for step in steps if step.amount == extra[step.kind, step.place]]
        told = {(step.kind, step.place) for step in exact}
        days_told = {place for _, place in told}
        taken = [event for event in events if days.get(event[0]) in days_told]
        if not taken:
            continue
        amount = sum(step.amount for step in exact if step.kind == "daily")
        claimed = {step.kind for step in exact}
        complete = all(
            not wrong or (kind, place) in told
            for (kind, place), wrong in extra.items() if kind in claimed
        )  # fmt: skip
        proof = (
            f"{source.name} is off by {facts.money(amount, key)} on {len(days_told)} day(s), which is what the events "
            f"of these days at {places([position for position, _, _ in taken])} come to that were covered twice "
            f"({words})"
        )
        found = finding(
            FAULT, key, amount=amount, events=[(position, event_id) for position, event_id, _ in taken],
            source=source.name, certainty="proven" if complete else "likely", proof=proof,
        )  # fmt: skip
        yield Explanation(found, [whole(step) for step in exact])


def _holds_put_back(
    facts: Facts, left: Left, source: Source, covered: list[Covered], words: str
) -> Iterator[Explanation]:
    """A request that was applied again after its answer puts back the hold; the hold claims no balance."""
    pending = facts.evidence.ledger.pending
    if pending is None:
        return
    by_key: dict[Key, list[tuple[Residual, str]]] = {}
    for step in left.steps(source=source.name, kind="holds"):
        inside = step.position is not None and any(low <= step.position <= high for low, high, _ in covered)
        if step.reason == NO_EVENT and inside:
            request = facts.rows(
                _REQUEST, source=source.name, account=step.account, currency=step.currency, position=step.position,
                request=pending.request, path=json_path(pending.id_field), amount=-step.amount,
            )  # fmt: skip
            if request:
                by_key.setdefault(step.key, []).append((step, request[0][0]))
    for key, put_back in by_key.items():
        events = [(step.position or 0, event_id) for step, event_id in put_back]
        proof = (
            f"{source.name} holds what the events at {places([position for position, _ in events])} asked for and "
            f"later ones answered; the requests were covered twice ({words}), the second time after the answer"
        )
        found = finding(FAULT, key, events=events, source=source.name, proof=proof)
        yield Explanation(found, [whole(step) for step, _ in put_back])


_REQUEST = """
    SELECT e.event_id FROM events AS e JOIN postings AS p USING (event_id) JOIN assertions AS a
        ON a.kind = 'holds' AND a.source = $source AND a.account = p.account AND a.currency = p.currency
        AND a.position = e.position AND a.event_id = json_extract_string(e.payload, $path)
    WHERE e.type = $request AND p.account = $account AND p.currency = $currency AND e.position = $position
    GROUP BY e.event_id HAVING sum(p.amount_minor) = $amount
"""
"""The request that a row of a hold repeats, hold id, position and amount."""


def _moments(facts: Facts, covered: list[Covered]) -> Iterator[tuple[int, datetime]]:
    """The recorded time by position, of every event covered too often."""
    for first, last, _ in covered:
        yield from (
            (position, moment) for position, moment in facts.rows(
                "SELECT DISTINCT position, recorded_at FROM postings WHERE position BETWEEN $first AND $last "
                "AND recorded_at IS NOT NULL", first=first, last=last,
            )
        )  # fmt: skip


def _events_covered(facts: Facts, covered: list[Covered]) -> dict[Key, list[tuple[int, str, int]]]:
    """Per account and currency: position, event id, and by how much the extra applications move the sum."""
    found: dict[Key, list[tuple[int, str, int]]] = {}
    for first, last, times in covered:
        rows = facts.rows(
            """
            SELECT account, currency, position, event_id, sum(amount_minor)::BIGINT FROM postings
            WHERE position BETWEEN $first AND $last GROUP BY ALL HAVING sum(amount_minor) <> 0 ORDER BY position
            """,
            first=first,
            last=last,
        )
        for account, currency, position, event_id, amount in rows:
            found.setdefault((account, currency), []).append((position, event_id, amount * times))
    return found


def _pair(batches: list[Batch], position: int) -> str:
    both = [batch for batch in batches if batch.from_position <= position <= batch.to_position]
    return " and ".join(f"run {batch.run_id} {batch.from_position}–{batch.to_position}" for batch in both)
