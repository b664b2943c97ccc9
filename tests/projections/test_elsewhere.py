"""A read model in another database than its events is the same read model, and its projection never knows."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from projection_logs import BankLog, Expected, raw, rows_of, whole_log
from sqlalchemy import Connection, Engine, inspect, select

from esworkbench.domains.bank import FeeCharged, bank_decoder
from esworkbench.domains.bank.read_models import BANK_PROJECTIONS, AccountBalances
from esworkbench.event_store import EventStore
from esworkbench.events import Event
from esworkbench.outbox.message import OutboxMessage
from esworkbench.outbox.outbox import enable_outbox, queue_again
from esworkbench.outbox.relay import OutboxRelay
from esworkbench.projections import Projection, ProjectionRunner
from esworkbench.projections.inbox import Inbox
from esworkbench.projections.other_database import open_read_models
from esworkbench.projections.parked import replay_parked
from esworkbench.projections.tables import checkpoint_log, dead_letters

ROUTES = [("sqlite", "sqlite"), ("sqlite", "postgres"), ("postgres", "sqlite")]


@pytest.fixture(params=ROUTES, ids=["sqlite to sqlite", "sqlite to postgres", "postgres to sqlite"])
def urls(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """Of the events, and of the read models."""
    places = {"sqlite": lambda end: f"sqlite:///{tmp_path / end}.db"}
    if "postgres" in request.param:
        postgres_url = request.getfixturevalue("postgres_url")
        places["postgres"] = lambda _end: postgres_url
    source, target = request.param
    return places[source]("events"), places[target]("read_models")


@pytest.fixture
def store(urls: tuple[str, str]) -> Iterator[EventStore]:
    store = EventStore.open(urls[0])
    yield store
    store.engine.dispose()


@pytest.fixture
def elsewhere(urls: tuple[str, str]) -> Iterator[Engine]:
    engine = open_read_models(urls[1])
    yield engine
    engine.dispose()


def write_log(store: EventStore) -> None:
    log = BankLog(store, seed=11)
    log.write(15)
    log.write_event("a1", raw("PointsGranted", points=1))
    log.write_event("a2", raw("MoneyDeposited", 1, amount="12.345", currency="USD"))
    log.write(15)


def pulling(store: EventStore, name: str, engine: Engine | None, batch_size: int = 7) -> ProjectionRunner:
    projection = BANK_PROJECTIONS[name]()
    return ProjectionRunner(
        store, projection, bank_decoder(), run_id="run-1", batch_size=batch_size, clock=store.clock, engine=engine
    )


def assert_as_at_home(store: EventStore, elsewhere: Engine) -> None:
    """Every row and every dead letter, against a runner beside the events and against the events themselves."""
    letters = select(*[dead_letters.c[name] for name in ("projection", "position", "event_id", "error")])
    in_order = letters.order_by(dead_letters.c.projection, dead_letters.c.position)
    for name, make in BANK_PROJECTIONS.items():
        pulling(store, name, None).catch_up()
        assert rows(elsewhere, make()) == rows(store.engine, make())
    with elsewhere.connect() as there, store.engine.connect() as here:
        assert there.execute(in_order).all() == here.execute(in_order).all()
        assert len(there.execute(in_order).all()) >= len(BANK_PROJECTIONS)


def push_all(store: EventStore, inboxes: list[Inbox], *, late: timedelta = timedelta(0)) -> None:
    def publish(message: OutboxMessage) -> None:
        for receiving in inboxes:
            receiving.receive(message)

    relay = OutboxRelay(store.engine, publish, clock=lambda: store.clock() + late)
    while relay.relay_once():
        pass


def inboxes_of(store: EventStore, engine: Engine) -> list[Inbox]:
    return [
        Inbox(engine, make(), bank_decoder(), run_id="run-1", clock=store.clock) for make in BANK_PROJECTIONS.values()
    ]


def test_pulled_it_equals_the_one_at_home_and_is_rebuilt_from_zero(store: EventStore, elsewhere: Engine) -> None:
    write_log(store)
    runners = [pulling(store, name, elsewhere) for name in BANK_PROJECTIONS]
    for runner in runners:
        runner.catch_up()
        assert runner.checkpoint() == store.head_position()
    with store.engine.connect() as connection:
        beside_the_events = set(inspect(connection).get_table_names())
        assert not beside_the_events & {*BANK_PROJECTIONS, checkpoint_log.name}, "nothing of it stands there"
    assert_as_at_home(store, elsewhere)
    for runner in runners:
        spoil(elsewhere, runner.projection)
        assert runner.rebuild() == len(whole_log(store))
    assert_as_at_home(store, elsewhere)


def test_pushed_it_equals_the_one_at_home_and_is_rebuilt_from_zero(store: EventStore, elsewhere: Engine) -> None:
    write_log(store)
    enable_outbox(store.engine, from_position=1)
    inboxes = inboxes_of(store, elsewhere)
    push_all(store, inboxes)
    assert_as_at_home(store, elsewhere)
    for receiving in inboxes:
        spoil(elsewhere, receiving.projection)
        receiving.reset()
    assert queue_again(store.engine) == len(whole_log(store))
    push_all(store, inboxes)
    assert_as_at_home(store, elsewhere)


def test_one_restored_from_an_old_backup_sums_nothing_over_the_hole(store: EventStore, elsewhere: Engine) -> None:
    """It refuses what comes after it, and the stream waits until the store queues the lost events again."""
    enable_outbox(store.engine)
    log = BankLog(store, seed=12, accounts=1)
    log.write(5)
    [balances, *_] = inboxes_of(store, elsewhere)
    push_all(store, [])
    log.write(5)
    push_all(store, [balances])
    assert rows(elsewhere, balances.projection) == []
    queue_again(store.engine)
    push_all(store, [balances], late=timedelta(hours=1))
    assert rows(elsewhere, balances.projection) == Expected(whole_log(store), 10**9).rows("account_balances")


class RefusesFees(AccountBalances):
    def handle(self, event: Event, connection: Connection) -> None:
        if isinstance(event.data, FeeCharged):
            raise ValueError("no fee was expected")
        super().handle(event, connection)


def test_what_was_parked_elsewhere_is_handled_late_elsewhere(store: EventStore, elsewhere: Engine) -> None:
    BankLog(store, seed=13).write(30)
    fees = [each for each in whole_log(store) if each.event_type == "FeeCharged"]
    options: dict[str, Any] = {"run_id": "run-1", "engine": elsewhere}
    ProjectionRunner(store, RefusesFees(), bank_decoder(), **options).catch_up()
    mended = ProjectionRunner(store, AccountBalances(), bank_decoder(), **options)
    assert replay_parked(mended) == len(fees) > 0
    assert rows(elsewhere, mended.projection) == Expected(whole_log(store), 10**9).rows("account_balances")


def rows(engine: Engine, projection: Projection) -> list[tuple[Any, ...]]:
    [table] = projection.tables
    with engine.connect() as connection:
        return rows_of(connection, table)


def spoil(engine: Engine, projection: Projection) -> None:
    [table] = projection.tables
    with engine.begin() as connection:
        connection.execute(table.delete())
