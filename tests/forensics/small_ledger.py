"""Evidence written by hand, a few rows at a time, so that each test holds all the numbers it is about."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from esworkbench.archive import ArchiveWriter, Cut
from esworkbench.event_store.chain import GENESIS, event_hash
from esworkbench.evidence import Evidence, LedgerDefinition
from esworkbench.evidence.capturing.poster import Poster

START = datetime(2026, 1, 1, tzinfo=UTC)
LEDGER = b"""
name = "small"
[[posting]]
event = "Moved"
amount = "amount"
currency = "USD"
kind = "move"
[pending]
request = "Held"
settle = "Settled"
cancel = "Released"
id_field = "id"
limit_hours = 24
[snapshot]
category = "Account"
claimed = "balance"
currency_field = "currency"
"""


def hours(count: float) -> datetime:
    """So many hours after the start of the ledger."""
    return START + timedelta(hours=count)


class SmallLedger:
    """Collects events, postings and claims; ``write`` makes evidence of them. One event an hour unless told."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.postings: list[dict[str, Any]] = []
        self.claims: list[dict[str, Any]] = []
        self.checkpoints: dict[str, int] = {}
        self.batches: list[dict[str, Any]] = []
        self.gaps: list[tuple[int, int]] = []
        self.counted: dict[str, Any] = {}
        self.lines: list[dict[str, Any]] = []
        self.snapshots: list[dict[str, Any]] = []
        self.order_days: list[dict[str, Any]] = []
        self.high_water: int | None = None
        self.layout = "esworkbench"
        self.source = "sqlite:///small.db"
        self.ledger = LEDGER

    def event(self, account: str, amount: int | None = None, **given: Any) -> int:
        """An event of the account's own stream, posting ``amount`` unless None; returns its position."""
        position = given.pop("position", len(self.events) + 1)
        stream = given.pop("stream_id", f"Account-{account}")
        mine = [event for event in self.events if event["stream_id"] == stream]
        event: dict[str, Any] = {
            "position": position,
            "stream_id": stream,
            "version": len(mine) + 1,
            "event_id": f"e{position}",
            "type": "Moved",
            "schema_version": 1,
            "recorded_at": hours(position),
            "valid_at": given.get("recorded_at", hours(position)),
            "payload": "{}" if amount is None else f'{{"amount":{amount}}}',
            "metadata": "{}",
            "prev_hash": mine[-1]["hash"] if mine else GENESIS,
        }
        currency = given.pop("currency", "USD")
        event |= given
        event["hash"] = hash_of(event)
        self.events.append(event)
        if amount is not None:
            shared = {name: event[name] for name in _SHARED}
            money = {"ordinal": 0, "account": account, "currency": currency, "amount_minor": amount, "kind": "move"}
            self.postings.append(shared | money)
        return position

    def claim(self, account: str, claimed: int | None, **given: Any) -> None:
        """A claim of the projection ``balances``, a head unless told otherwise."""
        self.claims.append(
            {"source": "balances", "kind": "head", "account": account, "currency": "USD", "claimed_minor": claimed}
            | given
        )

    def running(self, account: str, claims: Sequence[int | None], **given: Any) -> None:
        """One claim a posting, in order; None where the source has no row."""
        mine = [posting for posting in self.postings if posting["account"] == account]
        for place, (posting, claimed) in enumerate(zip(mine, claims, strict=False), 1):
            if claimed is not None:
                row = {"source": "history", "kind": "running", "position": posting["position"], "order_key": place}
                self.claim(account, claimed, **(row | given))

    def batch(self, first: int, last: int, hour: float, *, projection: str = "balances") -> None:
        """A batch in the checkpoint log, saved at that hour; the checkpoint moves on with it."""
        self.batches.append(
            {
                "id": len(self.batches) + 1, "projection": projection, "shard": 0, "from_position": first,
                "to_position": last, "run_id": "run", "code_version": "1", "saved_at": hours(hour),
            }
        )  # fmt: skip
        self.checkpoints[projection] = last

    def statement(self, account: str, lines: Sequence[tuple[float, int, int]], *, file: str = "bank.csv") -> None:
        """A statement's lines, each (hour, amount, balance)."""
        for place, (hour, amount, balance) in enumerate(lines, 1):
            mine = {"file": file, "line": place + 1, "account": account, "currency": "USD", "reference": ""}
            self.lines.append(mine | {"booked_at": hours(hour), "amount_minor": amount, "balance_minor": balance})
            booked = {"recorded_at": hours(hour), "valid_at": hours(hour)}
            self.claim(account, balance, source=file, kind="statement", order_key=place, **booked)

    def captured(self, path: Path) -> Evidence:
        """Like ``write``, with all that a capture makes of the events as they now are: postings and gaps."""
        poster = Poster(LedgerDefinition.parse(self.ledger, "small"))
        self.postings = []
        for event in self.events:
            mine = [event[name] for name in ("stream_id", "version", "event_id", "type", "schema_version", "payload")]
            for ordinal, posted in enumerate(poster.post(*mine)):
                shared = {name: event[name] for name in _SHARED}
                self.postings.append(shared | {"ordinal": ordinal} | posted._asdict())
        self.counted = {
            "unposted": dict(poster.unposted), "problems": poster.problems, "problem_count": poster.problem_count
        }  # fmt: skip
        held = sorted({event["position"] for event in self.events})
        self.gaps = [(one + 1, two - 1) for one, two in pairwise([0, *held]) if two > one + 1]
        return self.write(path)

    def write(self, path: Path) -> Evidence:
        last = max((event["position"] for event in self.events), default=None)
        with ArchiveWriter(path, 2) as writer:
            for table, rows in (
                ("events", self.events),
                ("postings", self.postings),
                ("assertions", self.claims),
                ("order_days", self.order_days),
                ("statements", self.lines),
                ("snapshots", self.snapshots),
                ("checkpoint_log", self.batches),
                ("checkpoints", [{"projection": name, "position": at} for name, at in self.checkpoints.items()]),
            ):
                writer.write(table, as_columns(rows))
            writer.finish(
                ledger=self.ledger,
                source=self.source,
                layout=self.layout,
                cut=Cut(
                    high_water=self.high_water or last, checkpoints=self.checkpoints, server_time=None, gaps=self.gaps
                ),
                order={"exact": 0, "rounded": 0, "unresolved": 0, "ambiguous": 0} if self.order_days else None,
                **self.counted,
            )
        return Evidence.open(path)


_SHARED = ("position", "stream_id", "version", "event_id", "recorded_at", "valid_at")


def hash_of(event: Mapping[str, Any]) -> str:
    """The hash that our own store would have given the event."""
    return event_hash(
        event["prev_hash"], event["stream_id"], event["version"], event["event_id"], event["type"],
        event["schema_version"], event["recorded_at"], event["valid_at"], event["payload"].encode(),
        event["metadata"].encode(),
    )  # fmt: skip


def as_columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    names = {name for row in rows for name in row}
    return {name: [row.get(name) for row in rows] for name in names}
