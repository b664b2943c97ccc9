"""A compacted log says what the old one says, says where it comes from, and leaves the old one as it was."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from compaction_logs import OLD_START, latest_shape, new_store, old_store, order_event, rows, splits_and_drops
from support import START

from esworkbench.compaction import compact, copy, verify_compaction
from esworkbench.errors import InvalidEvent, StoreBusy, UnusableInput
from esworkbench.event_store import ANY_VERSION, EventStore, Idempotency
from esworkbench.event_store.chain import event_hash
from esworkbench.events import RecordedEvent
from esworkbench.lab.inherited import load_inherited
from esworkbench.lab.inherited.upcasters import (
    INHERITED_TELLTALES,
    INHERITED_UPCASTERS,
    compacted_latest_shape,
    inherited_latest_shape,
)
from esworkbench.upcasters.archaeology import ShapedEvent, dead_upcasters, decode_payload


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


def whole_log(store: EventStore) -> list[RecordedEvent]:
    return store.read_all(limit=100_000)


def copies(store: EventStore) -> list[RecordedEvent]:
    return [event for event in whole_log(store) if not event.stream_id.startswith("LogCompaction-")]


def record(store: EventStore) -> list[RecordedEvent]:
    return [event for event in whole_log(store) if event.stream_id.startswith("LogCompaction-")]


def test_every_event_is_there_in_its_latest_shape_with_what_belongs_to_it(old: EventStore, new: EventStore) -> None:
    compact(old, new, latest_shape, batch_size=7)
    for before, after in zip(whole_log(old), copies(new), strict=True):
        assert (after.stream_id, after.version, after.event_id) == (before.stream_id, before.version, before.event_id)
        assert after.valid_at == before.valid_at
        assert [ShapedEvent(after.event_type, after.schema_version, decode_payload(after))] == latest_shape(before)
        metadata = {"actor": "ada", "correlation_id": "c-1"} if b"actor" in before.metadata else {}
        found = after.metadata_dict()
        assert found.pop("compacted_from") == {
            "position": before.global_position, "version": before.version, "schema_version": before.schema_version,
            "recorded_at": before.recorded_at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "hash": before.hash,
        }  # fmt: skip
        assert found.pop("schema_version", after.schema_version) == after.schema_version
        assert found == metadata


def test_what_is_in_its_latest_shape_keeps_its_very_bytes(old: EventStore, new: EventStore) -> None:
    compact(old, new, latest_shape)
    kept = [event.payload for event in copies(new) if event.event_type == "OrderPlaced"]
    assert b'{"total_cents" : 100, "by":"x"}' in kept


def test_a_reading_that_only_python_takes_for_the_same_is_written(old: EventStore, new: EventStore) -> None:
    """True is 1 to Python and 5.0 is 5, but not to whoever reads the new log."""
    old.append("Order-1", [order_event("NeverMind", 1, {"flag": 1, "amount": 5.0})], expected_version=ANY_VERSION)
    exact = ShapedEvent("NeverMind", 1, {"amount": 5, "flag": True})

    def reads_types(recorded: RecordedEvent) -> Sequence[ShapedEvent]:
        return [exact] if recorded.event_type == "NeverMind" else latest_shape(recorded)

    compact(old, new, reads_types)
    assert copies(new)[-1].payload == b'{"amount":5,"flag":true}'
    assert verify_compaction(old, new, reads_types).problems == []
    [found] = verify_compaction(old, new, latest_shape).problems
    assert "NeverMind old-41 at old position 41: its event is" in found


def test_it_is_recorded_when_it_is_written_and_chained_anew(old: EventStore, new: EventStore) -> None:
    """The new store can't have learned anything before it was there; the old time is metadata."""
    compact(old, new, latest_shape)
    assert min(event.recorded_at for event in whole_log(new)) == START
    assert max(event.recorded_at for event in whole_log(old)) < START
    for event in whole_log(new):
        assert event.hash == event_hash(
            event.prev_hash, event.stream_id, event.version, event.event_id, event.event_type, event.schema_version,
            event.recorded_at, event.valid_at, event.payload, event.metadata,
        )  # fmt: skip


