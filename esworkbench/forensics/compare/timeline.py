"""One account, event by event: what the events sum to, and what somebody claimed at that point."""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from esworkbench.evidence import Evidence
from esworkbench.forensics.compare.records import NO_EVENT, NO_ROW, ClaimStep
from esworkbench.forensics.compare.residuals import Residuals

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("position", "version", "event_id", "kind", "recorded_at", "valid_at", "amount_minor")


Drawn = dict[int, tuple[int, int]]
"""Position → the balance claimed just after the event there, and how much of the claim's difference is a movement that
is booked on another day; minor units."""


def timeline(
    evidence: Evidence, account: str, currency: str, *, against: str | None = None, named: Collection[int] = ()
) -> "pd.DataFrame":
    """One row per posting, in order of position: COLUMNS, ``event_sum_minor``, ``claimed_minor`` and
    ``elsewhere_minor``, in minor units.

    ``claimed_minor`` is what the source ``against`` says after the event, and missing where it says nothing. A
    statement is dated by valid time and claims what is booked; it is drawn as far from the event sum as all that
    ``diff`` finds up to there comes to, so that neither a hold nor a late booking is a difference.

    One thing is taken out of that difference and stands in ``elsewhere_minor``: an event without a line and a line
    without an event that move the same amount and may be one movement, booked earlier or later. Drawn as it is, it
    would be a spike where nothing is wrong for good. Events in ``named``, which a finding accuses, are left in.
    """
    import pandas as pd

    rows = [tuple(getattr(posting, name) for name in COLUMNS) for posting in evidence.postings(account, currency)]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    frame["event_sum_minor"] = evidence.opening(account, currency) + frame["amount_minor"].cumsum()
    sums = dict(zip(frame["position"], frame["event_sum_minor"], strict=True))
    claims = {} if against is None else _claims(evidence, account, currency, against, sums, named)
    for number, column in enumerate(("claimed_minor", "elsewhere_minor")):
        found = [claims[position][number] if position in claims else None for position in frame["position"]]
        frame[column] = pd.array(found, dtype="Int64")
    return frame


def _claims(
    evidence: Evidence, account: str, currency: str, against: str, sums: Mapping[int, int], named: Collection[int]
) -> Drawn:
    """The last claim at a position wins."""
    residuals = Residuals(evidence, account=account)
    found: Drawn = {}
    for source in residuals.sources(against):
        steps = residuals.steps(source, account, currency) if source.kind in ("running", "statement") else []
        if source.kind == "running":
            found |= {step.position: (step.claimed, 0) for step in steps if step.made and step.position is not None}
        elif source.kind == "statement":
            found |= _in_order_of_events(steps, sums, named)
    return found


def _in_order_of_events(steps: Sequence[ClaimStep], sums: Mapping[int, int], named: Collection[int]) -> Drawn:
    """A statement is told in the order of its lines, where an event that was never booked is missed only when it is
    overdue, and one booked late comes after others. Drawn is the order of the events: each step's residual counts from
    its own event on.
    """
    of_two_days = _of_two_days(steps, named)
    found: Drawn = {}
    apart = elsewhere = 0
    for number, step in sorted(enumerate(steps), key=lambda each: each[1].at or 0):
        apart += 0 if number in of_two_days else step.residual
        elsewhere += step.residual if number in of_two_days else 0
        if step.at is not None:
            found[step.at] = (sums[step.at] + apart, elsewhere)
    return found


def _of_two_days(steps: Sequence[ClaimStep], named: Collection[int]) -> set[int]:
    """The steps that may be one movement booked on another day, two and two: each event goes with the nearest line."""
    events = [
        number for number, step in enumerate(steps)
        if step.reason == NO_ROW and step.residual and step.position not in named
    ]  # fmt: skip
    lines = [number for number, step in enumerate(steps) if step.reason == NO_EVENT and step.residual]
    pairs: set[int] = set()
    for event in events:
        alike = [each for each in lines if each not in pairs and steps[each].residual == -steps[event].residual]
        if alike:
            pairs |= {event, min(alike, key=lambda each: abs(each - event))}
    return pairs
