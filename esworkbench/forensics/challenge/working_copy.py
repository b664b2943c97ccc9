"""A throwaway copy of evidence, to plant a fault in: rows are edited in memory, and only what changed is written anew.

What is edited here is what the world would have looked like, event by event and claim by claim. It imports nothing of
what compares and diagnoses, so that neither can lean on the other's idea of a fault.
"""

import json
import re
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import msgspec
import pyarrow.parquet as pq

from esworkbench.archive import BUCKETED, GAPS_KEPT, MANIFEST, Manifest, bucket_of, file_digest
from esworkbench.archive.manifest import LEDGER
from esworkbench.archive.sorting import parquet_writer
from esworkbench.archive.tables import SCHEMAS, table_of
from esworkbench.event_store.chain import GENESIS, event_hash
from esworkbench.evidence import Evidence
from esworkbench.evidence.capturing.poster import Poster
from esworkbench.evidence.ledger import PostingRule, ReadModel

Row = dict[str, Any]

_AS_WRITTEN = "\x00"
"""Marks a number of a payload that is written back letter by letter, and never passes through a float."""


class CopiedEvidence:
    """Evidence to copy. Its files are read once, however many copies are made of it."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self._tables: dict[tuple[str, int], list[Row]] = {}
        self.positions = {position for (position,) in evidence.rows("SELECT position FROM events")}

    def rows(self, table: str, bucket: int) -> list[Row]:
        """The rows of one file. Whoever changes one copies it first."""
        if (table, bucket) not in self._tables:
            name = self.evidence.manifest.files_of(table)[bucket]
            self._tables[table, bucket] = pq.read_table(self.evidence.path / name, partitioning=None).to_pylist()
        return self._tables[table, bucket]


class WorkingCopy:
    """One copy. Rows are plain dicts with the columns of ``SCHEMAS``, and may be changed in place."""

    def __init__(self, source: CopiedEvidence, draw: Random) -> None:
        self.evidence = source.evidence
        self.ledger = source.evidence.ledger
        self.draw = draw
        self._source = source
        self._tables: dict[tuple[str, int], list[Row]] = {}
        self._positions = set(source.positions)
        self._poster = Poster(self.ledger)
        self.head = max(self._positions, default=0)

    def table(self, name: str, key: str | None = None) -> list[Row]:
        """All rows of a table, or of the bucket that the stream or account ``key`` lies in."""
        bucket = 0 if key is None else bucket_of(key, self.evidence.manifest.buckets)
        if (name, bucket) not in self._tables:
            self._tables[name, bucket] = [dict(row) for row in self._source.rows(name, bucket)]
        return self._tables[name, bucket]

    def stream(self, stream_id: str) -> list[Row]:
        """Its events by version."""
        mine = [row for row in self.table("events", stream_id) if row["stream_id"] == stream_id]
        return sorted(mine, key=lambda row: (row["version"] or 0, row["position"]))

    def claims(self, account: str, source: str, *kinds: str) -> list[Row]:
        """What a source says of an account, in the order in which it was said."""
        mine = [
            row for row in self.table("assertions", account)
            if row["account"] == account and row["source"] == source and row["kind"] in kinds
        ]  # fmt: skip
        return sorted(mine, key=lambda row: (row["order_key"] or 0, row["position"] or 0, str(row["day"])))

    # the log

    def rule_of(self, event: Row) -> PostingRule | None:
        """The first rule that the event is posted by."""
        return next(iter(self._poster.rules_for(event["type"], event["schema_version"]) or ()), None)

    def posted(self, event: Row) -> list[tuple[str, str, int]]:
        """Account, currency and amount in minor units of each of its postings."""
        return [(each.account, each.currency, each.amount_minor) for each in self._post(event)]

    def put(self, event: Row) -> None:
        """Add an event with what it posts. A read model doesn't see it."""
        self.table("events", event["stream_id"]).append(event)
        self._positions.add(event["position"])
        self.head = max(self.head, event["position"])
        shared = ("position", "stream_id", "version", "event_id", "recorded_at", "valid_at", "correlation_id")
        for ordinal, each in enumerate(self._post(event)):
            self.table("postings", each.account).append(
                {name: event[name] for name in shared} | each._asdict() | {"ordinal": ordinal}
            )

    def take(self, event: Row) -> None:
        """Take an event away with what it posts."""
        for account, _, _ in self.posted(event):
            self._drop("postings", account, lambda row: row["position"] == event["position"])
        self._drop("events", event["stream_id"], lambda row: row["position"] == event["position"])
        self._positions.discard(event["position"])

    def change(self, event: Row, **columns: Any) -> Row:
        """The event with other columns, posted anew. Its hash stays what it was unless it is given."""
        self.take(event)
        changed = event | columns
        self.put(changed)
        return changed

    def rehash(self, stream_id: str) -> None:
        """Every hash of a stream worked out again, as somebody would who knows the chain."""
        previous = GENESIS
        for event in self.stream(stream_id):
            if event["hash"] is not None:
                event["prev_hash"], event["hash"] = previous, hash_of(event, previous)
                previous = event["hash"]

    def append(self, *drafts: Row, skipped_by: Iterable[str] = (), saved_after: float = 1.0) -> list[Row]:
        """Append events at the head and let every read model that was up to date handle them, in one batch.

        A draft has stream_id, type, schema_version, payload, metadata (a dict), recorded_at, and valid_at if it is
        another. Read models named in ``skipped_by`` go past them.
        """
        head = self.head
        events: list[Row] = []
        for draft in drafts:
            before = self.stream(draft["stream_id"])[-1]
            event: Row = dict.fromkeys(SCHEMAS["events"].names) | draft
            event |= {
                "position": self.head + 1, "version": before["version"] + 1,
                "event_id": str(UUID(int=self.draw.getrandbits(128), version=4)),
                "valid_at": draft.get("valid_at") or draft["recorded_at"],
            }  # fmt: skip
            metadata = {"decided_on_version": before["version"]} | draft["metadata"]
            event |= {name: metadata.get(name) for name in _IN_METADATA}
            event["metadata"] = json.dumps(metadata, separators=(",", ":"), ensure_ascii=False)
            if before["hash"] is not None:
                event["prev_hash"], event["hash"] = before["hash"], hash_of(event, before["hash"])
            self.put(event)
            events.append(event)
        saved = events[-1]["recorded_at"] + timedelta(seconds=saved_after)
        for checkpoint in self.table("checkpoints"):
            if checkpoint["position"] == head:
                for event in events if checkpoint["projection"] not in skipped_by else ():
                    self.apply(checkpoint["projection"], event)
                checkpoint |= {"position": self.head, "updated_at": saved}
                self.note_batch(checkpoint["projection"], head + 1, self.head, saved)
        return events

    # the read models

    def models(self, projection: str) -> list[ReadModel]:
        return [model for model in self.ledger.read_model if model.projection == projection]

    def apply(self, projection: str, event: Row) -> None:
        """What the projection's handler does with the event, by what the ledger says that it posts."""
        for account, currency, amount in self.posted(event):
            for model in self.models(projection):
                if model.kind == "head":
                    for row in self.claims(account, projection, "head"):
                        if row["currency"] == currency:
                            row["claimed_minor"] += amount
                            row |= {name: event[name] for name in ("position", "version") if row[name] is not None}
                elif model.kind == "running":
                    self._add_running(model, account, currency, amount, event)
                elif model.kind == "daily":
                    self._add_to_day(model, account, currency, amount, event)
                elif model.kind == "holds":
                    self._add_hold(model, account, currency, amount, event)

    def shift(self, projection: str, account: str, currency: str, after: int, amount: int) -> None:
        """Let what a projection says of an account be off by an amount from the events after a position on."""
        for row in self.claims(account, projection, "head"):
            if row["currency"] == currency:
                row["claimed_minor"] += amount
        first = True
        for row in self.claims(account, projection, "running"):
            if row["currency"] == currency and row["position"] > after and row["claimed_minor"] is not None:
                row["claimed_minor"] += amount
                row["step_minor"] += amount if first else 0
                first = False

    def drop_row(self, projection: str, account: str, position: int) -> None:
        """Take away the rows of a history that speak of the event there; what follows goes on as it was."""
        self._drop(
            "assertions", account,
            lambda row: row["source"] == projection and row["kind"] in ("running", "amount")
            and row["position"] == position,
        )  # fmt: skip
        self.count_steps(projection, account)

    def count_steps(self, projection: str, account: str) -> None:
        """``step_minor`` and ``order_key`` of a history, as capture counts them."""
        last: dict[str, tuple[int, int]] = {}
        for row in self.claims(account, projection, "running"):
            before, place = last.get(row["currency"], (0, 0))
            said = row["claimed_minor"]
            row |= {"step_minor": None if said is None else said - before, "order_key": place + 1}
            last[row["currency"]] = (before if said is None else said, place + 1)
        places = {row["position"]: row["order_key"] for row in self.claims(account, projection, "running")}
        for row in self.claims(account, projection, "amount"):
            row["order_key"] = places.get(row["position"], row["order_key"])

    def note_batch(self, projection: str, first: int, last: int, saved_at: datetime) -> None:
        """A line of the checkpoint log, where the store keeps one."""
        log = self.table("checkpoint_log")
        mine = [row for row in log if row["projection"] == projection]
        if mine:
            log.append(
                max(mine, key=lambda row: row["id"])
                | {
                    "id": max(row["id"] for row in log) + 1, "from_position": first, "to_position": last,
                    "run_id": f"run-{self.draw.getrandbits(32):08x}", "saved_at": saved_at,
                }
            )  # fmt: skip

    # the statements

    def lines(self, file: str, account: str) -> list[Row]:
        mine = [row for row in self.table("statements") if row["file"] == file and row["account"] == account]
        return sorted(mine, key=lambda row: row["line"])

    def book(self, file: str, account: str, at: datetime, reference: str, amount: int) -> Row:
        """A line more on a statement, where its time puts it; the balances of later lines take it into account."""
        lines = self.lines(file, account)
        before = [line for line in lines if line["booked_at"] <= at][-1:] or lines[:1]
        place = before[0]["line"]
        for line in self.table("statements"):
            if line["file"] == file and line["line"] > place:
                line["line"] += 1
                line["balance_minor"] += amount if line["account"] == account else 0
        line = before[0] | {
            "line": place + 1, "booked_at": at, "reference": reference, "amount_minor": amount,
            "balance_minor": before[0]["balance_minor"] + amount,
        }  # fmt: skip
        self.table("statements").append(line)
        self.restate(file, account)
        return line

    def restate(self, file: str, account: str) -> None:
        """The claims of a statement, as capture takes them from its lines."""
        self._drop("assertions", account, lambda row: row["source"] == file and row["kind"] == "statement")
        said: dict[str, tuple[int, int]] = {}
        for line in self.lines(file, account):
            currency, balance = line["currency"], line["balance_minor"]
            before, place = said.get(currency, (balance - line["amount_minor"], 0))
            said[currency] = (balance, place + 1)
            self.table("assertions", account).append(
                dict.fromkeys(SCHEMAS["assertions"].names)
                | {
                    "source": file, "kind": "statement", "account": account, "currency": currency,
                    "claimed_minor": balance, "step_minor": balance - before, "order_key": place + 1,
                    "recorded_at": line["booked_at"], "valid_at": line["booked_at"],
                }
            )  # fmt: skip

    # to disk

    def write(self, into: Path) -> Evidence:
        """Write the copy and open it. What didn't change is a link to the evidence's file, which stays untouched."""
        manifest, here = self.evidence.manifest, self.evidence.path.resolve()
        files, rows = dict(manifest.files), dict(manifest.rows)
        changed = {}
        for (table, bucket), now in self._tables.items():
            if now != self._source.rows(table, bucket):
                changed[manifest.files_of(table)[bucket]] = (table, now)
                rows[table] += len(now) - len(self._source.rows(table, bucket))
        for name in files:
            target = into / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if name not in changed:
                target.symlink_to(here / name)
        for name, (table, now) in changed.items():
            _write_rows(into / name, table, now)
            files[name] = file_digest(into / name)
        checkpoints = {row["projection"]: row["position"] for row in self.table("checkpoints")}
        gaps = _gaps(self._positions)
        cut = msgspec.structs.replace(
            manifest.cut, high_water=max(self._positions, default=None), checkpoints=checkpoints,
            gaps=gaps[:GAPS_KEPT], gaps_left_out=max(0, len(gaps) - GAPS_KEPT),
        )  # fmt: skip
        copied: Manifest = msgspec.structs.replace(
            manifest, cut=cut, files=files, rows=rows, previous=self.evidence.digest
        )
        (into / MANIFEST).write_bytes(msgspec.json.encode(copied))
        assert files[LEDGER] == manifest.files[LEDGER], "a copy is judged by the same ledger"
        return Evidence.open(into, verify=False)

    def _post(self, event: Row) -> list[Any]:
        return self._poster.post(
            event["stream_id"], event["version"], event["event_id"], event["type"], event["schema_version"],
            event["payload"],
        )  # fmt: skip

    def _drop(self, table: str, key: str, gone: Callable[[Row], bool]) -> None:
        rows = self.table(table, key)
        column = BUCKETED[table].key
        rows[:] = [row for row in rows if row[column] != key or not gone(row)]

    def _add_running(self, model: ReadModel, account: str, currency: str, amount: int, event: Row) -> None:
        mine = [row for row in self.claims(account, model.projection, "running") if row["currency"] == currency]
        if not mine:
            return
        last = mine[-1]
        row = last | {"claimed_minor": last["claimed_minor"] + amount, "step_minor": amount,
                      "order_key": last["order_key"] + 1}  # fmt: skip
        if last["day"] is not None:
            row["day"] = self._day(event)
        row |= {name: event[name] for name in ("position", "version", "event_id", "recorded_at", "valid_at", "type")
                if last[name] is not None}  # fmt: skip
        rows = self.table("assertions", account)
        rows.append(row)
        if model.step is not None:
            rows.append(row | {"kind": "amount", "claimed_minor": amount, "step_minor": None})

    def _add_to_day(self, model: ReadModel, account: str, currency: str, amount: int, event: Row) -> None:
        day = self._day(event)
        beside = {"credits": max(amount, 0), "debits": max(-amount, 0)}
        for kind in ("daily", *(each for each in model.beside if each in beside)):
            mine = [row for row in self.claims(account, model.projection, kind) if row["currency"] == currency]
            if not mine:
                return
            moved = beside.get(kind, amount)
            today = next((row for row in mine if row["day"] == day), None)
            if today is not None:
                today["claimed_minor"] += moved
                continue
            before = mine[-1]["claimed_minor"] if kind == "daily" else 0
            self.table("assertions", account).append(mine[-1] | {"day": day, "claimed_minor": before + moved})

    def _add_hold(self, model: ReadModel, account: str, currency: str, amount: int, event: Row) -> None:
        pending = self.ledger.pending
        if pending is None or event["type"] not in (pending.request, pending.settle, pending.cancel):
            return
        hold = at_path(event["payload"], pending.id_field)
        if event["type"] == pending.request:
            row = dict.fromkeys(SCHEMAS["assertions"].names)
            row |= {"source": model.projection, "kind": "holds", "account": account, "currency": currency,
                    "claimed_minor": -amount, "event_id": hold}  # fmt: skip
            named = (("position", model.position), ("version", model.version), ("recorded_at", model.recorded_at))
            row |= {name: event[name] for name, column in named if column is not None}
            self.table("assertions", account).append(row)
        else:
            self._drop(
                "assertions", account,
                lambda row: row["source"] == model.projection and row["kind"] == "holds" and row["event_id"] == hold,
            )  # fmt: skip

    def _day(self, event: Row) -> Any:
        return event["recorded_at"].astimezone(self.ledger.zone()).date()


