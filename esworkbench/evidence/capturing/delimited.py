"""Delimited files with running balances: one booked row a line, and the account's balance after it."""

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow
from itertools import groupby, pairwise
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from esworkbench.errors import UnusableInput
from esworkbench.evidence.capturing.ordering import BookedRow, DayOrder, order_days
from esworkbench.evidence.capturing.regular_file import says_where_it_ends, taken_to_be_whole
from esworkbench.evidence.ledger import DelimitedFile, LedgerDefinition
from esworkbench.evidence.scales import Scales

_EXACT = Context(prec=100, traps=[Inexact, InvalidOperation, Overflow])
"""A digit too many is refused, not rounded away."""


class FileRow(NamedTuple):
    """A line of the file, read. Amount (signed) and balance are in minor units; ``fields`` are its texts by column.

    ``day`` is the date in the ledger's zone, ``moment`` the time of day as far as the file has one, else that day's
    midnight in that zone.
    """

    line: int
    id: str
    account: str
    currency: str
    day: date
    moment: datetime
    type: str
    amount: int
    balance: int
    fields: dict[str, str]

    @property
    def key(self) -> tuple[str, str]:
        return self.account, self.currency


class ReadFile(NamedTuple):
    """The rows, oldest first as far as the file tells, and in sentences what had to be assumed to read them so."""

    rows: list[FileRow]
    assumptions: list[str]


class OrderedDay(NamedTuple):
    """One account-day with its rows in the order found."""

    account: str
    currency: str
    day: date
    rows: list[FileRow]
    found: DayOrder


def read_rows(path: Path, ledger: LedgerDefinition, layout: DelimitedFile, scales: Scales) -> ReadFile:
    """Every line of the file. Raises UnusableInput naming the line and what is wrong with it."""
    zone = ledger.zone()
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
                    zone,
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
    assumptions = [] if says_where_it_ends(path) else [taken_to_be_whole(path)]
    if not _runs_backwards(rows):
        return ReadFile(rows, assumptions)
    return ReadFile(rows[::-1], ["the file has its newest line first, so it was read from its end", *assumptions])


def ordered_days(rows: list[FileRow], layout: DelimitedFile) -> Iterator[OrderedDay]:
    """Every account-day with the order that was found for it, account by account."""
    accounts = _by_account(rows)
    opening = said_opening(layout, len(accounts))
    for (account, currency), booked in accounts.items():
        booked.sort(key=lambda row: (row.day, row.moment))
        days = [(day, list(group)) for day, group in groupby(booked, key=lambda row: row.day)]
        chain = [[BookedRow(row.amount, row.balance) for row in day_rows] for _, day_rows in days]
        found = order_days(chain, opening=opening, limit=layout.rounding_limit)
        for (day, day_rows), order in zip(days, found, strict=True):
            yield OrderedDay(account, currency, day, [day_rows[index] for index in order.order], order)


def said_opening(layout: DelimitedFile, accounts: int) -> int | None:
    """The opening balance that the ledger file gives, in minor units: one figure can only be meant for one account."""
    return layout.opening_minor if accounts == 1 else None


def _by_account(rows: Sequence[FileRow]) -> dict[tuple[str, str], list[FileRow]]:
    accounts: dict[tuple[str, str], list[FileRow]] = defaultdict(list)
    for row in rows:
        accounts[row.key].append(row)
    return accounts


def _runs_backwards(rows: Sequence[FileRow]) -> bool:
    """Whether the newest line stands first: dates only fall, or, where they don't tell, more balances follow so."""
    accounts = _by_account(rows).values()
    steps = [(before, after) for booked in accounts for before, after in pairwise(booked)]
    falls = sum(after.moment < before.moment for before, after in steps)
    rises = sum(after.moment > before.moment for before, after in steps)
    if (falls == 0) != (rises == 0):
        return falls > 0
    forwards = sum(after.balance == before.balance + after.amount for before, after in steps)
    return sum(before.balance == after.balance + before.amount for before, after in steps) > forwards


def counted(counts: Counter[str]) -> dict[str, int]:
    """How many account-days have which verdict. The ambiguous ones add up exactly too, so they are counted as both."""
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
    path: Path,
    line: int,
    fields: dict[str, str],
    surplus: int,
    layout: DelimitedFile,
    scales: Scales,
    zone: ZoneInfo,
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
        written = datetime.strptime(fields[columns.date], layout.date_format)  # noqa: DTZ007
        local = written.replace(tzinfo=zone) if written.tzinfo is None else written.astimezone(zone)
        moment = local.astimezone(UTC)
    except (ValueError, OverflowError):
        raise UnusableInput(
            f"{path}, line {line}: {columns.date} {fields[columns.date]!r} isn't a date of the form "
            f"{layout.date_format}"
        ) from None
    return FileRow(
        line=line,
        id=fields[columns.id],
        account=fields[columns.account],
        currency=currency,
        day=local.date(),
        moment=moment,
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
    try:
        value = Decimal(_plain(text.strip(), layout)).scaleb(decimals, context=_EXACT)
    except (InvalidOperation, Overflow, Inexact):
        value = Decimal("NaN")
    # Check the exponent first: if it is a billion, even comparing overflows.
    if not value.is_finite() or value.adjusted() > 18 or value != value.to_integral_value() or abs(value) > 2**53 - 1:
        places = f" with at most {decimals} decimals" if layout.scale == "major" else " in whole minor units"
        raise UnusableInput(
            f"{path}, line {line}: {column} {text!r} is not an amount{places}{_setting_for(text.strip(), layout)}"
        )
    return int(value)


def _plain(text: str, layout: DelimitedFile) -> str:
    """The amount as Python writes it: no thousands marks, and a dot for the decimal mark. Raises InvalidOperation."""
    mark = layout.thousands_mark
    if mark is not None and mark in text:
        whole = text.partition(layout.decimal_mark)[0]
        if not re.fullmatch(rf"[+-]?\d{{1,3}}({re.escape(mark)}\d{{3}})+", whole, re.ASCII):
            raise InvalidOperation
        text = whole.replace(mark, "") + text[len(whole) :]
    # A dot is a decimal point only where the ledger file says so: 2.500 may be two thousand five hundred.
    foreign = {".", ","} - {layout.decimal_mark}
    if not text.isascii() or "_" in text or any(other in text for other in foreign):
        raise InvalidOperation
    return text.replace(layout.decimal_mark, ".")


def _setting_for(text: str, layout: DelimitedFile) -> str:
    """Which setting to look at for an amount that can't be read, in words; empty where none would help."""
    strange = re.search(r"[^\d+-]", text.replace(layout.decimal_mark, "").replace(layout.thousands_mark or "", ""))
    if layout.thousands_mark is not None and layout.thousands_mark in text:
        return f"; `thousands_mark` is {layout.thousands_mark!r} and `decimal_mark` {layout.decimal_mark!r}"
    if strange is None:
        return ": see `scale` and `decimals` in the ledger file" if layout.decimal_mark in text else ""
    if re.search(rf"\d{re.escape(strange[0])}\d", text) and not strange[0].isalpha():
        return (
            f': if {strange[0]!r} groups thousands, say `thousands_mark = "{strange[0]}"` in the ledger file; '
            f"decimals stand behind {layout.decimal_mark!r} (`decimal_mark`)"
        )
    return ""


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
