"""Rows that stand at another place than the one they tell of: under another day, currency or account.

A row that was moved leaves a hole where it belongs, and is one too many where it stands. Its own figures say that this
is one act: they are to the minor unit what the events make of the place without a row, and of no other such place.
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from esworkbench.forensics.compare.columns import COLUMN_KINDS
from esworkbench.forensics.compare.records import NO_ROW, Key, Residual, Source
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.unexplained import Left, Share, whole

_DAYS = """
    WITH stands AS (
        SELECT account, currency, day - DATE '1970-01-01' AS place, NULL AS id,
            max(claimed_minor) FILTER (kind = 'daily') AS closing,
            max(claimed_minor) FILTER (kind = 'credits') AS credits,
            max(claimed_minor) FILTER (kind = 'debits') AS debits
        FROM assertions WHERE source = $source AND kind IN ('daily', 'credits', 'debits') GROUP BY ALL
    ), posted AS (
        SELECT account, currency, timezone($zone, recorded_at)::DATE - DATE '1970-01-01' AS place, NULL AS id,
            sum(amount_minor) AS net, sum(greatest(amount_minor, 0)) AS credits,
            sum(greatest(-amount_minor, 0)) AS debits
        FROM postings WHERE position <= $cut GROUP BY ALL
    )
"""

_EVENTS = """
    WITH stands AS (
        SELECT account, currency, position AS place, event_id AS id, claimed_minor AS closing, NULL::BIGINT AS credits,
            NULL::BIGINT AS debits
        FROM assertions WHERE source = $source AND kind = 'running'
    ), posted AS (
        SELECT account, currency, position AS place, any_value(event_id) AS id, sum(amount_minor) AS net,
            NULL::BIGINT AS credits, NULL::BIGINT AS debits
        FROM postings WHERE position <= $cut GROUP BY account, currency, position
    )
"""

_TOTALS = """
    WITH stands AS (
        SELECT account, currency, 0 AS place, NULL AS id, claimed_minor AS closing, NULL::BIGINT AS credits,
            NULL::BIGINT AS debits
        FROM assertions WHERE source = $source AND kind = 'head'
    ), posted AS (
        SELECT account, currency, 0 AS place, NULL AS id, sum(amount_minor) AS net, NULL::BIGINT AS credits,
            NULL::BIGINT AS debits
        FROM postings WHERE position <= $cut GROUP BY ALL
    )
"""

# One thing of the row is another, and the place where it belongs is the only one that it can mean.
_MISPLACED = """
    , belongs AS (
        SELECT *, opening_of(account, currency) + sum(net) OVER
            (PARTITION BY account, currency ORDER BY place ROWS UNBOUNDED PRECEDING) AS closing FROM posted
    ), lacking AS (
        SELECT * FROM belongs ANTI JOIN stands USING (account, currency, place)
            WHERE (account, currency, id) NOT IN (SELECT (account, currency, id) FROM stands WHERE id IS NOT NULL)
    ), stray AS (
        SELECT * FROM stands ANTI JOIN posted USING (account, currency, place)
            WHERE closing IS NOT NULL
                AND (account, currency, id) NOT IN (SELECT (account, currency, id) FROM posted WHERE id IS NOT NULL)
    )
    SELECT l.account, l.currency, l.place, l.id, s.account, s.currency, s.place
    FROM stray AS s JOIN lacking AS l ON s.closing = l.closing AND coalesce(s.credits = l.credits, true)
        AND coalesce(s.debits = l.debits, true) AND coalesce(s.id = l.id, true)
        AND (s.account <> l.account)::INT + (s.currency <> l.currency)::INT + (s.place <> l.place)::INT = 1
    QUALIFY count(*) OVER (PARTITION BY s.account, s.currency, s.place) = 1
        AND count(*) OVER (PARTITION BY l.account, l.currency, l.place) = 1
    ORDER BY l.account, l.currency, l.place
