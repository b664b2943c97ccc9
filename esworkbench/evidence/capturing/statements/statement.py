"""What an account statement says, whatever its format: booked entries, and the balances before and after them."""

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from esworkbench.errors import UnusableInput
from esworkbench.evidence.scales import Scales

MOST = 2**53 - 1
"""Minor units; no larger amount is exact everywhere (promise 8)."""

NO_REFERENCE = {"", "NOTPROVIDED", "NONREF", "NOREF"}
"""What banks write where there is no reference: the first is ISO 20022's word, NONREF that of SWIFT."""


@dataclass(frozen=True)
class Booked:
    """When something was booked: the day in the ledger's zone, and the moment where the bank tells one."""

    day: date
    moment: datetime | None = None


@dataclass(frozen=True)
class BookedEntry:
    """One movement on an account, signed, in minor units.

    ``reference`` is what the two sides of a payment know it by (EndToEndId, the account owner's reference of ``:61:``,
    REFNUM), else the bank's own id; ``bank_id`` is that id (AcctSvcrRef, what stands behind ``//``, FITID).
    ``is_reversal``: it takes an earlier entry back; its sign is that of its own effect.
    """

    booked: Booked
    value_day: date | None
    amount_minor: int
    reference: str
    bank_id: str | None
    is_reversal: bool = False


@dataclass(frozen=True)
class StatedBalance:
    """A booked balance in minor units: of the end of its day, or before the first entry.

    ``is_computed``: the bank states only the balance at the other end, and the entries between lead here.
    """

    booked: Booked
    amount_minor: int
    is_computed: bool = False


@dataclass(frozen=True)
class AccountStatement:
    """What one statement says of one account in one currency, its entries in the order of booking.

    ``begins``: the first day that it covers, where it says so. ``not_booked`` counts entries that it lists as pending
    or for information: no money of theirs is in its balances.
    """

    account: str
    currency: str
    opening: StatedBalance
    closing: StatedBalance
    entries: list[BookedEntry]
    begins: date | None = None
    not_booked: int = 0
    said: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class StatementReader:
    """What a reader needs to know besides the file: how sentences name it, and the ledger's zone and scales."""

    name: str
    zone: ZoneInfo
    scales: Scales

    def refuse(self, where: str, what: str) -> UnusableInput:
        """The error that says what is wrong with the file, and where in it."""
        # Libraries quote what they choke on, with its ends of lines.
        return UnusableInput(f"statement {self.name}, {where}: {' '.join(what.split())}")

    def minor(self, where: str, text: str, currency: str, mark: Literal[".", ",", ".,"] = ".") -> int:
        """An amount as text in minor units, exactly: no float, nothing rounded away. ``mark``: the decimal mark."""
        try:
            decimals = self.scales.needed(currency, None)
        except UnusableInput as error:
            raise type(error)(f"statement {self.name}, {where}: {error}") from None
        found = re.fullmatch(rf"([+-]?)([0-9]{{1,18}})(?:[{mark}]([0-9]{{0,18}}))?", text.strip())
        digits = (found[3] or "").rstrip("0") if found else ""
        if found is None or len(digits) > decimals or len(found[2].lstrip("0")) + decimals > 18:
            raise self.refuse(
                where, f"{text.strip()[:40]!r} is no amount of {currency} with at most {decimals} decimals"
            )
        amount = int(found[2] + digits.ljust(decimals, "0"))
        if amount > MOST:
            raise self.refuse(where, f"{text.strip()!r} {currency} is beyond what is counted exactly, 2**53 - 1")
        return -amount if found[1] == "-" else amount

    def currency(self, where: str, text: str) -> str:
        """A currency's code, as ISO 4217 writes codes."""
        if not re.fullmatch(r"[A-Z]{3}", text.strip()):
            raise self.refuse(where, f"{text.strip()[:40]!r} is no code of a currency")
        return text.strip()

    def moment(self, written: datetime) -> Booked:
        """A time that the bank tells: without an offset it is in the ledger's zone, and midnight stands for the day."""
        local = written.replace(tzinfo=self.zone) if written.tzinfo is None else written.astimezone(self.zone)
        if written.timetz().replace(tzinfo=None) == time():
            return Booked(written.date())
        return Booked(local.date(), local.astimezone(UTC))


def noon(day: date, zone: ZoneInfo) -> datetime:
    """Where an entry stands of which only the day is known: in its middle, so that it is near all that was that day."""
    return datetime.combine(day, time(12), zone).astimezone(UTC)


def first_moment(day: date, zone: ZoneInfo) -> datetime:
    """The midnight with which the day begins."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def last_moment(day: date, zone: ZoneInfo) -> datetime:
    """The microsecond with which it ends."""
    return first_moment(day + timedelta(days=1), zone) - timedelta(microseconds=1)


def day_of(booked: Booked, zone: ZoneInfo) -> datetime:
    """The moment of an entry, or the noon of its day."""
    return booked.moment or noon(booked.day, zone)


def oldest_first(entries: list[BookedEntry]) -> list[BookedEntry]:
    """The entries in the order of booking: a file may have its newest first, and inside a day its own order stands."""
    days = [entry.booked.day for entry in entries]
    descending = len(days) > 1 and days[0] > days[-1]
    listed = entries[::-1] if descending else entries
    return sorted(listed, key=lambda entry: entry.booked.day)


def with_both_ends(
    opening: StatedBalance | None, closing: StatedBalance | None, entries: list[BookedEntry], last_day: date
) -> tuple[StatedBalance, StatedBalance] | None:
    """Opening and closing balance, one of them computed where the bank states only the other; None without either."""
    moved = sum(entry.amount_minor for entry in entries)
    if opening is None and closing is None:
        return None
    if opening is None:
        assert closing is not None
        first = min([entry.booked.day for entry in entries], default=closing.booked.day)
        opening = StatedBalance(Booked(first), closing.amount_minor - moved, is_computed=True)
    if closing is None:
        closing = StatedBalance(Booked(last_day), opening.amount_minor + moved, is_computed=True)
    return opening, closing
