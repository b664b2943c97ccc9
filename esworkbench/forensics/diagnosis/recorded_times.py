"""Recorded times that go back while positions go on.

Two clocks prove nothing: a slow commit, another machine, a clock set right, all look like this, and no sum depends on
it. What can be said is which events stand out, and that answers as of a moment in between differ.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from esworkbench.forensics.compare.records import NO_ROW
from esworkbench.forensics.diagnosis.context import Facts

TOLERANCE_SECONDS = 5
"""Between streams, a commit may take so long after its time was read."""

MOST = 0.1
"""Where more of the events than this are out of order, their time is not that of appending, and says nothing."""

AHEAD_AT_MOST = 0.1
"""A few events ahead of many are the odd ones; otherwise those that come after, with an earlier time, are."""

_TIMES = """
    WITH timed AS (
        SELECT position, event_id, stream_id, recorded_at,
            max(recorded_at) OVER (ORDER BY position ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS log_before,
            max(recorded_at) OVER (PARTITION BY stream_id ORDER BY version, position
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS stream_before,
            min(recorded_at) OVER (ORDER BY position ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS log_after,
            min(recorded_at) OVER (PARTITION BY stream_id ORDER BY version, position
                ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS stream_after
        FROM events WHERE recorded_at IS NOT NULL AND position NOT IN (SELECT unnest($left_out))
    ), judged AS (
        SELECT *,
            coalesce(recorded_at < stream_before OR recorded_at <= log_before - $tolerance::INTERVAL, false) AS behind,
            coalesce(recorded_at > stream_after OR recorded_at >= log_after + $tolerance::INTERVAL, false) AS ahead
        FROM timed
    )
    SELECT position, event_id, stream_id, recorded_at, greatest(log_before, stream_before),
        least(log_after, stream_after), behind, ahead
    FROM judged WHERE behind OR ahead ORDER BY position
"""


class OddTime(NamedTuple):
    """An event whose recorded time is out of order, and the time it should not have passed: where it is ``behind``, the
    latest of those before it in the log; else, where it is ahead, the earliest of those after it.
    """

    position: int
    event_id: str
    stream_id: str
    recorded_at: datetime
    neighbour: datetime
    is_behind: bool


def odd_times(facts: Facts, *, moved: Iterable[int] = ()) -> list[OddTime] | None:
    """The events whose recorded time is out of order; None where these times are in no order at all.

    Left out are events whose content fails its hash, since their time itself may be what was edited, and those that a
    read model with a row for each event has none for: they came late to a position that was passed. So are the
    positions of those that were ``moved``: their times are in order where they stood.
    """
    failing = [event.position for event in facts.failing if not event.respelled]
    late = [step.position for step in facts.residuals if step.kind == "running" and step.reason == NO_ROW]
    rows = facts.rows(_TIMES, left_out=[*failing, *late, *moved], tolerance=f"{TOLERANCE_SECONDS} s")
    behind = [OddTime._make([*row[:5], True]) for row in rows if row[6]]
    ahead = [OddTime._make([*row[:4], row[5], False]) for row in rows if row[7]]
    odd = ahead if len(ahead) <= AHEAD_AT_MOST * len(behind) else behind
    return None if len(odd) > max(1, MOST * facts.count("events")) else odd
