"""The books kept outside: what was really booked, line by line, and the statements printed from them.

They are kept by those who moved the money, as it moved, and never read an event.
A hold isn't booked; its settlement is.
"""

import csv
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

COLUMNS = ["account_id", "currency", "booked_at", "reference", "amount_minor", "balance_minor"]


class Booking(NamedTuple):
    """One booked movement; ``amount_minor`` is signed, ``balance_minor`` the booked balance after it."""

    booked_at: datetime
    reference: str
    amount_minor: int
    balance_minor: int


class Books:
    def __init__(self) -> None:
        self._lines: dict[tuple[str, str], list[Booking]] = {}
        self._printed: dict[tuple[str, str, int], Booking | None] = {}

    def book(self, account: str, currency: str, amount_minor: int, reference: str, booked_at: datetime) -> None:
        lines = self._lines.setdefault((account, currency), [])
        before = lines[-1].balance_minor if lines else 0
        lines.append(Booking(booked_at, reference, amount_minor, before + amount_minor))

    def balance(self, account: str, currency: str) -> int:
        """The booked balance in minor units; 0 for an account on which nothing was booked."""
        lines = self._lines.get((account, currency))
        return lines[-1].balance_minor if lines else 0

    def accounts(self) -> list[tuple[str, str]]:
        """Account and currency of everything that was ever booked on."""
        return sorted(self._lines)

    def lines(self, account: str, currency: str) -> list[Booking]:
        return list(self._lines.get((account, currency), []))

    def leave_out(self, account: str, currency: str, at: int) -> None:
        """The printer loses the line with that number, from 0. What was booked stays booked."""
        self._printed[account, currency, at] = None

    def misprint(self, account: str, currency: str, at: int, balance_minor: int) -> None:
        """The printer sets another balance in the line with that number, from 0."""
        line = self._lines[account, currency][at]
        self._printed[account, currency, at] = line._replace(balance_minor=balance_minor)

    def print_statement(self, path: Path) -> None:
        """One CSV file with every account's lines, in the order of accounts, then of time."""
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            for (account, currency), lines in sorted(self._lines.items()):
                for at, booked in enumerate(lines):
                    line = self._printed.get((account, currency, at), booked)
                    if line is None:
                        continue
                    booked_at = line.booked_at.isoformat(timespec="seconds").replace("+00:00", "Z")
                    writer.writerow(
                        [account, currency, booked_at, line.reference, line.amount_minor, line.balance_minor]
                    )
