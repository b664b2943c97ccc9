"""Open Financial Exchange, version 1 (SGML) and 2 (XML): what banks give for download as ``.ofx`` or ``.qfx``.

Source: OFX 2.2 and 1.6 (financialdataexchange.org), chapter 11. Read with ``ofxtools``, but not into its models: those
turn amounts and times into objects that no longer say what was written, and refuse files for what a ledger doesn't
need. Its tree builder takes whatever closes for the end of whatever is open, so the nesting is held here.
"""

import io
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import unescape

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

STATEMENTS = ("STMTRS", "CCSTMTRS")
ACCOUNTS = ("BANKACCTFROM", "CCACCTFROM")

DEEPEST = 50
"""No element of OFX lies deeper, and none inside one of its own name."""

TIME = re.compile(r"([0-9]{8})(?:([0-9]{6})(?:\.[0-9]{1,6})?)?(?:\[([+-]?[0-9]{1,2}(?:\.[0-9]{1,2})?)(?::[^\]]*)?\])?")
"""``YYYYMMDD``, and as far as it is told ``HHMMSS.XXX`` and ``[offset in hours:name]``; OFX 2.2, section 3.2.8.2."""

STAND_FOR_A_DAY = ("000000", "120000")
"""Times that banks write where they only know the day."""


def statements_in(reading: StatementReader, content: bytes) -> list[AccountStatement]:
    """Every statement of the file. Raises UnusableInput naming what is wrong, and where."""
    root = _tree(reading, content)
    told = [each for each in root.iter() if each.tag in STATEMENTS]
    if not told:
        raise reading.refuse("in OFX", "there is no statement of an account in it (STMTRS or CCSTMTRS)")
    return [_statement(reading, f"statement {place}", each) for place, each in enumerate(told, start=1)]


def _tree(reading: StatementReader, content: bytes) -> "Element":
    from ofxtools.Parser import OFXTree, ParseError, TreeBuilder

    class Nested(TreeBuilder):
        """Closes what was left open inside what is closed (SGML's empty elements), and nothing that isn't open."""

        # Its own pattern is greedy, and takes two CDATA sections of one line for one.
        regex = re.compile(TreeBuilder.regex.pattern.replace("(?P<cdata>.+)", "(?P<cdata>.*?)"), re.VERBOSE | re.DOTALL)

        def __init__(self) -> None:
            super().__init__()
            self.opened: list[str] = []

        def start(self, tag: Any, attrs: Any, /) -> Any:
            if tag in self.opened or len(self.opened) > DEEPEST:
                raise ParseError(f"<{tag}> begins before the last one ended")
            self.opened.append(tag)
            return super().start(tag, attrs)

        def end(self, tag: Any, /) -> Any:
            if tag not in self.opened:
                raise ParseError(f"</{tag}> closes what isn't open")
            while self.opened:
                last = self.opened.pop()
                closed = super().end(last)
                if last == tag:
                    return closed
            return None

    tree, builder = OFXTree(), Nested()
    try:
        root: Element = tree.parse(io.BytesIO(content.removeprefix(b"\xef\xbb\xbf").lstrip()), parser=builder)
    except SyntaxError as error:  # as the library's own errors are
        raise reading.refuse("read as OFX", f"it is not whole, or no OFX: {str(error)[:80]}") from None
    except (ValueError, LookupError, AssertionError, AttributeError) as error:
        raise reading.refuse("read as OFX", f"it can't be read: {str(error)[:80]}") from None
    if builder.opened or root is None or root.tag != "OFX":
        raise reading.refuse("at its end", "its last element isn't closed: where it breaks off, ask for it again")
    return root


def _statement(reading: StatementReader, where: str, statement: "Element") -> AccountStatement:
    currency = reading.currency(f"{where}, CURDEF", _text(statement, "CURDEF"))
    account = next((_text(each, "ACCTID") for each in statement.iter() if each.tag in ACCOUNTS), "")
    if not account:
        raise reading.refuse(where, "it names no account (ACCTID)")
    told = [each for each in statement.iter() if each.tag == "STMTTRN"]
    entries, said = _corrected(reading, where, [
        (each, _entry(reading, f"{where}, transaction {number}", each, currency))
        for number, each in enumerate(told, start=1)
    ])  # fmt: skip
    entries = oldest_first(entries)
    ledger = next((each for each in statement.iter() if each.tag == "LEDGERBAL"), None)
    closing = None
    if ledger is not None:
        at = _booked(reading, f"{where}, LEDGERBAL", _text(ledger, "DTASOF"))
        amount = reading.minor(f"{where}, LEDGERBAL", _text(ledger, "BALAMT"), currency, ".,")
        closing = StatedBalance(Booked(at.day), amount)
    ends = with_both_ends(None, closing, entries, date.min)
    if ends is None:
        raise reading.refuse(where, "it states no balance (LEDGERBAL), so it claims none: ask for it with one")
    listed = next((each for each in statement.iter() if each.tag == "BANKTRANLIST"), None)
    first, last = (_text(listed, name) if listed is not None else "" for name in ("DTSTART", "DTEND"))
    if last and ends[1].booked.day > _booked(reading, f"{where}, DTEND", last).day:
        said.append(
            f"{where} of {reading.name} lists transactions up to {last[:8]} and states a balance of a later day: what "
            "was booked in between isn't in it, and would make its opening balance wrong"
        )
    pending = sum(each.tag == "STMTTRNP" for each in statement.iter())
    begins = _booked(reading, f"{where}, DTSTART", first).day if first else None
    return AccountStatement(account, currency, *ends, entries, begins, pending, said)


