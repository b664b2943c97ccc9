"""Bank statements: what an outsider says was left on the account after each booked transaction."""

import csv
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from esworkbench.errors import UnusableInput
from esworkbench.evidence.capturing.regular_file import regular_file

COLUMNS = ["account_id", "currency", "booked_at", "reference", "amount_minor", "balance_minor"]


class StatementLine(NamedTuple):
    """One booked transaction, amounts in minor units; ``line`` counts from 1, the header included."""

    line: int
    account: str
    currency: str
    booked_at: datetime
    reference: str
    amount_minor: int
    balance_minor: int


def read_statement(path: Path) -> Iterator[StatementLine]:
    """The lines of a statement, a CSV file with the columns ``COLUMNS``. Raises UnusableInput naming file and line."""
    try:
        with regular_file(path).open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise UnusableInput(f"statement {path} lacks the columns {', '.join(missing)}")
            for row in reader:
                yield _line(path, reader.line_num, row)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UnusableInput(f"statement {path} can't be read: {error}") from None


def _minor(path: Path, number: int, name: str, text: str | None) -> int:
    if text is None or not re.fullmatch(r"[+-]?[0-9]{1,18}", text.strip()):
        raise UnusableInput(
            f"statement {path}, line {number}: {name} {text or ''!r} is no whole number of minor units; where the file "
            "breaks off, ask for it again"
        )
    return int(text)


def _line(path: Path, number: int, row: dict[str, str]) -> StatementLine:
    try:
        booked_at = datetime.fromisoformat(row["booked_at"])
    except (TypeError, ValueError):
        raise UnusableInput(
            f"statement {path}, line {number}: booked_at {row['booked_at']!r} is no time as RFC 3339 writes it"
        ) from None
    amount, balance = (_minor(path, number, name, row[name]) for name in ("amount_minor", "balance_minor"))
    if booked_at.tzinfo is None:
        raise UnusableInput(
            f"statement {path}, line {number}: booked_at {row['booked_at']} has no offset: add one, or Z"
        )
    return StatementLine(number, row["account_id"], row["currency"], booked_at, row["reference"] or "", amount, balance)
