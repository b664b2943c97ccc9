"""Delimited files with running balances: one booked row a line, and the account's balance after it."""

import csv
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import msgspec

from esworkbench.errors import UnusableInput
from esworkbench.evidence.capturing.ordering import BookedRow, DayOrder, order_days
from esworkbench.evidence.ledger import DelimitedFile
from esworkbench.evidence.scales import Scales

_EXACT = Context(prec=100, traps=[Inexact, InvalidOperation, Overflow])
"""A digit too many is refused, not rounded away."""


class FileRow(NamedTuple):
    """A line of the file, read. Amount (signed) and balance are in minor units; ``fields`` are its texts by column."""

    line: int
    id: str
    account: str
    currency: str
    day: date
    type: str
    amount: int
    balance: int
    fields: dict[str, str]

    @property
    def moment(self) -> datetime:
        """The day as a moment: its midnight in UTC, since the file says no more."""
        return datetime.combine(self.day, time(), UTC)


class OrderedDay(NamedTuple):
    """One account-day with its rows in the order found."""

    account: str
    currency: str
    day: date
    rows: list[FileRow]
    found: DayOrder


def read_rows(path: Path, layout: DelimitedFile, scales: Scales) -> list[FileRow]:
    """Every line of the file, in the file's order. Raises UnusableInput naming the line and what is wrong with it."""
    try:
        with path.open(encoding=layout.encoding, newline="") as file:
            reader = csv.reader(file, delimiter=layout.delimiter, quotechar=layout.quote, strict=True)
            names = next(reader, []) if layout.header else layout.names
            _require_columns(path, names, layout)
            rows = [
                read_row(
                    path,
                    reader.line_num,
                    dict(zip(names, texts, strict=False)),
                    len(texts) - len(names),
                    layout,
                    scales,
                )
                for texts in reader
                if texts
            ]
    except LookupError:
        raise UnusableInput(f"the ledger file names encoding {layout.encoding!r}, which is not known") from None
    except UnicodeDecodeError as error:
        raise UnusableInput(
            f"{path} is not {layout.encoding} text (byte {error.start} is 0x{error.object[error.start]:02x}): "
            "correct `encoding` in the ledger file"
        ) from None
    except OSError as error:
        raise UnusableInput(f"{path} can't be read: {error.strerror}") from None
    except csv.Error as error:
        raise UnusableInput(f"{path}, line {reader.line_num}: {error}") from None
    if not rows:
        raise UnusableInput(f"{path} has no rows: there is nothing to capture")
    _require_unique(path, rows)
    return rows


def ordered_days(rows: list[FileRow], layout: DelimitedFile) -> Iterator[OrderedDay]:
    """Every account-day with the order that was found for it, account by account."""
    accounts: dict[tuple[str, str], list[FileRow]] = defaultdict(list)
    for row in rows:
        accounts[row.account, row.currency].append(row)
    for (account, currency), booked in accounts.items():
        booked.sort(key=lambda row: row.day)
        days = [(day, list(group)) for day, group in groupby(booked, key=lambda row: row.day)]
        chain = [[BookedRow(row.amount, row.balance) for row in day_rows] for _, day_rows in days]
        found = order_days(chain, opening=layout.opening_minor, limit=layout.rounding_limit)
        for (day, day_rows), order in zip(days, found, strict=True):
            yield OrderedDay(account, currency, day, [day_rows[index] for index in order.order], order)


def summary(days: list[OrderedDay]) -> dict[str, int]:
    """How many account-days have which verdict. The ambiguous ones add up exactly too, so they are counted as both."""
    counts = Counter(day.found.verdict for day in days)
    return {
        "exact": counts["exact"] + counts["ambiguous"],
        "rounded": counts["rounded"],
        "unresolved": counts["unresolved"],
        "ambiguous": counts["ambiguous"],
    }


def payload_of(row: FileRow) -> str:
    """The line as a JSON object of the texts in it."""
    return msgspec.json.encode(row.fields).decode("utf-8")


