"""Rows of events that stand under another account than the event does, and go on from there as though it were theirs.

A row that was moved by itself is one too many where it stands: the next one there undoes it, and the next one where it
belongs counts its event. Where both balances go on, the row's and the other's, the event may have been moved and the
log hashed again. Whose word that is, other claims on the two accounts tell.
"""

from typing import NamedTuple

from esworkbench.forensics.compare.records import Key, Residual
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.stories import READ_MODELS, agreeing_with_the_log, that_stay, told_against
from esworkbench.forensics.diagnosis.unexplained import Left
from esworkbench.forensics.diagnosis.witnesses import vouchers

_ROWS = """
    WITH posted AS (
        SELECT event_id, account, currency, any_value(position) AS position, sum(amount_minor)::BIGINT AS amount
        FROM postings GROUP BY ALL
    ), rows AS (
        SELECT DISTINCT source, event_id, account, currency, step_minor AS amount FROM assertions
        WHERE kind = 'running' AND event_id IS NOT NULL
    ), stray AS (
        SELECT * FROM rows ANTI JOIN posted USING (event_id, account, currency)
    ), lacking AS (
        SELECT posted.*, source FROM posted JOIN stray USING (event_id, currency, amount)
        ANTI JOIN rows ON rows.source = stray.source AND rows.event_id = posted.event_id
            AND rows.account = posted.account AND rows.currency = posted.currency
    )
    SELECT source, currency, s.account, l.account, l.position, event_id, amount
    FROM stray AS s JOIN lacking AS l USING (source, event_id, currency, amount) WHERE amount <> 0
    QUALIFY count(*) OVER (PARTITION BY source, event_id, currency) = 1 ORDER BY ALL
"""


class MovedEvent(NamedTuple):
    """An event of the log that posts on another account than a row of it stands under."""

    position: int
    event_id: str
    amount: int


class RowsElsewhere(NamedTuple):
    """Events that ``source`` has under ``told`` and the log under ``stands``.

    ``read``: the source has read that far, and lacks them there. ``by`` are the sources that say the same on both
    accounts, this one among them, each with its kind.
    """

    source: str
    told: Key
    stands: Key
    read: bool
    events: list[MovedEvent]
    by: list[tuple[str, str]]

    @property
    def kinds(self) -> set[str]:
        return {kind for _, kind in self.by}

    @property
    def amount(self) -> int:
        return sum(event.amount for event in self.events)


def rows_elsewhere(facts: Facts, left: Left) -> list[RowsElsewhere]:
    """Where nothing that would know better contradicts the rows."""
    cuts = {source.name: source.cut for source in facts.sources if source.kind == "running"}
    pairs: dict[tuple[str, Key, Key, bool], list[MovedEvent]] = {}
    lasting: dict[tuple[str, Key], list[Residual]] = {}
    failing = {event.position for event in facts.failing}
    for source, currency, told, stands, *event in facts.rows(_ROWS) if left.steps(kind="running") else ():
        moved = MovedEvent(*event)
        if moved.position in failing:
            continue  # its hash says where it was
        of_rows, of_log = (told, currency), (stands, currency)
        # Of an event that was put behind all that the source has read, only the account that lost it can tell.
        read = moved.position <= cuts[source]
        for key in (of_rows, of_log):
            if (source, key) not in lasting:
                lasting[source, key] = that_stay(left.steps(source=source, key=key, kind="running"))
        differs = all(
            (moved.event_id, by) in {(step.event_id, step.amount) for step in lasting[source, key]}
            for key, by in ((of_rows, moved.amount), (of_log, -moved.amount))[: 1 + read]
        )
        if differs and not facts.repeated(source, of_rows, [moved.event_id]):
            pairs.setdefault((source, of_rows, of_log, read), []).append(moved)
    found = [_weighed(facts, left, *names, events, lasting) for names, events in pairs.items()]
    return [each for each in found if each is not None]


def _weighed(
    facts: Facts, left: Left, source: str, told: Key, stands: Key, read: bool, events: list[MovedEvent],
    lasting: dict[tuple[str, Key], list[Residual]],
) -> RowsElsewhere | None:  # fmt: skip
    """With who says the same; None where as many, or a claim that tells of every event, agree with the log."""
    amount = sum(event.amount for event in events)
    alike: list[set[tuple[str, str]]] = []
    against = 0
    keys = [told, stands] if read else [told]
    for key, of_it in zip(keys, (amount, -amount), strict=False):
        stories = list(told_against(facts, left, key))
        # Where more is wrong with the account, a figure differs by all that the rows do.
        sums = {of_it, sum(step.amount for step in lasting[source, key])}
        alike.append({(each.source, each.kind) for each in stories if sums & each.amounts or each.source == source})
        against = max(against, len(agreeing_with_the_log(facts, left, key, stories)))
    by = set.intersection(*alike)
    outside = any(kind not in READ_MODELS for _, kind in set.union(*alike))
    if len(by) <= against or (not outside and any(vouchers(facts, key) for key in keys)):
        return None
    return RowsElsewhere(source, told, stands, read, events, sorted(by))
