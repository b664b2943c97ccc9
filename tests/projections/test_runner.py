"""Promise 11: a bad event stops nobody silently; promise 3 among several runners."""

import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from projection_logs import BankLog, Expected, OvertakenStore, all_rows, raw, rows_of, whole_log
from sqlalchemy import inspect, select, text
from sqlalchemy.exc import DBAPIError

from esworkbench.domains.bank import BANK_EVENT_TYPES, FeeCharged, bank_decoder
from esworkbench.domains.bank.read_models import AccountBalances, TransactionHistory
from esworkbench.errors import UnusableInput
from esworkbench.event_store import EventStore, write_transaction
from esworkbench.events import Event
from esworkbench.projections import Projection, ProjectionRunner
from esworkbench.projections.built_tables import drop_and_reset
from esworkbench.projections.dead_letters import parked
from esworkbench.projections.parked import replay_parked
from esworkbench.projections.runner import Runner
from esworkbench.projections.tables import checkpoint_log, checkpoints, dead_letters
from esworkbench.upcasters import EventDecoder, UpcasterChain


@pytest.fixture
def store(store_url: str) -> Iterator[EventStore]:
    store = EventStore.open(store_url)
    yield store
    store.engine.dispose()


@pytest.fixture
def log(store: EventStore) -> BankLog:
    log = BankLog(store, seed=11)
    log.write(60)
    return log


def runner_of(store: EventStore, projection: Projection, **options: Any) -> ProjectionRunner:
    return ProjectionRunner(store, projection, bank_decoder(), **{"run_id": "run-1", "batch_size": 20, **options})


def letters(store: EventStore) -> list[tuple[Any, ...]]:
    shown = select(dead_letters.c["position", "event_type", "schema_version", "error", "run_id"]).order_by("position")
    with store.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(shown)]


def test_a_plain_runner_makes_only_the_tables_of_checkpoints_and_nothing_is_parked(store: EventStore) -> None:
    BankLog(store, seed=11).write(20)
    Runner(store, AccountBalances(), bank_decoder(), run_id="plain").catch_up()
    made = set(inspect(store.engine).get_table_names())
    assert {"checkpoints", "checkpoint_log"} <= made
    assert not {"dead_letters", "read_models"} & made
    with store.engine.connect() as connection:
        assert parked(connection, "account_balances") == []
    assert replay_parked(runner_of(store, AccountBalances())) == 0


class RefusesFees(AccountBalances):
    """A handler with a defect: it writes first and raises afterwards."""

    def handle(self, event: Event, connection: Any) -> None:
        super().handle(event, connection)
        if isinstance(event.data, FeeCharged):
            raise ZeroDivisionError("no fee was expected")


def test_an_event_whose_handler_raises_is_parked_and_leaves_no_rows(store: EventStore, log: BankLog) -> None:
    fees = {recorded.global_position for recorded in whole_log(store) if recorded.event_type == "FeeCharged"}

    runner = runner_of(store, RefusesFees())
    assert runner.catch_up() == len(whole_log(store))

    assert {(row[0], row[1], row[3]) for row in letters(store)} == {
        (position, "FeeCharged", "ZeroDivisionError: no fee was expected") for position in fees
    }
    others = [recorded for recorded in whole_log(store) if recorded.global_position not in fees]
    expected = Expected(others, runner.checkpoint()).rows("account_balances")
    assert all_rows(store, AccountBalances.tables[0]) == expected
    assert runner.checkpoint() == store.head_position()


