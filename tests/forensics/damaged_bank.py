"""A small bank whose log is damaged by somebody with SQL, each time with the truth written down before we ask."""

import json
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from lab_incidents import home, incident, url_of

from esworkbench.composition import capture
from esworkbench.domains.bank import BANK_EVENT_TYPES, MoneyDeposited, bank_decoder
from esworkbench.domains.bank.read_models import BANK_PROJECTIONS
from esworkbench.event_store import EventStore
from esworkbench.event_store.chain import GENESIS, event_hash
from esworkbench.event_store.sidecar import outside_folder
from esworkbench.events import DomainEvent
from esworkbench.evidence import Evidence
from esworkbench.projections import ProjectionRunner

STREAM = "BankAccount-"
SIGNS = {
    "MoneyDeposited": 1, "TransferReceived": 1, "InterestCredited": 1, "WithdrawalCancelled": 1, "MoneyWithdrawn": -1,
    "TransferSent": -1, "FeeCharged": -1, "WithdrawalRequested": -1,
}  # fmt: skip


class Truth(NamedTuple):
    """What was done. ``event_ids`` None: not asked for."""

    fault: str
    account: str | None
    amount: int
    event_ids: tuple[str, ...] | None = None


class Event(NamedTuple):
    """A row of the log, as SQL reads it."""

    position: int
    stream_id: str
    version: int
    event_id: str
    event_type: str
    schema_version: int
    payload: str
    metadata: str
    recorded_at: str
    valid_at: str
    prev_hash: str

    @property
    def account(self) -> str:
        return self.stream_id.removeprefix(STREAM)

    @property
    def amount(self) -> int:
        """What it posts, in minor units, where it says so in them."""
        return SIGNS.get(self.event_type, 0) * int(json.loads(self.payload).get("amount_minor", 0))

    def hashed_after(self, prev_hash: str) -> str:
        return event_hash(
            prev_hash, self.stream_id, self.version, self.event_id, self.event_type, self.schema_version,
            datetime.fromisoformat(self.recorded_at), datetime.fromisoformat(self.valid_at), self.payload.encode(),
            self.metadata.encode(),
        )  # fmt: skip


