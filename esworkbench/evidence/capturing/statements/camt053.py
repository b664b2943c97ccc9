"""ISO 20022 camt.053, "Bank to Customer Statement", of any version.

Source: the message's definition at iso20022.org (camt.053.001.02 to .11); which of its fields banks fill, and how
opening and closing balances are named, is in the Common Global Implementation's guide to camt.053 (swift.com). Its
elements are found by their local names, since each version has a namespace of its own. XML comes from strangers, so
defusedxml reads it: no document type, no entities, nothing fetched.
"""

import re
from collections.abc import Iterator
from datetime import date, datetime
from typing import TYPE_CHECKING

from esworkbench.evidence.capturing.statements.statement import (
    NO_REFERENCE,
    AccountStatement,
    Booked,
    BookedEntry,
    StatedBalance,
    StatementReader,
    oldest_first,
    with_both_ends,
)

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

NOT_BOOKED = {"PDNG", "INFO", "FUTR"}
"""Statuses of entries that no balance counts: pending, for information, and (a code of some banks) future."""

OPENINGS, INTERIM, CLOSING = ("OPBD", "PRCD"), "ITBD", "CLBD"
"""Balances by code: opening booked or previously closed booked, interim booked (between pages), closing booked."""


def root_of(reading: StatementReader, content: bytes) -> "Element":
    """The document's root. Raises UnusableInput for what is no XML, or has a document type or entities."""
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import ParseError, fromstring

    try:
        root: Element = fromstring(content, forbid_dtd=True)
    except DefusedXmlException:
        raise reading.refuse(
            "at its beginning", "it declares a document type or entities, which no statement needs: ask for it again"
        ) from None
    except ParseError as error:
        raise reading.refuse(
            f"line {error.position[0]}",
            f"it is no whole XML document ({error.msg}): where it breaks off, ask for it again",
        ) from None
    except (ValueError, LookupError) as error:
        raise reading.refuse("at its beginning", f"its encoding can't be read: {error}") from None
    return root


def statements_in(reading: StatementReader, content: bytes) -> list[AccountStatement]:
    """Every statement of the message. Raises UnusableInput naming what is wrong, and where."""
    root = root_of(reading, content)
    message = next((child for child in root if _name(child) == "BkToCstmrStmt"), None)
    if message is None:
        inside = _name(root[0]) if len(root) else "nothing"
        raise reading.refuse(
            f"in its root {_name(root)[:40]}",
            f"it holds {inside[:40]} and no BkToCstmrStmt, so it is XML but no camt.053: ask for that",
        )
    found = []
    seen: set[tuple[str, str]] = set()
    for place, statement in enumerate((each for each in message if _name(each) == "Stmt"), start=1):
        told = _text(statement, "Id")
        page = _text(statement, "StmtPgntn", "PgNb")
        if told and (told, page) in seen:
            raise reading.refuse(f"statement {place}", f"the statement {told!r} is there twice: leave one of them out")
        seen.add((told, page))
        found.append(_statement(reading, f"statement {place}", statement))
    if not found:
        raise reading.refuse("in BkToCstmrStmt", "there is no statement (Stmt) in it")
    return found


