"""A line of a statement without an event, and an event without a line, that are one movement on two accounts.

Somebody booked it on a neighbour's account, or in another currency: the bank, or whoever recorded it. Which of the two
is right, neither log nor statement says.
"""

from typing import NamedTuple

from esworkbench.forensics.compare.records import NO_EVENT, NO_ROW, Key, Residual
from esworkbench.forensics.compare.statement_lines import LATEST_BOOKING
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.wording import places

# The same reference makes a pair, or, without one, the same day; each line and each event has one other side at most.
# Of events that no statement covers only the reference tells, within the time that a booking may take.
_PAIRS = """
    WITH lines AS (
        SELECT s.file, s.account, s.currency, s.place, l.reference, l.amount, l.booked_at
        FROM statement_steps AS s JOIN statement_lines AS l USING (file, account, currency, line)
        WHERE s.reason = 'no event' AND s.state = 'divergence'
    ), steps AS (
        SELECT file AS own_file, account, currency, event_id, place AS own_place FROM statement_steps
        WHERE reason = 'no row' AND state = 'divergence'
    ), untold AS (
        SELECT own_file, m.account AS own_account, m.currency AS own_currency, own_place, m.position, m.event_id,
            m.reference AS own_reference, m.amount AS own_amount, m.booked_at AS own_booked_at
        FROM movements AS m LEFT JOIN steps USING (event_id, account, currency)
        WHERE own_file IS NOT NULL OR (m.undoes IS NULL AND NOT m.waits
            AND (m.event_id, m.account, m.currency) NOT IN (SELECT (event_id, account, currency) FROM pairs)
            AND (m.event_id, m.account, m.currency) NOT IN
                (SELECT (event_id, account, currency) FROM statement_steps WHERE event_id IS NOT NULL))
    ), both_sides AS (
        SELECT l.*, u.*, true AS same FROM lines AS l JOIN untold AS u ON l.amount = u.own_amount
            AND l.reference = u.own_reference
        WHERE l.reference <> '' AND (own_file IS NOT NULL OR abs(epoch(booked_at) - epoch(own_booked_at)) <= $latest)
        UNION ALL
        SELECT l.*, u.*, false AS same FROM lines AS l JOIN untold AS u ON l.amount = u.own_amount
            AND date_trunc('day', l.booked_at) = date_trunc('day', u.own_booked_at)
        WHERE own_file IS NOT NULL
    )
    SELECT file, account, currency, place, own_file, own_account, own_currency, own_place, position, event_id, same
    FROM (SELECT *, abs(epoch(booked_at) - epoch(own_booked_at)) AS apart FROM both_sides)
    WHERE (account = own_account) <> (currency = own_currency)
    QUALIFY row_number() OVER (PARTITION BY file, account, currency, place
            ORDER BY same DESC, own_file IS NULL, apart, position) = 1
        AND row_number() OVER (PARTITION BY own_file, own_account, own_currency, event_id
            ORDER BY same DESC, apart, place) = 1
"""


MANY = 5
"""So many lines, and most of those that there are, aren't each taken for another by chance."""

Part = tuple[str, Key]
"""A statement's file, and the account and currency that its lines name."""

_LINES = "SELECT file, account, currency, count(*) FROM statement_lines GROUP BY ALL"


class BookedElsewhere(NamedTuple):
    """One movement: the line, and the event, each without its other side where it stands.

    ``event`` is what the event makes a statement of its own account differ by, None where no statement covers it.
    ``same``: line and event bear one reference.
    """

    line: Residual
    event: Residual | None
    key: Key
    position: int
    event_id: str
    same: bool

    @property
    def _other(self) -> str:
        return "account" if self.line.account != self.key[0] else "currency"

    def words_at_line(self) -> str:
        """What is to be said of the line."""
        return (
            f"the event at {places([self.position])}, of {self.key[0]} in {self.key[1]}, has that amount and no line: "
            f"one of the two stands under the wrong {self._other}"
        )

    def remedy(self) -> str:
        """What is to be done before anybody takes the line for a movement that was never recorded."""
        two = {"account": "accounts", "currency": "currencies"}[self._other]
        return f"find out which of the two {two} is right before anything is appended, and correct the other"

    def words_at_event(self) -> str:
        """What is to be said of the event."""
        return (
            f"the line {self.line.type or '?'} of {self.line.account} in {self.line.currency} has that amount and no "
            f"event: one of the two stands under the wrong {self._other}"
        )


def booked_elsewhere(facts: Facts) -> list[BookedElsewhere]:
    """Every such pair among what differs, whether it is explained or not."""
    return list(facts.once("lines and events of one movement", lambda: _pairs(facts)))


def wrong_names(facts: Facts) -> set[Part]:
    """The parts of statements of which most lines book what is recorded of one other account."""
    pairs = [pair for pair in booked_elsewhere(facts) if pair.same]
    if not pairs:
        return set()
    lines = {(file, (account, currency)): count for file, account, currency, count in facts.rows(_LINES)}
    meant: dict[tuple[Part, Key], int] = {}
    for pair in pairs:
        names = (pair.line.source, pair.line.key), pair.key
        meant[names] = meant.get(names, 0) + 1
    return {part for (part, _), count in meant.items() if count >= MANY and 2 * count > lines[part]}


def _pairs(facts: Facts) -> list[BookedElsewhere]:
    steps = {
        (step.source, step.key, step.place): step for step in facts.residuals
        if step.kind == "statement" and step.reason in (NO_EVENT, NO_ROW)
    }  # fmt: skip
    if not any(step.reason == NO_EVENT for step in steps.values()):
        return []
    found = []
    for file, account, currency, place, own_file, own, coin, own_place, *event, same in facts.rows(
        _PAIRS, latest=LATEST_BOOKING.total_seconds()
    ):
        line, mine = steps.get((file, (account, currency), place)), steps.get((own_file, (own, coin), own_place))
        if line is not None and (mine is not None or own_file is None):
            found.append(BookedElsewhere(line, mine, (own, coin), event[0], event[1], same))
    return found
