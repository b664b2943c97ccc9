"""Read models say which shape they have; code of another shape refuses them, untouched, until they are rebuilt."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from projection_logs import BankLog, Expected, OvertakenStore, all_rows, raw, whole_log
from sqlalchemy import Column, Connection, MetaData, Table, Text, delete, select, text

from esworkbench.domains.bank import FeeCharged, bank_decoder
from esworkbench.domains.bank.read_models import AccountBalances, DailySummaries
from esworkbench.domains.bank.read_models.daily_summaries import daily_summaries
from esworkbench.errors import OtherReadModel
from esworkbench.event_store import EventStore, write_transaction
from esworkbench.events import Event
from esworkbench.evidence.ledger import LedgerDefinition
from esworkbench.projections import Projection, ProjectionRunner
from esworkbench.projections.built_tables import built_as, drop_and_reset
from esworkbench.projections.parked import replay_parked
from esworkbench.projections.tables import checkpoint_log, dead_letters, read_models
from tests.support import START, StepClock

BANK_LEDGER = Path(__file__).parents[2] / "data" / "ledgers" / "bank.toml"


class Fees(Projection):
    """The first release keeps how many fees an account was charged."""

    name = "fees"
    order_insensitive = True
    tables = (Table("fees", MetaData(), Column("event_id", Text, primary_key=True)),)

    def handle(self, event: Event, connection: Connection) -> None:
        if isinstance(event.data, FeeCharged):
            connection.execute(self.tables[0].insert(), {"event_id": event.recorded.event_id})


class FeesNext(Fees):
    """The next release keeps the reason too: its rows don't fit the first one's table."""

    schema_version = 2
    code_version = "2"
    tables = (Table("fees", MetaData(), Column("event_id", Text, primary_key=True), Column("reason", Text)),)

    def handle(self, event: Event, connection: Connection) -> None:
        if isinstance(event.data, FeeCharged):
            row = {"event_id": event.recorded.event_id, "reason": event.data.reason}
            connection.execute(self.tables[0].insert(), row)


@pytest.fixture
def store(store_url: str) -> Iterator[EventStore]:
    store = EventStore.open(store_url, clock=StepClock())
    BankLog(store, seed=12).write(60)
    yield store
    store.engine.dispose()


def runner_of(store: EventStore, projection: Projection) -> ProjectionRunner:
    return ProjectionRunner(store, projection, bank_decoder(), run_id="run-1", batch_size=20, clock=StepClock())


def everything(store: EventStore, table: Table) -> list[Any]:
    with store.engine.connect() as connection:
        kept = [connection.execute(select(each)).all() for each in (checkpoint_log, dead_letters, read_models)]
        return [*kept, connection.execute(select(table)).all()]


def test_what_tables_are_built_as_can_be_asked(store: EventStore) -> None:
    with store.engine.connect() as connection:
        assert built_as(connection, "daily_summaries") is None
    runner_of(store, DailySummaries("Europe/Zurich")).catch_up()
    runner_of(store, FeesNext()).catch_up()
    with store.engine.connect() as connection:
        days, fees = built_as(connection, "daily_summaries"), built_as(connection, "fees")
    assert days is not None
    assert (days.schema_version, days.settings, days.code_version) == (1, "time_zone=Europe/Zurich", "1")
    assert days.built_at >= START
    assert fees is not None
    assert (fees.schema_version, fees.settings, fees.code_version) == (2, "", "2")


def test_tables_of_another_shape_are_refused_untouched_until_rebuilt(store: EventStore) -> None:
    runner_of(store, Fees()).run_once()
    before = everything(store, Fees.tables[0])
    said = r"'fees' were built with schema version 1, this code keeps schema version 2, .* rebuild the projection"
    with pytest.raises(OtherReadModel, match=said):
        runner_of(store, FeesNext()).catch_up()
    assert everything(store, Fees.tables[0]) == before

    runner_of(store, FeesNext()).rebuild()
    fees = [event for event in whole_log(store) if event.event_type == "FeeCharged"]
    assert all_rows(store, FeesNext.tables[0]) == sorted((event.event_id, "monthly") for event in fees)
    with pytest.raises(OtherReadModel, match="built with schema version 2, this code keeps schema version 1"):
        runner_of(store, Fees()).catch_up()


def test_tables_that_hold_nothing_yet_have_a_shape_too(store: EventStore) -> None:
    runner_of(store, Fees()).catch_up(up_to=0)
    with pytest.raises(OtherReadModel):
        runner_of(store, FeesNext()).catch_up()


def test_the_release_that_still_runs_meets_the_rebuilt_tables_and_stops(store: EventStore) -> None:
    """Even where the checkpoint is the one it read, as both are at 0."""

    def rebuilt() -> None:
        with write_transaction(store.engine) as connection:
            drop_and_reset(connection, FeesNext(), "next", StepClock()())

    overtaken = OvertakenStore(store.engine)
    overtaken.overtake = rebuilt
    with pytest.raises(OtherReadModel):
        runner_of(overtaken, Fees()).catch_up()
    assert all_rows(store, FeesNext.tables[0]) == []


def test_an_event_parked_by_one_release_is_not_handled_late_by_code_of_another_shape(store: EventStore) -> None:
    store.append("other", [raw("PointsGranted", points=1)], expected_version=0)
    runner_of(store, FeesNext()).catch_up()
    before = everything(store, FeesNext.tables[0])
    with pytest.raises(OtherReadModel):
        replay_parked(runner_of(store, Fees()))
    assert everything(store, FeesNext.tables[0]) == before


@pytest.mark.parametrize("forget", [delete(read_models), text("DROP TABLE read_models")], ids=["row", "table"])
def test_tables_older_than_the_record_have_the_first_shape(store: EventStore, forget: Any) -> None:
    runner_of(store, Fees()).run_once()
    with store.engine.begin() as connection:
        connection.execute(forget)
    with pytest.raises(OtherReadModel, match="built with schema version 1"):
        runner_of(store, FeesNext()).catch_up()
    runner_of(store, Fees()).catch_up()
    with store.engine.connect() as connection:
        built = built_as(connection, "fees")
    assert built is not None
    assert built.schema_version == 1


def test_days_of_two_time_zones_never_stand_in_one_table(store: EventStore) -> None:
    runner_of(store, DailySummaries()).run_once()
    before = everything(store, daily_summaries)
    said = "built with the settings 'time_zone=UTC', this code keeps schema version 1 and the settings 'time_zone=Asia"
    with pytest.raises(OtherReadModel, match=said):
        runner_of(store, DailySummaries("Asia/Tokyo")).catch_up()
    assert everything(store, daily_summaries) == before


def test_the_ledger_definition_states_the_time_zone_of_the_days() -> None:
    assert DailySummaries().settings == f"time_zone={LedgerDefinition.load(BANK_LEDGER).time_zone}"


class MendedBalances(AccountBalances):
    code_version = "2"


def test_a_deploy_that_keeps_the_shape_goes_on_and_says_so(store: EventStore, caplog: pytest.LogCaptureFixture) -> None:
    runner_of(store, AccountBalances()).run_once()
    with caplog.at_level(logging.INFO):
        runner_of(store, MendedBalances()).catch_up()
    assert caplog.messages == [
        "read model account_balances was begun by code version 1 and goes on with 2: rebuild it if the rows now differ"
    ]
    assert all_rows(store, AccountBalances.tables[0]) == Expected(whole_log(store), 10**9).rows("account_balances")


class FeesOnly(Fees):
    event_types = frozenset({"FeeCharged"})


def test_events_it_does_not_subscribe_to_are_passed_over_unread(store: EventStore) -> None:
    store.append("other", [raw("PointsGranted", points=1)], expected_version=0)
    for projection, parked in ((Fees(), ["PointsGranted"]), (FeesOnly(), [])):
        runner = runner_of(store, projection)
        runner.rebuild()
        with store.engine.connect() as connection:
            assert connection.scalars(select(dead_letters.c.event_type)).all() == parked
        assert runner.checkpoint() == store.head_position()