def test_the_record_holds_every_old_stream_head_and_a_digest_anybody_can_compute(
    old: EventStore, new: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("esworkbench.compaction.copy.HEADS_IN_ONE_EVENT", 3)
    sealed = compact(old, new, latest_shape, batch_size=9)
    entries = [(event.event_type, json.loads(event.payload)) for event in record(new)]
    assert [name for name, _ in entries] == (
        ["CompactionBegun"] + ["BatchCompacted"] * 5 + ["StreamHeadsRecorded"] * 3 + ["LogCompacted"]
    )
    heads = [head for name, entry in entries if name == "StreamHeadsRecorded" for head in entry["heads"]]
    last = {event.stream_id: event for event in whole_log(old)}
    assert heads == [[name, last[name].version, last[name].hash] for name in sorted(last)]
    lines = "".join(json.dumps(head, separators=(",", ":"), ensure_ascii=False) + "\n" for head in heads)
    seal = entries[-1][1]
    assert seal["heads_digest"] == sealed.heads_digest == hashlib.sha256(lines.encode()).hexdigest()
    assert (seal["head_position"], seal["events_read"], seal["events_written"], seal["streams"]) == (40, 40, 40, 7)
    assert seal["first_event_hash"] == entries[0][1]["first_event_hash"] == whole_log(old)[0].hash


def test_the_old_store_is_left_as_it_was(old: EventStore, new: EventStore, store_url: str) -> None:
    before = rows(old)
    old.engine.dispose()
    path = Path(store_url.removeprefix("sqlite:///"))
    digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
    reopened = EventStore.open(store_url, create=False)
    compact(reopened, new, latest_shape)
    verify_compaction(reopened, new, latest_shape)
    assert rows(reopened) == before
    reopened.engine.dispose()
    assert digest == (hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None)


def test_a_client_that_tries_again_after_the_move_is_not_served_twice(old: EventStore, new: EventStore) -> None:
    compact(old, new, latest_shape)
    for number in (0, 39):
        again = Idempotency(f"key-{number}", f"digest-{number}", b"{}")
        result = new.append("Order-1", [order_event("OrderShipped", 1, {})], expected_version=0, idempotency=again)
        assert result.repeated
        assert result.reply == b'{"number":%d}' % number
    assert rows(new)["idempotency_keys"] == rows(old)["idempotency_keys"]


def test_a_dropped_event_is_listed_and_a_split_one_gives_several(old: EventStore, new: EventStore) -> None:
    for event_type, payload in (
        ("PageViewed", {}),
        ("OrderMoved", {"from": "Bern", "to": "Basel"}),
        ("PageViewed", {}),
    ):
        old.append("Order-1", [order_event(event_type, 1, payload)], expected_version=ANY_VERSION)
    sealed = compact(old, new, splits_and_drops, batch_size=4)
    assert (sealed.events_read, sealed.events_written, sealed.events_dropped) == (43, 42, 2)
    moved = [event for event in copies(new) if event.metadata_dict()["compacted_from"]["position"] == 42]
    assert [(event.event_id, decode_payload(event)) for event in moved] == [
        ("old-42", {"to": "Bern"}), ("old-42#2", {"to": "Basel"}),
    ]  # fmt: skip
    check = verify_compaction(old, new, splits_and_drops, fold=lambda events: [event.payload for event in events])
    assert check.problems == []
    assert check.dropped == ["old-41", "old-43"]
    assert (check.events_read, check.events_written, check.streams) == (43, 42, 7)


def test_running_it_again_changes_nothing(old: EventStore, new: EventStore) -> None:
    sealed = compact(old, new, latest_shape)
    before = rows(new)
    assert compact(old, new, latest_shape) == sealed
    assert rows(new) == before


def test_what_comes_while_it_copies_is_copied_too(old: EventStore, new: EventStore) -> None:
    late = [order_event("OrderShipped", 1, {"to": "Chur"}) for _ in range(25)]

    def read_and_write(recorded: RecordedEvent) -> Sequence[ShapedEvent]:
        if recorded.global_position > 30 and late:
            key = Idempotency(f"late-{len(late)}", "d", b"{}")
            old.append("Order-9", [late.pop()], expected_version=ANY_VERSION, idempotency=key)
        return latest_shape(recorded)

    sealed = compact(old, new, read_and_write, batch_size=5)
    assert (sealed.head_position, sealed.events_read, late) == (65, 65, [])
    assert verify_compaction(old, new, latest_shape).problems == []


def test_no_key_is_carried_whose_events_stay_behind(
    old: EventStore, new: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    carry_keys = copy._carry_keys
    late = [Idempotency("late", "d", b"{}")]

    def while_carrying(old: EventStore, new: EventStore) -> None:
        if late:
            event = order_event("OrderShipped", 1, {"to": "Chur"})
            old.append("Order-9", [event], expected_version=0, idempotency=late.pop())
        carry_keys(old, new)

    monkeypatch.setattr(copy, "_carry_keys", while_carrying)
    assert compact(old, new, latest_shape).events_read == 41
    assert new.find_reply("late", "d") == b"{}"
    assert new.stream_version("Order-9") == 1


def test_only_an_empty_store_or_this_logs_own_compaction_is_written_to(
    old: EventStore, new: EventStore, tmp_path: Path
) -> None:
    with pytest.raises(UnusableInput, match="already holds events"):
        compact(old, old, latest_shape)
    other = old_store(f"sqlite:///{tmp_path / 'other.db'}", events=3)
    other.append("Order-1", [order_event("NeverMind", 1, {})], expected_version=ANY_VERSION)
    compact(other, new, latest_shape)
    before = rows(new)
    different = EventStore.open(f"sqlite:///{tmp_path / 'different.db'}")
    with pytest.raises(UnusableInput, match="holds no event"):
        compact(different, new, latest_shape)
    different.append("Order-1", [order_event("NeverMind", 1, {})], expected_version=0)
    with pytest.raises(UnusableInput, match="already holds events"):
        compact(different, new, latest_shape)
    with pytest.raises(UnusableInput, match="batch of 0"):
        compact(other, new, latest_shape, batch_size=0)
    assert rows(new) == before
    for store in (other, different):
        store.engine.dispose()


def test_of_two_compactions_at_once_one_is_refused(old: EventStore, new: EventStore) -> None:
    def overtaken(recorded: RecordedEvent) -> Sequence[ShapedEvent]:
        if recorded.global_position == 12:
            compact(old, new, latest_shape, batch_size=5)
        return latest_shape(recorded)

    with pytest.raises(StoreBusy, match=r"another compaction into .* is under way"):
        compact(old, new, overtaken, batch_size=5)
    assert verify_compaction(old, new, latest_shape).problems == []


def test_a_compaction_that_finds_another_just_begun_says_so(
    old: EventStore, new: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It looked for a record before the other wrote one, and for events afterwards."""
    head_position = new.head_position

    def another_begins() -> int:
        monkeypatch.undo()
        compact(old, new, latest_shape)
        return head_position()

    monkeypatch.setattr(new, "head_position", another_begins)
    with pytest.raises(StoreBusy, match=r"another compaction into .* is under way"):
        compact(old, new, latest_shape)
    assert verify_compaction(old, new, latest_shape).problems == []


def test_an_event_that_cannot_be_read_stops_it_before_its_batch(old: EventStore, new: EventStore) -> None:
    def fails(recorded: RecordedEvent) -> Sequence[ShapedEvent]:
        if recorded.global_position == 23:
            raise InvalidEvent("position 23 can't be read")
        return latest_shape(recorded)

    with pytest.raises(InvalidEvent, match="position 23"):
        compact(old, new, fails, batch_size=10)
    assert len(copies(new)) == 20
    with pytest.raises(UnusableInput, match="no finished compaction"):
        verify_compaction(old, new, latest_shape)
    compact(old, new, latest_shape, batch_size=10)
    assert verify_compaction(old, new, latest_shape).problems == []


def test_a_compacted_log_can_be_compacted_again(old: EventStore, new: EventStore, tmp_path: Path) -> None:
    compact(old, new, latest_shape)
    newest = new_store(f"sqlite:///{tmp_path / 'newest.db'}")
    compact(new, newest, latest_shape)
    assert verify_compaction(new, newest, latest_shape).problems == []
    first = next(event for event in whole_log(newest) if event.event_id == "old-1")
    origin = first.metadata_dict()["compacted_from"]
    assert origin["earlier"]["hash"] == whole_log(old)[0].hash
    assert [event.payload for event in record(newest) if event.metadata_dict().get("compacted_from")] == [
        event.payload for event in record(new)
    ]
    newest.engine.dispose()


def test_the_inherited_log_is_compacted_and_its_old_steps_are_dead(store_url: str, new_url: str) -> None:
    old, new = EventStore.open(store_url), EventStore.open(new_url)
    load_inherited(old)
    sealed = compact(old, new, inherited_latest_shape)
    check = verify_compaction(old, new, inherited_latest_shape, fold=as_it_is)
    assert check.problems == []
    assert (check.events_read, check.events_written, check.dropped) == (4815, 4815, [])
    assert sealed.streams == check.streams == len({event.stream_id for event in whole_log(old)})
    with old.engine.connect() as connection:
        alive = [use for use in dead_upcasters(connection, INHERITED_UPCASTERS, INHERITED_TELLTALES) if not use.dead]
    with new.engine.connect() as connection:
        after = dead_upcasters(connection, INHERITED_UPCASTERS)
    assert len(alive) == len(after) - 1
    assert {(use.passing, use.dead) for use in after} == {(0, True)}
    for event in copies(new):
        assert compacted_latest_shape(event) == [as_stored(event)]
    old.engine.dispose()
    new.engine.dispose()


def as_it_is(events: Sequence[ShapedEvent]) -> Any:
    return list(events)


def as_stored(event: RecordedEvent) -> ShapedEvent:
    return ShapedEvent(event.event_type, event.schema_version, decode_payload(event))


def test_the_old_times_are_where_they_belong(old: EventStore, new: EventStore) -> None:
    compact(old, new, latest_shape)
    assert copies(new)[0].valid_at < OLD_START
    assert copies(new)[0].metadata_dict()["compacted_from"]["recorded_at"] == "2016-03-01T00:00:00.000000Z"
