"""Diff: every balance assertion compared with the events, each up to the cut of its own source.

A read model is compared with the events up to its own checkpoint, never with the head, so that lag is not taken for
corruption. A file with no order inside its days is compared in the order that was found for it. A day that adds up in
no order at all is a divergence: a row is missing, repeated or wrong.
"""

from datetime import date
from itertools import groupby
from typing import Any, NamedTuple

import msgspec

from esworkbench.evidence import Evidence
from esworkbench.forensics.compare.columns import COLUMN_KINDS
from esworkbench.forensics.compare.of_event import WrongColumn
from esworkbench.forensics.compare.records import Residual, Source, State
from esworkbench.forensics.compare.residuals import Residuals
from esworkbench.forensics.compare.unposted import unposted_events

ROWS_KEPT = 100_000


class DiffRow(NamedTuple):
    """A claim that differs from the events, in minor units; delta = claimed − event_sum.

    ``claimed`` is None where the source has no row for the account, which counts as 0. ``event_sum`` of a statement
    includes ``holds``, the open holds still young enough then. ``at_position``: for a running claim the event at which
    delta changes; else the last event the claim was compared with, None where there was none. Of what stands beside a
    balance (``kind`` amount, credits, debits, holds) ``event_sum`` is what the events make of that column.
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
    """A day of an account, in a file, whose rows add up in no order: which of them is wrong can't be told for sure."""

    account: str
    currency: str
    day: date
    rows: int
    largest_residual: int


class Diff(msgspec.Struct, frozen=True, kw_only=True):
    """``compared`` and ``divergent`` count balances: an account in a currency, as one source has it.

    ``order`` counts account-days of a file by how their order was found, None for a store. ``rounded_steps`` counts
    steps within the ledger's rounding limit, which are no divergences. ``rows_left_out`` counts rows past ROWS_KEPT.
    ``unposted`` counts events that no rule of the ledger knows, by type and schema version: they are in no sum.
    ``wrong_columns`` are what rows say wrongly of their events beside all amounts: it makes no balance divergent.
    ``odd_claims`` are claims that aren't stored as amounts, in words: what can't be read as one isn't compared.
    """

    compared: int
    divergent: int
    rows: list[DiffRow]
    order: dict[str, int] | None
    rounded_steps: int = 0
    order_problems: list[OrderProblem] = []
    rows_left_out: int = 0
    unposted: dict[str, int] = {}
    wrong_columns: list[WrongColumn] = []
    odd_claims: list[str] = []

    def as_json(self) -> dict[str, Any]:
        """What ``diff --json`` prints."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        plain["rows"] = [row._asdict() for row in self.rows]
        plain["wrong_columns"] = [each._asdict() for each in self.wrong_columns]
        plain["order_problems"] = [{**each._asdict(), "day": each.day.isoformat()} for each in self.order_problems]
        return plain


def diff(evidence: Evidence, *, against: str | None = None, residuals: Residuals | None = None) -> Diff:
    """Every claim that differs from the events, or every one of the source named ``against``.

    Running claims and days give a row for each step at which delta changes. A statement gives each account's last line,
    or, where it is the one named or its errors cancel, each line at which delta changes. ``residuals`` are the
    evidence's, where they are at hand. Raises UnusableInput for a source that claims nothing.
    """
    residuals = residuals or Residuals(evidence)
    compared = rounded = 0
    rows: list[DiffRow] = []
    for source in residuals.sources(against):
        # What stands beside a balance is compared with it, and isn't counted again.
        compared += residuals.compared(source) if source.kind not in COLUMN_KINDS else 0
        rounded += residuals.count(source, State.ROUNDING)
        apart = [each for each in residuals.found(against=source.name) if each.kind == source.kind]
        known = residuals.accounts_claimed(source) if apart else set()
        for key, mine in groupby(apart, key=lambda each: each.key):
            rows += _rows(residuals, source, list(mine), every_line=against is not None, known=key in known)
    rows.sort(key=lambda row: (row.account, row.currency, row.source, row.kind))
    return Diff(
        compared=compared,
        divergent=len({(row.account, row.currency, row.source) for row in rows}),
        rows=rows[:ROWS_KEPT],
        order=evidence.manifest.order,
        rounded_steps=rounded,
        order_problems=order_problems(evidence),
        rows_left_out=max(0, len(rows) - ROWS_KEPT),
        unposted=unposted_events(evidence),
        wrong_columns=[each for each in residuals.wrong_columns if against in (None, each.source)],
        odd_claims=odd_claims(evidence, against),
    )


def _rows(
    residuals: Residuals, source: Source, apart: list[Residual], *, every_line: bool, known: bool
) -> list[DiffRow]:
    """The rows for one account in one currency, by one source; not ``known``: the source claims nothing about it."""
    last = apart[-1]
    if source.kind == "running" and not known:
        return [_row(last, None, last.event_sum, last.at)]
    if source.kind == "statement" and not every_line:
        step = residuals.steps(source, *last.key)[-1]
        if step.claimed != step.event_sum:
            return [_row(last, step.claimed, step.event_sum, step.at)._replace(holds=residuals.held(source, last.key))]
    return [_row(each, each.claimed, each.event_sum, each.at) for each in apart]


def _row(of: Residual, claimed: int | None, event_sum: int, at: int | None) -> DiffRow:
    delta = (claimed or 0) - event_sum
    return DiffRow(of.account, of.currency, of.source, of.kind, claimed, event_sum, delta, at)


def odd_claims(evidence: Evidence, against: str | None) -> list[str]:
    """What stands in a read model in place of an amount, an account or a currency, the first ROWS_KEPT of each."""
    found: list[str] = []
    for model in evidence.ledger.read_model:
        if against in (None, model.projection):
            rows = evidence.rows(
                "SELECT account, why, value FROM oddities WHERE source = $table AND column_name IN "
                f"(SELECT unnest($columns)) ORDER BY ALL LIMIT {ROWS_KEPT}",
                table=model.table, columns=[model.account, model.currency, model.claimed, *model.beside.values()],
            )  # fmt: skip
            found += [
                f"{model.projection}, {account or 'no account'}: {why}" + ("" if value is None else f" ({value})")
                for account, why, value in rows
            ]
    return found


def order_problems(evidence: Evidence) -> list[OrderProblem]:
    found = evidence.connection().execute(
        "SELECT account, currency, day, rows, largest_residual_minor FROM order_days WHERE verdict = 'unresolved' "
        "ORDER BY day, account, currency"
    )
    return [OrderProblem(*row) for row in found.fetchall()]
