"""Each room makes its own tables: the store needs none but its own, and a database with all of them goes on working."""

import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import inspect

from esworkbench.aggregates.snapshots import SnapshotStore
from esworkbench.domains.bank import Bank, Deposit, OpenAccount, bank_decoder
from esworkbench.domains.bank.read_models import AccountBalances
from esworkbench.domains.bank.read_models.account_balances import account_balances
from esworkbench.event_store import EventStore, open_database, write_transaction
from esworkbench.outbox.message import OutboxMessage
from esworkbench.outbox.outbox import Backlog, backlog, enable_outbox
from esworkbench.outbox.parked import parked_messages
from esworkbench.outbox.relay import OutboxRelay
from esworkbench.projections import ProjectionRunner
from esworkbench.projections.monitoring.measure import followers, lag
from tests.support import SequentialIds, StepClock

ALONE = """
import sys
from esworkbench.event_store import EventStore
from esworkbench.events import NewEvent

store = EventStore.open(sys.argv[1])
store.append("s", [NewEvent(event_type="Noted", payload=b"{}")], expected_version=0)
assert [event.event_type for event in store.read_all()] == ["Noted"]
others = ("esworkbench.projections", "esworkbench.outbox", "esworkbench.aggregates")
print(sorted(name for name in sys.modules if name.startswith(others)))
"""

OWN = {"events", "idempotency_keys", "anchors"}


def tables_of(store: EventStore) -> set[str]:
    return set(inspect(store.engine).get_table_names())


def test_the_event_store_alone_opens_appends_and_reads_without_any_other_room(store_url: str) -> None:
    ran = subprocess.run([sys.executable, "-c", ALONE, store_url], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout.strip()) == (0, "[]"), ran.stderr
    assert tables_of(EventStore.open(store_url, create=False)) == OWN


def test_a_room_makes_its_tables_when_it_is_first_used(store_url: str) -> None:
    store = EventStore.open(store_url, clock=StepClock())
    assert (lag(store, "account_balances").checkpoint, followers(store)) == (0, [])
    assert (backlog(store.engine), parked_messages(store.engine)) == (Backlog(0, None), [])
    assert tables_of(store) == OWN, "whoever only looks makes nothing"

    runner = ProjectionRunner(store, AccountBalances(), bank_decoder(), run_id="first")
    assert (runner.checkpoint(), runner.catch_up()) == (0, 0)
    read_side = {"checkpoints", "checkpoint_log", "dead_letters", "read_models"}
    assert tables_of(store) == OWN | read_side | {"account_balances"}
    SnapshotStore(store.engine)
    OutboxRelay(store.engine, lambda message: None)
    rest = {"snapshots", "outbox", "outbox_failures"}
    assert tables_of(store) == OWN | read_side | rest | {"account_balances"}


def test_the_log_of_checkpoints_is_guarded_as_soon_as_it_is_there(store_url: str) -> None:
    store = EventStore.open(store_url)
    Bank(store).handle(OpenAccount(account_id="a", owner="Ann", currency="USD"))
    ProjectionRunner(store, AccountBalances(), bank_decoder(), run_id="first").catch_up()
    with pytest.raises(Exception, match="append-only"), write_transaction(store.engine) as connection:
        connection.exec_driver_sql("DELETE FROM checkpoint_log")


def test_a_database_of_the_release_that_made_all_tables_at_once_goes_on_working(store_url: str) -> None:
    """It is opened, appended to, projected, relayed and snapshotted, and gets no table besides those of read models."""
    engine = open_database(store_url)
    script = Path(__file__).with_name(f"all_at_once_{'sqlite' if engine.dialect.name == 'sqlite' else 'postgres'}.sql")
    _, *statements = script.read_text("utf-8").strip().split("\n\n")
    with write_transaction(engine) as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    before = set(inspect(engine).get_table_names())

    store = EventStore.open(store_url, clock=StepClock(), new_id=SequentialIds())
    enable_outbox(store.engine)
    bank = Bank(store, snapshot_every=2)
    bank.handle(OpenAccount(account_id="a", owner="Ann", currency="USD"))
    for number in range(3):
        command = Deposit(account_id="a", amount_minor=100, currency="USD", reference=f"r{number}")
        reply = bank.handle(command, idempotency_key=f"k{number}")
    assert bank.handle(command, idempotency_key="k2").position == reply.position
    assert bank.accounts.load("a").snapshot_version == 4

    runner = ProjectionRunner(store, AccountBalances(), bank_decoder(), run_id="test")
    assert runner.catch_up() == 4
    with store.engine.connect() as connection:
        assert connection.execute(account_balances.select()).one().balance_minor == 300
    published: list[OutboxMessage] = []
    assert OutboxRelay(store.engine, published.append, clock=store.clock).relay_once() == 4
    assert [message.global_position for message in published] == [1, 2, 3, 4]
    assert tables_of(store) - before == {"account_balances"}
    with pytest.raises(Exception, match="append-only"), write_transaction(store.engine) as connection:
        connection.exec_driver_sql("DELETE FROM checkpoint_log")
