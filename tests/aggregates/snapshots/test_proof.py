"""Snapshot and tail equal the full fold, or somebody hears of it; and the answer is that of the events."""

import logging
from random import Random

import msgspec
import pytest
from shapes import deposit, repository, snapshot_rows

from esworkbench.aggregates.snapshots import SnapshotProof, SnapshotStore
from esworkbench.aggregates.snapshots.repository import SnapshottingRepository
from esworkbench.aggregates.snapshots.table import snapshots
from esworkbench.domains.bank import BankAccount, bank_decoder
from esworkbench.errors import SnapshotDisagrees
from esworkbench.event_store import EventStore
from tests.support import SequentialIds, StepClock


@pytest.fixture
def store(store_url: str) -> EventStore:
    """An account with 7 events, 60 of balance, whose newest snapshot, at 6, was edited to hold a thousand more."""
    store = EventStore.open(store_url, clock=StepClock(), new_id=SequentialIds("e"))
    deposit(repository(store, every=3), 7)
    state = msgspec.json.decode(snapshot_rows(store)[-1].state)
    edited = msgspec.json.encode({**state, "balance_minor": state["balance_minor"] + 1000, "owner": "Eve"}).decode()
    with store.engine.begin() as connection:
        connection.execute(snapshots.update().where(snapshots.c.version == 6).values(state=edited))
    return store


def accounts_with(
    store: EventStore, proof: SnapshotProof | None, account_class: type[BankAccount] = BankAccount
) -> SnapshottingRepository[BankAccount]:
    return SnapshottingRepository(
        store, account_class, bank_decoder(), snapshots=SnapshotStore(store.engine), proof=proof
    )


def test_a_difference_names_stream_versions_fields_and_what_to_do(store: EventStore) -> None:
    proof = SnapshotProof()
    with pytest.raises(SnapshotDisagrees) as caught:
        accounts_with(store, proof).load("a")
    assert (caught.value.stream_id, caught.value.snapshot_version, caught.value.version) == ("BankAccount-a", 6, 7)
    assert caught.value.differences == {"owner": ("Eve", "Ada"), "balance_minor": (1060, 60)}
    assert "balance_minor is 1060, not 60" in str(caught.value)
    assert "invalidate the snapshots" in str(caught.value)
    assert (proof.proved, proof.disagreed) == (1, 1)


def test_in_production_the_events_win_and_the_difference_is_logged_and_counted(
    store: EventStore, caplog: pytest.LogCaptureFixture
) -> None:
    proof = SnapshotProof(raises=False)
    with caplog.at_level(logging.ERROR):
        loaded = accounts_with(store, proof).load("a")
    assert (loaded.balance_minor, loaded.version, loaded.snapshot_version) == (60, 7, None)
    assert proof.disagreed == 1
    assert "'BankAccount-a' is not what its events make it" in caplog.text
    loaded.withdraw(60, "USD", "all of it")


def test_the_right_state_becomes_the_newest_so_that_loads_without_a_proof_are_right_too(store: EventStore) -> None:
    accounts_with(store, SnapshotProof(raises=False)).load("a")
    assert accounts_with(store, None).load("a").balance_minor == 60
    kept = [(row.version, row.based_on_version) for row in snapshot_rows(store)]
    assert kept == [(3, None), (6, 3), (7, None)], "the wrong one stays, to be found by"


def test_loads_from_the_first_event_need_no_proof(store: EventStore) -> None:
    proof = SnapshotProof()
    with store.engine.begin() as connection:
        connection.execute(snapshots.delete())
    accounts_with(store, proof).load("a")
    assert proof.proved == 0


def test_a_share_of_the_loads_is_proved_the_same_ones_for_the_same_seed() -> None:
    def drawn(share: float, seed: int) -> list[bool]:
        proof = SnapshotProof(share, random=Random(seed))
        return [proof.is_due() for _ in range(1000)]

    assert drawn(0.1, 1) == drawn(0.1, 1) != drawn(0.1, 2)
    assert 70 < sum(drawn(0.1, 1)) < 130
    assert (sum(drawn(0, 1)), sum(drawn(1, 1))) == (0, 1000)


@pytest.mark.parametrize(("share", "message"), [(1.5, "between 0 and 1"), (0.5, r"random\.Random")])
def test_a_share_that_can_not_be_drawn_is_refused(share: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SnapshotProof(share)
