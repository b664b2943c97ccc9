"""unresolved_pending: a request that, past the limit, was neither settled nor cancelled. Younger ones are healthy."""

from datetime import datetime
from typing import NamedTuple

from esworkbench.evidence.ledger import Pending
from esworkbench.forensics.compare.holds import json_path
from esworkbench.forensics.compare.records import NO_ROW, Key, Residual
from esworkbench.forensics.compare.statement_lines import LATEST_BOOKING
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.corrected_since import adjustments_of
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.faults.event_deleted import may_have_answered
from esworkbench.forensics.diagnosis.findings import Certainty
from esworkbench.forensics.diagnosis.lines_without_event import Unmatched, bookings_of, lost_with, unmatched_lines
from esworkbench.forensics.diagnosis.told_answered import answer_was_edited, changed_by_edits, told_answered
from esworkbench.forensics.diagnosis.unexplained import (
    Explanation,
    Explanations,
    Left,
    LookAlike,
    NotTestable,
    whole,
)
from esworkbench.forensics.diagnosis.whole_log import broken, is_whole
from esworkbench.forensics.diagnosis.wording import finding, places

# A request or an answer that stands elsewhere than it was written: the hold only seems open. Of a request whose amount
# was edited, what counts is what was held then.
_OVERDUE = """
    WITH moved AS (
        SELECT m.event_id, m.home, json_extract_string(payload, $path) AS hold
        FROM (SELECT unnest($moved::VARCHAR[]) AS event_id, unnest($homes::VARCHAR[]) AS home) AS m
        JOIN events USING (event_id) WHERE json_valid(payload)
    ), edited AS (
        SELECT unnest($edited::VARCHAR[]) AS event_id, unnest($changed_by::BIGINT[]) AS changed_by
    ), ends AS (
        SELECT file, account, currency, max(booked_at) AS last FROM statement_lines GROUP BY ALL
    ), booked AS ({booked}
    ), as_written AS (
        SELECT holds.* REPLACE (amount - coalesce(changed_by, 0) AS amount)
        FROM holds LEFT JOIN edited USING (event_id)
    )
    SELECT account, currency, position, event_id, amount, opened_at,
        (SELECT min(file) FROM booked WHERE booked.event_id = held.event_id AND booked.amount = -held.amount
           AND booked.account = held.account AND booked.currency = held.currency),
        (SELECT min(written) FROM booked WHERE booked.event_id = held.event_id AND booked.amount = -held.amount
           AND booked.account = held.account AND booked.currency = held.currency
         HAVING bool_and(written IS NOT NULL)),
        EXISTS (SELECT 1 FROM ends JOIN statement_steps AS s USING (file, account, currency)
                WHERE s.event_id = held.event_id AND s.account = held.account AND s.currency = held.currency
                  AND ends.last - held.opened_at >= to_seconds($limit) + $latest)
    FROM as_written AS held WHERE answer IS NULL AND $now - opened_at > to_seconds($limit)
      AND NOT EXISTS (SELECT 1 FROM moved WHERE moved.event_id = held.event_id
                      OR moved.home = held.stream_id AND moved.hold = held.hold)
    ORDER BY position
"""

# A reference that no event has says something where the bank repeats ours on other lines; one of its own says nothing.
_BOOKED = """
        SELECT line.file, pairs.account, pairs.currency, pairs.event_id, line.amount,
            CASE WHEN trim(line.reference) = '' OR m.reference = '' OR line.file NOT IN (
                    SELECT file FROM statement_lines ANTI JOIN nameless USING (file, account, currency, place)
                    WHERE NOT is_balance) THEN ''
                WHEN NOT starts_with(upper(trim(line.reference)), upper(trim(m.reference))) THEN line.reference
            END AS written
        FROM pairs JOIN statement_lines AS line USING (file, account, currency, place)
        JOIN movements AS m USING (account, currency, event_id)
"""

_NOTHING_BOOKED = """
    SELECT '' AS file, '' AS account, '' AS currency, '' AS event_id, 0 AS amount, '' AS written WHERE false
"""

_UNDATED = "SELECT DISTINCT position FROM holds WHERE answer IS NULL AND opened_at IS NULL ORDER BY position"