_IN_METADATA = ("correlation_id", "causation_id", "idempotency_key", "actor", "decided_on_version")


def hash_of(event: Row, prev_hash: str) -> str:
    """What the store's own writer would have put there."""
    return event_hash(
        prev_hash, event["stream_id"], event["version"], event["event_id"], event["type"], event["schema_version"],
        event["recorded_at"], event["valid_at"], event["payload"].encode(), event["metadata"].encode(),
    )  # fmt: skip


def at_path(payload: str, path: str) -> Any:
    """The value at a dotted path of a payload, numbers with decimals as text; None where there is none."""
    value: Any = json.loads(payload, parse_float=str)
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def with_values(payload: str, values: dict[str, Any]) -> str:
    """A payload with other values at dotted paths, and all else letter by letter as it was."""
    content = json.loads(payload, parse_float=number_as_written)
    compact = json.dumps(json.loads(payload), separators=(",", ":"), ensure_ascii=False) == payload
    for path, value in values.items():
        *outer, last = path.split(".")
        inner = content
        for name in outer:
            inner = inner[name]
        inner[last] = value
    text = json.dumps(content, separators=(",", ":") if compact else None, ensure_ascii=False)
    return re.sub(r'"\\u0000([^"\\]*)\\u0000"', r"\1", text)