def read_row(
    path: Path, line: int, fields: dict[str, str], surplus: int, layout: DelimitedFile, scales: Scales
) -> FileRow:
    """One line, from its texts by column. Raises UnusableInput naming the line and what is wrong with it."""
    if surplus:
        raise UnusableInput(f"{path}, line {line} has {abs(surplus)} fields too {'many' if surplus > 0 else 'few'}")
    columns = layout.columns
    kind = fields[columns.type] if columns.type else "row"
    sign = layout.sign.get(kind) if columns.type else 1
    if sign is None:
        raise UnusableInput(
            f"{path}, line {line}: type {kind!r} has no sign: give it one under [file.sign] in the ledger file"
        )
    for name in (columns.account, columns.currency):
        if name is not None and not fields[name].strip():
            raise UnusableInput(f"{path}, line {line}: {name} is empty")
    currency = fields[columns.currency] if columns.currency else layout.currency or ""
    decimals = _decimals(path, line, currency, layout, scales)
    amount = _amount(path, line, columns.amount, fields[columns.amount], layout, decimals)
    if columns.type and amount < 0:
        raise UnusableInput(
            f"{path}, line {line}: amount {fields[columns.amount]!r} is negative, though its type already has a sign"
        )
    try:
        day = datetime.strptime(fields[columns.date], layout.date_format).date()  # noqa: DTZ007
    except ValueError:
        raise UnusableInput(
            f"{path}, line {line}: {columns.date} {fields[columns.date]!r} isn't a date of the form "
            f"{layout.date_format}"
        ) from None
    return FileRow(
        line=line,
        id=fields[columns.id],
        account=fields[columns.account],
        currency=currency,
        day=day,
        type=kind,
        amount=sign * amount,
        balance=_amount(path, line, columns.balance, fields[columns.balance], layout, decimals),
        fields=fields,
    )


def _decimals(path: Path, line: int, currency: str, layout: DelimitedFile, scales: Scales) -> int:
    """By how many digits the line's amounts are scaled; 0 where they are in minor units already."""
    if layout.scale == "minor":
        return 0
    try:
        return scales.needed(currency, layout.decimals)
    except UnusableInput as error:
        raise type(error)(f"{path}, line {line}: {error}") from None


def _amount(path: Path, line: int, column: str, text: str, layout: DelimitedFile, decimals: int) -> int:
    plain = text.strip().replace(layout.decimal_mark, ".") if layout.decimal_mark != "." else text.strip()
    try:
        if not plain.isascii() or "_" in plain:
            raise InvalidOperation
        value = Decimal(plain).scaleb(decimals, context=_EXACT)
    except (InvalidOperation, Overflow, Inexact):
        value = Decimal("NaN")
    # Check the exponent first: if it is a billion, even comparing overflows.
    if not value.is_finite() or value.adjusted() > 18 or value != value.to_integral_value() or abs(value) > 2**53 - 1:
        places = f" with at most {decimals} decimals" if layout.scale == "major" else " in whole minor units"
        raise UnusableInput(f"{path}, line {line}: {column} {text!r} is not an amount{places}")
    return int(value)


def _require_columns(path: Path, names: list[str], layout: DelimitedFile) -> None:
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise UnusableInput(f"{path} has the column {repeated[0]!r} more than once")
    wanted = [name for name in msgspec.structs.astuple(layout.columns) if name is not None]
    missing = [name for name in wanted if name not in names]
    if missing:
        raise UnusableInput(
            f"{path} has no column {missing[0]!r}, which the ledger file names; its columns are {', '.join(names)}"
        )


def _require_unique(path: Path, rows: list[FileRow]) -> None:
    lines: dict[str, int] = {}
    for row in rows:
        earlier = lines.setdefault(row.id, row.line)
        if earlier != row.line:
            raise UnusableInput(f"{path}: the id {row.id!r} is on line {earlier} and again on line {row.line}")