"""

_SQL = {"daily": _DAYS + _MISPLACED, "running": _EVENTS + _MISPLACED, "head": _TOTALS + _MISPLACED}

_BESIDE = {"daily": ("credits", "debits"), "running": ("amount",)}


class MisplacedRow(NamedTuple):
    """A row of ``source`` that belongs at one key and place, and stands at another. The event is what a row of one
    event names; a place is a position, or the number of a day.
    """

    source: Source
    belongs: Key
    place: int
    event_id: str | None
    stands: Key
    stands_at: int

    def places_in(self, key: Key) -> set[int]:
        """Where the act shows on this account and currency."""
        both = ((self.belongs, self.place), (self.stands, self.stands_at))
        return {place for own, place in both if own == key}

    @property
    def words(self) -> str:
        """What was changed of the row."""
        if self.stands_at != self.place:
            return f"the row of {self._named(self.place)} stands at {self._named(self.stands_at)}"
        row = "the row" if self.source.kind == "head" else f"the row of {self._named(self.place)}"
        (account, currency), (other, coin) = self.belongs, self.stands
        return (
            f"{row} stands under {coin}, not {currency}"
            if account == other
            else f"{row} stands under {other}, not {account}"
        )

    def _named(self, place: int) -> str:
        if self.source.kind == "daily":
            return (date(1970, 1, 1) + timedelta(days=place)).isoformat()
        return f"position {place}"


def misplaced_rows(facts: Facts, left: Left, source: Source) -> list[MisplacedRow]:
    """The rows of a source that stand elsewhere than they belong, as long as something about them isn't explained.

    Left out are accounts whose streams are not as they were written: there an event may have moved, and not the row.
    """
    if source.kind == "holds":
        found = list(_misplaced_holds(left, source))
    elif source.kind in _SQL and (left.heads(source.name) or _steps(left, source)):
        given = {"source": source.name, "cut": source.cut}
        given |= {"zone": facts.evidence.ledger.time_zone} if source.kind == "daily" else {}
        found = [
            MisplacedRow(source, (account, currency), place, event_id, (other, coin), stands_at)
            for account, currency, place, event_id, other, coin, stands_at in facts.rows(_SQL[source.kind], **given)
        ]
    else:
        return []
    broken = {key for each in facts.damage if each.stream_id for key in facts.accounts_of_stream(each.stream_id)}
    return [each for each in found if broken.isdisjoint((each.belongs, each.stands))]


def _misplaced_holds(left: Left, source: Source) -> Iterator[MisplacedRow]:
    """A row of a hold claims that hold's amount alone, so what is left of the two places says it all."""
    steps = left.steps(source=source.name, kind="holds")
    stray = [step for step in steps if step.reason != NO_ROW]
    for lacking in steps:
        if lacking.reason != NO_ROW:
            continue
        alike = [
            each for each in stray
            if each.place == lacking.place and each.amount == -lacking.amount
            and (each.account == lacking.account) != (each.currency == lacking.currency)
        ]  # fmt: skip
        if len(alike) == 1:
            [row] = alike
            yield MisplacedRow(source, lacking.key, lacking.place, lacking.event_id, row.key, row.place)


def _steps(left: Left, source: Source, key: Key | None = None) -> list[Residual]:
    """What isn't explained of the source's rows: first of their balances, then of the columns beside."""
    kinds = (source.kind, *_BESIDE.get(source.kind, ()))
    return [step for kind in kinds for step in left.steps(source=source.name, key=key, kind=kind)]


def shares_of_misplaced(left: Left, rows: Sequence[MisplacedRow], key: Key) -> list[Share]:
    """What the rows explain of one account and currency: at both places, and where a later row heals what they left."""
    source = rows[0].source
    if source.kind == "head":
        amount = left.head(source.name, key)
        return [Share(source.name, key, amount)] if amount else []
    places = {place for row in rows for place in row.places_in(key)}
    shares: list[Share] = []
    open_amount = 0
    for step in _steps(left, source, key):
        if step.kind in COLUMN_KINDS:
            shares += [whole(step)] if step.place in places else []
        elif step.place in places:
            open_amount += step.amount
            shares.append(whole(step))
        elif open_amount and step.amount == -open_amount:
            open_amount = 0
            shares.append(whole(step))
    return shares
