"""Loading from a snapshot: the newest one and the events after it, ours beside the peer's snapshotting.

A snapshot every 100 events leaves 50 events to fold on average, so that is what both have to do.
"""

from benchmarks.peer import Account, Accounts, PeerContender
from benchmarks.rounds import Contender
from benchmarks.workload import AMOUNT_MINOR, CURRENCY, METADATA, reference
from esworkbench.aggregates.snapshots import SnapshotStore
from esworkbench.aggregates.snapshots.repository import SnapshottingRepository
from esworkbench.domains.bank import BankAccount, bank_decoder
from esworkbench.event_store import EventStore

EVERY = 100
TAIL = EVERY // 2
LOADS = 100
"""Loads per round; a round's events are its loads."""


class LoadFromSnapshot(Contender):
    """``Repository.load`` of one account with ``size`` events and a tail: snapshot, tail, decode, fold."""

    name = "ours: load from a snapshot"

    def __init__(self, store: EventStore, size: int) -> None:
        self.store = store
        self.accounts = SnapshottingRepository(
            store, BankAccount, bank_decoder(), snapshots=SnapshotStore(store.engine)
        )
        self._loaded = 0
        account = BankAccount("long")
        account.open("Ada", CURRENCY)
        while account.version < size:
            if account.version % EVERY == 0:
                self.accounts.save(account, metadata=METADATA)
                self.accounts.take_snapshot(account)
            account.deposit(AMOUNT_MINOR, CURRENCY, reference(account.version))
        self.accounts.save(account, metadata=METADATA)
        self.accounts.take_snapshot(account)
        for number in range(TAIL):
            account.deposit(AMOUNT_MINOR, CURRENCY, reference(size + number))
        self.accounts.save(account, metadata=METADATA)

    def work(self) -> None:
        load = self.accounts.load
        for _ in range(LOADS):
            assert load("long").snapshot_version is not None
            self._loaded += 1

    def done(self) -> int:
        return self._loaded

    def close(self) -> None:
        self.store.engine.dispose()


class SnapshottedAccounts(Accounts):
    is_snapshotting_enabled = True


class PeerLoadFromSnapshot(PeerContender):
    """``repository.get`` with the peer's snapshotting on: its newest snapshot and the events after it."""

    name = "peer: load from a snapshot"

    def __init__(self, app: Accounts, size: int) -> None:
        super().__init__(app)
        self._loaded = 0
        account = Account("long", "Ada", CURRENCY)
        while account.version < size:
            if account.version % EVERY == 0:
                app.save(account)
                app.take_snapshot(account.id)
            account.deposit(AMOUNT_MINOR, CURRENCY, reference(account.version))
        app.save(account)
        app.take_snapshot(account.id)
        for number in range(TAIL):
            account.deposit(AMOUNT_MINOR, CURRENCY, reference(size + number))
        app.save(account)
        self._id = account.id

    def work(self) -> None:
        get = self.app.repository.get
        for _ in range(LOADS):
            account: Account = get(self._id)
            assert account.balance_minor > 0
            self._loaded += 1

    def done(self) -> int:
        return self._loaded
