"""A bank written to, read, projected and rebuilt in any order, beside a model that is plain lists and dicts.

Two store objects share one database, as two processes would: what one remembers of a stream's head is stale whenever
the other has written. The model knows what each call must answer; after every step the database must hold exactly what
the model holds, and each read model exactly what the events up to its checkpoint say.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import select

from esworkbench.aggregates.snapshots import SnapshotProof, SnapshotStore
from esworkbench.aggregates.snapshots.repository import SnapshottingRepository
from esworkbench.domains.bank import BankAccount, bank_decoder
from esworkbench.domains.bank.read_models import BANK_PROJECTIONS
from esworkbench.domains.bank.read_models.set_based import BANK_QUERIES
from esworkbench.errors import CommandRejected, ConcurrencyError, IdempotencyConflict, InvalidEvent
from esworkbench.event_store import ANY_VERSION, EventStore, Idempotency, StreamAppend, write_transaction
from esworkbench.event_store.chain import GENESIS, event_hash
from esworkbench.events import RecordedEvent
from esworkbench.projections import ProjectionRunner
from esworkbench.projections.rebuilding import Recipe, rebuild
from esworkbench.projections.tables import dead_letters
from tests.projections.projection_logs import Expected, all_rows
from tests.support import SequentialIds, StepClock, make_every_table, new_event

ACCOUNTS = ("a", "b", "c")
OTHERS = ("Note-x", "Note-y")
AMOUNTS = st.integers(1, 500)


class Written(NamedTuple):
    """One event as the model expects it back."""

    stream_id: str
    version: int
    event_type: str
    payload: Any


class BankMachine(RuleBasedStateMachine):
    """``fresh_url`` gives the URL of a new, empty database; subclasses say of which engine."""

    fresh_url: Callable[[], str]

    @initialize()
    def begin(self) -> None:
        url, clock, ids = type(self).fresh_url(), StepClock(), SequentialIds("e")
        self.stores = [EventStore.open(url, clock=clock, new_id=ids) for _ in range(2)]
        with write_transaction(self.stores[0].engine) as connection:
            make_every_table(connection)
        self.banks = [
            SnapshottingRepository(
                store,
                BankAccount,
                bank_decoder(),
                snapshots=SnapshotStore(store.engine, clock=clock),
                snapshot_every=4,
                proof=SnapshotProof(),
            )
            for store in self.stores
        ]
        self.runs = SequentialIds("run")
        self.log: list[Written] = []
        self.versions: dict[str, int] = {}
        self.keys: dict[str, str] = {}
        self.balances: dict[str, int] = {}
        self.in_hand: list[BankAccount] = []

    def teardown(self) -> None:
        for store in getattr(self, "stores", []):
            store.engine.dispose()

    def note(self, stream_id: str, *written: tuple[str, Any]) -> None:
        for event_type, payload in written:
            self.versions[stream_id] = self.versions.get(stream_id, 0) + 1
            self.log.append(Written(stream_id, self.versions[stream_id], event_type, payload))

    @rule(
        which=st.integers(0, 1),
        stream=st.sampled_from(OTHERS),
        count=st.integers(1, 3),
        off=st.sampled_from([0, 0, 0, -1, 1, None]),
        key=st.sampled_from([None, "k1", "k2"]),
        digest=st.sampled_from(["d1", "d1", "d2"]),
    )
    def append(self, which: int, stream: str, count: int, off: int | None, key: str | None, digest: str) -> None:
        actual = self.versions.get(stream, 0)
        expected = ANY_VERSION if off is None else max(0, actual + off)
        idempotency = None if key is None else Idempotency(key, digest, b'{"done":true}')
        events = [new_event(payload={"number": len(self.log) + number}) for number in range(count)]

        def append() -> Any:
            return self.stores[which].append(stream, events, expected_version=expected, idempotency=idempotency)

        if key in self.keys:
            if self.keys[key] != digest:
                with pytest.raises(IdempotencyConflict):
                    append()
            else:
                assert (append().repeated, append().events) == (True, [])
            return
        if expected not in (actual, ANY_VERSION):
            with pytest.raises(ConcurrencyError) as caught:
                append()
            assert (caught.value.expected, caught.value.actual) == (expected, actual)
            return
        assert not append().repeated
        self.note(stream, *(("Noted", msgspec.json.decode(event.payload)) for event in events))
        if key is not None:
            self.keys[key] = digest

    @rule(which=st.integers(0, 1), stale=st.booleans())
    def append_to_both(self, which: int, stale: bool) -> None:
        ahead = [self.versions.get(stream, 0) for stream in OTHERS]
        ahead[1] += stale
        appends = [StreamAppend(stream, at, [new_event()]) for stream, at in zip(OTHERS, ahead, strict=True)]
        if stale:
            with pytest.raises(ConcurrencyError):
                self.stores[which].append_many(appends)
            return
        self.stores[which].append_many(appends)
        for stream in OTHERS:
            self.note(stream, ("Noted", {"amount_minor": 100}))

    @rule(which=st.integers(0, 1), stream=st.sampled_from(OTHERS))
    def append_behind_the_other_s_back(self, which: int, stream: str) -> None:
        one, other, at = self.stores[which], self.stores[1 - which], self.versions.get(stream, 0)
        one.append(stream, [new_event()], expected_version=at)
        other.append(stream, [new_event()], expected_version=at + 1)
        with pytest.raises(ConcurrencyError) as caught:
            one.append(stream, [new_event()], expected_version=at + 1)
        assert (caught.value.expected, caught.value.actual) == (at + 1, at + 2)
        self.note(stream, *[("Noted", {"amount_minor": 100})] * 2)

    @rule(which=st.integers(0, 1), payload=st.sampled_from([b'{"a":1,"a":2}', b"[1]", b'{"a":NaN}', b"{"]))
    def append_what_is_refused(self, which: int, payload: bytes) -> None:
        with pytest.raises(InvalidEvent):
            self.stores[which].append("Note-x", [new_event(payload=payload)], expected_version=ANY_VERSION)

    @rule(which=st.integers(0, 1), name=st.sampled_from(ACCOUNTS))
    def take_in_hand(self, which: int, name: str) -> None:
        account = self.banks[which].load_or_new(name)
        assert account.version == self.versions.get(account.stream_id, 0)
        assert account.balance_minor == self.balances.get(name, 0)
        self.in_hand.append(account)

    @rule(
        which=st.integers(0, 1),
        pick=st.integers(0, 99),
        held=st.booleans(),
        deeds=st.lists(st.tuples(st.integers(0, 4), AMOUNTS), min_size=1, max_size=3),
    )
    def decide_and_save(self, which: int, pick: int, held: bool, deeds: list[tuple[int, int]]) -> None:
        if held and self.in_hand:
            account = self.in_hand.pop(pick % len(self.in_hand))
        else:
            account = self.banks[which].load_or_new(ACCOUNTS[pick % len(ACCOUNTS)])
        if not account.opened:
            account.open("Ada", "USD")
        for deed, amount in deeds:
            self.decide(account, deed, amount)
        events = [event for event, _ in account.uncommitted]
        if not events:
            return
        actual = self.versions.get(account.stream_id, 0)
        if account.saved_version != actual:
            with pytest.raises(ConcurrencyError):
                self.banks[which].save(account)
            return
        self.banks[which].save(account)
        self.note(account.stream_id, *((type(event).__name__, msgspec.to_builtins(event)) for event in events))
        self.balances[account.id] = account.balance_minor

    def decide(self, account: BankAccount, deed: int, amount: int) -> None:
        reference = f"r{len(self.log)}-{account.version}"
        try:
            match deed:
                case 3 | 4 if account.pending:
                    account.settle_withdrawal(sorted(account.pending)[0])
                case 0 | 3 | 4:
                    account.deposit(amount, "USD", reference)
                case 1:
                    account.withdraw(amount, "USD", reference)
                case 2:
                    account.request_withdrawal(reference, amount, "USD", reference)
        except CommandRejected:
            assert amount > account.balance_minor

    @rule(which=st.integers(0, 1), name=st.sampled_from(sorted(BANK_PROJECTIONS)), batch_size=st.integers(1, 7))
    def run_a_batch(self, which: int, name: str, batch_size: int) -> None:
        self.runner(which, name, batch_size).run_once()

    @rule(which=st.integers(0, 1), name=st.sampled_from(sorted(BANK_PROJECTIONS)), batch_size=st.integers(1, 7))
    def rebuild_in_place(self, which: int, name: str, batch_size: int) -> None:
        assert self.runner(which, name, batch_size).rebuild() == len(self.log)

    @rule(
        which=st.integers(0, 1),
        name=st.sampled_from(sorted(BANK_PROJECTIONS)),
        strategy=st.sampled_from(["plain", "bulk", "set-based"]),
        batch_size=st.integers(1, 7),
    )
    def rebuild_beside_and_swap(self, which: int, name: str, strategy: str, batch_size: int) -> None:
        recipe = Recipe(BANK_PROJECTIONS[name], bank_decoder, BANK_QUERIES[name])
        done = rebuild(self.stores[which], recipe, strategy=strategy, run_id=self.runs(), batch_size=batch_size)
        assert (done.events, done.position) == (len(self.log), self.stores[which].head_position())

    def runner(self, which: int, name: str, batch_size: int = 100) -> ProjectionRunner:
        projection = BANK_PROJECTIONS[name]()
        return ProjectionRunner(
            self.stores[which], projection, bank_decoder(), run_id=self.runs(), batch_size=batch_size
        )

    @invariant()
    def the_log_is_what_was_written(self) -> None:
        for store in self.stores:
            recorded = store.read_all(limit=10_000)
            assert [written(event) for event in recorded] == self.log
            assert {stream: store.stream_version(stream) for stream in self.versions} == self.versions
        positions = [event.global_position for event in recorded]
        assert positions == sorted(set(positions))

    @invariant()
    def every_chain_holds(self) -> None:
        heads: dict[str, str] = {}
        for event in self.stores[0].read_all(limit=10_000):
            assert event.prev_hash == heads.get(event.stream_id, GENESIS)
            assert event.hash == event_hash(
                event.prev_hash, event.stream_id, event.version, event.event_id, event.event_type,
                event.schema_version, event.recorded_at, event.valid_at, event.payload, event.metadata,
            )  # fmt: skip
            heads[event.stream_id] = event.hash

    @invariant()
    def read_models_are_right_up_to_their_checkpoints(self) -> None:
        log = self.stores[0].read_all(limit=10_000)
        for name, make in BANK_PROJECTIONS.items():
            checkpoint = self.runner(0, name).checkpoint()
            [table] = make().tables
            if checkpoint:
                assert all_rows(self.stores[0], table) == Expected(log, checkpoint).rows(name)
            unknown = [event.global_position for event in log if event.event_type == "Noted"]
            letters = select(dead_letters.c.position).where(dead_letters.c.projection == name).order_by("position")
            with self.stores[0].engine.connect() as connection:
                parked = list(connection.scalars(letters))
            assert parked == [position for position in unknown if position <= checkpoint]


def written(event: RecordedEvent) -> Written:
    return Written(event.stream_id, event.version, event.event_type, msgspec.json.decode(event.payload))
