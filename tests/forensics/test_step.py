"""Stepping runs the real handlers, shows what each event did, goes on past one that throws, and can leave one out."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import ClassVar

import pytest
from sqlalchemy import BigInteger, Column, Connection, MetaData, Table, Text, text

from esworkbench.aggregates.aggregate import Aggregate
from esworkbench.events import DomainEvent, Event, EventTypes, RecordedEvent
from esworkbench.evidence import Evidence
from esworkbench.forensics.replay.replay import recorded_events
from esworkbench.forensics.replay.stepping import step_aggregate, step_postings, step_projection
from esworkbench.projections import Projection
from esworkbench.upcasters import EventDecoder, UpcasterChain
from tests.forensics.small_ledger import SmallLedger


class Moved(DomainEvent, frozen=True, kw_only=True):
    amount: int


class Account(Aggregate):
    category = "Account"

    def __init__(self, aggregate_id: str) -> None:
        super().__init__(aggregate_id)
        self.balance = 0
        self.amounts: list[int] = []

    def apply(self, event: DomainEvent) -> None:
        assert isinstance(event, Moved)
        self.amounts.append(event.amount)
        if event.amount == 13:
            raise RuntimeError("unlucky, half way through")
        self.balance += event.amount


TABLE = "bal'an\"ces"
NAME = '"bal\'an""ces"'


class Balances(Projection):
    """Writes each row twice, as handlers do that insert first and fill in later."""

    name = "balances"
    tables: ClassVar[Sequence[Table]] = [
        Table(TABLE, MetaData(), Column("stream", Text, primary_key=True), Column("balance", BigInteger))
    ]

    def handle(self, event: Event, connection: Connection) -> None:
        assert isinstance(event.data, Moved)
        given = {"stream": event.recorded.stream_id, "amount": event.data.amount}
        if event.data.amount == 0:
            connection.execute(text(f"DELETE FROM {NAME} WHERE stream = :stream"), given)
            return
        connection.execute(text(f"INSERT INTO {NAME} VALUES (:stream, 0) ON CONFLICT DO NOTHING"), given)
        connection.execute(text(f"UPDATE {NAME} SET balance = balance + 1 WHERE stream = :stream"), given)
        connection.execute(text(f"UPDATE {NAME} SET balance = balance + :amount - 1 WHERE stream = :stream"), given)
        if event.data.amount == 13:
            raise RuntimeError("unlucky, half way through")


DECODER = EventDecoder(EventTypes(Moved), UpcasterChain([]))
AMOUNTS = (10, 13, 5)


def events_of(tmp_path: Path, amounts: Sequence[int], last_type: str = "Moved") -> list[RecordedEvent]:
    return recorded_events(evidence_of(tmp_path, amounts, last_type))


def evidence_of(tmp_path: Path, amounts: Sequence[int], last_type: str = "Moved") -> Evidence:
    ledger = SmallLedger()
    for number, amount in enumerate(amounts):
        kind = last_type if number == len(amounts) - 1 else "Moved"
        ledger.event("A", amount, type=kind, payload=f'{{"amount":{amount}}}')
    return ledger.write(tmp_path / "ev")


def test_an_event_that_throws_is_shown_and_passed_with_the_state_it_found(tmp_path: Path) -> None:
    ticks = count(0, 2_000)
    steps = list(step_aggregate(events_of(tmp_path, AMOUNTS), lambda: Account("A"), DECODER, clock=ticks.__next__))
    assert [(step.before["balance"], step.after["balance"], step.error) for step in steps] == [
        (0, 10, None),
        (10, 10, "RuntimeError: unlucky, half way through"),
        (10, 15, None),
    ]
    assert steps[-1].after["amounts"] == [10, 5]
    assert steps[0].before == {"id": "A", "version": 0, "snapshot_version": None, "balance": 0, "amounts": []}
    assert {step.elapsed for step in steps} == {timedelta(microseconds=2)}


def test_what_if_this_event_had_not_happened(tmp_path: Path) -> None:
    evidence = evidence_of(tmp_path, (10, 20, 5))
    events = recorded_events(evidence)
    by_aggregate = list(step_aggregate(events, lambda: Account("A"), DECODER, skip={2}))
    by_postings = list(step_postings(evidence, "A", skip={2}))
    by_projection = list(step_projection(events, Balances(), DECODER, skip={2}))
    assert [step.skipped for step in by_aggregate] == [False, True, False]
    assert by_aggregate[-1].after["balance"] == 15
    assert [step.after["balance_minor"] for step in by_postings] == [10, 10, 15]
    assert by_projection[-1].after == {TABLE: [{"stream": "Account-A", "balance": 15}]}


def test_an_event_that_can_not_be_decoded_is_shown_and_passed(tmp_path: Path) -> None:
    events = events_of(tmp_path, (10, 5), last_type="Vanished")
    for steps in (
        list(step_aggregate(events, lambda: Account("A"), DECODER)),
        list(step_projection(events, Balances(), DECODER)),
    ):
        assert steps[0].error is None
        assert steps[1].error is not None
        assert steps[1].error.startswith("UnknownEventType: event type 'Vanished'")


def test_projection_shows_the_rows_touched_as_they_were_and_as_they_became(tmp_path: Path) -> None:
    steps = list(step_projection(events_of(tmp_path, (10, 13, 5, 0)), Balances(), DECODER))
    row = {"stream": "Account-A"}
    assert [(step.before, step.after) for step in steps] == [
        ({TABLE: []}, {TABLE: [row | {"balance": 10}]}),
        ({}, {}),
        ({TABLE: [row | {"balance": 10}]}, {TABLE: [row | {"balance": 15}]}),
        ({TABLE: [row | {"balance": 15}]}, {TABLE: []}),
    ]
    assert steps[1].error == "RuntimeError: unlucky, half way through"


def test_postings_step_from_zero_in_one_currency(tmp_path: Path) -> None:
    steps = list(step_postings(evidence_of(tmp_path, AMOUNTS), "A"))
    assert [step.after["balance_minor"] for step in steps] == [10, 23, 28]
    assert steps[0].before == {"balance_minor": 0}


def test_states_shown_earlier_do_not_change_later(tmp_path: Path) -> None:
    steps = step_aggregate(events_of(tmp_path, (1, 2, 3)), lambda: Account("A"), DECODER)
    first = next(steps)
    rest = list(steps)
    assert first.after["amounts"] == [1]
    assert rest[-1].after["amounts"] == [1, 2, 3]


def test_a_handler_that_asks_to_stop_stops(tmp_path: Path) -> None:
    def interrupted() -> Account:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(step_aggregate(events_of(tmp_path, AMOUNTS), interrupted, DECODER))
