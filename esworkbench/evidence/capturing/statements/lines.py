"""An account's statements as lines that evidence keeps: entries with a running balance, and the stated balances.

A bank that states only the balances at both ends claims two things: what was there before, and what is there after.
Both become lines of their own with the amount 0 (``kind`` opening and closing), so that what is compared everywhere,
a line's balance against the events, is what the bank said. Beside each entry stands the balance that follows from the
opening (``balance_is_computed``); where the closing balance isn't what they lead to, its line moves a balance by what
it doesn't say, as any line of a statement that contradicts itself.
"""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from zoneinfo import ZoneInfo

from esworkbench.evidence.capturing.statement_file import StatementLine
from esworkbench.evidence.capturing.statements.statement import (
    AccountStatement,
    day_of,
    first_moment,
    last_moment,
)

OPENING, CLOSING = "opening balance", "closing balance"


def lines_of(statements: Iterable[AccountStatement], zone: ZoneInfo) -> list[StatementLine]:
    """The lines of all statements of a file, numbered from 1 in this order, account by account and oldest first.

    Where one statement begins with another balance than the one before it ended with, the step is a line of its own:
    a statement is missing between them.
    """
    by_account: dict[tuple[str, str], list[AccountStatement]] = {}
    for each in statements:
        by_account.setdefault((each.account, each.currency), []).append(each)
    lines: list[StatementLine] = []
    for parts in by_account.values():
        parts.sort(key=lambda part: (part.closing.booked.day, part.opening.booked.day))
        before: int | None = None
        for part in parts:
            for line in _lines_of(part, before, zone):
                lines.append(line._replace(line=len(lines) + 1))
            before = part.closing.amount_minor
    return lines


def _lines_of(part: AccountStatement, before: int | None, zone: ZoneInfo) -> Iterator[StatementLine]:
    days = [entry.booked.day for entry in part.entries]
    # An opening balance bears the day on which the one before closed, or the first of its own: the later is meant,
    # unless something was booked earlier or the statement says when it begins.
    first = min([part.begins or part.opening.booked.day + timedelta(days=1), part.closing.booked.day, *days])
    balance = part.opening.amount_minor
    if before != balance:
        yield StatementLine(
            0, part.account, part.currency, first_moment(first, zone), OPENING, 0, balance,
            kind="opening", balance_is_computed=part.opening.is_computed,
        )  # fmt: skip
    for entry in part.entries:
        balance += entry.amount_minor
        yield StatementLine(
            0, part.account, part.currency, day_of(entry.booked, zone), entry.reference, entry.amount_minor, balance,
            value_day=entry.value_day, bank_id=entry.bank_id, kind="reversal" if entry.is_reversal else "entry",
            by_day=entry.booked.moment is None, balance_is_computed=True,
        )  # fmt: skip
    last = max([part.closing.booked.day, *days])
    yield StatementLine(
        0, part.account, part.currency, last_moment(last, zone), CLOSING, 0, part.closing.amount_minor,
        kind="closing", balance_is_computed=part.closing.is_computed,
    )  # fmt: skip