def _statement(reading: StatementReader, where: str, statement: "Element") -> AccountStatement:
    account = _text(statement, "Acct", "Id", "IBAN") or _text(statement, "Acct", "Id", "Othr", "Id")
    if not account:
        raise reading.refuse(where, "it names no account (Acct/Id)")
    entries = _all(statement, "Ntry")
    stated = [(_text(each, "Tp", "CdOrPrtry", "Cd"), each) for each in _all(statement, "Bal")]
    amounts = [_amount(each) for each in (*(each for _, each in stated), *entries)]
    named = [_text(statement, "Acct", "Ccy"), *(each.get("Ccy", "") for each in amounts if each is not None)]
    currency = reading.currency(f"{where}, its currency", next(filter(None, named), ""))
    opening, closing = _ends([
        (code, _balance(reading, f"{where}, balance {code}", each, currency))
        for code, each in stated if code in (*OPENINGS, INTERIM, CLOSING)
    ])  # fmt: skip
    listed: list[BookedEntry] = []
    said: list[str] = []
    not_booked = 0
    for number, entry in enumerate(entries, start=1):
        status = _text(entry, "Sts", "Cd") or _text(entry, "Sts")
        if status in NOT_BOOKED:
            not_booked += 1
        elif status == "BOOK":
            listed += _entries(reading, f"{where}, entry {number}", entry, currency, said)
        else:
            raise reading.refuse(f"{where}, entry {number}", f"its status {status[:20]!r} is none of BOOK, PDNG, INFO")
    listed = oldest_first(listed)
    last = max([entry.booked.day for entry in listed], default=None)
    ends = with_both_ends(opening, closing, listed, last or (opening.booked.day if opening else date.min))
    if ends is None:
        raise reading.refuse(
            where,
            "it states no booked balance (OPBD, PRCD, ITBD or CLBD), so it claims none: ask for a whole statement",
        )
    begins = _moment(reading, where, _text(statement, "FrToDt", "FrDtTm"))
    return AccountStatement(
        account, currency, *ends, listed, begins.day if begins else None, not_booked, said
    )  # fmt: skip


def _ends(balances: list[tuple[str, StatedBalance]]) -> tuple[StatedBalance | None, StatedBalance | None]:
    """The balances before and after the entries. A page inside a statement has interim ones at its ends."""
    interim = [balance for code, balance in balances if code == INTERIM]
    opening = next((balance for name in OPENINGS for code, balance in balances if code == name), None)
    closing = next((balance for code, balance in balances if code == CLOSING), None)
    if opening is None and interim:
        opening = interim.pop(0)
    if closing is None and interim:
        closing = interim.pop()
    return opening, closing


def _balance(reading: StatementReader, where: str, balance: "Element", currency: str) -> StatedBalance:
    booked = _date(reading, where, balance, "Dt")
    if booked is None:
        raise reading.refuse(where, "it has no date (Dt)")
    return StatedBalance(Booked(booked.day), _signed(reading, where, balance, currency))


def _entries(
    reading: StatementReader, where: str, entry: "Element", currency: str, said: list[str]
) -> Iterator[BookedEntry]:
    """The entry; of a batch its transactions, where they come to what was booked."""
    amount = _signed(reading, where, entry, currency)
    booked = _date(reading, where, entry, "BookgDt") or _date(reading, where, entry, "ValDt")
    if booked is None:
        raise reading.refuse(where, "it is booked and has neither a booking date (BookgDt) nor a value date (ValDt)")
    value = _date(reading, where, entry, "ValDt")
    value_day = value.day if value else None
    bank_id = _text(entry, "AcctSvcrRef") or None
    is_reversal = _text(entry, "RvslInd") in ("true", "1")
    details = [each for part in _all(entry, "NtryDtls") for each in _all(part, "TxDtls")]
    parts = [_part(reading, f"{where}, transaction {number}", each, currency, amount)
             for number, each in enumerate(details, start=1)] if len(details) > 1 else []  # fmt: skip
    known = [part for part in parts if part is not None]
    if known and len(known) == len(details) and sum(known) == amount:
        for part, each in zip(known, details, strict=True):
            own = _text(each, "Refs", "AcctSvcrRef") or None
            yield BookedEntry(booked, value_day, part, _reference(each, own or bank_id), own or bank_id, is_reversal)
        return
    if details and len(details) > 1:
        said.append(
            f"{where} of {reading.name} is a batch whose {len(details)} transactions don't come to what was booked, or "
            "aren't told in its currency, so it is taken as one line"
        )
    single = details[0] if len(details) == 1 else None
    if bank_id is None and single is not None:
        bank_id = _text(single, "Refs", "AcctSvcrRef") or None
    yield BookedEntry(booked, value_day, amount, _reference(single, bank_id), bank_id, is_reversal)


