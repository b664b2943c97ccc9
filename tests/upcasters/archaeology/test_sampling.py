"""A sample spans a type's whole life: both ends are in it, and so is what was written when the log was quiet."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
from archaeology_logs import append

from esworkbench.errors import UnusableInput
from esworkbench.event_store import EventStore
from esworkbench.upcasters.archaeology import all_events, event_type_lives, sample_events


@pytest.fixture
def store(store_url: str) -> Iterator[EventStore]:
    """Visits are rare among other events in the first half of the log, and all there is in the second."""
    store = EventStore.open(store_url)
    append(store, [("Visited" if number % 50 == 0 else "Noted", 1, {"n": number}) for number in range(1000)])
    append(store, [("Visited", 2, {"n": number}) for number in range(1000)])
    yield store
    store.engine.dispose()


def positions(store: EventStore, size: int, seed: int = 1, event_type: str = "Visited") -> list[int]:
    with store.engine.connect() as connection:
        return [event.global_position for event in sample_events(connection, event_type, size, seed)]


def test_it_holds_both_ends_and_comes_in_order(store: EventStore) -> None:
    for size in (2, 3, 10, 100):
        found = positions(store, size)
        assert (found[0], found[-1]) == (1, 2000)
        assert found == sorted(set(found))
        assert len(found) <= size


def test_a_quiet_time_gets_its_share(store: EventStore) -> None:
    found = positions(store, 42)
    early = [position for position in found if position <= 1000]
    assert len(early) >= 15, "drawn from all visits alike, fewer than one in 40 would be early"
    assert len(found) - len(early) >= 20


def test_no_stretch_of_the_life_is_left_out(inherited: EventStore) -> None:
    found = positions(inherited, 200, event_type="OrderPlaced")
    with inherited.engine.connect() as connection:
        everything = [event.global_position for event in all_events(connection, "OrderPlaced")]
    longest = max(later - earlier for earlier, later in pairwise(found))
    assert longest <= 3 * (everything[-1] - everything[0]) / 198
    assert set(found) <= set(everything)


def test_one_seed_draws_one_sample_and_another_draws_another(store: EventStore) -> None:
    assert positions(store, 50, seed=7) == positions(store, 50, seed=7)
    assert positions(store, 50, seed=7) != positions(store, 50, seed=8)


def test_a_type_smaller_than_the_sample_is_taken_whole(store: EventStore) -> None:
    assert len(positions(store, 1020)) == 1020
    assert len(positions(store, 980, event_type="Noted")) == 980


def test_all_events_are_what_the_store_reads(store: EventStore) -> None:
    with store.engine.connect() as connection:
        assert list(all_events(connection)) == store.read_all(limit=10_000)
        assert {event.event_type for event in all_events(connection, "Noted")} == {"Noted"}
        lives = [tuple(life) for life in event_type_lives(connection)]
    assert lives == [("Noted", 980, 2, 1000), ("Visited", 1020, 1, 2000)]


def test_what_cannot_be_sampled_is_said(store: EventStore) -> None:
    with pytest.raises(UnusableInput, match="both ends"):
        positions(store, 1)
    with pytest.raises(UnusableInput, match="no event of type 'Visitd'; it holds Noted, Visited"):
        positions(store, 10, event_type="Visitd")
