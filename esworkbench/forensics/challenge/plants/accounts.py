"""What a working copy holds of one account: its streams, its balance, and the statements it is on."""

from collections.abc import Iterable
from typing import Any

from esworkbench.forensics.challenge.draw import Draw
from esworkbench.forensics.challenge.working_copy import Row, WorkingCopy


def streams_of(copy: WorkingCopy, account: str) -> Iterable[str]:
    return [
        row for (row,) in copy.evidence.rows("SELECT DISTINCT stream_id FROM postings WHERE account = $a", a=account)
    ]


def balance_of(copy: WorkingCopy, account: str, currency: str) -> int:
    mine = [row for row in copy.table("postings", account) if (row["account"], row["currency"]) == (account, currency)]
    return sum(int(row["amount_minor"]) for row in mine) + copy.evidence.opening(account, currency)


def statements_of(copy: WorkingCopy, account: str) -> list[str]:
    return sorted({row["file"] for row in copy.table("statements") if row["account"] == account})


def book(copy: WorkingCopy, draw: Draw, account: str, event: Row, at: Any = None) -> None:
    """The event on the account's statements, as a bank books it."""
    amount = sum(amount for name, _, amount in copy.posted(event) if name == account)
    for file in statements_of(copy, account):
        copy.book(file, account, at or event["recorded_at"], draw.reference(event), amount)
