"""Bank statements: what an outsider says was left on the account after each booked transaction."""

import csv
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from esworkbench.errors import UnusableInput

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
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise UnusableInput(f"statement {path} lacks the columns {', '.join(missing)}")
            for row in reader:
                yield _line(path, reader.line_num, row)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UnusableInput(f"statement {path} can't be read: {error}") from None


def _line(path: Path, number: int, row: dict[str, str]) -> StatementLine:
    try:
        booked_at = datetime.fromisoformat(row["booked_at"])
        amount, balance = int(row["amount_minor"]), int(row["balance_minor"])
    except (TypeError, ValueError) as error:
        raise UnusableInput(f"statement {path}, line {number}: {error}") from None
    if booked_at.tzinfo is None:
        raise UnusableInput(
            f"statement {path}, line {number}: booked_at {row['booked_at']} has no offset: add one, or Z"
        )
    return StatementLine(number, row["account_id"], row["currency"], booked_at, row["reference"] or "", amount, balance)
