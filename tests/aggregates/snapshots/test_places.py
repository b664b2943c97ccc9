"""Snapshots kept in another store: domain code unchanged, and the same answers from every place they can lie in."""

import os
from collections.abc import Callable
from pathlib import Path
from random import Random

import msgspec
import pytest

from esworkbench.aggregates.repository import Repository
from esworkbench.aggregates.snapshots import Snapshot, SnapshotFolder, SnapshotProof, Snapshots, SnapshotStore
from esworkbench.aggregates.snapshots.repository import SnapshottingRepository
from esworkbench.domains.bank import Bank, BankAccount, bank_decoder
from esworkbench.domains.bank import commands as c
from esworkbench.errors import CommandRejected
from esworkbench.event_store import EventStore
from tests.support import SequentialIds, StepClock

PLACES = ["beside the events", "another SQLite file", "another PostgreSQL database", "a folder of files"]


@pytest.fixture(params=PLACES)
def snapshots(request: pytest.FixtureRequest, store: EventStore, tmp_path: Path) -> Snapshots:
    places: dict[str, Callable[[], Snapshots]] = {
        PLACES[0]: lambda: SnapshotStore(store.engine, clock=store.clock),
        PLACES[1]: lambda: SnapshotStore.open(f"sqlite:///{tmp_path / 'elsewhere.db'}", clock=store.clock),
        PLACES[2]: lambda: SnapshotStore.open(request.getfixturevalue("postgres_url"), clock=store.clock),
        PLACES[3]: lambda: SnapshotFolder(tmp_path / "snapshots", clock=store.clock),
    }
    return places[request.param]()


@pytest.fixture
def store(sqlite_url: str) -> EventStore:
    return EventStore.open(sqlite_url, clock=StepClock(), new_id=SequentialIds("e"))


def live(bank: Bank, *, seed: int, commands: int) -> int:
    """A seeded life of three accounts; how many commands were refused."""
    rng = Random(seed)
    accounts = ["a", "b", "c"]
    for account in accounts:
        bank.handle(c.OpenAccount(account_id=account, owner=account.upper(), currency="USD", overdraft_limit_minor=50))
    refused = 0
    for number in range(commands):
        account, other = rng.sample(accounts, 2)
        money = {"amount_minor": rng.randint(1, 500), "currency": "USD", "reference": f"r{number}"}
        held = sorted(bank.accounts.load(account).pending) or ["none"]
        choices = [
            c.Deposit(account_id=account, **money),
            c.Deposit(account_id=account, **money),
            c.Withdraw(account_id=account, **money),
            c.RequestWithdrawal(account_id=account, withdrawal_id=f"w{number}", **money),
            c.SettleWithdrawal(account_id=account, withdrawal_id=held[0]),
            c.CancelWithdrawal(account_id=account, withdrawal_id=held[-1], reason="changed"),
            c.Transfer(transfer_id=f"t{number}", from_account=account, to_account=other, **money),
            c.ChargeFee(account_id=account, reason="monthly", **money),
            c.CreditInterest(account_id=account, **money),
            c.AdjustBalance(account_id=account, reason="error", operator="o", case_id="c", **money),
        ]
        try:
            bank.handle(rng.choice(choices))
        except CommandRejected:
            refused += 1
    return refused


def test_the_same_bank_lives_the_same_life_whatever_keeps_its_snapshots(
    store: EventStore, snapshots: Snapshots, tmp_path: Path
) -> None:
    proof = SnapshotProof()
    refused = live(Bank(store, snapshots=snapshots, snapshot_every=4, proof=proof), seed=1, commands=120)
    plain = Bank(EventStore.open(f"sqlite:///{tmp_path / 'plain.db'}", clock=StepClock(), new_id=SequentialIds("e")))
    assert refused == live(plain, seed=1, commands=120)
    for account in ("a", "b", "c"):
        loaded, whole = Bank(store, snapshots=snapshots).accounts.load(account), plain.accounts.load(account)
        assert (loaded.state(), loaded.version) == (whole.state(), whole.version)
        assert loaded.version - (loaded.snapshot_version or 0) < 4
    assert proof.proved > 100


