"""A bank's own CSV, as the ``[file]`` section of a ledger file describes it: read as ``capture`` reads such a file."""

import re
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

from esworkbench.errors import UnusableInput
from esworkbench.evidence.capturing.delimited import FileRow, ordered_days, read_rows
from esworkbench.evidence.capturing.statement_file import StatementLine
from esworkbench.evidence.capturing.statements.statement import NO_REFERENCE, noon
from esworkbench.evidence.ledger import DelimitedFile, LedgerDefinition
from esworkbench.evidence.scales import Scales

TIMES = re.compile(r"%[HIcXT]")
"""What in a date's format tells a time of day."""


def lines_in(path: Path, described: LedgerDefinition, scales: Scales) -> tuple[list[StatementLine], list[str]]:
    """The file's lines account by account, oldest first, and in sentences what had to be assumed.

    ``scales`` are those of the evidence that the file is added to. Raises UnusableInput naming the line and what is
    wrong with it, or a currency that the two ledger files count differently.
    """
    layout = described.file
    if layout is None:
        raise UnusableInput(
            f"the ledger file for statement {path} has no [file] section: it is to say what the file's columns mean"
        )
    own = Scales(described)
    rows, said = read_rows(path, described, layout, own)
    for currency in sorted({row.currency for row in rows}):
        theirs, ours = own.of(currency), scales.of(currency)
        if None not in (theirs, ours) and theirs != ours:
            raise UnusableInput(
                f"statement {path} counts {currency} with {theirs} decimals, and the evidence with {ours}: give both "
                "ledger files one scale"
            )
    return [_line(path, described, layout, row) for row in _ordered(rows, layout)], said


def _ordered(rows: list[FileRow], layout: DelimitedFile) -> Iterator[FileRow]:
    if layout.order == "day":
        for day in ordered_days(rows, layout):
            yield from day.rows
        return
    for key in dict.fromkeys(row.key for row in rows):
        yield from (row for row in rows if row.key == key)


def _line(path: Path, described: LedgerDefinition, layout: DelimitedFile, row: FileRow) -> StatementLine:
    columns = layout.columns
    reference = row.fields[columns.reference].strip() if columns.reference else row.id
    by_day = not TIMES.search(layout.date_format)
    return StatementLine(
        line=row.line,
        account=row.account,
        currency=row.currency,
        booked_at=noon(row.day, described.zone()) if by_day else row.moment,
        reference=row.id if reference.upper() in NO_REFERENCE else reference,
        amount_minor=row.amount,
        balance_minor=row.balance,
        value_day=_value_day(path, layout, row),
        bank_id=row.id,
        by_day=by_day,
    )


def _value_day(path: Path, layout: DelimitedFile, row: FileRow) -> date | None:
    column = layout.columns.value_date
    if column is None or not row.fields[column].strip():
        return None
    try:
        return datetime.strptime(row.fields[column].strip(), layout.date_format).date()  # noqa: DTZ007
    except ValueError:
        raise UnusableInput(
            f"statement {path}, line {row.line}: {column} {row.fields[column]!r} isn't a date of the form "
            f"{layout.date_format}"
        ) from None
