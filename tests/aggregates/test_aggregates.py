"""Decide, then apply: one path for commands and for replay."""

from datetime import datetime
from typing import Any, ClassVar

import pytest

from esworkbench.aggregates.aggregate import Aggregate
from esworkbench.errors import CommandRejected, ReadOnlyAggregate
from esworkbench.events import DomainEvent


class Counted(DomainEvent):
    by: int


class Counter(Aggregate):
    category: ClassVar[str] = "Counter"

    def __init__(self, aggregate_id: str) -> None:
        super().__init__(aggregate_id)
        self.total = 0

    def apply(self, event: DomainEvent) -> None:
        assert isinstance(event, Counted)
        self.total += event.by

    def state(self) -> dict[str, Any]:
        return {"total": self.total}

    def restore(self, state: dict[str, Any]) -> None:
        self.total = state["total"]


def test_a_decision_is_applied_as_its_replay_will_be() -> None:
    decided, replayed = Counter("a"), Counter("a")
    decided.record(Counted(by=3))
    replayed.replay(Counted(by=3))
    assert decided.state() == replayed.state() == {"total": 3}
    assert decided.version == replayed.version == 1


class Basket(Aggregate):
    category: ClassVar[str] = "Basket"

    def __init__(self, aggregate_id: str) -> None:
        super().__init__(aggregate_id)
        self.things: dict[str, int] = {}

    def apply(self, event: DomainEvent) -> None:
        assert isinstance(event, Counted)
        self.things[f"thing {self.version}"] = event.by


def test_a_state_is_what_a_subclass_added_and_does_not_change_with_it() -> None:
    basket, restored = Basket("a"), Basket("a")
    basket.record(Counted(by=3))
    state = basket.state()
    basket.record(Counted(by=4))
    assert state == {"things": {"thing 0": 3}}
    restored.restore(state)
    assert restored.state() == state


def test_unsaved_events_count_in_the_version_and_not_in_the_saved_version() -> None:
    counter = Counter("a")
    counter.replay(Counted(by=1))
    counter.record(Counted(by=2))
    counter.record(Counted(by=4))
    assert (counter.version, counter.saved_version) == (3, 1)
    assert [unsaved.event for unsaved in counter.uncommitted] == [Counted(by=2), Counted(by=4)]
    counter.mark_saved()
    assert (counter.version, counter.saved_version, counter.uncommitted) == (3, 3, [])


def test_a_past_state_decides_nothing() -> None:
    counter = Counter("a")
    counter.replay(Counted(by=1))
    counter.read_only = True
    with pytest.raises(ReadOnlyAggregate, match="version 1, in the past"):
        counter.record(Counted(by=1))
    assert counter.total == 1
    assert counter.uncommitted == []


def test_an_event_whose_apply_fails_is_not_kept_for_saving() -> None:
    class Other(DomainEvent):
        pass

    counter = Counter("a")
    with pytest.raises(AssertionError):
        counter.record(Other())
    assert (counter.version, counter.uncommitted) == (0, [])


@pytest.mark.parametrize("valid_at", [datetime(2026, 1, 1), "2026-01-01T00:00:00Z", 0])  # noqa: DTZ001
def test_a_moment_without_an_offset_is_refused_before_anything_is_applied(valid_at: datetime) -> None:
    counter = Counter("a")
    with pytest.raises(CommandRejected, match="valid_at must be a moment with an offset from UTC"):
        counter.record(Counted(by=1), valid_at=valid_at)
    assert (counter.total, counter.version, counter.uncommitted) == (0, 0, [])


def test_the_stream_is_named_after_category_and_id() -> None:
    assert Counter("a-1").stream_id == "Counter-a-1"
