"""Where a bank statement differs from the events, line by line.

A statement books a movement once it is final: a hold when it is settled, never when it is requested. So the events are
first listed as a statement would list them, and then the two lists are matched: a line and a movement with
the same business key and amount are one, the nearest in time first; what is left over is a line without an event, or a
movement without a line. What a line claims is its balance; its amount only says which movement it means.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from esworkbench.evidence import Evidence
from esworkbench.forensics.compare.holds import REPAIRS, hold_limit, json_path, make_holds
from esworkbench.forensics.compare.records import DIFFERS, NO_EVENT, NO_ROW, TOTAL, ClaimStep, Key, State

FINAL, OPEN = "final", "open"


class BookedMovement(NamedTuple):
    """An event as a statement would book it.

    ``booked_at`` of a settled hold is when it was settled, of an open one when it lapses. It is never before the event
    was recorded: money in a night safe is true at once and booked when counted.
    """

    account: str
    currency: str
    reference: str | None
    amount: int
    booked_at: datetime
    position: int
    version: int
    event_id: str
    type: str
    schema_version: int
    state: str
    recorded_at: datetime

    @property
    def key(self) -> Key:
        return self.account, self.currency


class CapturedLine(NamedTuple):
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


def movements(evidence: Evidence) -> list[BookedMovement]:
    """Every event that posts, as a statement would book it, in order of position.

    A cancelled hold books nothing, and neither do an event and the one that compensates it.
    """
    ledger = evidence.ledger
    connection = evidence.connection()
    make_holds(connection, ledger)
    pending = ledger.pending
    given: dict[str, Any] = {
        "key": json_path(ledger.business_key),
        "limit": hold_limit(ledger),
        "settle": pending.settle if pending else None,
        "cancel": pending.cancel if pending else None,
    }
    return [BookedMovement(*row) for row in connection.execute(_MOVEMENTS, given).fetchall()]


def statement_steps(evidence: Evidence, now: datetime | None = None) -> dict[tuple[str, Key], list[ClaimStep]]:
    """By file, account and currency: every line, and every movement that has none, in the order in which they count.

    Only movements between the first line and the last should have a line; a hold only if it was settled, or has been
    open for longer than allowed at ``now``, by default the evidence's latest ``recorded_at``.
    """
    lines: dict[tuple[str, Key], list[CapturedLine]] = {}
    for row in evidence.rows("SELECT * FROM statements ORDER BY file, line"):
        lines.setdefault((row[0], (row[2], row[3])), []).append(CapturedLine(*row))
    if not lines:
        return {}
    expected: dict[Key, list[BookedMovement]] = {}
    limit = hold_limit(evidence.ledger)
    for movement in movements(evidence):
        if movement.state == FINAL or (now or evidence.now) - movement.recorded_at > limit:
            expected.setdefault(movement.key, []).append(movement)
    zone = evidence.ledger.zone()
    found = {}
    for (file, key), written in lines.items():
        if written[0].booked_at > written[-1].booked_at:
            written = written[::-1]  # newest first
        mine = expected.get(key, [])
        meant = _paired(written, mine, lambda moment: moment.astimezone(zone).date())
        found[file, key] = list(_steps(written, mine, meant, lambda moment: moment.astimezone(zone).date()))
    return found


def _paired(
    written: Sequence[CapturedLine], expected: Sequence[BookedMovement], day_of: Callable[[datetime], date]
) -> dict[int, int]:
    """Line → the movement it means, both by index: the same key and amount, at the same moment, on the same day or at
    any time; then the same key with another amount.
    """
    pairs: dict[int, int] = {}
    taken: set[int] = set()
    for told_by in (_content_at(lambda moment: moment), _content_at(day_of), _content_at(lambda _: None), _reference):
        waiting: dict[Any, list[int]] = defaultdict(list)
        for index, line in enumerate(written):
            if index not in pairs:
                waiting[told_by(line)].append(index)
        for index, movement in enumerate(expected):
            same = waiting.get(told_by(movement)) if index not in taken and movement.amount else None
            if same:
                pairs[same.pop(0)] = index
                taken.add(index)
    return pairs


def _content_at(when: Callable[[datetime], object]) -> Callable[[CapturedLine | BookedMovement], object]:
    return lambda told: (told.reference or "", told.amount, when(told.booked_at))


def _reference(told: CapturedLine | BookedMovement) -> object:
    return told.reference or told  # a movement without a key matches no line by key


def _steps(
    written: Sequence[CapturedLine],
    expected: Sequence[BookedMovement],
    meant: dict[int, int],
    day_of: Callable[[datetime], date],
) -> Iterator[ClaimStep]:
    first, last = written[0].booked_at, max(line.booked_at for line in written)
    booked = set(meant.values())
    missing = [each for index, each in enumerate(expected) if index not in booked and each.amount]
    balance = written[0].balance - written[0].amount
    event_sum = sum(each.amount for each in missing if each.booked_at < first)
    at = None
    if balance != event_sum:
        yield ClaimStep(
            None, None, None, balance, event_sum, balance - event_sum, event_sum, TOTAL, State.DIVERGENCE, False, at
        )
    holes = sorted((each for each in missing if first <= each.booked_at <= last), key=lambda each: each.booked_at)
    for index, line in enumerate(written):
        while holes and holes[0].booked_at < line.booked_at:
            hole = holes.pop(0)
            event_sum, at = event_sum + hole.amount, hole.position
            yield _hole(hole, balance, event_sum)
        movement = expected[meant[index]] if index in meant else None
        step, posted = line.balance - balance, movement.amount if movement else 0
        balance, event_sum = line.balance, event_sum + posted
        at = movement.position if movement else at
        yield _line(line, movement, step - posted, event_sum, at, day_of)
    for hole in holes:
        yield _hole(hole, balance, event_sum := event_sum + hole.amount)


def _line(
    line: CapturedLine, movement: BookedMovement | None, residual: int, event_sum: int, at: int | None,
    day_of: Callable[[datetime], date],
) -> ClaimStep:  # fmt: skip
    if movement is None:
        state = State.DIVERGENCE if residual else None
        return ClaimStep(
            None, None, None, line.balance, 0, residual, event_sum, NO_EVENT, state, True, at, line.reference
        )
    shifted = day_of(line.booked_at) != day_of(movement.booked_at)
    state = State.DIVERGENCE if residual else State.SHIFTED if shifted else None
    return ClaimStep(
        movement.position, movement.version, movement.event_id, line.balance, movement.amount, residual, event_sum,
        DIFFERS, state, True, movement.position, movement.type, movement.schema_version,
    )  # fmt: skip


def _hole(movement: BookedMovement, balance: int, event_sum: int) -> ClaimStep:
    return ClaimStep(
        movement.position, movement.version, movement.event_id, balance, movement.amount, -movement.amount, event_sum,
        NO_ROW, State.DIVERGENCE, False, movement.position, movement.type, movement.schema_version,
    )  # fmt: skip


_MOVEMENTS = f"""
    WITH {REPAIRS}, told AS (
        SELECT event_id, position, version, type, schema_version, recorded_at, valid_at,
               json_extract_string(payload, $key) AS reference
        FROM events WHERE json_valid(payload)
    ), sums AS (
        SELECT account, currency, event_id, sum(amount_minor)::BIGINT AS amount FROM postings GROUP BY ALL
    )
    SELECT sums.account, sums.currency, told.reference, sums.amount,
           CASE WHEN holds.event_id IS NULL THEN greatest(told.valid_at, told.recorded_at)
                ELSE coalesce(holds.final_at, holds.opened_at + $limit) END,
           told.position, told.version, told.event_id, told.type, told.schema_version,
           CASE WHEN holds.event_id IS NOT NULL AND holds.answer IS NULL THEN 'open' ELSE 'final' END, told.recorded_at
    FROM sums JOIN told USING (event_id)
    LEFT JOIN holds ON holds.event_id = told.event_id AND holds.account = sums.account
        AND holds.currency = sums.currency
    WHERE holds.answer IS DISTINCT FROM 'cancelled'
      AND sums.event_id NOT IN (SELECT original FROM made_good UNION ALL SELECT repair FROM made_good)
      AND (told.type NOT IN ($settle, $cancel) OR $settle IS NULL)
    ORDER BY told.position
"""
