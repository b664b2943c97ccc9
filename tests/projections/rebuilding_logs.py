"""A log with everything that a rebuild must get right, and what a read model says of itself after one."""

from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from projection_logs import BankLog, all_rows, raw, whole_log
from sqlalchemy import Column, Connection, Index, MetaData, Table, Text, select, text

from esworkbench.domains.bank import bank_decoder
from esworkbench.event_store import EventStore
from esworkbench.events import Event, NewEvent
from esworkbench.projections import Projection, ProjectionRunner, checkpoints
from esworkbench.projections.rebuilding import archive_events
from esworkbench.projections.rebuilding.staging import since_reset
from esworkbench.projections.tables import dead_letters

OLD_DEPOSITS = [
    '{"amount":12.34,"reference":"r"}',
    '{"amount":"12.345","reference":"r"}',
    '{"amount":10.005,"reference":"r"}',
    '{"amount":10.0049999999999999999999999999999999,"reference":"r"}',
    '{"amount":1.005,"reference":"r"}',
    '{"amount":-2.675,"reference":"r"}',
    '{"amount":90071992547409.91,"reference":"r"}',
    '{"amount":1e2,"reference":"r"}',
    '{"amount":"0012","reference":"r"}',
    '{ "amount": 7, "reference": "r" }',
    '{"reference":"the other way round","amount":7.5}',
    '{"amount":true,"reference":"no number"}',
    '{"amount":1,"reference":"one field too many","note":1}',
]
"""Deposits as v1 wrote them, or might have; as v2 they also say a currency."""

OLD_DEPOSITS_NOT_IN_CENTS = [
    '{"amount":1250,"currency":"JPY","reference":"no decimals"}',
    '{"amount":12.345,"currency":"KWD","reference":"three decimals"}',
    '{"amount":12.5,"currency":"PTS","reference":"nobody knows how many"}',
]

STRANGE = [
    raw("PointsGranted", points=1),
    raw("MoneyDeposited", 4, amount_minor=1, currency="USD", reference="of a later release"),
    raw("MoneyDeposited", 3, amount_minor=12.5, currency="USD", reference="half a cent"),
    raw("MoneyDeposited", 3, amount_minor=1250, currency='U"SD\\', reference="an odd currency"),
    raw("MoneyDeposited", 3, amount_minor="1250", currency="USD", reference="a text"),
    raw("AccountClosed", 1, reason="wrong", by="whom"),
    raw("WithdrawalSettled", 1, withdrawal_id="never requested", amount_minor=5, currency="USD"),
]


def write_log(store: EventStore, *, seed: int = 3) -> BankLog:
    """About 600 events on five accounts: every type, old shapes, what no decoder takes, several currencies."""
    log = BankLog(store, seed=seed)
    log.write(200)
    for number, payload in enumerate(OLD_DEPOSITS):
        v1 = NewEvent(event_type="MoneyDeposited", schema_version=1, payload=payload.encode())
        v2_payload = payload.replace(',"reference"', ',"currency":"EUR","reference"', 1).encode()
        v2 = NewEvent(event_type="MoneyDeposited", schema_version=2, payload=v2_payload)
        log.write_event(f"a{number % 5}", v1, v2)
    for number, payload in enumerate(OLD_DEPOSITS_NOT_IN_CENTS):
        v2 = NewEvent(event_type="MoneyDeposited", schema_version=2, payload=payload.encode())
        log.write_event(f"a{number}", v2)
    log.write(100)
    for number, event in enumerate(STRANGE):
        log.write_event(f"a{number % 5}", event)
    # The bank's read models take a stream without a category for the account of that name: here that is also another's.
    store.append("a1", [raw("MoneyDeposited", 3, amount_minor=7, currency="USD", reference="r")], expected_version=0)
    log.write(200)
    return log


class Told(NamedTuple):
    """A read model's rows, and what stands beside them; of dead letters all but who wrote them and when."""

    rows: list[tuple[Any, ...]]
    checkpoint: int
    parked: list[tuple[Any, ...]]


def told(store: EventStore, projection: Projection) -> Told:
    [table] = projection.tables
    columns = [dead_letters.c[name] for name in ("position", "event_id", "event_type", "schema_version", "error")]
    mine = select(*columns).where(dead_letters.c.projection == projection.name).order_by(dead_letters.c.id)
    with store.engine.connect() as connection:
        parked = [tuple(row) for row in connection.execute(mine)]
        checkpoint = checkpoints.position_of(connection, projection.name)
    return Told(all_rows(store, table), checkpoint, parked)


def run_live(store: EventStore, projection: Projection) -> Told:
    """The incremental run, and what it tells."""
    ProjectionRunner(store, projection, bank_decoder(), run_id="live", batch_size=50).catch_up()
    return told(store, projection)


def assert_log_is_true(store: EventStore, projection: str) -> None:
    """Since the last reset every position up to the checkpoint was covered, and none twice within a shard."""
    with store.engine.connect() as connection:
        batches = since_reset(connection, projection)
        checkpoint = checkpoints.position_of(connection, projection)
    by_shard: dict[int, list[tuple[int, int]]] = {}
    for batch in batches:
        by_shard.setdefault(batch["shard"], []).append((batch["from_position"], batch["to_position"]))
    whole = by_shard.pop(0, [])
    for ranges in by_shard.values():
        assert_adjoining(ranges, 1)
    ends = {ranges[-1][1] for ranges in by_shard.values()}
    assert len(ends) <= 1, "shards end where the whole log goes on"
    end = assert_adjoining(whole, ends.pop() + 1 if ends else 1)
    assert end == checkpoint


def assert_adjoining(ranges: list[tuple[int, int]], start: int) -> int:
    for first, last in ranges:
        assert first == start
        start = last + 1
    return start - 1


def two_archives(store: EventStore, folder: Path) -> list[Path]:
    """Archives of two thirds of the log, named out of order."""
    positions = [event.global_position for event in whole_log(store)]
    first, second = positions[len(positions) // 3], positions[2 * len(positions) // 3]
    archive_events(store, first, folder / "first", buckets=3)
    archive_events(store, second, folder / "second", after=first, buckets=3)
    return [folder / "second", folder / "first"]


class Owners(Projection):
    """An index beside the key, and rows that come from a stream alone; not said to be shardable, and no query."""

    name = "owners"
    tables: ClassVar[list[Table]] = [
        Table("owners", MetaData(), Column("stream_id", Text, primary_key=True), Column("event_type", Text))
    ]
    Index("owners_by_type", tables[0].c.event_type)

    def handle(self, event: Event, connection: Connection) -> None:
        row = {"stream": event.recorded.stream_id, "kind": event.recorded.event_type}
        connection.execute(text("INSERT INTO owners VALUES (:stream, :kind) ON CONFLICT DO NOTHING"), row)
