"""Every bend in the picture of a case: where the difference between claim and events changes, and what explains it.

A line that a statement books on another day than its event is a bend only of the calendar: the two are one movement,
so the picture has no spike for it, and it is listed here as what it is.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from esworkbench.forensics.diagnosis.findings import Finding, Unexplained

if TYPE_CHECKING:
    import pandas as pd

UNEXPLAINED = "unexplained"
ANOTHER_DAY = (
    "booked on another day: an event without a line and a line without an event move this amount, and may be one "
    "movement; drawn as a bar on the axis"
)


class Bend(NamedTuple):
    """Where the difference changes ``by`` so many minor units, to ``then``; ``why`` is a finding, or unexplained.

    ``at`` is None where the log doesn't tell the event's time.
    """

    position: int
    at: datetime | None
    by: int
    then: int
    why: str


class StandingClaim(NamedTuple):
    """A claim without a history, as it stands at the cut: it is off ``by`` so many minor units, and ``why``."""

    source: str
    claimed: int
    by: int
    why: str


def standing(
    account: str, currency: str, findings: Sequence[Finding], unexplained: Sequence[Unexplained], source: str,
    claimed: int, by: int,
) -> StandingClaim:  # fmt: skip
    """What explains that a balance differs of which only the present is known: findings that show in it, else all."""
    mine = [each for each in findings if each.concerns(account) and each.currency == currency and each.amount]
    shown = [each for each in mine if source in (each.source, *each.sources)] or mine
    names = [f"{each.fault} ({each.certainty})" for each in shown if each.alternative_to is None]
    words = [each.words for each in unexplained if (each.account, each.currency) == (account, currency)]
    return StandingClaim(source, claimed, by, ", ".join(dict.fromkeys(names)) or "; ".join([UNEXPLAINED, *words[:1]]))


def bends(
    drawn: "pd.DataFrame", account: str, currency: str, findings: Sequence[Finding], unexplained: Sequence[Unexplained],
    source: str | None,
) -> list[Bend]:  # fmt: skip
    """The bends of a ``timeline``, in order of position.

    A bend is a finding's where the finding names the event there, or one between the claim before and it; else where
    the finding takes exactly that amount of this source.
    """
    mine = [each for each in findings if each.concerns(account) and each.currency == currency]
    found: list[Bend] = []
    before, seen, away = 0, 0, 0
    claimed = drawn.dropna(subset=["claimed_minor"])
    columns = [claimed[name] for name in ("position", "recorded_at", "event_sum_minor", "claimed_minor")]
    for position, moment, total, claim, elsewhere in zip(*columns, claimed["elsewhere_minor"], strict=True):
        difference = int(claim) - int(total)
        at = None if moment != moment else moment.to_pydatetime()
        if difference != before:
            why = _why(seen, int(position), difference - before, mine, unexplained, (account, currency, source))
            found.append(Bend(int(position), at, difference - before, difference, why))
        if elsewhere != away:
            found.append(Bend(int(position), at, int(elsewhere) - away, difference, ANOTHER_DAY))
        before, seen, away = difference, int(position), int(elsewhere)
    return found


def _why(
    after: int, position: int, by: int, findings: Sequence[Finding], unexplained: Sequence[Unexplained],
    place: tuple[str, str, str | None],
) -> str:  # fmt: skip
    here = [each for each in findings if any(after < named <= position for named in each.positions)]
    here = here or [each for each in findings if by in (each.amount, each.explains.get(place[2] or ""))]
    names = [f"{each.fault} ({each.certainty})" for each in here if each.alternative_to is None]
    if names:
        others = sorted({each.fault for each in here if each.alternative_to is not None})
        return ", ".join(dict.fromkeys(names)) + (f"; it may as well be {' or '.join(others)}" if others else "")
    left = [
        each for each in unexplained
        if (each.account, each.currency) == place[:2] and each.at_position is not None
        and after < each.at_position <= position
    ]  # fmt: skip
    return f"{UNEXPLAINED}: {left[0].words}" if left else UNEXPLAINED