def _reference(details: "Element | None", bank_id: str | None) -> str:
    """What the payer wrote (EndToEndId), else what else the payment is known by, else the bank's id."""
    if details is not None:
        for name in ("EndToEndId", "InstrId", "TxId"):
            text = _text(details, "Refs", name)
            if text.upper() not in NO_REFERENCE:
                return text
    return bank_id or ""


def _part(reading: StatementReader, where: str, details: "Element", currency: str, whole: int) -> int | None:
    """A transaction of a batch, signed; None where its amount isn't told in the account's currency."""
    told_of = [each for part in _all(details, "AmtDtls") for name in ("TxAmt", "InstdAmt") for each in _all(part, name)]
    amounts = [*_all(details, "Amt"), *(each for parent in told_of for each in _all(parent, "Amt"))]
    told = next((each for each in amounts if each.get("Ccy") == currency), None)
    if told is None:
        return None
    amount = _unsigned(reading, where, told, currency)
    direction = _text(details, "CdtDbtInd")
    return -amount if direction == "DBIT" or (not direction and whole < 0) else amount


def _signed(reading: StatementReader, where: str, of: "Element", currency: str) -> int:
    """An amount with the sign of its own effect: of a reversal, not of what that undoes."""
    told = _amount(of)
    if told is None:
        raise reading.refuse(where, "it has no amount (Amt)")
    if told.get("Ccy") != currency:
        raise reading.refuse(where, f"its amount is in {str(told.get('Ccy'))[:20]!r}, and the account in {currency}")
    direction = _text(of, "CdtDbtInd")
    if direction not in ("CRDT", "DBIT"):
        raise reading.refuse(where, f"CdtDbtInd is {direction[:20]!r}, and neither CRDT nor DBIT")
    amount = _unsigned(reading, where, told, currency)
    return -amount if direction == "DBIT" else amount


def _unsigned(reading: StatementReader, where: str, told: "Element", currency: str) -> int:
    """An amount, in minor units. ISO 20022 gives it no sign of its own, so one beside CdtDbtInd could mean either."""
    text = (told.text or "").strip()
    if text.startswith(("-", "+")):
        raise reading.refuse(
            where, f"its amount {text[:20]!r} has a sign, and only CdtDbtInd says which way it goes: ask for it again"
        )
    return reading.minor(where, told.text or "", currency)


def _date(reading: StatementReader, where: str, of: "Element", name: str) -> Booked | None:
    """A choice of a date (Dt) and a time (DtTm), as ISO 20022 has it."""
    held = next(iter(_all(of, name)), None)
    if held is None:
        return None
    text = _text(held, "Dt")
    if not text:
        return _moment(reading, f"{where}, {name}", _text(held, "DtTm"))
    try:
        # A date may bear an offset, and means a day of the bank's all the same.
        return Booked(date.fromisoformat(re.sub(r"(Z|[+-][0-9]{2}:[0-9]{2})$", "", text)))
    except ValueError:
        raise reading.refuse(f"{where}, {name}", f"{text[:40]!r} is no date") from None


def _moment(reading: StatementReader, where: str, text: str) -> Booked | None:
    if not text:
        return None
    try:
        return reading.moment(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        raise reading.refuse(where, f"{text[:40]!r} is no time") from None


def _name(element: "Element") -> str:
    return str(element.tag).rpartition("}")[2]


def _all(element: "Element", name: str) -> "list[Element]":
    return [child for child in element if _name(child) == name]


def _amount(element: "Element") -> "Element | None":
    return next(iter(_all(element, "Amt")), None)


def _text(element: "Element", *path: str) -> str:
    """The text at the end of a path of names, the first of each; empty where there is none."""
    for name in path:
        found = next((child for child in element if _name(child) == name), None)
        if found is None:
            return ""
        element = found
    return (element.text or "").strip()
