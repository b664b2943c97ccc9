"""Promise 3, no double apply, for messages that may come twice: rows and the memory of them share a transaction."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from projection_logs import BankLog, Expected, raw, rows_of, whole_log
from sqlalchemy import Connection, Engine, inspect, select, text
from sqlalchemy.exc import DBAPIError

from esworkbench.domains.bank import bank_decoder
from esworkbench.domains.bank.read_models import AccountBalances, TransactionHistory
from esworkbench.domains.bank.read_models.account_balances import account_balances
from esworkbench.errors import MessageRefused, OtherReadModel
from esworkbench.event_store import EventStore
from esworkbench.events import Event, RecordedEvent
from esworkbench.outbox.message import OutboxMessage
from esworkbench.projections import Projection
from esworkbench.projections.inbox import Inbox
from esworkbench.projections.other_database import inbox, open_read_models
from esworkbench.projections.tables import dead_letters


@pytest.fixture
def log(tmp_path: Path) -> list[RecordedEvent]:
    """Some 25 events on 2 accounts, one of them of a type that nobody knows."""
    store = EventStore.open(f"sqlite:///{tmp_path / 'source.db'}")
    writer = BankLog(store, seed=2, accounts=2)
    writer.write(10)
    writer.write_event("a1", raw("PointsGranted", points=1))
    writer.write(10)
    store.engine.dispose()
    return whole_log(store)


@pytest.fixture
def engine(store_url: str) -> Iterator[Engine]:
    engine = open_read_models(store_url)
    yield engine
    engine.dispose()


def inbox_of(engine: Engine, projection: Projection, **options: bool) -> Inbox:
    return Inbox(engine, projection, bank_decoder(), run_id="run-1", **options)


def balances(engine: Engine) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        return rows_of(connection, account_balances)


def parked(engine: Engine) -> Sequence[tuple[str, str]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(select(dead_letters.c.projection, dead_letters.c.event_type))]


def test_each_message_counts_once_however_often_it_comes(engine: Engine, log: list[RecordedEvent]) -> None:
    receiving = inbox_of(engine, AccountBalances())
    for recorded in log:
        assert receiving.receive(OutboxMessage.of(recorded))
        assert not receiving.receive(OutboxMessage.of(recorded))
    for recorded in reversed(log):
        assert not inbox_of(engine, AccountBalances()).receive(OutboxMessage.of(recorded))
    assert balances(engine) == Expected(log, 10**9).rows("account_balances")


def test_without_an_inbox_the_same_messages_double_the_balance(engine: Engine, log: list[RecordedEvent]) -> None:
    """The naive subscriber: it handles what comes."""
    naive, decoder = AccountBalances(), bank_decoder()
    with engine.begin() as connection:
        naive.create_tables(connection)
        for recorded in log:
            if recorded.event_type != "PointsGranted":
                for _ in range(2):
                    naive.handle(decoder.decode(recorded), connection)
    exact = Expected(log, 10**9).rows("account_balances")
    assert [row[2] for row in balances(engine)] == [2 * row[2] for row in exact]


def test_streams_may_come_in_any_order_among_themselves(engine: Engine, log: list[RecordedEvent]) -> None:
    receiving = inbox_of(engine, AccountBalances())
    for recorded in sorted(log, key=lambda each: (each.stream_id, each.version)):
        receiving.receive(OutboxMessage.of(recorded))
    assert balances(engine) == Expected(log, 10**9).rows("account_balances")


def test_a_version_that_comes_too_early_is_refused_and_leaves_nothing(engine: Engine, log: list[RecordedEvent]) -> None:
    first, second, third = [OutboxMessage.of(each) for each in log if each.stream_id == log[0].stream_id][:3]
    receiving = inbox_of(engine, AccountBalances())
    receiving.receive(first)
    before = balances(engine)
    with pytest.raises(MessageRefused, match=r"version 3 .* came too early, as version 1 is the last"):
        receiving.receive(third)
    assert balances(engine) == before
    assert receiving.receive(second)
    assert receiving.receive(third)


def test_a_version_known_by_another_id_is_refused(engine: Engine, log: list[RecordedEvent]) -> None:
    messages = [OutboxMessage.of(each) for each in log if each.stream_id == log[0].stream_id][:2]
    receiving = inbox_of(engine, AccountBalances())
    for message in messages:
        receiving.receive(message)
    fields = {name: getattr(messages[0], name) for name in OutboxMessage.__struct_fields__}
    with pytest.raises(MessageRefused, match="came as event 'forged', which is unknown"):
        receiving.receive(OutboxMessage(**fields | {"event_id": "forged"}))


def test_a_chosen_part_of_the_events_is_taken_in_its_order(engine: Engine, log: list[RecordedEvent]) -> None:
    chosen = [OutboxMessage.of(each) for each in log if each.event_type != "AccountOpened"]
    assert chosen[0].version > 1
    receiving = inbox_of(engine, AccountBalances(), every_event=False)
    for message in chosen:
        receiving.receive(message)
        assert not receiving.receive(message)
    assert [row[2] for row in balances(engine)] == [row[2] for row in Expected(log, 10**9).rows("account_balances")]


class TwiceTheSameRow(AccountBalances):
    """Its fifth event meets a constraint of the database."""

    def handle(self, event: Event, connection: Connection) -> None:
        super().handle(event, connection)
        if event.recorded.global_position == 5:
            connection.execute(text("INSERT INTO account_balances SELECT * FROM account_balances"))


def test_an_event_that_cannot_be_handled_is_parked_here_and_counts_as_received(
    engine: Engine, log: list[RecordedEvent]
) -> None:
    receiving = inbox_of(engine, AccountBalances())
    for recorded in log:
        receiving.receive(OutboxMessage.of(recorded))
    assert parked(engine) == [("account_balances", "PointsGranted")]


def test_an_error_of_the_database_is_passed_on_with_nothing_written(engine: Engine, log: list[RecordedEvent]) -> None:
    receiving = inbox_of(engine, TwiceTheSameRow())
    for recorded in log[:4]:
        receiving.receive(OutboxMessage.of(recorded))
    before = balances(engine)
    with pytest.raises(DBAPIError):
        receiving.receive(OutboxMessage.of(log[4]))
    assert balances(engine) == before
    assert inbox_of(engine, AccountBalances()).receive(OutboxMessage.of(log[4])), "it wasn't noted as received"


def test_two_read_models_in_one_database_each_remember_for_themselves(engine: Engine, log: list[RecordedEvent]) -> None:
    """Were the inbox keyed by the event's id alone, the second would take every message for a duplicate."""
    both = [inbox_of(engine, AccountBalances()), inbox_of(engine, TransactionHistory())]
    for recorded in log:
        for receiving in both:
            assert receiving.receive(OutboxMessage.of(recorded))
    [history] = TransactionHistory().tables
    assert balances(engine) == Expected(log, 10**9).rows("account_balances")
    with engine.connect() as connection:
        assert rows_of(connection, history) == Expected(log, 10**9).rows("transaction_history")


