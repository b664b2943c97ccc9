"""SWIFT MT940, "Customer Statement Message", as banks export it, with or without SWIFT's own envelope.

Source: SWIFT's Standards MT, category 9 (fields 20, 25, 28C, 60a, 61, 62a, 86). Read with ``mt-940``. What it would
pass over in silence is counted beside it, and refused: a line that it doesn't take, a balance that is cut off.
"""

import re
from datetime import date
from typing import TYPE_CHECKING, Any

from esworkbench.evidence.capturing.statements.statement import (
    NO_REFERENCE,
    AccountStatement,
    Booked,
    BookedEntry,
    StatedBalance,
    StatementReader,
    oldest_first,
)

if TYPE_CHECKING:
    from mt940.models import Transactions

ENVELOPE = re.compile(r"^(-|-?\}.*|\{.*)$")
"""Lines of SWIFT's blocks around a message, and the dash that ends it."""

BALANCE = re.compile(r"[CD][0-9]{6}[A-Z]{3}[0-9]{1,15},[0-9]*")
"""A whole balance: an amount always has its comma, so one without was cut off."""

LINE = re.compile(r":61:[0-9]{6}([0-9]{4}| {4})?R?[CD][A-Z]?[ ]?[0-9]{1,15},[0-9]*[A-Z]", re.IGNORECASE)
"""A line as far as its amount: with a point for a comma, what follows it would be taken for a reference."""

OPENING, CLOSING = ("final_opening_balance", "intermediate_opening_balance"), (
    "final_closing_balance", "intermediate_closing_balance",
)  # fmt: skip

END_TO_END = re.compile(r"(?:EREF\+|/EREF/)\s*([^?/\n]+)")
"""Where banks write the payer's reference into ``:86:``, for which SWIFT names no place."""


def statements_in(reading: StatementReader, content: bytes) -> list[AccountStatement]:
    """Every message of the file. Raises UnusableInput naming what is wrong, and where."""
    text, said = _decoded(reading, content)
    lines = [line.rstrip() for line in text.splitlines()]
    kept = [line for line in lines if line and not ENVELOPE.match(line)]
    blocks: list[list[str]] = []
    for line in kept:
        if line.startswith(":20:"):
            blocks.append([])
        elif not blocks:
            raise reading.refuse("at its beginning", f"{line[:40]!r} stands before the first :20:")
        blocks[-1].append(line)
    found = [_message(reading, f"message {place}", block) for place, block in enumerate(blocks, start=1)]
    found[0].said.extend(said)
    return found


def _decoded(reading: StatementReader, content: bytes) -> tuple[str, list[str]]:
    """SWIFT's characters are ASCII; banks write more into texts, as UTF-8 or as Windows does."""
    try:
        return content.decode("utf-8-sig"), []
    except UnicodeDecodeError:
        words = f"{reading.name} is no UTF-8 text, so its references were read as Windows-1252"
        return content.decode("cp1252", "replace"), [words]


def _message(reading: StatementReader, where: str, block: list[str]) -> AccountStatement:
    parsed = _parsed(reading, where, block)
    account = str(parsed.data.get("account_identification") or "").strip()
    if not account:
        raise reading.refuse(where, "it names no account (:25:)")
    opening, closing = (_balance(reading, where, parsed, names) for names in (OPENING, CLOSING))
    currency = opening[0]
    if closing[0] != currency:
        raise reading.refuse(where, f"it opens in {currency} and closes in {closing[0]}")
    entries = oldest_first([
        _entry(reading, f"{where}, line {number}", each.data, currency)
        for number, each in enumerate(parsed.transactions, start=1)
    ])  # fmt: skip
    return AccountStatement(account, currency, opening[1], closing[1], entries)


def _parsed(reading: StatementReader, where: str, block: list[str]) -> "Transactions":
    from mt940 import Options, parse
    from mt940.tags import StatementGLS

    for tags, name in (((":60F:", ":60M:"), "opening"), ((":62F:", ":62M:"), "closing")):
        stated = [line for line in block if line.startswith(tags)]
        if not stated:
            raise reading.refuse(
                where, f"it states no {name} balance ({' or '.join(tags)}): where the file breaks off, ask for it again"
            )
        if len(stated) > 1:
            raise reading.refuse(
                where, f"it states {len(stated)} {name} balances, so one message is cut off before :20:"
            )
        if not BALANCE.fullmatch(stated[0][5:].strip()):
            raise reading.refuse(
                where, f"{stated[0][:60]!r} is no whole balance: where it breaks off, ask for it again"
            )
    for told in block:
        if re.match(r"\s*:61:", told) and not LINE.match(told):
            raise reading.refuse(where, f"{told[:60]!r} is no line with dates, C or D, and an amount with a comma")
    # Its own limit of 16 characters to a reference would cut longer ones off, in silence.
    line = StatementGLS()
    try:
        parsed = parse("\n".join(block) + "\n", processors={"post_transaction_details": []}, tags={line.id: line},
                       options=Options.all())  # fmt: skip
    except RuntimeError as error:
        broken = str(error.args[-1])[:60] if len(error.args) > 1 else str(error)[:60]
        raise reading.refuse(where, f"{broken!r} can't be read as the field it stands in") from None
    except (ValueError, ArithmeticError, KeyError, TypeError, AttributeError) as error:
        raise reading.refuse(where, f"a date or an amount in it is none ({str(error)[:60]})") from None
    count = sum(bool(LINE.match(each)) for each in block)
    if count != len(parsed.transactions):
        raise reading.refuse(where, f"of its {count} lines (:61:) only {len(parsed.transactions)} can be told apart")
    return parsed


def _balance(
    reading: StatementReader, where: str, parsed: "Transactions", names: tuple[str, ...]
) -> tuple[str, StatedBalance]:
    told = next(parsed.data[name] for name in names if name in parsed.data)
    currency = reading.currency(f"{where}, the currency of its balances", str(told.amount.currency))
    amount = reading.minor(f"{where}, its balances", format(told.amount.amount, "f"), currency)
    return currency, StatedBalance(Booked(date(told.date.year, told.date.month, told.date.day)), amount)


def _entry(reading: StatementReader, where: str, data: dict[str, Any], currency: str) -> BookedEntry:
    value: date = data["date"]
    booked: date = data.get("entry_date") or value
    reference = (data.get("customer_reference") or "").strip()
    bank_id = (data.get("bank_reference") or "").strip() or None
    if reference.upper() in NO_REFERENCE:
        told = END_TO_END.search(data.get("transaction_details") or "")
        reference = told[1].strip() if told and told[1].strip().upper() not in NO_REFERENCE else bank_id or ""
    return BookedEntry(
        booked=Booked(date(booked.year, booked.month, booked.day)),
        value_day=date(value.year, value.month, value.day),
        amount_minor=reading.minor(where, format(data["amount"].amount, "f"), currency),
        reference=reference,
        bank_id=bank_id,
        is_reversal=str(data.get("status") or "").upper() in ("RC", "RD"),
    )