@pytest.mark.parametrize(
    ("event", "error"),
    [
        (raw("PointsGranted", points=5), "UnknownEventType: event type 'PointsGranted' has no class here"),
        (raw("MoneyDeposited", 4, sum=5), "MissingUpcaster: MoneyDeposited was written as v4, but this code knows up"),
        (raw("FeeCharged", amount_minor="12.5"), "can't be read: Expected `int`, got `str`"),
        (raw("MoneyDeposited", 1, amount=True, reference="r"), "amount True is no exact number"),
    ],
)
def test_an_event_that_cannot_be_read_is_parked_with_what_is_wrong(
    store: EventStore, log: BankLog, event: Any, error: str
) -> None:
    position = log.write_event("a1", event)
    log.write(30)

    runner = runner_of(store, TransactionHistory())
    runner.catch_up()

    [(parked, event_type, schema_version, message, run_id)] = letters(store)
    assert (parked, event_type, schema_version, run_id) == (
        position,
        event.event_type,
        event.schema_version,
        "run-1",
    )
    assert error in message
    readable = [recorded for recorded in whole_log(store) if recorded.global_position != position]
    assert all_rows(store, TransactionHistory.tables[0]) == Expected(readable, 10**9).rows("transaction_history")


def test_a_missing_upcaster_is_named(store: EventStore, log: BankLog) -> None:
    log.write_event("a1", raw("MoneyDeposited", 1, amount=5, reference="r"))
    runner = runner_of(store, AccountBalances())
    runner.decoder = EventDecoder(BANK_EVENT_TYPES, UpcasterChain())
    runner.catch_up()
    assert [row[3] for row in letters(store)] == [
        "MissingUpcaster: no upcaster takes MoneyDeposited from v1 to v2",
    ]


def test_parked_events_are_handled_late_where_order_makes_no_difference(store: EventStore, log: BankLog) -> None:
    runner_of(store, RefusesFees()).catch_up()
    count = len(letters(store))
    assert replay_parked(runner_of(store, RefusesFees())) == 0
    assert len(letters(store)) == count > 0

    mended = runner_of(store, AccountBalances(), run_id="mended")
    assert replay_parked(mended) == count
    assert replay_parked(mended) == 0
    assert letters(store) == []
    assert all_rows(store, AccountBalances.tables[0]) == Expected(whole_log(store), 10**9).rows("account_balances")
    with store.engine.connect() as connection:
        shards = connection.scalars(select(checkpoint_log.c.shard).where(checkpoint_log.c.run_id == "mended")).all()
    assert shards == [-1] * count


def test_a_running_balance_is_not_healed_by_replaying_a_parked_event(store: EventStore, log: BankLog) -> None:
    with pytest.raises(UnusableInput, match="'transaction_history' depends on the order of events"):
        replay_parked(runner_of(store, TransactionHistory()))


class LosesItsTable(AccountBalances):
    """Meets an error of the database at position 10; a poison event before that turns savepoints on."""

    def __init__(self, poison: bool) -> None:
        self.poison = poison

    def handle(self, event: Event, connection: Any) -> None:
        if event.recorded.global_position == 3 and self.poison:
            raise ValueError("poison")
        if event.recorded.global_position == 10:
            connection.execute(text("INSERT INTO no_such_table VALUES (1)"))
        super().handle(event, connection)


@pytest.mark.parametrize("poison", [False, True])
def test_an_error_of_the_database_stops_the_runner_with_nothing_written(
    store: EventStore, log: BankLog, poison: bool
) -> None:
    runner = runner_of(store, LosesItsTable(poison))
    with pytest.raises(DBAPIError, match="no_such_table"):
        runner.catch_up()
    assert runner.checkpoint() == 0
    assert letters(store) == []
    assert all_rows(store, AccountBalances.tables[0]) == []


def test_a_batch_that_another_runner_has_applied_meanwhile_is_read_anew(store: EventStore, log: BankLog) -> None:
    overtaken = OvertakenStore(store.engine)
    overtaken.overtake = partial(runner_of(store, AccountBalances(), run_id="faster").run_once, up_to=7)
    runner_of(overtaken, AccountBalances(), run_id="slower").catch_up()
    assert all_rows(store, AccountBalances.tables[0]) == Expected(whole_log(store), 10**9).rows("account_balances")
    assert_covered_once(store, "account_balances")