def snapshot(stream_id: str = "S-1", version: int = 1, shape: int = 1, **fields: int | None) -> Snapshot:
    state = msgspec.json.encode({"n": version, "é": "Ünï-日本", "quote": '"'})
    return Snapshot(stream_id, version, shape, state, {"Noted": 2}, "a" * 64, fields.get("based_on"))


def test_candidates_come_newest_version_first_then_newest_shape(snapshots: Snapshots) -> None:
    kept = [snapshot(version=version, shape=shape) for version in (2, 10, 100) for shape in (1, 2)]
    for each in Random(1).sample(kept, len(kept)):
        snapshots.keep(each)
    snapshots.keep(snapshot("S-2", 1000))
    assert list(snapshots.candidates("S-1")) == kept[::-1]
    assert list(snapshots.candidates("S-3")) == []


def test_what_is_kept_comes_back_whole_and_the_first_of_two_stays(snapshots: Snapshots) -> None:
    for stream_id in ("S-o'brien", "S-\n/..", "S-a", "S-A", "S-" + "日" * 300):
        first = snapshot(stream_id, version=2**53, based_on=7)
        snapshots.keep(first)
        snapshots.keep(first._replace(state=b'{"n":0}', based_on_version=None))
        assert list(snapshots.candidates(stream_id)) == [first]


def test_one_shape_of_one_category_is_invalidated_everywhere(snapshots: Snapshots) -> None:
    for stream_id in ("S-1", "S-2", "Sx-1"):
        for shape in (1, 2):
            snapshots.keep(snapshot(stream_id, shape=shape))
    assert snapshots.invalidate("S", 1) == 2
    assert snapshots.invalidate("S", 1) == 0
    left = [each[:3] for stream_id in ("S-1", "S-2", "Sx-1") for each in snapshots.candidates(stream_id)]
    assert left == [("S-1", 1, 2), ("S-2", 1, 2), ("Sx-1", 1, 2), ("Sx-1", 1, 1)]


def deposit(accounts: Repository[BankAccount], amount_minor: int) -> None:
    account = accounts.load_or_new("a")
    if account.version == 0:
        account.open("Ada", "USD")
    account.deposit(amount_minor, "USD", f"r{account.version}")
    accounts.save(account)


def test_snapshots_of_a_history_that_is_gone_are_passed_over(
    snapshots: Snapshots, store: EventStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A store is restored from yesterday's backup and lives on, while the snapshots of today still lie elsewhere."""
    backup = EventStore.open(f"sqlite:///{tmp_path / 'backup.db'}", clock=StepClock(), new_id=SequentialIds("e"))
    today, restored = (
        SnapshottingRepository(each, BankAccount, bank_decoder(), snapshots=snapshots, proof=SnapshotProof())
        for each in (store, backup)
    )
    deposit(Repository(backup, BankAccount, bank_decoder()), 10)
    for amount_minor in (10, 500):
        deposit(today, amount_minor)
        today.take_snapshot(today.load("a"))
    ahead = restored.load("a")
    assert (ahead.version, ahead.snapshot_version, ahead.balance_minor) == (2, 2, 10)
    deposit(restored, 7)
    other = restored.load("a")
    assert (other.version, other.snapshot_version, other.balance_minor) == (3, 2, 17)
    assert "at version 3 is passed over: it is of a history that isn't this stream's" in caplog.text
    assert (today.load("a").snapshot_version, today.load("a").balance_minor) == (3, 510)


def test_a_file_that_was_never_finished_or_got_damaged_is_passed_over(
    store: EventStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder = SnapshotFolder(tmp_path / "snapshots")
    accounts = SnapshottingRepository(store, BankAccount, bank_decoder(), snapshots=folder, snapshot_every=1)
    account = BankAccount("a")
    account.open("Ada", "USD")
    accounts.save(account)
    account.deposit(5, "USD", "r1")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", lambda _file: (_ for _ in ()).throw(OSError("no space left")))
        accounts.save(account)
    assert "no snapshot of BankAccount-a at version 2" in caplog.text
    assert accounts.load("a").snapshot_version == 1
    accounts.take_snapshot(accounts.load("a"))
    [newest] = tmp_path.glob("snapshots/*/*2-*.json")
    newest.write_bytes(newest.read_bytes()[:-20])
    loaded = accounts.load("a")
    assert (loaded.snapshot_version, loaded.balance_minor) == (1, 5)
    assert "is damaged and passed over" in caplog.text
