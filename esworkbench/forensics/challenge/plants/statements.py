"""A statement that has more than the log, or less than itself."""

from datetime import timedelta

from esworkbench.forensics.challenge.draw import CantPlant, Draw
from esworkbench.forensics.challenge.plants.planted import Planted
from esworkbench.forensics.challenge.working_copy import WorkingCopy


def never_appended(copy: WorkingCopy, draw: Draw) -> Planted:
    """A line of the statement that no event was ever written for."""
    _, account, currency = draw.account(stated=True)
    file, amount = draw.statement(account), draw.amount() * draw.random.choice((1, -1))
    lines = copy.lines(file, account)
    at = lines[len(lines) // 2]["booked_at"] + timedelta(minutes=1)
    copy.book(file, account, at, draw.name(), amount)
    return Planted(account, currency, amount, abs(amount))


def statement_incomplete(copy: WorkingCopy, draw: Draw) -> Planted:
    """A line that the statement's own balances count, and that isn't there."""
    _, account, currency = draw.account(stated=True)
    file = draw.statement(account)
    lines = copy.lines(file, account)
    gone = draw.chosen(lines[1:-1], "no statement has three lines of an account")
    rows = copy.table("statements")
    rows[:] = [row for row in rows if row is not gone]
    copy.restate(file, account)
    return Planted(account, currency, None, abs(gone["amount_minor"]))


def statement_inconsistent(copy: WorkingCopy, draw: Draw) -> Planted:
    """Balances that, from a line on, don't follow from the amounts beside them."""
    _, account, currency = draw.account(stated=True)
    file, by = draw.statement(account), draw.amount()
    lines = copy.lines(file, account)
    if len(lines) < 3:
        raise CantPlant("no statement has three lines of an account")
    for line in lines[len(lines) // 2 :]:
        line["balance_minor"] += by
    copy.restate(file, account)
    return Planted(account, currency, by, by)