# A line that was booked before a hold was opened is no payment of it.
_ALIKE = """
    SELECT DISTINCT other.position FROM movements AS mine
    JOIN pairs USING (event_id, account, currency) JOIN statement_lines AS line USING (file, account, currency, place)
    JOIN movements AS other ON other.account = mine.account AND other.currency = mine.currency
        AND other.reference = mine.reference AND other.amount = mine.amount AND other.event_id <> mine.event_id
    WHERE mine.event_id = $booked AND other.event_id IN (SELECT unnest($open))
        AND other.recorded_at::DATE <= line.booked_at::DATE
    ORDER BY 1
"""

SHOWN = 3
"""So many lines that may have booked a hold are named one by one."""


class Request(NamedTuple):
    """A hold without an answer, in minor units; ``booked_by`` is a statement with a line for all of it.

    ``written`` is the reference of that line where it isn't the hold's, empty where one of the two has none: then the
    amount alone says that they are one.
    ``is_due``: a statement goes on for long enough after it lapsed that a payment must have been booked by then.
    """

    position: int
    event_id: str
    amount: int
    opened_at: datetime
    booked_by: str | None
    written: str | None
    is_due: bool


def unresolved_pending(facts: Facts, left: Left) -> Explanations:
    pending = facts.evidence.ledger.pending
    if pending is None:
        return NotTestable("the ledger names no pending events")
    unbooked = {step.event_id for step in left.steps(kind="statement") if step.reason == NO_ROW}
    overdue: dict[Key, list[Request]] = {}
    overtaken = {event.position for stream in facts.renumbered for event in stream.out_of_order}
    homes = {
        event.event_id: event.home[0] for event in facts.failing
        if event.home is not None and (event.home[0] != event.stream_id or event.position in overtaken)
    }  # fmt: skip
    given = {"now": facts.now, "limit": facts.limit_seconds, "moved": [*homes], "homes": [*homes.values()]}
    given |= {"path": json_path(pending.id_field), "latest": LATEST_BOOKING}
    changed_by = changed_by_edits(facts)
    given |= {"edited": [*changed_by], "changed_by": [*changed_by.values()]}
    overdue_rows = _OVERDUE.replace("{booked}", _BOOKED if facts.count("statements") else _NOTHING_BOOKED)
    for account, currency, *row in facts.rows(overdue_rows, **given):
        request = Request(*row)
        if request.event_id not in unbooked and may_have_answered(facts, request.event_id, request.amount):
            continue  # what is missing is the answer, and the finding that says so is the log's
        if answer_was_edited(facts, pending, request.event_id):
            continue  # the same
        overdue.setdefault((account, currency), []).append(request)
    if not overdue and (undated := facts.rows(_UNDATED)):
        return NotTestable(f"the log doesn't tell since when {places([row[0] for row in undated])} waits for an answer")
    return [
        _explanation(facts, left, pending, key, mine)
        for key, requests in overdue.items() for mine in _apart(facts, left, key, requests)
    ]  # fmt: skip


FAULT = Fault(
    name="unresolved_pending",
    meaning="money was held for a request that was neither settled nor cancelled within the limit",
    look_alikes=("never_appended", "statement_incomplete", "settled_otherwise"),
    remedy="append the missing cancellation or settlement, and watch for requests older than the limit",
    repair="compensate",
    notebook="14_the_47_23_case",
    detector=unresolved_pending,
)


def _apart(facts: Facts, left: Left, key: Key, requests: list[Request]) -> list[list[Request]]:
    """Each that was given back by an adjustment already, by itself; and the others together."""
    unbooked = {step.event_id for step in left.steps(key=key, kind="statement") if step.reason == NO_ROW}
    told: list[Residual] = []
    owed: list[Request] = []
    alone: list[Request] = []
    for request in requests:
        waits = request.booked_by is None and request.event_id in unbooked
        made_up = adjustments_of(facts, left, key, request.amount, after=request.position, but=told) if waits else []
        told += made_up
        (alone if made_up else owed).append(request)
    return [*([each] for each in alone), *([owed] if owed else [])]


