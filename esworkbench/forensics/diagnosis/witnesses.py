"""What claims still show of an event that was deleted, cut off, moved or edited: they kept what the log has lost."""

from collections.abc import Iterator, Sequence
from itertools import accumulate

from esworkbench.forensics.compare.records import NO_EVENT, NO_ROW, Key, Residual
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.numbered_otherwise import readings
from esworkbench.forensics.diagnosis.unexplained import Left, Share, whole

_ROWS_WITHOUT_EVENT = """
    SELECT account, currency, position, event_id FROM assertions
    WHERE kind = 'running' AND event_id IS NOT NULL AND position IS NOT NULL
      AND event_id NOT IN (SELECT event_id FROM events)
      AND NOT EXISTS (SELECT 1 FROM postings AS p WHERE p.position = assertions.position
                      AND p.account = assertions.account AND p.currency = assertions.currency
                      AND p.amount_minor = assertions.step_minor)
    ORDER BY position
"""

_TELLS_THE_LAST = """
    WITH last AS (
        SELECT event_id, position FROM postings
        WHERE account = $account AND currency = $currency AND ($up_to::BIGINT IS NULL OR position <= $up_to)
        ORDER BY position DESC LIMIT 1
    )
    SELECT DISTINCT source FROM assertions AS a JOIN last
        ON a.event_id = last.event_id OR (a.event_id IS NULL AND a.position = last.position)
    WHERE a.kind = 'running' AND a.account = $account AND a.currency = $currency ORDER BY source
"""

# A statement needn't tell of what was undone, and a hold that is open has no line yet.
_BOOKS_THE_LAST = """
    WITH last AS (
        SELECT event_id FROM movements
        WHERE account = $account AND currency = $currency AND NOT waits AND undoes IS NULL
        ORDER BY booked_at DESC, position DESC LIMIT 1
    )
    SELECT DISTINCT file FROM pairs SEMI JOIN last USING (event_id)
    WHERE account = $account AND currency = $currency ORDER BY file
"""


def witnessed(facts: Facts, left: Left, key: Key | None, steps: Sequence[Residual]) -> tuple[int, str | None]:
    """By how much the claims differ from what is left of the log, and which source shows it; (0, None) if none does.

    Rows are asked first, because each speaks for one event; a head speaks for everything. Of a statement only lines
    without an event count: what it lacks, or tells otherwise, of other events has other causes. That it has no line for
    an event as it now is says nothing of what the event once was, unless the line for that is there.
    """
    if key is None:
        return 0, None
    lines = {step.source for step in steps if step.reason == NO_EVENT}
    spoken = [step for step in steps if step.kind == "running" or step.reason != NO_ROW or step.source in lines]
    if spoken:
        first = min(spoken, key=lambda step: step.kind != "running").source
        return sum(step.amount for step in spoken if step.source == first), first
    for source in facts.sources:
        if source.kind == "head" and left.head(source.name, key):
            return left.head(source.name, key), source.name
    for kind in ("daily", "snapshot", "statement"):
        others = [step for step in left.steps(key=key, kind=kind) if kind != "statement" or step.reason == NO_EVENT]
        amount = others[-1].amount if kind == "snapshot" and others else sum(step.amount for step in others)
        if amount:
            return amount, others[0].source
    return 0, None


def shares_of(facts: Facts, left: Left, key: Key, amount: int, steps: Sequence[Residual]) -> Iterator[Share]:
    """What this explains in every source. A head rebuilt since has seen only the log as it is now: it has no share."""
    numbers = {step.number for step in steps}
    for source in facts.sources:
        if source.kind == "head":
            stands = left.head(source.name, key)
            if stands and amount and (stands == amount or not _read_again(facts, source.name, steps)):
                yield Share(source.name, key, amount)
    # A snapshot taken between two lost events counts only the first.
    lost = {amount, *(step.amount for step in steps), *accumulate(step.amount for step in steps)}
    for source in facts.sources:
        others = left.steps(source=source.name, key=key)
        if source.kind == "snapshot":
            told = readings(facts, key)
            yield from (
                whole(step) for step in others
                if step.amount not in lost and not lost.isdisjoint(told[step.place].values())
            )  # fmt: skip
        mine = [
            step for step in others if step.number in numbers or (source.kind != "running" and step.amount in lost)
        ]  # fmt: skip
        # What comes to nothing beside these has a cause of its own: a day cut elsewhere, a balance printed wrong.
        together = source.kind != "running" and sum(step.amount for step in others) == amount
        covered = sum(step.amount for step in mine) == amount
        yield from map(whole, others if together and not covered else mine)


