"""One account, event by event: what the events sum to, and what somebody claimed at that point."""

from collections.abc import Mapping

import pandas as pd

from esworkbench.evidence import Evidence
from esworkbench.forensics.compare.residuals import Comparisons

COLUMNS = ("position", "version", "event_id", "kind", "recorded_at", "valid_at", "amount_minor")

_RUNNING = "SELECT position, claimed FROM result WHERE claimed IS NOT NULL AND currency = $currency ORDER BY order_key"
_APART = (
    "SELECT position, claimed - event_sum FROM result "
    "WHERE position IS NOT NULL AND currency = $currency ORDER BY place"
)


def timeline(evidence: Evidence, account: str, currency: str, *, against: str | None = None) -> pd.DataFrame:
    """One row per posting, in order of position: COLUMNS, ``event_sum_minor`` and ``claimed_minor``, in minor units.

    ``claimed_minor`` is what the source ``against`` says after the event, and missing where it says nothing. A
    statement is dated by valid time and claims what is booked; it is drawn as far from the event sum as it parts from
    the events of its own moment, with the holds open then, so that the difference shown is the one that ``diff`` finds.
    """
    rows = [tuple(getattr(posting, name) for name in COLUMNS) for posting in evidence.postings(account, currency)]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    frame["event_sum_minor"] = evidence.opening_minor + frame["amount_minor"].cumsum()
    sums = dict(zip(frame["position"], frame["event_sum_minor"], strict=True))
    claims = {} if against is None else _claims(evidence, account, currency, against, sums)
    frame["claimed_minor"] = pd.array([claims.get(position) for position in frame["position"]], dtype="Int64")
    return frame


def _claims(evidence: Evidence, account: str, currency: str, against: str, sums: Mapping[int, int]) -> dict[int, int]:
    """Position → the balance claimed just after the event there; the last claim at a position wins."""
    comparisons = Comparisons(evidence)
    found: dict[int, int] = {}
    for source in comparisons.sources(against):
        if source.kind == "running":
            found.update(comparisons.steps(source, _RUNNING, account, currency=currency))
        elif source.kind == "statement":
            apart = comparisons.claims(source, _APART, account, currency=currency)
            found.update((position, int(sums[position] + delta)) for position, delta in apart)
    return found