def _explanation(facts: Facts, left: Left, pending: Pending, key: Key, requests: list[Request]) -> Explanation:
    """The statement decides: money that it never booked is still the customer's.

    Unless it books something that no event explains: what comes to the same sum may be the payment.
    """
    open_requests = [request for request in requests if request.booked_by is None]
    ids = {request.event_id for request in open_requests}
    steps = [step for step in left.steps(key=key, kind="statement") if step.event_id in ids]
    seen = {step.event_id for step in steps}
    unseen = [request for request in open_requests if request.event_id not in seen]
    opened = [request.opened_at for request in open_requests]
    unmatched = unmatched_lines(facts, left, key, steps, opened, sign=-1)
    payments = bookings_of(steps, unmatched.loose)
    amount = _of_one([*steps, *payments]) + sum(request.amount for request in unseen)
    answered = told_answered(facts, [request.event_id for request in requests])
    page = lost_with(facts, steps)
    found = finding(
        FAULT, key, amount=amount, source=steps[0].source if steps else None,
        certainty="possible" if answered or page or (steps and unmatched) or any(each.written for each in requests)
        else _certainty(facts, key, requests, steps, unseen),
        events=[(request.position, request.event_id) for request in requests],
        proof="; ".join([
            _held(facts, key, requests), *_told(facts, key, requests, steps, unseen),
            *(_may_be_paid(facts, key, unmatched, payments) if steps else []),
            *([f"but {answered}, so it was answered there"] if answered else []),
            *(_may_be_a_page(page) if page else []),
        ]),
        remedy=f"{_answer(pending, requests, steps, bool(payments))}; watch for requests older than the limit",
    )  # fmt: skip
    others: tuple[LookAlike, ...] = ()
    if page:
        others = (
            LookAlike("statement_incomplete", f"lines may be missing from {page[0].source} that came to nothing"),
        )
    if answered and facts.hashed and not broken(facts, key):
        others += (
            LookAlike(
                "rehashed_history",
                f"{answered}: the answer may have been changed or taken out of the log, and the rest hashed again, "
                "which an anchor from before would settle",
            ),
        )
    return Explanation(found, [whole(step) for step in (*steps, *payments)], others)


def _of_one(steps: list[Residual]) -> int:
    return sum(step.amount for step in steps if step.source == steps[0].source)


def _certainty(
    facts: Facts, key: Key, requests: list[Request], steps: list[Residual], unseen: list[Request]
) -> Certainty:  # fmt: skip
    """Proven where the log is whole and a statement tells one thing of every request: booked, or never booked.

    An answer that was lost is an answer.
    """
    if unseen or broken(facts, key):
        return "possible"
    booked = [request for request in requests if request.booked_by]
    alike = len(booked) in (0, len(requests)) and all(step.reason == NO_ROW for step in steps)
    late = any(not request.is_due for request in requests if not request.booked_by)
    by_amount = any(request.written is not None for request in booked)
    return "proven" if alike and not late and not by_amount and is_whole(facts, key) else "likely"


