"""All ways to rebuild give the same: rows, checkpoint, dead letters, bit for bit; and the log tells how, truly.

The incremental run is the measure. It is itself held against rows worked out without any handler in ``test_rebuild``.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from projection_logs import all_rows, whole_log
from rebuilding_logs import Owners, Told, assert_log_is_true, run_live, told, two_archives, write_log
from sqlalchemy import Connection, inspect, text

from esworkbench.domains.bank import FeeCharged, bank_decoder
from esworkbench.domains.bank.read_models import BANK_PROJECTIONS, AccountBalances, DailySummaries, TransactionHistory
from esworkbench.domains.bank.read_models.account_balances import account_balances
from esworkbench.domains.bank.read_models.set_based import BANK_QUERIES
from esworkbench.errors import OtherReadModel
from esworkbench.event_store import EventStore
from esworkbench.events import Event
from esworkbench.projections import Projection, ProjectionRunner, checkpoints
from esworkbench.projections.built_tables import built_as
from esworkbench.projections.rebuilding import Options, Recipe, rebuild, take_snapshot
from esworkbench.projections.rebuilding.strategies import work_folder

BALANCES = Recipe(AccountBalances, bank_decoder, BANK_QUERIES["account_balances"])


@pytest.fixture
def store(store_url: str) -> Iterator[EventStore]:
    store = EventStore.open(store_url)
    write_log(store)
    yield store
    store.engine.dispose()


def rebuild_and_compare(
    store: EventStore, recipe: Recipe, strategy: str, options: Options, expected: Told, events: int
) -> None:
    projection = recipe.projection()
    with store.engine.begin() as connection:
        connection.execute(projection.tables[0].delete())
    done = rebuild(store, recipe, strategy=strategy, options=options, batch_size=37)
    assert told(store, projection) == expected, strategy
    assert (done.strategy, done.position, done.events) == (strategy, expected.checkpoint, events)
    assert_log_is_true(store, projection.name)
    assert_nothing_left_behind(store, projection)


def assert_nothing_left_behind(store: EventStore, projection: Projection) -> None:
    assert not (work_folder(store) / projection.name).exists()
    names = inspect(store.engine).get_table_names()
    assert not [name for name in names if name.endswith("__next")]
    if store.engine.dialect.name == "postgresql":
        assert not work_folder(store).exists()
        assert f"rebuild_{projection.name}" not in inspect(store.engine).get_schema_names()


@pytest.mark.parametrize("make", BANK_PROJECTIONS.values(), ids=BANK_PROJECTIONS)
def test_every_way_equals_the_incremental_run_bit_for_bit(
    store: EventStore, make: Callable[[], Projection], tmp_path: Path
) -> None:
    events = [event.global_position for event in whole_log(store)]
    half = len(events) // 2
    ProjectionRunner(store, make(), bank_decoder(), run_id="half").catch_up(up_to=events[half - 1])
    assert take_snapshot(store, make(), tmp_path / "snapshot") == events[half - 1]
    expected = run_live(store, make())
    cold, snapshot = Options(cold=two_archives(store, tmp_path)), Options(snapshot=tmp_path / "snapshot")
    for strategy, options, handled in (
        ("plain", Options(), len(events)),
        ("bulk", Options(), len(events)),
        ("cold", cold, len(events)),
        ("snapshot", snapshot, len(events) - half),
        ("set-based", Options(), len(events)),
        ("set-based", cold, len(events)),
    ):
        rebuild_and_compare(
            store, Recipe(make, bank_decoder, BANK_QUERIES[make().name]), strategy, options, expected, handled
        )


@pytest.mark.parametrize("store_url", ["postgres"], indirect=True)
def test_every_way_works_where_the_database_quotes_all_names(store: EventStore, tmp_path: Path) -> None:
    """ADBC looks the types of columns up by their names."""
    with store.engine.begin() as connection:
        database = connection.engine.url.database
        connection.execute(text(f'ALTER DATABASE "{database}" SET quote_all_identifiers = on'))
    store.engine.dispose()
    expected, events = run_live(store, AccountBalances()), len(whole_log(store))
    for strategy in ("plain", "bulk", "sharded", "set-based"):
        rebuild_and_compare(store, BALANCES, strategy, Options(workers=2), expected, events)


def test_several_processes_equal_the_incremental_run_bit_for_bit(store: EventStore) -> None:
    expected = run_live(store, TransactionHistory())
    events = len(whole_log(store))
    rebuild_and_compare(
        store, Recipe(TransactionHistory, bank_decoder), "sharded", Options(workers=3), expected, events
    )


class RefusesFees(TransactionHistory):
    def handle(self, event: Event, connection: Connection) -> None:
        if isinstance(event.data, FeeCharged):
            raise ValueError("no fee was expected")
        super().handle(event, connection)


@pytest.mark.parametrize("strategy", ["plain", "bulk"])
def test_what_the_handler_refuses_is_parked_as_it_was_in_the_incremental_run(store: EventStore, strategy: str) -> None:
    expected = run_live(store, RefusesFees())
    assert any("no fee was expected" in letter[-1] for letter in expected.parked)
    events = len(whole_log(store))
    rebuild_and_compare(store, Recipe(RefusesFees, bank_decoder), strategy, Options(), expected, events)


@pytest.mark.sweep
@pytest.mark.parametrize("make", BANK_PROJECTIONS.values(), ids=BANK_PROJECTIONS)
@pytest.mark.parametrize("workers", [1, 3])
def test_any_number_of_processes_equals_the_incremental_run(
    store: EventStore, make: Callable[[], Projection], workers: int
) -> None:
    expected = run_live(store, make())
    rebuild(store, Recipe(make, bank_decoder), strategy="sharded", options=Options(workers=workers), batch_size=50)
    assert told(store, make()) == expected
    assert_log_is_true(store, make().name)


def zurich() -> DailySummaries:
    return DailySummaries("Europe/Zurich")


def test_days_of_another_time_zone_are_the_same_days_in_sql(sqlite_url: str) -> None:
    moments = iter(range(10_000))
    store = EventStore.open(
        sqlite_url, clock=lambda: datetime(2026, 3, 27, tzinfo=UTC) + timedelta(minutes=71 * next(moments))
    )
    write_log(store)
    expected = run_live(store, zurich())
    rebuild(store, Recipe(zurich, bank_decoder, BANK_QUERIES["daily_summaries"]), strategy="set-based")
    assert told(store, zurich()) == expected
    assert len({row[2] for row in expected.rows}) > 2, "the log must cross midnight and the change to summer time"
    store.engine.dispose()


@pytest.mark.parametrize("strategy", ["plain", "bulk", "set-based"])
def test_a_read_model_that_never_ran_and_one_of_an_empty_log(store_url: str, strategy: str) -> None:
    store = EventStore.open(store_url)
    assert rebuild(store, BALANCES, strategy=strategy).events == 0
    assert told(store, AccountBalances()) == Told([], 0, [])
    write_log(store)
    rebuild(store, BALANCES, strategy=strategy)
    rebuilt = told(store, AccountBalances())
    rebuild(store, BALANCES, strategy="plain")
    assert told(store, AccountBalances()) == rebuilt
    store.engine.dispose()


def test_where_the_time_went_adds_up(sqlite_url: str) -> None:
    store = EventStore.open(sqlite_url)
    write_log(store)
    done = rebuild(store, BALANCES, strategy="bulk")
    parts = (done.read_seconds, done.fold_seconds, done.write_seconds)
    assert all(part > 0 for part in parts)
    assert sum(parts) <= done.seconds
    store.engine.dispose()


@pytest.mark.parametrize("strategy", ["plain", "bulk"])
def test_keys_and_indexes_that_waited_for_the_rows_are_there_in_the_end(store: EventStore, strategy: str) -> None:
    for _ in range(2):
        rebuild(store, Recipe(Owners, bank_decoder), strategy=strategy)
        found = inspect(store.engine)
        assert found.get_pk_constraint("owners")["constrained_columns"] == ["stream_id"]
        assert [index["name"] for index in found.get_indexes("owners")] == ["owners_by_type"]
        assert len(all_rows(store, Owners.tables[0])) == 6


def test_who_might_read_the_old_table_may_read_the_new_one(postgres_url: str) -> None:
    store = EventStore.open(postgres_url)
    write_log(store)
    run_live(store, AccountBalances())
    asked = text("SELECT has_table_privilege(:role, 'account_balances', 'SELECT')")
    role = "pg_read_server_files"
    with store.engine.begin() as connection:
        connection.execute(text(f"GRANT SELECT ON account_balances TO {role}"))
    rebuild(store, BALANCES)
    with store.engine.connect() as connection:
        assert connection.scalar(asked, {"role": role}) is True
    store.engine.dispose()


def test_a_view_on_a_sqlite_table_shows_the_new_one(sqlite_url: str) -> None:
    store = EventStore.open(sqlite_url)
    write_log(store)
    rows = run_live(store, AccountBalances()).rows
    with store.engine.begin() as connection:
        connection.execute(text("CREATE VIEW rich AS SELECT * FROM account_balances"))
    rebuild(store, BALANCES)
    with store.engine.connect() as connection:
        assert len(connection.execute(text("SELECT * FROM rich")).all()) == len(rows)
    store.engine.dispose()


def test_the_swap_leaves_the_other_read_models_alone(store: EventStore) -> None:
    others = {name: run_live(store, make()) for name, make in BANK_PROJECTIONS.items()}
    rebuild(store, BALANCES)
    assert {name: told(store, make()) for name, make in BANK_PROJECTIONS.items()} == others
    with store.engine.connect() as connection:
        assert checkpoints.position_of(connection, "account_balances") == store.head_position()
    assert all_rows(store, account_balances) == others["account_balances"].rows


class OfTheNextShape(AccountBalances):
    schema_version = 2


@pytest.mark.parametrize("strategy", ["plain", "bulk", "sharded"])
def test_a_rebuild_is_how_tables_get_another_schema_version(store: EventStore, strategy: str) -> None:
    run_live(store, AccountBalances())
    with pytest.raises(OtherReadModel):
        ProjectionRunner(store, OfTheNextShape(), bank_decoder(), run_id="next").catch_up()
    rebuild(store, Recipe(OfTheNextShape, bank_decoder), strategy=strategy)
    with store.engine.connect() as connection:
        built = built_as(connection, "account_balances")
    assert built is not None
    assert built.schema_version == 2
    assert ProjectionRunner(store, OfTheNextShape(), bank_decoder(), run_id="next").catch_up() == 0