def test_it_is_rebuilt_from_zero_and_alone(engine: Engine, log: list[RecordedEvent]) -> None:
    both = [inbox_of(engine, AccountBalances()), inbox_of(engine, TransactionHistory())]
    for receiving in both:
        for recorded in log:
            receiving.receive(OutboxMessage.of(recorded))
    with engine.begin() as connection:
        connection.execute(text("UPDATE account_balances SET balance_minor = 1"))
    both[0].reset()
    assert balances(engine) == []
    assert parked(engine) == [("transaction_history", "PointsGranted")]
    taken = [[receiving.receive(OutboxMessage.of(recorded)) for recorded in log] for receiving in both]
    assert [sum(each) for each in taken] == [len(log), 0]
    assert balances(engine) == Expected(log, 10**9).rows("account_balances")


def test_tables_that_went_missing_are_an_error_to_see(engine: Engine, log: list[RecordedEvent]) -> None:
    inbox_of(engine, AccountBalances()).receive(OutboxMessage.of(log[0]))
    with engine.begin() as connection:
        account_balances.drop(connection)
    with pytest.raises(DBAPIError):
        inbox_of(engine, AccountBalances()).receive(OutboxMessage.of(log[1]))


def test_a_database_of_read_models_is_no_event_store(engine: Engine) -> None:
    tables = {"checkpoints", "checkpoint_log", "dead_letters", "read_models", inbox.name}
    assert set(inspect(engine).get_table_names()) == tables
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO checkpoint_log (projection, from_position, to_position, run_id, code_version, saved_at)"
                " VALUES ('p', 1, 1, 'r', 'c', '2026-01-01T00:00:00Z')"
            )
        )
    with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
        connection.execute(text("UPDATE checkpoint_log SET to_position = 9"))


class OfAnotherShape(AccountBalances):
    schema_version = 2


def test_tables_of_another_schema_version_are_refused_until_begun_again(
    engine: Engine, log: list[RecordedEvent]
) -> None:
    old = inbox_of(engine, AccountBalances())
    old.receive(OutboxMessage.of(log[0]))
    before = balances(engine)
    new = inbox_of(engine, OfAnotherShape())
    with pytest.raises(OtherReadModel, match="rebuild the projection"):
        new.receive(OutboxMessage.of(log[1]))
    assert balances(engine) == before
    new.reset()
    assert new.receive(OutboxMessage.of(log[0]))
    with pytest.raises(OtherReadModel):
        old.receive(OutboxMessage.of(log[1]))


class OfSomeTypes(AccountBalances):
    event_types = ("AccountOpened", "MoneyDeposited")


def test_types_it_does_not_subscribe_to_are_received_and_not_handled(engine: Engine, log: list[RecordedEvent]) -> None:
    receiving = inbox_of(engine, OfSomeTypes())
    assert all(receiving.receive(OutboxMessage.of(recorded)) for recorded in log)
    assert parked(engine) == []
    wanted = [recorded for recorded in log if recorded.event_type in OfSomeTypes.event_types]
    assert [row[:3] for row in balances(engine)] == [
        row[:3] for row in Expected(wanted, 10**9).rows("account_balances")
    ]
