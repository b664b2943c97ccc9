"""What a bank statement tells differently from the events, line by line, matched by the business key.

A statement books a movement once it is final: a hold when it is settled, never when it is requested. So the events are
first told the way a statement would tell them, and then the two lists are laid side by side.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from esworkbench.evidence import Evidence
from esworkbench.forensics.compare.residuals import DIFFERS, NO_EVENT, NO_ROW, REPAIRS, TOTAL, Key, Residual

FINAL, OPEN = "final", "open"

DEFAULT_LIMIT = timedelta(hours=24)


def hold_limit(evidence: Evidence) -> timedelta:
    """How long a hold may stay unanswered: what the ledger says, else a day."""
    pending = evidence.ledger.pending
    return timedelta(hours=pending.limit_hours) if pending else DEFAULT_LIMIT


class Movement(NamedTuple):
    """An event as a statement would book it.

    ``booked_at`` of a settled hold is when it was settled. It is never before the event was recorded: money in a night
    safe is true at once and booked when counted.
    """

    account: str
    currency: str
    reference: str | None
    amount: int
    booked_at: datetime
    position: int
    event_id: str
    type: str
    schema_version: int
    state: str
    recorded_at: datetime

    @property
    def key(self) -> Key:
        return self.account, self.currency


class Line(NamedTuple):
    """A statement's line, amounts in minor units."""

    file: str
    line: int
    account: str
    currency: str
    booked_at: datetime
    reference: str
    amount: int
    balance: int

    @property
    def key(self) -> Key:
        return self.account, self.currency


def movements(evidence: Evidence) -> list[Movement]:
    """Every event that posts, as a statement would book it, in order of position.

    A cancelled hold books nothing, nor does an event with the one that makes it good.
    """
    ledger = evidence.ledger
    pending = ledger.pending
    given: dict[str, Any] = {
        "key": _path(ledger.business_key),
        "id": _path(pending.id_field if pending else None),
        "request": pending.request if pending else None,
        "settle": pending.settle if pending else None,
        "cancel": pending.cancel if pending else None,
    }
    return [Movement(*row) for row in evidence.rows(_MOVEMENTS, **given)]


def statement_residuals(evidence: Evidence, now: datetime) -> list[Residual]:
    """Where lines and movements part, for each account that a statement covers. Numbers are the caller's to give."""
    lines: dict[tuple[str, Key], list[Line]] = {}
    for row in evidence.rows("SELECT * FROM statements ORDER BY file, line"):
        lines.setdefault((row[0], (row[2], row[3])), []).append(Line(*row))
    booked: dict[Key, list[Movement]] = {}
    for movement in movements(evidence) if lines else ():
        booked.setdefault(movement.key, []).append(movement)
    limit = hold_limit(evidence)
    found: list[Residual] = []
    for (file, key), written in lines.items():
        expected = [
            each for each in booked.get(key, ())
            if each.state == FINAL or now - each.recorded_at > limit
        ]  # fmt: skip
        found += _compare(file, key, written, expected)
    return found


def _compare(file: str, key: Key, written: list[Line], expected: list[Movement]) -> Iterator[Residual]:
    """Exact matches first, then what shares a reference, then what stands alone."""
    unread = list(written)
    unbooked = []
    by_content: dict[tuple[str, int], list[Line]] = {}
    for line in written:
        by_content.setdefault((line.reference, line.amount), []).append(line)
    for movement in expected:
        same = by_content.get((movement.reference or "", movement.amount))
        if same:
            unread.remove(same.pop(0))
        elif movement.amount:
            unbooked.append(movement)
    first, last = written[0].booked_at, written[-1].booked_at
    before = sum(movement.amount for movement in unbooked if movement.booked_at < first)
    opening = written[0].balance - written[0].amount - before
    if opening:
        yield _residual(file, key, opening, TOTAL)
    by_reference = {line.reference: line for line in reversed(unread)}
    for movement in unbooked:
        told = by_reference.get(movement.reference or "")
        if told is not None:
            del by_reference[told.reference]
            unread.remove(told)
            yield _residual(file, key, told.amount - movement.amount, DIFFERS, movement)
        elif first <= movement.booked_at <= last:
            yield _residual(file, key, -movement.amount, NO_ROW, movement)
    for line in unread:
        yield _residual(file, key, line.amount, NO_EVENT)._replace(type=line.reference)


def _residual(file: str, key: Key, amount: int, reason: str, movement: Movement | None = None) -> Residual:
    residual = Residual(0, file, "statement", key[0], key[1], amount, reason)
    if movement is None:
        return residual
    return residual._replace(
        position=movement.position, event_id=movement.event_id, type=movement.type,
        schema_version=movement.schema_version, posted=movement.amount,
    )  # fmt: skip


def _path(field: str | None) -> str:
    """A dotted path as DuckDB writes it; one that no payload has, where the ledger names none."""
    return "$" + "".join(f'."{name}"' for name in (field or "no such field").split("."))


_MOVEMENTS = f"""
    WITH {REPAIRS}, told AS (
        SELECT event_id, position, type, schema_version, stream_id, recorded_at, valid_at,
               json_extract_string(payload, $key) AS reference, json_extract_string(payload, $id) AS hold
        FROM events WHERE json_valid(payload)
    ), resolved AS (
        SELECT stream_id, hold, bool_or(type = $cancel) AS cancelled,
               min(greatest(valid_at, recorded_at)) AS at
        FROM told WHERE type IN ($settle, $cancel) GROUP BY ALL
    ), sums AS (
        SELECT account, currency, event_id, sum(amount_minor)::BIGINT AS amount FROM postings GROUP BY ALL
    )
    SELECT sums.account, sums.currency, told.reference, sums.amount,
           coalesce(resolved.at, greatest(told.valid_at, told.recorded_at)),
           told.position, told.event_id, told.type, told.schema_version,
           CASE WHEN told.type = $request AND resolved.hold IS NULL THEN 'open' ELSE 'final' END, told.recorded_at
    FROM sums JOIN told USING (event_id)
    LEFT JOIN resolved ON told.type = $request AND resolved.stream_id = told.stream_id AND resolved.hold = told.hold
    WHERE NOT coalesce(resolved.cancelled, false)
      AND sums.event_id NOT IN (SELECT original FROM made_good UNION ALL SELECT repair FROM made_good)
      AND (told.type NOT IN ($settle, $cancel) OR $settle IS NULL)
    ORDER BY told.position
"""
