"""A subscriber that notes what it gets, and what the tests of the relay do over and over."""

from datetime import datetime

from esworkbench.errors import MessageRefused, SubscriberUnavailable
from esworkbench.event_store import ANY_VERSION, EventStore
from esworkbench.outbox.message import OutboxMessage
from esworkbench.outbox.relay import OutboxRelay
from tests.support import START, new_event


class Subscriber:
    """Notes what it gets as (stream, version); refuses what stands in ``refuses``; may be away."""

    def __init__(self) -> None:
        self.got: list[tuple[str, int]] = []
        self.asked = 0
        self.refuses: set[tuple[str, int]] = set()
        self.is_away = False

    def __call__(self, message: OutboxMessage) -> None:
        self.asked += 1
        if self.is_away:
            raise SubscriberUnavailable("away")
        if (message.stream_id, message.version) in self.refuses:
            raise MessageRefused("not this one")
        self.got.append((message.stream_id, message.version))


class SetClock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


def write(store: EventStore, *streams: str) -> list[int]:
    """One event on each stream named, in that order. Returns their positions."""
    positions = []
    for stream in streams:
        [written] = store.append(stream, [new_event()], expected_version=ANY_VERSION).events
        positions.append(written.global_position)
    return positions


def drain(relay: OutboxRelay) -> int:
    total = 0
    while published := relay.relay_once():
        total += published
    return total


def assert_in_order(got: list[tuple[str, int]]) -> None:
    """Each stream's versions come for the first time in their order, with none left out before them."""
    reached: dict[str, int] = {}
    for stream, version in got:
        assert version <= reached.get(stream, 0) + 1, f"{stream} {version} came after {reached.get(stream, 0)}"
        reached[stream] = max(version, reached.get(stream, 0))