def number_as_written(digits: str) -> str:
    """A number of a payload with exactly these digits."""
    return f"{_AS_WRITTEN}{digits}{_AS_WRITTEN}"


def amount_as_written(event: Row, rule: PostingRule, minor: int, decimals: int | None) -> Any:
    """An amount without its sign in the shape that the rule reads, text where the event has text there."""
    written = at_path(event["payload"], rule.amount)
    if rule.scale == "minor":
        return str(minor) if isinstance(written, str) and not _is_number(event, rule) else minor
    places = rule.decimals if decimals is None else decimals
    digits = f"{abs(minor):0{(places or 0) + 1}d}"
    text = ("-" if minor < 0 else "") + (f"{digits[:-places]}.{digits[-places:]}" if places else digits)
    return number_as_written(text) if _is_number(event, rule) else text


def _is_number(event: Row, rule: PostingRule) -> bool:
    value: Any = json.loads(event["payload"], parse_float=lambda digits: 0)
    for name in rule.amount.split("."):
        value = value[name]
    return not isinstance(value, str)


def _gaps(positions: Iterable[int]) -> list[tuple[int, int]]:
    gaps, before = [], 0
    for position in sorted(positions):
        if position > before + 1:
            gaps.append((before + 1, position - 1))
        before = max(before, position)
    return gaps


def _write_rows(target: Path, table: str, rows: list[Row]) -> None:
    order = BUCKETED[table].order if table in BUCKETED else ()
    rows = sorted(
        rows, key=lambda row: [(row[name] is None, row[name] if row[name] is not None else 0) for name in order]
    )
    columns = {name: [row.get(name) for row in rows] for name in SCHEMAS[table].names}
    with parquet_writer(table, target) as writer:
        writer.write_table(table_of(table, columns))