class DamagedBank:
    """A copy of a healthy bank's file, with the statement beside it; ``draw`` chooses what is hit."""

    def __init__(self, folder: Path, seed: int = 1) -> None:
        self.draw = random.Random(seed)
        self.healthy = incident("none")
        self.file = folder / "bank.db"
        self.url = f"sqlite:///{self.file}"
        shutil.copyfile(home() / "none-1.db", self.file)
        shutil.copytree(outside_folder(url_of("none", 1)), outside_folder(self.url))
        self.folder = folder

    def sql(self, query: str, *given: Any) -> list[Any]:
        """One statement, past all guards."""
        with self._unguarded() as connection:
            return connection.execute(query, given).fetchall()

    def change(self, query: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """One statement for many rows, past all guards."""
        with self._unguarded() as connection:
            connection.executemany(query, rows)

    @contextmanager
    def _unguarded(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(self.file)
        guards = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
        for name, _ in guards:
            connection.execute(f"DROP TRIGGER {name}")
        yield connection
        for _, guard in guards:
            connection.execute(guard)
        connection.commit()
        connection.close()

    def events(self, where: str = "true", *given: Any) -> list[Event]:
        return [
            Event(*row)
            for row in self.sql(
                "SELECT global_position, stream_id, version, event_id, event_type, schema_version, payload, metadata, "
                f"recorded_at, valid_at, prev_hash FROM events WHERE {where} ORDER BY global_position", *given,
            )
        ]  # fmt: skip

    def any_event(self, *types: str) -> Event:
        """One in the middle of its stream, with an amount in minor units."""
        events = self.events()
        last = {each.stream_id: each.version for each in events}
        chosen = [
            each for each in events
            if each.event_type in (types or SIGNS) and "amount_minor" in each.payload
            and 2 < each.version < last[each.stream_id]
        ]  # fmt: skip
        return self.draw.choice(chosen)

    def rehash(self, stream_id: str, *, renumber: bool = False) -> None:
        """Every hash of a stream worked out again, and its versions too if asked."""
        previous = GENESIS
        rows = []
        for number, event in enumerate(self.events("stream_id = ?", stream_id), 1):
            version = number if renumber else event.version
            own = event._replace(version=version).hashed_after(previous)
            rows.append((version, previous, own, event.event_id))
            previous = own
        self.change("UPDATE events SET version = ?, prev_hash = ?, hash = ? WHERE event_id = ?", rows)

    def change_amount(self, event: Event, by: int) -> None:
        payload = json.loads(event.payload)
        payload["amount_minor"] += by
        self.sql("UPDATE events SET payload = ? WHERE event_id = ?", json.dumps(payload, separators=(",", ":")),
                 event.event_id)  # fmt: skip

    def delete(self, event: Event) -> None:
        self.sql("DELETE FROM events WHERE event_id = ?", event.event_id)

    def append(self, account: str, data: DomainEvent, at: datetime, **metadata: object) -> str:
        """An event past all commands, by a clock that shows ``at``; returns its id."""
        store = EventStore.open(self.url, clock=lambda: at)
        event = BANK_EVENT_TYPES.encode(data, metadata=metadata)
        stream_id = STREAM + account
        [written] = store.append(stream_id, [event], expected_version=store.stream_version(stream_id)).events
        for factory in BANK_PROJECTIONS.values():
            ProjectionRunner(store, factory(), bank_decoder(), run_id="test").catch_up()
        store.engine.dispose()
        return written.event_id

    def cut_off(self, count: int) -> list[Event]:
        """The newest events are gone, and the next one that is written gets the position of the first of them."""
        gone = self.events()[-count:]
        for event in gone:
            self.delete(event)
        self.sql("UPDATE sqlite_sequence SET seq = ? WHERE name = 'events'", gone[0].position - 1)
        return gone

    def deposit(self, account: str, amount: int, reference: str, at: datetime) -> str:
        return self.append(account, MoneyDeposited(amount_minor=amount, currency="USD", reference=reference), at)

    def book(self, account: str, amount: int, reference: str, at: datetime) -> None:
        """A line more at the end of the account's statement."""
        [path] = outside_folder(self.url).joinpath("statements").glob("*.csv")
        header, *lines = path.read_text("utf-8").splitlines()
        last = max(index for index, line in enumerate(lines) if line.startswith(account))
        balance = int(lines[last].split(",")[5]) + amount
        lines.insert(last + 1, f"{account},USD,{at:%Y-%m-%dT%H:%M:%SZ},{reference},{amount},{balance}")
        path.write_text("\n".join([header, *lines]) + "\n", "utf-8")

    def captured(self) -> Evidence:
        return capture(self.url, self.folder / "evidence", progress=False)


def edited(bank: DamagedBank) -> list[Truth]:
    event = bank.any_event()
    by = bank.draw.choice([1, 700, 25_000])
    bank.change_amount(event, by)
    off = -by * SIGNS[event.event_type]
    return [Truth("payload_edited", event.account, off, (event.event_id,))]


def edited_and_rehashed(bank: DamagedBank) -> list[Truth]:
    [truth] = edited(bank)
    bank.rehash(STREAM + str(truth.account))
    return [truth._replace(fault="rehashed_history")]


def deleted(bank: DamagedBank) -> list[Truth]:
    event = bank.any_event()
    bank.delete(event)
    return [Truth("event_deleted", event.account, event.amount, (event.event_id,))]


def answer_deleted(bank: DamagedBank) -> list[Truth]:
    """The settlement of a hold, which posts nothing, or its cancellation: the hold seems open, and that is no act."""
    event = bank.any_event("WithdrawalSettled", "WithdrawalCancelled")
    bank.delete(event)
    return [Truth("event_deleted", event.account, event.amount, (event.event_id,))]


def deleted_and_rehashed_over_the_hole(bank: DamagedBank) -> list[Truth]:
    [truth] = deleted(bank)
    bank.rehash(STREAM + str(truth.account))
    return [truth]


def deleted_and_renumbered(bank: DamagedBank) -> list[Truth]:
    [truth] = deleted(bank)
    bank.rehash(STREAM + str(truth.account), renumber=True)
    return [truth._replace(fault="rehashed_history")]


def misfiled(bank: DamagedBank) -> list[Truth]:
    event = bank.any_event("MoneyDeposited", "MoneyWithdrawn", "FeeCharged")
    others = sorted({each.stream_id for each in bank.events("payload LIKE '%USD%'")} - {event.stream_id})
    other = bank.draw.choice(others)
    version = bank.events("stream_id = ?", other)[-1].version + 1
    bank.sql("UPDATE events SET stream_id = ?, version = ? WHERE event_id = ?", other, version, event.event_id)
    return [
        Truth("event_misfiled", event.account, event.amount, (event.event_id,)),
        Truth("event_misfiled", other.removeprefix(STREAM), -event.amount, (event.event_id,)),
    ]


def swapped(bank: DamagedBank) -> list[Truth]:
    first = bank.any_event()
    second = bank.events("stream_id = ? AND version = ?", first.stream_id, first.version + 1)[0]
    for event, version in ((first, 0), (second, first.version), (first, second.version)):
        bank.sql("UPDATE events SET version = ? WHERE event_id = ?", version, event.event_id)
    return [Truth("reordered", first.account, 0)]


def backdated(bank: DamagedBank) -> list[Truth]:
    now = bank.healthy.now
    at = now - timedelta(days=bank.draw.randint(3, 60))
    event_id = bank.deposit("ACC-1001", 99_900, "EXTRA", at)
    later = now + timedelta(hours=1)
    bank.deposit("ACC-1001", 100, "LATER", later)
    bank.book("ACC-1001", 100, "LATER", later)
    return [Truth("backdated_insert", "ACC-1001", -99_900, (event_id,))]


def clock_set_back(bank: DamagedBank) -> list[Truth]:
    later = bank.healthy.now + timedelta(hours=2)
    earlier = later - timedelta(minutes=bank.draw.randint(1, 90))
    bank.deposit("ACC-1001", 100, "FIRST", later)
    event_id = bank.deposit("ACC-1001", 200, "SECOND", earlier)
    bank.book("ACC-1001", 100, "FIRST", later)
    bank.book("ACC-1001", 200, "SECOND", later)
    return [Truth("clock_skew", None, 0, (event_id,))]


def drifted(bank: DamagedBank) -> list[Truth]:
    """A stretch of the log, or all of it, written down by another serializer."""
    events = bank.events()
    first = bank.draw.choice([0, len(events) // 3])
    last = bank.draw.choice([len(events), 2 * len(events) // 3])
    style: dict[str, Any] = bank.draw.choice([{"sort_keys": True}, {}, {"separators": (",", ":"), "sort_keys": True}])
    rows = [(json.dumps(json.loads(event.payload), **style), event.event_id) for event in events[first:last]]
    bank.change("UPDATE events SET payload = ? WHERE event_id = ?", rows)
    return [Truth("serialization_drift", None, 0)]


def drifted_and_edited(bank: DamagedBank) -> list[Truth]:
    return [*edited(bank), *drifted(bank)]


def tail_cut(bank: DamagedBank) -> list[Truth]:
    cut = bank.events()[-bank.draw.randint(1, 4) :]
    off: dict[str, int] = {}
    for event in cut:
        off[event.account] = off.get(event.account, 0) + event.amount
        bank.delete(event)
    return [Truth("tail_truncated", account, amount) for account, amount in off.items()]


def time_or_actor_edited(bank: DamagedBank) -> list[Truth]:
    event = bank.any_event("MoneyDeposited", "MoneyWithdrawn")
    days = bank.draw.choice([-9, -3, 2])
    moved = datetime.fromisoformat(event.recorded_at) + timedelta(days=days)
    column, value = bank.draw.choice(
        [("metadata", event.metadata.replace('"actor":"', '"actor":"not-')),
         ("recorded_at", f"{moved.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}")]
    )  # fmt: skip
    bank.sql(f"UPDATE events SET {column} = ? WHERE event_id = ?", value, event.event_id)
    return [Truth("payload_edited", event.account, 0, (event.event_id,))]


def snapshot_changed(bank: DamagedBank) -> list[Truth]:
    stream_id, version, text = bank.draw.choice(bank.sql("SELECT stream_id, version, state FROM snapshots"))
    state = json.loads(text)
    change, amount = bank.draw.choice(
        [({"balance_minor": state["balance_minor"] + 1_000}, 1_000), ({"overdraft_limit_minor": 9_999_999}, 0),
         ({"pending": {"W-GHOST": 500}}, 0), ({"owner": "Somebody Else"}, 0), ({"closed": True}, 0)]
    )  # fmt: skip
    bank.sql("UPDATE snapshots SET state = ? WHERE stream_id = ? AND version = ?", json.dumps(state | change),
             stream_id, version)  # fmt: skip
    return [Truth("bad_snapshot", str(stream_id).removeprefix(STREAM), amount)]


DAMAGES: Sequence[Callable[[DamagedBank], list[Truth]]] = (
    edited, edited_and_rehashed, deleted, answer_deleted, deleted_and_rehashed_over_the_hole, deleted_and_renumbered,
    misfiled, swapped, backdated, clock_set_back, drifted, drifted_and_edited, tail_cut, time_or_actor_edited,
    snapshot_changed,
)  # fmt: skip
