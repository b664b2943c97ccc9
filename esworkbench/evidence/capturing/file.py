"""From a delimited file to evidence: each line is an event, a posting and a running claim."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from esworkbench.archive import ArchiveWriter, Cut, LedgerRecord
from esworkbench.errors import UnusableInput
from esworkbench.evidence.capturing.delimited import (
    FileRow,
    OrderedDay,
    counted,
    ordered_days,
    payload_of,
    read_rows,
    said_opening,
)
from esworkbench.evidence.capturing.progress import Progress
from esworkbench.evidence.ledger import LedgerDefinition
from esworkbench.evidence.scales import Scales
from esworkbench.money import format_minor

LAYOUT = "delimited"
OPENINGS_NAMED = 3


class _Placed:
    """Rows with their places: position in the log, version in the account, and the balance claimed before."""

    def __init__(self, rows: list[FileRow], opening: int | None) -> None:
        self.rows = rows
        self.positions = list(range(1, len(rows) + 1))
        self.versions: list[int] = []
        self.steps: list[int] = []
        count: Counter[str] = Counter()
        claimed: dict[tuple[str, str], int] = {}
        for row in rows:
            count[row.account] += 1
            self.versions.append(count[row.account])
            before = claimed.get(row.key, row.balance - row.amount if opening is None else opening)
            self.steps.append(row.balance - before)
            claimed[row.key] = row.balance


def capture_file(
    path: Path,
    into: Path,
    ledger: LedgerDefinition,
    ledger_text: bytes,
    used: LedgerRecord,
    buckets: int,
    progress: Progress,
) -> None:
    """Write evidence of the file to ``into``. A file has no checkpoints, no metadata and no hashes, and no clock."""
    layout = ledger.file
    if layout is None:
        raise UnusableInput(f"ledger {ledger.name!r} describes events, and {path} is read as a delimited file")
    scales = Scales(ledger)
    rows, assumptions = read_rows(path, ledger, layout, scales)
    lines = {row.line: place for place, row in enumerate(rows)}
    days: list[OrderedDay] = []
    if layout.order == "day":
        with progress.of("days", None) as advance:
            for day in ordered_days(rows, layout):
                days.append(day)
                advance(len(day.rows))
        # Days first, then accounts as the file has them: the log grows in time, as a store's would.
        days.sort(key=lambda day: (day.day, lines[day.rows[0].line]))
        rows = [row for day in days for row in day.rows]
    opening = said_opening(layout, len({row.key for row in rows}))
    if opening is None:
        assumptions.append(_openings_taken(rows, ledger, scales))
    with ArchiveWriter(into, buckets) as writer:
        _write(writer, _Placed(rows, opening), days)
        writer.finish(
            ledger=ledger_text,
            judged_by=used,
            source=str(path),
            layout=LAYOUT,
            cut=Cut(high_water=len(rows), checkpoints={}, server_time=None),
            order=counted(Counter(day.found.verdict for day in days)) if layout.order == "day" else None,
            decimals=scales.of_all({row.currency for row in rows}),
            assumptions=assumptions,
        )


def _openings_taken(rows: Sequence[FileRow], ledger: LedgerDefinition, scales: Scales) -> str:
    """The openings that the file's own first rows imply, in a sentence."""
    first: dict[tuple[str, str], FileRow] = {}
    for row in rows:
        first.setdefault(row.key, row)
    decimals = scales.of_all({row.currency for row in rows})
    named = [
        f"{row.account} with {format_minor(row.balance - row.amount, row.currency, decimals[row.currency])}"
        for row in list(first.values())[:OPENINGS_NAMED]
    ]
    more = f" and {len(first) - len(named):,} more" if len(first) > len(named) else ""
    ignored = (
        ""
        if ledger.file is None or ledger.file.opening_minor is None
        else ("; `opening_minor` is one figure for several accounts, so it was not used")
    )
    return (
        "what came before the file isn't in it, so each account is taken to begin with its first balance less that "
        f"row's amount: {', '.join(named)}{more}{ignored}"
    )


def _write(writer: ArchiveWriter, placed: _Placed, days: list[OrderedDay]) -> None:
    rows = placed.rows
    moments = [row.moment for row in rows]
    ids = [row.id for row in rows]
    accounts = [row.account for row in rows]
    shared: dict[str, Sequence[Any]] = {
        "position": placed.positions,
        "version": placed.versions,
        "event_id": ids,
        "recorded_at": moments,
        "valid_at": moments,
    }
    writer.write(
        "events",
        {
            **shared,
            "stream_id": accounts,
            "type": [row.type for row in rows],
            "schema_version": [1] * len(rows),
            "payload": [payload_of(row) for row in rows],
            "metadata": ["{}"] * len(rows),
        },
    )
    money = {**shared, "account": accounts, "currency": [row.currency for row in rows]}
    writer.write(
        "postings",
        {
            **money,
            "stream_id": accounts,
            "ordinal": [0] * len(rows),
            "amount_minor": [row.amount for row in rows],
            "kind": [row.type for row in rows],
        },
    )
    writer.write(
        "assertions",
        {
            **money,
            "source": ["file"] * len(rows),
            "kind": ["running"] * len(rows),
            "claimed_minor": [row.balance for row in rows],
            "step_minor": placed.steps,
            "order_key": placed.versions,
            "day": [row.day for row in rows],
        },
    )
    writer.write(
        "order_days",
        {
            "account": [day.account for day in days],
            "currency": [day.currency for day in days],
            "day": [day.day for day in days],
            "rows": [len(day.rows) for day in days],
            "verdict": [day.found.verdict for day in days],
            "rounded_steps": [day.found.rounded_steps for day in days],
            "largest_residual_minor": [day.found.largest_residual for day in days],
        },
    )