def test_a_batch_read_before_a_rebuild_is_not_applied_after_it(store: EventStore, log: BankLog) -> None:
    runner_of(store, TransactionHistory()).run_once()
    overtaken = OvertakenStore(store.engine)
    overtaken.overtake = runner_of(store, TransactionHistory(), run_id="rebuild").rebuild
    runner_of(overtaken, TransactionHistory(), run_id="slower").catch_up()
    rows = all_rows(store, TransactionHistory.tables[0])
    assert rows == Expected(whole_log(store), 10**9).rows("transaction_history")


def test_a_runner_at_the_head_notices_that_another_began_anew(store: EventStore, log: BankLog) -> None:
    """It remembers where it left the checkpoint, which must not keep it from looking at where the checkpoint is."""
    runner = runner_of(store, TransactionHistory())
    runner.catch_up()
    with write_transaction(store.engine) as connection:
        drop_and_reset(connection, TransactionHistory(), "another", store.clock())
    assert runner.catch_up() == len(whole_log(store))
    assert all_rows(store, TransactionHistory.tables[0]) == Expected(whole_log(store), 10**9).rows(
        "transaction_history"
    )


def test_a_table_that_is_gone_stops_the_runner_rather_than_begin_empty(store: EventStore, log: BankLog) -> None:
    runner_of(store, AccountBalances()).run_once()
    with store.engine.begin() as connection:
        AccountBalances().drop_tables(connection)
    with pytest.raises(DBAPIError, match="account_balances"):
        runner_of(store, AccountBalances(), run_id="next").catch_up()


def test_a_run_ends_at_the_position_asked_for(store: EventStore, log: BankLog) -> None:
    runner = runner_of(store, AccountBalances())
    assert runner.catch_up(up_to=33) == 33
    assert runner.checkpoint() == 33
    assert runner.catch_up(up_to=33) == 0
    assert all_rows(store, AccountBalances.tables[0]) == Expected(whole_log(store), 33).rows("account_balances")


def test_a_parked_event_is_handled_late_once_however_many_try(store: EventStore, log: BankLog) -> None:
    """Promise 3: both found the same dead letters, and only who takes one away may apply its event."""
    runner_of(store, RefusesFees()).catch_up()
    count = len(letters(store))
    overtaken = OvertakenStore(store.engine)
    overtaken.overtake = partial(replay_parked, runner_of(store, AccountBalances(), run_id="faster"))
    assert replay_parked(runner_of(overtaken, AccountBalances(), run_id="slower")) == 0 < count
    assert all_rows(store, AccountBalances.tables[0]) == Expected(whole_log(store), 10**9).rows("account_balances")


@pytest.mark.parametrize("size", [0, -1])
def test_a_batch_of_nothing_is_refused_rather_than_taken_for_the_end(store: EventStore, size: int) -> None:
    with pytest.raises(ValueError, match="batch_size must be 1 or more"):
        runner_of(store, AccountBalances(), batch_size=size)


def test_four_runners_of_one_projection_at_once_apply_every_event_once(store_url: str, store: EventStore) -> None:
    BankLog(store, seed=5).write(400)
    gate = threading.Barrier(4)
    failures: list[BaseException] = []

    def follow(number: int) -> None:
        own = EventStore.open(store_url)
        try:
            gate.wait()
            runner_of(own, TransactionHistory(), run_id=f"run-{number}", batch_size=3 + number).catch_up()
        except BaseException as error:
            failures.append(error)
            raise
        finally:
            own.engine.dispose()

    threads = [threading.Thread(target=follow, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert all_rows(store, TransactionHistory.tables[0]) == Expected(whole_log(store), 10**9).rows(
        "transaction_history"
    )
    assert_covered_once(store, "transaction_history")


def assert_covered_once(store: EventStore, projection: str) -> None:
    """The ranges of the checkpoint log follow each other without gap or overlap from 1 to the checkpoint."""
    ranges = select(checkpoint_log.c.from_position, checkpoint_log.c.to_position).order_by(checkpoint_log.c.id)
    with store.engine.connect() as connection:
        after = 0
        for first, last in connection.execute(ranges.where(checkpoint_log.c.projection == projection)):
            assert first == after + 1
            after = last
        assert rows_of(connection, checkpoints)[0][1] == after == store.head_position()
