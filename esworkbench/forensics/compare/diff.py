"""Diff: every balance assertion against the events, each up to the cut of whoever makes it.

A read model is held against the events up to its own checkpoint and never against the head, so that lag is not taken
for corruption. A file without an order inside its days is held against the order that was found for it: no account is
called wrong for want of one.
"""

from datetime import date
from typing import Any, NamedTuple

import msgspec

from esworkbench.evidence import Evidence
from esworkbench.forensics.compare.residuals import ClaimSource, Comparisons

ROWS_KEPT = 100_000


class DiffRow(NamedTuple):
    """A claim that parts from the events, in minor units; delta = claimed − event_sum.

    ``claimed`` is None where the source has no row for the account, which counts as 0. ``event_sum`` of a statement
    includes ``holds``, the open holds still young enough then. ``at_position``: for a running claim the event at which
    delta changes; else the last event the claim was held against, None where there was none.
    """

    account: str
    currency: str
    source: str
    kind: str
    claimed: int | None
    event_sum: int
    delta: int
    at_position: int | None
    holds: int = 0


class OrderProblem(NamedTuple):
    """A day of an account, in a file, for which no order was found in which its balances chain."""

    account: str
    currency: str
    day: date
    rows: int
    largest_residual: int


class Diff(msgspec.Struct, frozen=True, kw_only=True):
    """``compared`` and ``divergent`` count balances: an account in a currency, as one source has it.

    ``order`` counts account-days of a file by how their order was found, None for a store. ``rounded_steps`` counts
    steps within the ledger's rounding limit, which are no divergences. ``rows_left_out`` counts rows past ROWS_KEPT.
    """

    compared: int
    divergent: int
    rows: list[DiffRow]
    order: dict[str, int] | None
    rounded_steps: int = 0
    order_problems: list[OrderProblem] = []
    rows_left_out: int = 0

    def as_json(self) -> dict[str, Any]:
        """What ``diff --json`` prints."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        plain["rows"] = [row._asdict() for row in self.rows]
        plain["order_problems"] = [{**each._asdict(), "day": each.day.isoformat()} for each in self.order_problems]
        return plain


def diff(evidence: Evidence, *, against: str | None = None) -> Diff:
    """Every claim that parts from the events, or every one of the source named ``against``.

    Running claims give a row for each step at which delta changes. A statement gives each account's last line, and
    each line at which delta changes when it is the one named. Raises UnusableInput for a source that claims nothing.
    """
    comparisons = Comparisons(evidence)
    compared = rounded_steps = 0
    rows: list[DiffRow] = []
    for source in comparisons.sources(against):
        if source.kind == "running":
            count, rounded, found = _running(comparisons, source)
            rounded_steps += rounded
        else:
            count, found = _claims(comparisons, source, every_line=against is not None)
        compared += count
        rows += found
    rows.sort(key=lambda row: (row.account, row.currency, row.source, row.kind))
    return Diff(
        compared=compared,
        divergent=len({(row.account, row.currency, row.source) for row in rows}),
        rows=rows[:ROWS_KEPT],
        order=evidence.manifest.order,
        rounded_steps=rounded_steps,
        order_problems=order_problems(evidence),
        rows_left_out=max(0, len(rows) - ROWS_KEPT),
    )


def _running(comparisons: Comparisons, source: ClaimSource) -> tuple[int, int, list[DiffRow]]:
    """How many balances were compared, how many steps are off by rounding, and the steps that part."""
    rounded = 0
    rows: list[DiffRow] = []
    parting = comparisons.steps(
        source,
        "SELECT account, currency, says, event_sum, position, what FROM result "
        "WHERE what IN ('divergence', 'rounding') ORDER BY position, order_key",
    )
    for account, currency, says, event_sum, position, what in parting:
        if what == "rounding":
            rounded += 1
        else:
            rows.append(
                DiffRow(account, currency, source.name, source.kind, says, event_sum, says - event_sum, position)
            )
    absent = [
        DiffRow(account, currency, source.name, source.kind, None, event_sum, -event_sum, position)
        for account, currency, event_sum, position in comparisons.absent(
            source, "SELECT account, currency, event_sum, position FROM result"
        )
    ]
    return comparisons.balances(source) + len(absent), rounded, rows + absent


def _claims(comparisons: Comparisons, source: ClaimSource, every_line: bool) -> tuple[int, list[DiffRow]]:
    counts = comparisons.claims(source, "SELECT count(DISTINCT (account, currency)) FROM result")
    compared = sum(count for (count,) in counts)
    columns = "account, currency, claimed, event_sum, holds, position"
    if source.kind == "statement" and every_line:
        select = (
            f"SELECT {columns} FROM result QUALIFY claimed - event_sum <> "
            f"lag(claimed - event_sum, 1, 0) OVER (PARTITION BY account, currency ORDER BY place)"
        )
    elif source.kind == "statement":
        select = (
            f"SELECT {columns} FROM result QUALIFY claimed <> event_sum AND row_number() OVER "
            f"(PARTITION BY account, currency ORDER BY place DESC) = 1"
        )
    else:
        select = f"SELECT {columns} FROM result WHERE claimed IS DISTINCT FROM event_sum"
    return compared, [
        DiffRow(
            account, currency, source.name, source.kind, claimed, event_sum, (claimed or 0) - event_sum, place, holds
        )
        for account, currency, claimed, event_sum, holds, place in comparisons.claims(
            source, f"{select} ORDER BY place"
        )
    ]


def order_problems(evidence: Evidence) -> list[OrderProblem]:
    found = evidence.connection().execute(
        "SELECT account, currency, day, rows, largest_residual_minor FROM order_days WHERE verdict = 'unresolved' "
        "ORDER BY day, account, currency"
    )
    return [OrderProblem(*row) for row in found.fetchall()]
