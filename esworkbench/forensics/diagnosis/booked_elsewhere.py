"""A line of a statement without an event, and an event without a line, that are one movement on two accounts.

Somebody booked it on a neighbour's account, or in another currency: the bank, or whoever recorded it. Which of the two
is right, neither log nor statement says.
"""

from typing import NamedTuple

from esworkbench.forensics.compare.records import NO_EVENT, NO_ROW, Residual
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.wording import places

# The same reference makes a pair, or, without one, the same day; each line and each event has one other side at most.
_PAIRS = """
    WITH lines AS (
        SELECT s.file, s.account, s.currency, s.place, l.reference, l.amount, l.booked_at
        FROM statement_steps AS s JOIN statement_lines AS l USING (file, account, currency, line)
        WHERE s.reason = 'no event' AND s.state = 'divergence'
    ), untold AS (
        SELECT s.file AS own_file, s.account AS own_account, s.currency AS own_currency, s.place AS own_place,
            m.reference AS own_reference, m.amount AS own_amount, m.booked_at AS own_booked_at
        FROM statement_steps AS s JOIN movements AS m USING (event_id, account, currency)
        WHERE s.reason = 'no row' AND s.state = 'divergence'
    ), pairs AS (
        SELECT l.*, u.*, true AS same FROM lines AS l JOIN untold AS u ON l.amount = u.own_amount
            AND l.reference = u.own_reference WHERE l.reference <> ''
        UNION ALL
        SELECT l.*, u.*, false AS same FROM lines AS l JOIN untold AS u ON l.amount = u.own_amount
            AND date_trunc('day', l.booked_at) = date_trunc('day', u.own_booked_at)
    )
    SELECT file, account, currency, place, own_file, own_account, own_currency, own_place
    FROM (SELECT *, abs(epoch(booked_at) - epoch(own_booked_at)) AS apart FROM pairs)
    WHERE (account = own_account) <> (currency = own_currency)
    QUALIFY row_number() OVER (PARTITION BY file, account, currency, place ORDER BY same DESC, apart, own_place) = 1
        AND row_number() OVER (PARTITION BY own_file, own_account, own_currency, own_place
            ORDER BY same DESC, apart, place) = 1
"""


class BookedElsewhere(NamedTuple):
    """One movement: the line, and the event, each without its other side where it stands."""

    line: Residual
    event: Residual

    @property
    def _other(self) -> str:
        return "account" if self.line.account != self.event.account else "currency"

    def words_at_line(self) -> str:
        """What is to be said of the line."""
        whose = f"{self.event.account} in {self.event.currency}"
        return (
            f"the event at {places([self.event.position or 0])}, of {whose}, has that amount and no line: one of the "
            f"two stands under the wrong {self._other}"
        )

    def words_at_event(self) -> str:
        """What is to be said of the event."""
        return (
            f"the line {self.line.type or '?'} of {self.line.account} in {self.line.currency} has that amount and no "
            f"event: one of the two stands under the wrong {self._other}"
        )


def booked_elsewhere(facts: Facts) -> list[BookedElsewhere]:
    """Every such pair among what differs, whether it is explained or not."""
    steps = {
        (step.source, step.key, step.place): step for step in facts.residuals
        if step.kind == "statement" and step.reason in (NO_EVENT, NO_ROW)
    }  # fmt: skip
    if len({step.reason for step in steps.values()}) < 2:
        return []
    pairs = [
        (steps.get((file, (account, currency), place)), steps.get((own_file, (own, coin), own_place)))
        for file, account, currency, place, own_file, own, coin, own_place in facts.rows(_PAIRS)
    ]
    return [BookedElsewhere(line, event) for line, event in pairs if line is not None and event is not None]