_AGAIN = """
    SELECT count(*) FROM checkpoint_log WHERE projection = $name AND to_position = 0 AND id > coalesce((
        SELECT min(id) FROM checkpoint_log JOIN (SELECT unnest($positions::BIGINT[]) AS position) AS p
            ON p.position BETWEEN from_position AND to_position
        WHERE projection = $name), -1)
"""


def _read_again(facts: Facts, projection: str, steps: Sequence[Residual]) -> bool:
    """True when the read model was dropped and rebuilt after it had read the events of these steps: then it has seen
    only what the log held by that time. One that was rebuilt before has read them when they were new."""
    positions = sorted({step.position for step in steps if step.position is not None})
    return bool(facts.rows(_AGAIN, name=projection, positions=positions)[0][0])


def vouched(facts: Facts, key: Key, event_ids: Sequence[str]) -> bool:
    """True where a statement, or a claim that was never rebuilt, tells of each of these events as the log does."""
    booked = facts.rows(
        "SELECT count(DISTINCT event_id) FROM pairs WHERE account = $account AND currency = $currency "
        "AND event_id IN (SELECT unnest($ids))",
        account=key[0], currency=key[1], ids=list(event_ids),
    )  # fmt: skip
    told_otherwise = {step.event_id for step in facts.residuals if step.kind == "statement"}
    if booked[0][0] == len(set(event_ids)) and told_otherwise.isdisjoint(event_ids):
        return True
    for source in facts.sources:
        if source.kind != "running" or was_reset(facts, source.name):
            continue
        rows = facts.rows(
            "SELECT count(DISTINCT event_id) FROM assertions WHERE kind = 'running' AND source = $source "
            "AND account = $account AND currency = $currency AND event_id IN (SELECT unnest($ids))",
            source=source.name, account=key[0], currency=key[1], ids=list(event_ids),
        )  # fmt: skip
        differ = any(step.source == source.name and step.event_id in event_ids for step in facts.residuals)
        if rows[0][0] == len(set(event_ids)) and not differ:
            return True
    return False


def vouchers(facts: Facts, key: Key, *, up_to: int | None = None) -> list[str]:
    """Which sources tell of every event of the account, up to the last one or to that position, as the log does.

    A figure or a day counts events together, and a snapshot stops at its version: those can't say so. Nor can rows
    that were rebuilt from the log as it is now.
    """
    against = {step.kind for step in facts.residuals if step.key == key}
    parted = {
        each.source for each in facts.residuals
        if each.key == key and each.kind == "running"
        and (up_to is None or each.position is None or each.position <= up_to)
    }  # fmt: skip
    told = facts.rows(_TELLS_THE_LAST, account=key[0], currency=key[1], up_to=up_to)
    names = [source for (source,) in told if source not in parted and not was_reset(facts, source)]
    if any(source.kind == "statement" for source in facts.sources) and "statement" not in against:
        names += [file for (file,) in facts.rows(_BOOKS_THE_LAST, account=key[0], currency=key[1])]
    return names


def vouched_by_rows(facts: Facts, key: Key) -> bool:
    """Whether one of those sources is a read model with a row for each event, written while these were new."""
    running = {source.name for source in facts.sources if source.kind == "running"}
    return not running.isdisjoint(vouchers(facts, key))


def rows_without_event(facts: Facts) -> list[tuple[Key, int, str]]:
    """Rows that name an event which the log doesn't hold: account and currency, position and event id.

    Not where an event of that amount stands at the row's position: then only the id is another.

    Those of events that posted nothing are among them, though no balance shows that these are gone.
    """
    return [
        ((account, currency), position, event_id)
        for account, currency, position, event_id in facts.rows(_ROWS_WITHOUT_EVENT)
    ]


def was_reset(facts: Facts, projection: str) -> bool:
    """True when the read model was ever dropped and rebuilt, as far as its checkpoint log shows."""
    found = facts.rows(
        "SELECT count(*) FROM checkpoint_log WHERE projection = $name AND to_position = 0",
        name=projection,
    )
    return bool(found[0][0])
