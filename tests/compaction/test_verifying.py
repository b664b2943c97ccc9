"""Verifying a compaction finds what is wrong with it, whatever went wrong."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from compaction_logs import latest_shape, new_store, old_store, order_event

from esworkbench.compaction import compact, verify_compaction
from esworkbench.event_store import ANY_VERSION, EventStore, write_transaction
from esworkbench.event_store.guards import drop_guards
from esworkbench.events import RecordedEvent
from esworkbench.upcasters.archaeology import ShapedEvent


@pytest.fixture
def old(store_url: str) -> Iterator[EventStore]:
    store = old_store(store_url)
    yield store
    store.engine.dispose()


@pytest.fixture
def new(new_url: str) -> Iterator[EventStore]:
    store = new_store(new_url)
    yield store
    store.engine.dispose()


def problems(old: EventStore, new: EventStore, fold: Callable[[Sequence[ShapedEvent]], Any] | None = None) -> list[str]:
    return verify_compaction(old, new, latest_shape, fold=fold).problems


def test_a_good_one_has_no_problems_and_a_life_of_its_own(old: EventStore, new: EventStore) -> None:
    compact(old, new, latest_shape)
    new.append("Order-1", [order_event("OrderShipped", 1, {"to": "Biel"})], expected_version=ANY_VERSION)
    assert problems(old, new, fold=len) == []


def test_a_wrong_reading_while_copying_is_found(old: EventStore, new: EventStore) -> None:
    damages: dict[int, dict[str, Any]] = {
        4: {"payload": {"total_cents": 1, "by": "é"}},
        5: {"event_type": "OrderPlacedTwice"},
        7: {"schema_version": 3},
    }

    def wrong(recorded: RecordedEvent) -> Sequence[ShapedEvent]:
        [right] = latest_shape(recorded)
        return [right._replace(**damages.get(recorded.global_position, {}))]

    compact(old, new, wrong)
    found = problems(old, new)
    assert [each.split(":")[0] for each in found] == [
        f"OrderPlaced old-{number} at old position {number}" for number in damages
    ]
    assert all(": its event is ShapedEvent(" in each for each in found)


def test_an_event_lost_or_doubled_while_copying_is_found(old: EventStore, new: EventStore) -> None:
    def wrong(recorded: RecordedEvent) -> Sequence[ShapedEvent]:
        right = latest_shape(recorded)
        return [] if recorded.global_position == 5 else [*right, *right] if recorded.global_position == 30 else right

    compact(old, new, wrong)
    assert any("old-5 at old position 5: its event id is 'old-6' in the copy" in each for each in problems(old, new))
    assert len(problems(old, new)) == 20


DAMAGE = [
    ("UPDATE events SET stream_id = 'Order-X', version = 1 WHERE event_id = 'old-39'", "its stream is 'Order-X'"),
    ("UPDATE events SET valid_at = '2020-01-01T00:00:00.000000Z' WHERE event_id = 'old-3'", "its valid_at is"),
    ("UPDATE events SET metadata = replace(metadata, 'ada', 'eve') WHERE event_id = 'old-3'", "its metadata is {"),
    (
        "UPDATE events SET metadata = replace(metadata, '\"position\":3', '\"position\":4') WHERE event_id = 'old-3'",
        "its origin is (4,",
    ),
    ("DELETE FROM idempotency_keys WHERE idempotency_key = 'key-7'", "the idempotency key 'key-7'"),
    ("UPDATE idempotency_keys SET reply = '{}' WHERE idempotency_key = 'key-8'", "the idempotency key 'key-8'"),
    (
        "UPDATE events SET payload = replace(payload, 'Order-0', 'Order-O') WHERE event_type = 'StreamHeadsRecorded'",
        "the 7 stream heads in the record",
    ),
    (
        "UPDATE events SET payload = replace(payload, '\"events_read\":40', '\"events_read\":39')"
        " WHERE event_type = 'LogCompacted'",
        "read, written and dropped are (40, 40, 0)",
    ),
    ("DELETE FROM events WHERE event_id = 'old-40'", "old-40 at old position 40 has 0 copies, not 1"),
]


def test_what_somebody_did_to_the_new_log_is_found(old: EventStore, new: EventStore) -> None:
    compact(old, new, latest_shape)
    for change, expected in DAMAGE:
        assert not any(expected in each for each in problems(old, new)), change
        tamper(new, change)
        assert any(expected in each for each in problems(old, new)), change


def test_what_somebody_did_to_the_old_log_is_found(old: EventStore, new: EventStore) -> None:
    """The heads' hashes are what the new log can still prove about the old one."""
    compact(old, new, latest_shape)
    tamper(old, "UPDATE events SET hash = replace(hash, 'a', 'b') WHERE event_id = 'old-40'")
    assert any("stream heads have the digest" in each for each in problems(old, new))


def test_what_somebody_else_wrote_before_the_end_is_found(old: EventStore, new: EventStore) -> None:
    def intruder(recorded: RecordedEvent) -> Sequence[ShapedEvent]:
        if recorded.global_position == 40:
            new.append("Order-1", [order_event("OrderShipped", 1, {})], expected_version=ANY_VERSION)
        return latest_shape(recorded)

    compact(old, new, intruder)
    assert problems(old, new)


def test_an_old_log_that_went_on_is_found(old: EventStore, new: EventStore) -> None:
    compact(old, new, latest_shape)
    old.append("Order-1", [order_event("OrderShipped", 1, {})], expected_version=ANY_VERSION)
    [found] = problems(old, new)
    assert "has grown from position 40 to 41" in found


def test_a_fold_that_differs_names_its_stream(old: EventStore, new: EventStore) -> None:
    compact(old, new, latest_shape)
    folded = []

    def unsteady(events: Sequence[ShapedEvent]) -> int:
        folded.append(len(events))
        return len(folded) if len(folded) in (3, 4) else 0

    assert problems(old, new, fold=unsteady) == ["stream 'Order-1' folds to another state in the new log"]
    assert sum(folded) == 80


def tamper(store: EventStore, change: str) -> None:
    with write_transaction(store.engine) as connection:
        drop_guards(connection)
        connection.execution_options(no_parameters=True).exec_driver_sql(change)
