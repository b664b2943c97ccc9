"""Events written over others: rows tell of events at positions where the log holds others.

The log was cut off and went on, or a stretch of it was written anew under new ids. Either way a reader whose checkpoint
stayed where it was has counted what is gone, and never reads what was written over it: both follow from one act, and no
balance shows the one without the other. Times tell the two apart: what a log went on with was recorded after the reader
had read that far, and nothing behind it was recorded before.
"""

from collections.abc import Iterator
from itertools import accumulate
from typing import NamedTuple

from esworkbench.forensics.compare.records import NO_EVENT, Key, Residual
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.unexplained import Left, Share, whole
from esworkbench.forensics.diagnosis.witnesses import rows_without_event, was_reset

FEWEST = 2
"""So many rows at least: one event that others stand in the place of may have been taken out or edited by itself."""

_ROWS = """
    SELECT source, account, currency, position, event_id, coalesce(step_minor, 0)::BIGINT FROM assertions
    WHERE kind = 'running' AND event_id IN (SELECT unnest($ids::VARCHAR[])) ORDER BY source, position
"""

# Rows of events that the log holds in the stretch: whoever has them has read the stretch as it is now.
_READ_AS_IT_IS = """
    SELECT 1 FROM assertions AS a JOIN events AS e USING (event_id)
    WHERE a.kind = 'running' AND a.source = $source
      AND (e.position BETWEEN $first AND $last OR a.position BETWEEN $first AND $last) LIMIT 1
"""

_STANDS = "SELECT position, event_id FROM events WHERE position BETWEEN $first AND $last ORDER BY position"

# By what the source noted down when it had read that far; when the newest that stands there was recorded, and the
# first; and whether any event behind the stretch is older.
_TIMES = """
    WITH stands AS (
        SELECT min(recorded_at) AS first, max(recorded_at) AS last, count(*) > count(recorded_at) AS unknown
        FROM events WHERE position BETWEEN $first AND $last
    )
    SELECT unknown, first <= (
            SELECT min(saved_at) FROM checkpoint_log
            WHERE projection = $source AND from_position IS NOT NULL AND to_position >= $last AND shard >= 0
        ), EXISTS (SELECT 1 FROM events WHERE position > $last AND recorded_at < stands.last)
    FROM stands
"""

_POSTED = """
    SELECT account, currency, sum(amount_minor)::BIGINT FROM postings
    WHERE position BETWEEN $first AND $last GROUP BY ALL ORDER BY ALL
"""


class GoneRow(NamedTuple):
    """A row of an event that is gone, and what it says that this posted."""

    key: Key
    position: int
    event_id: str
    amount: int


class WrittenOver(NamedTuple):
    """From ``first`` to ``last``, the rows of ``source`` tell of other events than the log, which are ``gone``.

    ``stands`` are the ids of what the log holds there, and ``posted`` what these post, by account and currency.
    ``went_on``: the log was cut off, since the source noted down that it had read that far before any of these was
    recorded; False: they were put in the place of others, since they are older than that, or than what stands behind
    them; None where no time tells.
    """

    source: str
    first: int
    last: int
    gone: list[GoneRow]
    stands: list[str]
    posted: dict[Key, int]
    went_on: bool | None

    def lost(self, key: Key) -> int:
        return sum(row.amount for row in self.gone if row.key == key)

    @property
    def keys(self) -> list[Key]:
        """The accounts and currencies that lost events."""
        return sorted({row.key for row in self.gone})

    @property
    def others(self) -> list[Key]:
        """Those that lost none, and have events that stand in the place of others'."""
        return sorted({*self.posted} - {*self.keys})


def written_over(facts: Facts) -> WrittenOver | None:
    """The stretch, where there is one."""
    found: WrittenOver | None = facts.once("written over", lambda: _written_over(facts))
    return found


def _written_over(facts: Facts) -> WrittenOver | None:
    ids = sorted({event_id for _, _, event_id in rows_without_event(facts)})
    by_source: dict[str, list[GoneRow]] = {}
    for source, account, currency, position, event_id, amount in facts.rows(_ROWS, ids=ids) if ids else ():
        by_source.setdefault(source, []).append(GoneRow((account, currency), position, event_id, amount))
    failing = {event.position for event in facts.failing}  # edited where they stood: what is appended fits its hash
    for source, gone in by_source.items():
        given = {"first": gone[0].position, "last": gone[-1].position}
        stands = facts.rows(_STANDS, **given)
        others = {position for position, _ in stands} - failing
        if len(gone) < FEWEST or others.isdisjoint(row.position for row in gone):
            continue
        if facts.rows(_READ_AS_IT_IS, source=source, **given):
            continue
        [(unknown, read_later, older_behind)] = facts.rows(_TIMES, source=source, **given)
        went_on = False if read_later or older_behind else None if unknown or read_later is None else True
        posted = {(account, currency): amount for account, currency, amount in facts.rows(_POSTED, **given)}
        return WrittenOver(source, given["first"], given["last"], gone, [event_id for _, event_id in stands], posted,
                           went_on)  # fmt: skip
    return None


def follows(facts: Facts, left: Left, over: WrittenOver, key: Key) -> Iterator[Share]:
    """What every source differs by on an account: it counts what is gone, and lacks what stands there now."""
    lost, posted = over.lost(key), over.posted.get(key, 0)
    ids = {*over.stands, *(row.event_id for row in over.gone)}
    amounts = [row.amount for row in over.gone if row.key == key]
    yield from (whole(step) for step in left.steps(key=key, kind="amount") if step.event_id in ids)
    for source in facts.sources:
        steps = left.steps(source=source.name, key=key)
        if source.kind == "head":
            stands = left.head(source.name, key)
            if stands and lost != posted and not was_reset(facts, source.name):
                yield Share(source.name, key, lost - posted)
        elif source.kind == "running":
            yield from (whole(step) for step in steps if step.event_id in ids)
        elif source.kind == "snapshot":
            yield from (whole(step) for step in steps if (step.at or 0) >= over.first
                        or step.amount in accumulate(amounts))  # fmt: skip
        elif source.kind == "daily" and sum(step.amount for step in steps) == lost - posted:
            yield from map(whole, steps)
        elif source.kind == "statement":
            yield from map(whole, _lines(steps, lost, amounts))
            if over.went_on is False:
                yield from (whole(step) for step in steps if step.event_id in ids and step.reason != NO_EVENT)


def _lines(steps: list[Residual], lost: int, amounts: list[int]) -> list[Residual]:
    """The lines of what is gone."""
    lines = [step for step in steps if step.reason == NO_EVENT]
    if sum(step.amount for step in lines) == lost:
        return lines
    open_, found = list(amounts), []
    for step in lines:
        if step.amount in open_:
            open_.remove(step.amount)
            found.append(step)
    return found
