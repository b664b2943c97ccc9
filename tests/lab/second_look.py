"""An independent look at a built incident: plain SQL, and a fold of its own that uses nothing of the package."""

import csv
import json
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import text

from esworkbench.event_store import open_database

SIGNS = {
    "MoneyDeposited": 1, "InterestCredited": 1, "TransferReceived": 1, "WithdrawalCancelled": 1,
    "BalanceAdjusted": 1,
    "MoneyWithdrawn": -1, "WithdrawalRequested": -1, "TransferSent": -1, "FeeCharged": -1, "WithdrawalSettled": 0,
}  # fmt: skip

Sums = dict[tuple[str, str], int]


class Posted(NamedTuple):
    position: int
    event_id: str
    event_type: str
    account: str
    currency: str
    amount: int
    recorded_at: datetime
    withdrawal_id: str | None


class Look:
    """``rows`` runs a query; everything else is worked out from what it returns."""

    def __init__(self, url: str) -> None:
        self.url = url

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        engine = open_database(self.url, create=False)
        with engine.connect() as connection:
            found = [tuple(row) for row in connection.execute(text(query))]
        engine.dispose()
        return found

    def postings(self) -> list[Posted]:
        found = []
        for position, event_id, kind, stream, version, payload, recorded_at in self.rows(
            "SELECT global_position, event_id, event_type, stream_id, schema_version, payload, recorded_at"
            " FROM events ORDER BY global_position"
        ):
            if kind not in SIGNS:
                continue
            fields = json.loads(payload, parse_float=Decimal)
            amount = fields.get("amount_minor")
            if amount is None:
                amount = int((Decimal(fields["amount"]) * 100).quantize(Decimal(1), rounding=ROUND_HALF_UP))
            found.append(
                Posted(
                    position, event_id, kind, stream.removeprefix("BankAccount-"),
                    fields.get("currency", "USD") if (kind, version) != ("MoneyDeposited", 1) else "USD",
                    SIGNS[kind] * amount, _moment(recorded_at), fields.get("withdrawal_id"),
                )
            )  # fmt: skip
        return found

    def checkpoint(self, projection: str) -> int:
        [(position,)] = self.rows(f"SELECT position FROM checkpoints WHERE projection = '{projection}'")
        return int(position)

    def balances_off(self) -> Sums:
        """account_balances − event sum up to its checkpoint, where that isn't 0."""
        rows = self.rows("SELECT account_id, currency, balance_minor FROM account_balances")
        return differences({(a, c): b for a, c, b in rows}, sums(self.postings(), self.checkpoint("account_balances")))

    def history_off(self) -> Sums:
        """The last balance of transaction_history − event sum, where that isn't 0."""
        rows = self.rows("SELECT account_id, currency, balance_after_minor FROM transaction_history ORDER BY position")
        return differences({(a, c): b for a, c, b in rows}, sums(self.postings()))

    def days_off(self) -> Sums:
        rows = self.rows("SELECT account_id, currency, closing_minor FROM daily_summaries ORDER BY day")
        return differences({(a, c): b for a, c, b in rows}, sums(self.postings()))

    def statement_off(self, outside: Path) -> Sums:
        """Last line of the statement − (event sum + holds younger than a day at the end), where that isn't 0."""
        lines = statement(outside)
        claimed = {key: rows[-1][1] for key, rows in lines.items()}
        postings = self.postings()
        return differences(claimed, booked(postings, postings[-1].recorded_at, claimed))

    def broken(self) -> tuple[list[int], list[int]]:
        """Positions whose content doesn't give their hash, and those whose link isn't the hash before in their stream.

        Worked out from the layout as ``event_store.chain`` describes it, with none of its code.
        """
        contents, links, last = [], [], dict[str, str]()
        for position, stream, version, event_id, kind, schema, *times, payload, metadata, prev, own in self.rows(
            "SELECT global_position, stream_id, version, event_id, event_type, schema_version, recorded_at, valid_at,"
            " payload, metadata, prev_hash, hash FROM events ORDER BY stream_id, version"
        ):
            micros = [(_moment(at) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) for at in times]
            fields = [str(each).encode() for each in (stream, version, event_id, kind, schema, *micros)]
            framed = b"".join(
                len(each).to_bytes(8, "big") + each for each in [*fields, payload.encode(), metadata.encode()]
            )
            if sha256(b"esworkbench:event:v1\n" + bytes.fromhex(prev) + framed).hexdigest() != own:
                contents.append(position)
            if prev != last.get(stream, "0" * 64):
                links.append(position)
            last[stream] = own
        return contents, links

    def contents(self) -> dict[str, list[tuple[Any, ...]]]:
        """Everything that a seed settles, times as text."""
        tables = {
            "events": "global_position",
            "snapshots": "stream_id, version",
            "checkpoints": "projection",
            "checkpoint_log": "id",
            "account_balances": "account_id",
            "transaction_history": "account_id, position",
            "pending_withdrawals": "account_id",
            "daily_summaries": "account_id, day",
        }
        columns = "global_position, event_id, stream_id, version, payload, metadata, prev_hash, hash"
        return {
            table: [
                tuple(_moment(value) if isinstance(value, datetime) else value for value in row)
                for row in self.rows(f"SELECT {columns if table == 'events' else '*'} FROM {table} ORDER BY {order}")
            ]
            for table, order in tables.items()
        }


def sums(postings: list[Posted], up_to: int | None = None) -> Sums:
    found: Sums = {}
    for posted in postings:
        if up_to is None or posted.position <= up_to:
            key = posted.account, posted.currency
            found[key] = found.get(key, 0) + posted.amount
    return found


def booked(postings: list[Posted], at: datetime, keys: Sums) -> Sums:
    """What a statement should say of each account at a moment: the event sum, and holds younger than a day on top."""
    known = [posted for posted in postings if posted.recorded_at <= at]
    summed = sums(known)
    found = {key: summed.get(key, 0) for key in keys}
    ends = ("WithdrawalSettled", "WithdrawalCancelled")
    done = {posted.withdrawal_id for posted in known if posted.event_type in ends}
    for posted in known:
        is_open = posted.event_type == "WithdrawalRequested" and posted.withdrawal_id not in done
        if is_open and at - posted.recorded_at < timedelta(hours=24) and (posted.account, posted.currency) in found:
            found[posted.account, posted.currency] -= posted.amount
    return found


def statement(outside: Path) -> dict[tuple[str, str], list[tuple[datetime, int]]]:
    """Per account and currency: booked at, balance after."""
    found: dict[tuple[str, str], list[tuple[datetime, int]]] = {}
    with (outside / "statements" / "statement.csv").open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            key = line["account_id"], line["currency"]
            found.setdefault(key, []).append((_moment(line["booked_at"]), int(line["balance_minor"])))
    return found


def lines_of(outside: Path, key: tuple[str, str]) -> list[dict[str, str]]:
    """The statement's lines of one account and currency, as they are written."""
    with (outside / "statements" / "statement.csv").open(encoding="utf-8", newline="") as file:
        return [line for line in csv.DictReader(file) if (line["account_id"], line["currency"]) == key]


def differences(claimed: Sums, summed: Sums) -> Sums:
    keys = claimed.keys() | summed.keys()
    return {key: off for key in keys if (off := claimed.get(key, 0) - summed.get(key, 0))}


def _moment(value: Any) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)
