"""Bank statements: what an outsider says was left on the account after each booked transaction."""

import csv
import re
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

from esworkbench.errors import UnusableInput
from esworkbench.evidence.capturing.regular_file import regular_file
from esworkbench.evidence.capturing.stored_form import moment_of

COLUMNS = ["account_id", "currency", "booked_at", "reference", "amount_minor", "balance_minor"]

Kind = Literal["entry", "reversal", "opening", "closing"]

MAY_FOLLOW = ["value_day", "bank_id", "kind", "by_day", "balance_is_computed"]
"""Columns that a file need not have."""

_MAY_BE: dict[str, tuple[str, ...]] = {
    "kind": ("entry", "reversal", "opening", "closing"), "by_day": ("false", "true"),
    "balance_is_computed": ("false", "true"),
}  # fmt: skip


class StatementLine(NamedTuple):
    """One booked transaction, amounts in minor units; ``line`` counts from 1, the header included.

    ``value_day`` is when it counts for interest, ``bank_id`` what the bank itself calls it. ``kind``: an entry, one
    that takes an earlier one back, or with the amount 0 the balance that the bank states before or after all entries.
    ``by_day``: the bank told a day and no hour, and ``booked_at`` is its noon. ``balance_is_computed``: the bank didn't
    state this balance; it follows from one that it did.
    """

    line: int
    account: str
    currency: str
    booked_at: datetime
    reference: str
    amount_minor: int
    balance_minor: int
    value_day: date | None = None
    bank_id: str | None = None
    kind: Kind = "entry"
    by_day: bool = False
    balance_is_computed: bool = False


def read_statement(path: Path) -> Iterator[StatementLine]:
    """The lines of a statement, a CSV file with the columns ``COLUMNS``, and any of those in ``MAY_FOLLOW``.

    Raises UnusableInput naming file and line.
    """
    try:
        with regular_file(path).open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            names = next(reader, [])
            _require_columns(path, names)
            for texts in reader:
                if texts:
                    _require_as_many(path, reader.line_num, len(texts) - len(names))
                    yield _line(path, reader.line_num, dict(zip(names, texts, strict=True)))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UnusableInput(f"statement {path} can't be read: {error}") from None


def _require_columns(path: Path, names: list[str]) -> None:
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        raise UnusableInput(f"statement {path} lacks the columns {', '.join(missing)}")
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise UnusableInput(f"statement {path}, line 1: the column {repeated[0]!r} is there more than once")


def _require_as_many(path: Path, number: int, surplus: int) -> None:
    """A comma in a figure that isn't quoted makes two of it, and moves all that follows by one column."""
    if surplus > 0:
        raise UnusableInput(
            f"statement {path}, line {number} has {surplus} fields too many: quote a figure or text with a comma in it"
        )
    if surplus < 0:
        raise UnusableInput(
            f"statement {path}, line {number} has {-surplus} fields too few; where the file breaks off, ask for it "
            "again"
        )


def _minor(path: Path, number: int, name: str, text: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", text.strip()):
        raise UnusableInput(
            f"statement {path}, line {number}: {name} {text!r} is no whole number of minor units; where the file "
            "breaks off, ask for it again"
        )
    return int(text)


def _moment(path: Path, number: int, text: str) -> datetime:
    where = f"statement {path}, line {number}: booked_at {text!r}"
    try:
        booked_at = datetime.fromisoformat(text)
    except ValueError:
        raise UnusableInput(f"{where} is no time as RFC 3339 writes it") from None
    if booked_at.tzinfo is None:
        raise UnusableInput(f"{where} has no offset: add one, or Z")
    if moment_of(text) is None:
        raise UnusableInput(f"{where} isn't within the years 1 to 9999, wherever one is: correct it")
    return booked_at


def _line(path: Path, number: int, row: dict[str, str]) -> StatementLine:
    for name in ("account_id", "currency"):
        if not row[name].strip():
            raise UnusableInput(f"statement {path}, line {number}: {name} is empty")
    booked_at = _moment(path, number, row["booked_at"])
    amount, balance = (_minor(path, number, name, row[name]) for name in ("amount_minor", "balance_minor"))
    line = StatementLine(number, row["account_id"], row["currency"], booked_at, row["reference"], amount, balance)
    return line._replace(**_further(path, number, row))


def _further(path: Path, number: int, row: dict[str, str]) -> dict[str, Any]:
    """What the columns say that may be left out, or be empty."""
    said: dict[str, Any] = {}
    for name in MAY_FOLLOW:
        text = row.get(name, "").strip()
        if not text:
            continue
        allowed = _MAY_BE.get(name, (text,))
        if text not in allowed:
            raise UnusableInput(
                f"statement {path}, line {number}: {name} {text[:40]!r} is none of {', '.join(allowed)}"
            )
        said[name] = text == "true" if allowed == ("false", "true") else text
    if "value_day" in said:
        try:
            said["value_day"] = date.fromisoformat(str(said["value_day"]))
        except ValueError:
            raise UnusableInput(
                f"statement {path}, line {number}: value_day {said['value_day']!r} is no date as RFC 3339 writes it"
            ) from None
    return said