def _entry(reading: StatementReader, where: str, told: "Element", currency: str) -> BookedEntry:
    foreign = next((each for each in told.iter() if each.tag == "CURRENCY"), None)
    if foreign is not None and _text(foreign, "CURSYM") != currency:
        raise reading.refuse(
            where, f"its amount is in {_text(foreign, 'CURSYM')[:20]!r}, and the account in {currency}"
        )
    bank_id = _text(told, "FITID") or None
    named = (_text(told, name) for name in ("REFNUM", "CHECKNUM"))
    available = _text(told, "DTAVAIL")
    return BookedEntry(
        booked=_booked(reading, f"{where}, DTPOSTED", _text(told, "DTPOSTED")),
        value_day=_booked(reading, f"{where}, DTAVAIL", available).day if available else None,
        amount_minor=reading.minor(f"{where}, TRNAMT", _text(told, "TRNAMT"), currency, ".,"),
        reference=next((each for each in named if each.upper() not in NO_REFERENCE), bank_id or ""),
        bank_id=bank_id,
    )


def _corrected(
    reading: StatementReader, where: str, told: list[tuple["Element", BookedEntry]]
) -> tuple[list[BookedEntry], list[str]]:
    """The entries without those that others of this statement delete or replace (CORRECTFITID, CORRECTACTION)."""
    known = {entry.bank_id for _, entry in told}
    gone, deletions, said = set[str](), set[int](), []
    for place, (element, entry) in enumerate(told):
        corrected = _text(element, "CORRECTFITID")
        if not corrected:
            continue
        if corrected not in known:
            raise reading.refuse(
                f"{where}, transaction {place + 1}",
                f"it corrects {corrected[:40]!r}, which isn't in this file: ask for a statement that holds both",
            )
        gone.add(corrected)
        if _text(element, "CORRECTACTION") == "DELETE":
            deletions.add(place)
        said.append(f"{where} of {reading.name} takes {corrected!r} back by {entry.bank_id!r}: only the latter counts")
    kept = [entry for place, (_, entry) in enumerate(told) if place not in deletions and entry.bank_id not in gone]
    return kept, said


def _booked(reading: StatementReader, where: str, text: str) -> Booked:
    """A time, where its zone is told. Without one OFX means Greenwich, and banks their own: only the day counts."""
    found = TIME.fullmatch(text)
    try:
        if found is None:
            raise ValueError
        day = datetime.strptime(found[1], "%Y%m%d").date()  # noqa: DTZ007
        if found[2] in (None, *STAND_FOR_A_DAY) or found[3] is None:
            return Booked(day)
        zone = timezone(timedelta(minutes=_minutes(found[3])))
        written = datetime.strptime(found[1] + found[2], "%Y%m%d%H%M%S").replace(tzinfo=zone)
        local = written.astimezone(reading.zone)
        return Booked(local.date(), written.astimezone(UTC))
    except (ValueError, OverflowError):
        raise reading.refuse(where, f"{text[:40]!r} is no date or time of OFX") from None


def _minutes(hours: str) -> int:
    """Minutes of an offset that OFX writes in hours, ``-3.5`` or ``5.75``."""
    sign = -1 if hours.startswith("-") else 1
    whole, _, part = hours.lstrip("+-").partition(".")
    return sign * (int(whole) * 60 + int(part.ljust(2, "0") or "0") * 60 // 100)


def _texts(element: "Element", name: str) -> Iterator[str]:
    for each in element.iter():
        if each.tag == name and each.text:
            yield unescape(each.text, {"&nbsp;": " ", "&apos;": "'", "&quot;": '"'}).strip()


def _text(element: "Element", name: str) -> str:
    """The text of the first element of that name, however deep: SGML's empty elements swallow what follows them."""
    return next(_texts(element, name), "")
