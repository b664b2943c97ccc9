"""One account, event by event: what the events sum to, and what somebody claimed at that point."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from esworkbench.evidence import Evidence
from esworkbench.forensics.compare.residuals import Residuals

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("position", "version", "event_id", "kind", "recorded_at", "valid_at", "amount_minor")


def timeline(evidence: Evidence, account: str, currency: str, *, against: str | None = None) -> "pd.DataFrame":
    """One row per posting, in order of position: COLUMNS, ``event_sum_minor`` and ``claimed_minor``, in minor units.

    ``claimed_minor`` is what the source ``against`` says after the event, and missing where it says nothing. A
    statement is dated by valid time and claims what is booked; it is drawn as far from the event sum as it differs from
    the events of its own moment, with the holds open then, so that the difference shown is the one that ``diff`` finds.
    """
    import pandas as pd

    rows = [tuple(getattr(posting, name) for name in COLUMNS) for posting in evidence.postings(account, currency)]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    frame["event_sum_minor"] = evidence.opening(account, currency) + frame["amount_minor"].cumsum()
    sums = dict(zip(frame["position"], frame["event_sum_minor"], strict=True))
    claims = {} if against is None else _claims(evidence, account, currency, against, sums)
    frame["claimed_minor"] = pd.array([claims.get(position) for position in frame["position"]], dtype="Int64")
    return frame


def _claims(evidence: Evidence, account: str, currency: str, against: str, sums: Mapping[int, int]) -> dict[int, int]:
    """Position → the balance claimed just after the event there; the last claim at a position wins."""
    residuals = Residuals(evidence, account=account)
    found: dict[int, int] = {}
    for source in residuals.sources(against):
        for step in residuals.steps(source, account, currency) if source.kind in ("running", "statement") else ():
            if source.kind == "running" and step.made and step.position is not None:
                found[step.position] = step.claimed
            elif source.kind == "statement" and step.at is not None:
                found[step.at] = sums[step.at] + step.claimed - step.event_sum
    return found
