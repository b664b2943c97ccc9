"""A balance as of any moment, on either axis, both inclusive; the state from the aggregate's own handlers."""

from datetime import datetime
from pathlib import Path

import pytest

from esworkbench.aggregates.aggregate import Aggregate
from esworkbench.errors import ReadOnlyAggregate, UnknownAccount, UnusableInput
from esworkbench.events import DomainEvent, EventTypes
from esworkbench.evidence import Evidence
from esworkbench.forensics.replay.replay import Bounds, balance_at, fold, recorded_events
from esworkbench.upcasters import EventDecoder, UpcasterChain
from tests.forensics.small_ledger import SmallLedger, hours


class Moved(DomainEvent, frozen=True, kw_only=True):
    amount: int


class Account(Aggregate):
    category = "Account"

    def __init__(self, aggregate_id: str) -> None:
        super().__init__(aggregate_id)
        self.balance = 0

    def apply(self, event: DomainEvent) -> None:
        assert isinstance(event, Moved)
        self.balance += event.amount


DECODER = EventDecoder(EventTypes(Moved), UpcasterChain([]))


@pytest.fixture
def evidence(tmp_path: Path) -> Evidence:
    """A: +100 at hour 1, opened at hour 0; +5 recorded at hour 4 and true since hour 2; -30 at hour 3."""
    ledger = SmallLedger()
    ledger.event("A", type="Opened", recorded_at=hours(0))
    ledger.event("A", 100, recorded_at=hours(1), payload='{"amount":100}')
    ledger.event("A", -30, recorded_at=hours(3), payload='{"amount":-30}')
    ledger.event("A", 5, recorded_at=hours(4), valid_at=hours(2), payload='{"amount":5}')
    ledger.event("B", 1)
    return ledger.write(tmp_path / "ev")


def test_without_bounds_it_is_the_cut(evidence: Evidence) -> None:
    now = balance_at(evidence, "A")
    assert (now.balance, now.currency, now.version, now.position, now.event_id, now.events) == (
        75,
        "USD",
        4,
        4,
        "e4",
        4,
    )


@pytest.mark.parametrize(
    ("at", "known_at", "balance"),
    [
        (hours(1), None, 100),
        (hours(0.999), None, 0),
        (hours(2), None, 105),
        (hours(3), None, 75),
        (None, hours(3), 70),
        (None, hours(4), 75),
        (hours(2), hours(3), 100),
        (hours(2), hours(4), 105),
        (hours(1), hours(0), 0),
    ],
)
def test_both_axes_are_inclusive_and_combine(
    evidence: Evidence, at: datetime | None, known_at: datetime | None, balance: int
) -> None:
    assert balance_at(evidence, "A", at=at, known_at=known_at).balance == balance


def test_version_and_position_bound_it_too(evidence: Evidence) -> None:
    assert balance_at(evidence, "A", version=2).balance == 100
    assert balance_at(evidence, "A", position=3).balance == 70
    assert balance_at(evidence, "A", version=1).balance == 0


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        ({"at": hours(-1)}, "2025-12-31T23:00:00Z is before the first event of 'A', valid at 2026-01-01T00:00:00Z"),
        ({"known_at": hours(-1)}, "before the first event of 'A', recorded at 2026-01-01T00:00:00Z"),
        ({"version": 0}, "version 0 is before the first event of 'A', version 1"),
        ({"position": 0}, "position 0 is before the first event of 'A', at position 1"),
    ],
)
def test_before_the_first_event_is_one_sentence(evidence: Evidence, bounds: dict[str, datetime], words: str) -> None:
    with pytest.raises(UnusableInput, match=words):
        balance_at(evidence, "A", **bounds)  # type: ignore[arg-type]


def test_naive_moment_is_refused(evidence: Evidence) -> None:
    with pytest.raises(UnusableInput, match="at=2026-01-01T00:00:00 has no offset"):
        balance_at(evidence, "A", at=datetime(2026, 1, 1))  # noqa: DTZ001


def test_unknown_account_and_unknown_currency_name_what_is_there(evidence: Evidence) -> None:
    with pytest.raises(UnknownAccount, match=r"names account 'AA'.*did you mean 'A'"):
        balance_at(evidence, "AA")
    with pytest.raises(UnusableInput, match="no balance in 'EUR', only in USD"):
        balance_at(evidence, "A", currency="EUR")


def test_account_without_a_stream_of_its_own_has_no_version(tmp_path: Path) -> None:
    ledger = SmallLedger()
    ledger.event("A", 10, stream_id="Ledger-1")
    ledger.event("B", 20, stream_id="Ledger-1")
    ledger.event("A", 5, stream_id="Ledger-2")
    evidence = ledger.write(tmp_path / "ev")
    assert balance_at(evidence, "A")[:5] == ("A", 15, "USD", None, 3)
    assert balance_at(evidence, "B")[:5] == ("B", 20, "USD", None, 2)
    assert evidence.own_stream("A") is None
    with pytest.raises(UnusableInput, match="no stream to itself"):
        balance_at(evidence, "A", version=1)


def test_claimed_but_never_posted(tmp_path: Path) -> None:
    ledger = SmallLedger()
    ledger.event("A", type="Opened")
    ledger.claim("A", 0)
    ledger.claim("Z", 9)
    evidence = ledger.write(tmp_path / "ev")
    assert balance_at(evidence, "A").balance == 0
    with pytest.raises(UnusableInput, match="'Z' has no event in this evidence, only claims"):
        balance_at(evidence, "Z")


def test_recorded_events_come_back_as_the_store_held_them(evidence: Evidence) -> None:
    events = recorded_events(evidence, "Account-A", Bounds(version=2))
    assert [(event.global_position, event.version, event.payload) for event in events] == [
        (1, 1, b"{}"),
        (2, 2, b'{"amount":100}'),
    ]
    assert events[1].prev_hash == events[0].hash
    assert [event.global_position for event in recorded_events(evidence)] == [1, 2, 3, 4, 5]


def test_aggregate_is_folded_by_its_own_handlers_and_can_not_be_written_on(evidence: Evidence) -> None:
    account = fold(evidence, "Account-A", lambda: Account("A"), DECODER, bounds=Bounds(known_at=hours(3)), skip=[1])
    assert (account.balance, account.version) == (70, 2)
    with pytest.raises(ReadOnlyAggregate):
        account.record(Moved(amount=1))
    without = fold(evidence, "Account-A", lambda: Account("A"), DECODER, skip=[1, 2])
    assert without.balance == -25
    with pytest.raises(UnusableInput, match="no event of stream 'Account-X'"):
        fold(evidence, "Account-X", lambda: Account("X"), DECODER)
