"""How often to take snapshots is measured on streams like yours; here time is counted in events folded, one a ms."""

from pathlib import Path
from typing import Any

import pytest

from esworkbench.aggregates.repository import Repository
from esworkbench.domains.bank import BankAccount, bank_decoder
from esworkbench.errors import UnusableInput
from esworkbench.event_store import EventStore
from esworkbench.events import DomainEvent, NewEvent
from esworkbench.plots import as_png, frequency_figure
from esworkbench.snapshotting.frequency import FrequencyRow, StreamProfile, measure_frequencies, profile_of
from tests.aggregates.snapshots.shapes import deposit, repository


class CountedAccount(BankAccount):
    folded = 0

    def apply(self, event: DomainEvent) -> None:
        CountedAccount.folded += 1
        super().apply(event)


def folded_events_as_seconds() -> float:
    return CountedAccount.folded / 1000


def stream(events: int) -> list[NewEvent]:
    account = BankAccount("a")
    account.open("Ada", "USD")
    for number in range(1, events):
        account.deposit(5, "USD", f"r{number}")
    return [bank_decoder().event_types.encode(each.event, metadata={}) for each in account.uncommitted]


def measure(url: str, *lengths: int, limit_ms: float, **options: Any) -> list[FrequencyRow]:
    profile = StreamProfile("test", [stream(events) for events in lengths])
    store = EventStore.open(url)
    options = {"timer": folded_events_as_seconds, "loads": 1000, **options}
    return measure_frequencies(store, CountedAccount, bank_decoder(), profile, limit_ms=limit_ms, **options)


def test_each_frequency_is_told_with_its_times_and_its_costs(store_url: str) -> None:
    rows = measure(store_url, 100, limit_ms=9, frequencies=(None, 50, 10))
    state_bytes = rows[2].snapshot_bytes
    assert rows == [
        FrequencyRow(None, 100, 50.0, 99.0, 0, 0, 0.0, False, False),
        FrequencyRow(50, 100, 24.0, 49.0, 2, rows[1].snapshot_bytes, 0.0, False, False),
        FrequencyRow(10, 100, 4.0, 9.0, 10, state_bytes, 0.0, True, True),
    ]
    assert 4 * rows[1].snapshot_bytes < state_bytes < 6 * rows[1].snapshot_bytes


@pytest.mark.parametrize(("limit_ms", "chosen"), [(1000, None), (60, 50), (49, 50), (48, 20), (9, 10), (1, 10)])
def test_the_rarest_within_the_limit_is_recommended(sqlite_url: str, limit_ms: float, chosen: int | None) -> None:
    rows = measure(sqlite_url, 100, limit_ms=limit_ms, frequencies=(10, 20, None, 50), loads=1000)
    assert [row.every for row in rows if row.recommended] == [chosen]
    assert [row.every for row in rows if row.meets_limit and row.recommended] == ([] if limit_ms == 1 else [chosen])


def test_streams_that_stay_short_need_none(sqlite_url: str) -> None:
    rows = measure(sqlite_url, 20, 3, 12, 20, limit_ms=20)
    assert [row.every for row in rows if row.recommended] == [None]
    assert {row.every: row.snapshots for row in rows} == {None: 0, 1000: 0, 500: 0, 100: 0, 50: 0, 20: 2, 10: 5}


def test_a_repeat_measures_at_the_same_moments(sqlite_url: str, tmp_path: Path) -> None:
    again = f"sqlite:///{tmp_path / 'again.db'}"
    assert measure(sqlite_url, 90, 30, limit_ms=5, loads=25) == measure(again, 90, 30, limit_ms=5, loads=25)


def test_a_profile_can_be_read_off_a_real_store(store_url: str) -> None:
    store = EventStore.open(store_url)
    for number in range(4):
        deposit(repository(store), number + 1, f"a{number}")
    store.append("Order-1", stream(1), expected_version=0)
    profile = profile_of(store, "BankAccount", streams=3, seed=1)
    assert profile == profile_of(store, "BankAccount", streams=3, seed=1)
    stored = [
        [(event.event_type, event.payload) for event in store.read_stream(f"BankAccount-a{number}")]
        for number in range(4)
    ]
    drawn = [[(event.event_type, event.payload) for event in events] for events in profile.streams]
    assert len(drawn) == 3
    assert all(events in stored for events in drawn)
    with pytest.raises(UnusableInput, match="no stream of category 'Cart'"):
        profile_of(store, "Cart")


def test_a_store_in_use_and_a_profile_of_nothing_are_refused(sqlite_url: str) -> None:
    with pytest.raises(UnusableInput, match="'test' holds no events"):
        measure(sqlite_url, limit_ms=5)
    deposit(Repository(EventStore.open(sqlite_url), BankAccount, bank_decoder()), 1)
    with pytest.raises(UnusableInput, match="an empty store"):
        measure(sqlite_url, 5, limit_ms=5)


def test_the_picture_marks_the_recommended_one() -> None:
    rows = [
        FrequencyRow(None, 9, 2.0, 7.0, 0, 0, 0.0, False, False),
        FrequencyRow(100, 9, 0.1, 0.2, 14, 1728, 31.0, True, True),
    ]
    figure = frequency_figure(rows, limit_ms=1.0, title="an account of 30 years")
    [axes] = figure.axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["none", "100"]
    [note] = axes.texts
    assert note.get_text() == "recommended"
    assert note.xy == ("100", 0.2)
    assert as_png(figure).startswith(b"\x89PNG")