def _held(facts: Facts, key: Key, requests: list[Request]) -> str:
    hours = int((facts.now - min(request.opened_at for request in requests)).total_seconds() // 3600)
    return (
        f"{facts.money(sum(request.amount for request in requests), key)} requested at "
        f"{places([request.position for request in requests])}, {hours} hours before "
        f"{facts.now:%Y-%m-%d %H:%M} UTC, where {facts.limit_seconds // 3600} are allowed, "
        "and no event settles or cancels it"
    )


def _told(
    facts: Facts, key: Key, requests: list[Request], steps: list[Residual], unseen: list[Request]
) -> list[str]:  # fmt: skip
    """What the statements say of it."""
    words = []
    missing = [step for step in steps if step.reason == NO_ROW]
    if missing:
        amount = facts.money(_of_one(missing), key)
        words.append(f"{missing[0].source} has no line for it, and without it claims {amount} more than the events")
        if any(not request.is_due for request in requests if not request.booked_by):
            words.append(
                f"a payment may still be booked: that it never was is shown by a statement that goes on for "
                f"{LATEST_BOOKING.days} days after the hold has lapsed"
            )
    words += [
        f"{step.source} books {facts.money(step.posted + step.amount, key)} for that of position {step.position}, "
        f"where {facts.money(-step.posted, key)} was held: that has left, and the settlement that says so is missing"
        for step in steps if step.reason != NO_ROW
    ]  # fmt: skip
    booked = [request for request in requests if request.booked_by]
    alike = {request.event_id: _alike(facts, request, requests) for request in booked}
    words += [_by_amount(request) for request in booked if request.written is not None]
    if sure := [each.position for each in booked if not alike[each.event_id] and each.written is None]:
        words.append(
            f"{booked[0].booked_by} has booked that of {places(sure)}, so the money has left, and only the settlement "
            "is missing"
        )
    if unsure := {place for request in booked if alike[request.event_id]
                  for place in (request.position, *alike[request.event_id])}:  # fmt: skip
        count = sum(bool(each) for each in alike.values())
        words.append(
            f"of those of {places([*unsure])}, which have one reference and one amount, {booked[0].booked_by} has "
            f"booked {count}, and nothing tells which: there the money has left, and only the settlement is missing"
        )
    if unseen:
        words.append(
            f"of {places([request.position for request in unseen])} a statement would show whether the money left, and "
            "then nothing differs, or not"
        )
    if broken(facts, key):
        words.append("the answer may be among the events that are missing from this log")
    return words


def _by_amount(request: Request) -> str:
    """What a line is that has a hold's amount and not its reference."""
    if not request.written:
        return (
            f"{request.booked_by} has a line of that amount without a reference for that of position "
            f"{request.position}: if it is the payment, the money has left, and only the settlement is missing"
        )
    return (
        f"{request.booked_by} books {request.written!r}, of the amount held at position {request.position} and under "
        "another reference: if that is the payment under another name, the money has left, and only the "
        "settlement is missing; if it is another movement, no event records that one, and the hold was never paid"
    )


def _alike(facts: Facts, booked: Request, requests: list[Request]) -> list[int]:
    """Positions of requests without a line that this one's line may as well mean."""
    others = [request.event_id for request in requests if request.booked_by is None]
    return [place for (place,) in facts.rows(_ALIKE, booked=booked.event_id, open=others)] if others else []


def _may_be_paid(facts: Facts, key: Key, unmatched: Unmatched, payments: list[Residual]) -> list[str]:
    """Which lines may have booked it under another name, so that the money has left."""
    if payments:
        names = ", ".join(repr(line.type or "") for line in payments[:SHOWN])
        return [
            f"but {payments[0].source} books {names}, {facts.money(_of_one(payments), key)} in all, which no event "
            "explains: if that is the payment, the money has left, and only the settlement is missing"
        ]
    if unmatched.loose:
        names = ", ".join(
            f"{line.type or 'a line'} ({facts.money(line.amount, key)})" for line in unmatched.loose[:SHOWN]
        )
        return [f"but no event explains what {unmatched.loose[0].source} books as {names}, which may be the payment"]
    return ["but a line of another account or currency books that amount"] if unmatched.is_elsewhere else []


def _may_be_a_page(page: list[Residual]) -> list[str]:
    where = places([step.position or 0 for step in page])
    return [
        f"but {page[0].source} has no line for {where} either, and a page that is missing, and moved no balance, would "
        "look the same"
    ]


def _answer(pending: Pending, requests: list[Request], steps: list[Residual], may_be_paid: bool) -> str:
    booked = [request for request in requests if request.booked_by]
    if any(step.reason != NO_ROW for step in steps):
        return (
            f"append the missing {pending.settle}, and what brings its amount to the one that the statement books; "
            "don't give back what was held, for some of it has left"
        )
    if may_be_paid:
        return (
            f"find out whether the lines that no event explains are the payment: then append the missing "
            f"{pending.settle}, else {pending.cancel}"
        )
    if by_amount := [request for request in booked if request.written]:
        return (
            f"find out whether {by_amount[0].written!r} is the payment: then append the missing {pending.settle}, else "
            f"{pending.cancel} and the movement that the line books"
        )
    if len(booked) == len(requests):
        return f"append the missing settlement, {pending.settle}"
    rest = f" ({pending.settle} for what the statement has booked)" if booked else ""
    return f"append the missing {pending.cancel}, or settle it{rest}"
