"""valid_time_shift: a statement books the amount on a different date, and agrees later.

How late a bank books as a rule is no shift: each file's usual delay is taken off first, as where lines are matched.
"""

from collections.abc import Collection
from typing import NamedTuple

from esworkbench.forensics.compare.records import NO_EVENT, NO_ROW, Key, Residual
from esworkbench.forensics.compare.statement_lines import LATEST_BOOKING
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.findings import Certainty
from esworkbench.forensics.diagnosis.rewritten import rewritten_positions
from esworkbench.forensics.diagnosis.unexplained import Explanation, Explanations, Left, LookAlike, NotTestable, whole
from esworkbench.forensics.diagnosis.wording import finding, places

A_DAY = 86_400
SHOWN = 3

# What a statement tells in other parts than the log has no date of its own; and of several alike it needn't be clear
# which line means which event, so that none of them is said to be late.
_SHIFTED = """
    WITH lines AS (
        SELECT * FROM statement_lines
        QUALIFY count(*) OVER (PARTITION BY file, account, currency, reference, amount) = 1
    ), events AS (
        SELECT * FROM expected QUALIFY count(*) OVER (PARTITION BY file, account, currency, reference, amount) = 1
    )
    SELECT file, account, currency, e.position, e.event_id, l.reference, l.amount,
        epoch(l.booked_at) - epoch(e.due_at) AS late, l.reference <> '' AND l.reference = e.reference AS named
    FROM pairs JOIN lines AS l USING (file, account, currency, place)
        JOIN events AS e USING (file, account, currency, event_id)
    WHERE l.amount = e.amount AND abs(epoch(l.booked_at) - epoch(e.due_at)) > $day
      AND (file, account, currency, place) NOT IN
          (SELECT (file, account, currency, place) FROM netted WHERE place IS NOT NULL)
    ORDER BY file, account, currency, e.position
"""

# Under another reference only the amount tells, so there is to be one line and one event of it, and no other of either.
_UNDER_ANOTHER_NAME = """
    WITH lines AS (
        SELECT s.file, s.account, s.currency, s.place, l.reference, l.amount, l.booked_at
        FROM statement_steps AS s JOIN statement_lines AS l USING (file, account, currency, line)
        WHERE s.reason = 'no event' AND s.state = 'divergence'
    ), events AS (
        SELECT s.file, s.account, s.currency, s.place AS own_place, e.position, e.event_id, e.amount, e.due_at
        FROM statement_steps AS s JOIN expected AS e USING (file, account, currency, event_id)
        WHERE s.reason = 'no row' AND s.state = 'divergence' AND NOT e.waits
    )
    SELECT file, account, currency, place, own_place, position, event_id, reference, amount,
        epoch(booked_at) - epoch(due_at) AS late
    FROM lines JOIN events USING (file, account, currency, amount)
    WHERE abs(epoch(booked_at) - epoch(due_at)) BETWEEN $day AND $latest
    QUALIFY count(*) OVER (PARTITION BY file, account, currency, place) = 1
        AND count(*) OVER (PARTITION BY file, account, currency, event_id) = 1
    ORDER BY file, account, currency, position
"""


class Shift(NamedTuple):
    """A line and its event; ``late`` in seconds, negative where the statement comes first.

    ``named``: both bear one reference. ``steps`` are the two residuals of what differs in its reference.
    """

    position: int
    event_id: str
    reference: str
    amount: int
    late: float
    named: bool
    steps: tuple[Residual, ...] = ()


def valid_time_shift(facts: Facts, left: Left) -> Explanations:
    """Lines a day and more from their event. From the later of the two dates on statement and events agree on them."""
    if not facts.count("statements"):
        return NotTestable("there is no statement to say what happened outside")
    same: dict[tuple[str, Key], list[Shift]] = {}
    # The date may be what was changed.
    changed = {event.position for event in facts.changed} | rewritten_positions(left)
    for file, account, currency, *shift in facts.rows(_SHIFTED, day=A_DAY):
        if shift[0] in changed:
            continue
        same.setdefault((file, (account, currency)), []).append(Shift(*shift))
    other = _under_another_name(facts, left, changed)
    return [
        *(_explanation(facts, file, key, shifts) for (file, key), shifts in same.items()),
        *(_explanation(facts, file, key, shifts) for (file, key), shifts in other.items()),
    ]


FAULT = Fault(
    name="valid_time_shift",
    meaning="the statement books the amount on a different date, and both agree in the end",
    look_alikes=("day_boundary", "never_appended", "backdated_insert"),
    remedy="none: both agree from the later of the two dates on",
    repair="none",
    healthy=True,
    detector=valid_time_shift,
)


def _under_another_name(facts: Facts, left: Left, changed: Collection[int]) -> dict[tuple[str, Key], list[Shift]]:
    loose = {
        (step.source, step.key, step.place): step for step in left.steps(kind="statement")
        if step.reason in (NO_EVENT, NO_ROW)
    }  # fmt: skip
    found: dict[tuple[str, Key], list[Shift]] = {}
    if not any(step.reason == NO_EVENT for step in loose.values()):
        return found
    given = {"day": A_DAY, "latest": LATEST_BOOKING.total_seconds()}
    for file, account, currency, place, own_place, position, event_id, reference, amount, late in facts.rows(
        _UNDER_ANOTHER_NAME, **given
    ):
        key = account, currency
        line, hole = loose.get((file, key, place)), loose.get((file, key, own_place))
        if line is not None and hole is not None and line.amount == -hole.amount and position not in changed:
            found.setdefault((file, key), []).append(
                Shift(position, event_id, reference, amount, late, False, (line, hole))
            )
    return found


def _explanation(facts: Facts, file: str, key: Key, shifts: list[Shift]) -> Explanation:
    is_other = bool(shifts[0].steps)
    certainty: Certainty = "possible" if is_other else "proven" if all(each.named for each in shifts) else "likely"
    words = [_words(facts, key, each) for each in shifts[:SHOWN]]
    rest = [f"and so are {len(shifts) - SHOWN} others"] * (len(shifts) > SHOWN)
    says = "the amounts are the same and the references differ" if is_other else "the amounts are the same"
    proof = f"{file} books {'; '.join([*words, *rest])}; {says}, and from the later date on it agrees with the events"
    found = finding(
        FAULT, key, events=[(each.position, each.event_id) for each in shifts], source=file, certainty=certainty,
        proof=proof,
    )  # fmt: skip
    told_apart = (
        f"no event bears the name {shifts[0].reference!r}, and it may not have been written; "
        f"{places([each.position for each in shifts])}, of which no line tells, posts that amount: to append it as "
        "missing may book it twice"
    )
    look_alikes = (LookAlike("never_appended", told_apart),) if is_other else ()
    return Explanation(found, [whole(step) for each in shifts for step in each.steps], look_alikes)


def _words(facts: Facts, key: Key, shift: Shift) -> str:
    days = abs(shift.late) / A_DAY
    when = "after" if shift.late > 0 else "before"
    return (
        f"{shift.reference or 'a line'}, {facts.money(shift.amount, key)}, {days:.1f} days {when} the event at "
        f"{places([shift.position])} should have been booked"
    )
