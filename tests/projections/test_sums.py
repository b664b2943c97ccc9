"""Promise 8 in the read models: a sum that 64 bits don't hold is an error that names its event, never a float."""

import logging
from collections.abc import Sequence
from typing import ClassVar

import pytest
from sqlalchemy import BigInteger, Column, Connection, Integer, MetaData, Table, Text, text

from esworkbench.domains.bank import bank_decoder
from esworkbench.domains.bank.read_models import BANK_PROJECTIONS
from esworkbench.errors import SynchronousProjectionFailed
from esworkbench.event_store import ANY_VERSION, EventStore
from esworkbench.event_store.participants import JoinedStore
from esworkbench.events import MAX_AMOUNT_MINOR, Event, NewEvent
from esworkbench.projections import Projection, ProjectionRunner
from esworkbench.projections.dead_letters import parked
from esworkbench.projections.synchronous import SynchronousRunner
from tests.support import StepClock, new_event

FIT = 2**63 // MAX_AMOUNT_MINOR
"""So many of the largest amounts fit into 64 bits."""

LAST_SUMS = {
    "account_balances": "SELECT balance_minor FROM account_balances",
    "transaction_history": "SELECT balance_after_minor FROM transaction_history ORDER BY position DESC LIMIT 1",
    "daily_summaries": "SELECT closing_minor FROM daily_summaries ORDER BY day DESC LIMIT 1",
}


def moved(event_type: str, amount: int = MAX_AMOUNT_MINOR) -> NewEvent:
    payload = {"amount_minor": amount, "currency": "CHF", "reference": "r"}
    return new_event(event_type, payload, schema_version=3 if event_type == "MoneyDeposited" else 1)


@pytest.mark.parametrize("batch_size", [1000, 7])
@pytest.mark.parametrize("event_type", ["MoneyDeposited", "MoneyWithdrawn"])
@pytest.mark.parametrize("name", LAST_SUMS)
def test_a_sum_past_64_bits_parks_its_event_by_name(
    store_url: str, name: str, event_type: str, batch_size: int, caplog: pytest.LogCaptureFixture
) -> None:
    store = EventStore.open(store_url, clock=StepClock())
    written = store.append("BankAccount-a", [moved(event_type) for _ in range(FIT + 3)], expected_version=0).events
    back = "MoneyWithdrawn" if event_type == "MoneyDeposited" else "MoneyDeposited"
    store.append("BankAccount-a", [moved(back, 5)], expected_version=ANY_VERSION)
    runner = ProjectionRunner(store, BANK_PROJECTIONS[name](), bank_decoder(), run_id="run", batch_size=batch_size)
    with caplog.at_level(logging.INFO):
        runner.catch_up()
    with store.engine.connect() as connection:
        letters = parked(connection, name)
        total = connection.scalars(text(LAST_SUMS[name])).one()
    sign = 1 if event_type == "MoneyDeposited" else -1
    assert type(total) is int
    assert total == sign * (FIT * MAX_AMOUNT_MINOR - 5)
    assert [letter["event_id"] for letter in letters] == [event.event_id for event in written[FIT:]]
    told = [message for message in caplog.messages if "which is parked" in message]
    for letter, message in zip(letters, told, strict=True):
        assert "64 bits" in letter["error"] or "bigint out of range" in letter["error"]
        assert "\n" not in letter["error"]
        assert f"position {letter['position']} " in message
        assert letter["event_id"] in message


def test_the_steps_of_a_daily_sum_stay_exact(store_url: str) -> None:
    """The closing plus the credits alone is past 64 bits; less the debits of the same batch it isn't."""
    store = EventStore.open(store_url, clock=StepClock())
    store.append("BankAccount-a", [moved("MoneyDeposited") for _ in range(FIT)], expected_version=0)
    runner = ProjectionRunner(store, BANK_PROJECTIONS["daily_summaries"](), bank_decoder(), run_id="run")
    runner.catch_up()
    store.append(
        "BankAccount-a", [moved("MoneyWithdrawn"), moved("MoneyDeposited", MAX_AMOUNT_MINOR - 1)],
        expected_version=ANY_VERSION,
    )  # fmt: skip
    with store.engine.begin() as connection:
        # So that the day's credits, a claim of their own, leave room.
        connection.execute(text("UPDATE daily_summaries SET credits_minor = 0"))
    runner.catch_up()
    with store.engine.connect() as connection:
        assert parked(connection, "daily_summaries") == []
        assert connection.scalars(text(LAST_SUMS["daily_summaries"])).one() == FIT * MAX_AMOUNT_MINOR - 1


tally = Table(
    "tally", MetaData(), Column("name", Text, primary_key=True), Column("total", BigInteger), Column("seen", Integer)
)


class Tally(Projection):
    """As somebody else would write one."""

    name = "tally"
    tables: ClassVar[Sequence[Table]] = [tally]

    def handle(self, event: Event, connection: Connection) -> None:
        connection.execute(
            text("INSERT INTO tally VALUES ('all', 9000000000000000000, 1) ON CONFLICT (name) DO UPDATE"
                 " SET total = tally.total + 9000000000000000000, seen = tally.seen + 1")
        )  # fmt: skip


@pytest.mark.parametrize("rebuilt", [False, True])
def test_no_projection_is_left_with_a_float(store_url: str, rebuilt: bool) -> None:
    store = EventStore.open(store_url)
    store.append("BankAccount-a", [moved("MoneyDeposited") for _ in range(2)], expected_version=0)
    runner = ProjectionRunner(store, Tally(), bank_decoder(), run_id="run")
    runner.catch_up()
    if rebuilt:
        runner.rebuild()
    with store.engine.connect() as connection:
        assert connection.execute(text("SELECT total, seen FROM tally")).all() == [(9 * 10**18, 1)]
        assert [letter["position"] for letter in parked(connection, "tally")] == [2]


def test_a_synchronous_projection_refuses_the_append(store_url: str) -> None:
    store = JoinedStore.open(store_url)
    runner = SynchronousRunner(store, Tally(), bank_decoder(), run_id="run")
    runner.join_appends()
    store.append("BankAccount-a", [moved("MoneyDeposited")], expected_version=0)
    with pytest.raises(SynchronousProjectionFailed, match="MoneyDeposited"):
        store.append("BankAccount-a", [moved("MoneyDeposited")], expected_version=1)
    assert store.head_position() == 1
