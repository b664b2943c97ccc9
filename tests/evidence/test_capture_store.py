"""From our own store to evidence: everything at one cut, on both engines, and who may enter stays unsaid."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from evidence_sources import BALANCES, catch_up, small_bank
from sqlalchemy import make_url, text
from support import new_event

from esworkbench.archive import ArchiveWriter
from esworkbench.composition import capture
from esworkbench.domains.bank import Bank
from esworkbench.domains.bank.commands import Deposit
from esworkbench.errors import NotAnEventStore, UnusableInput
from esworkbench.event_store import EventStore, guards, open_database
from esworkbench.event_store.database import address_of, parse_url
from esworkbench.events import utc_now
from esworkbench.evidence import Evidence, LedgerDefinition
from esworkbench.evidence import capture as capture_with
from esworkbench.evidence.capturing import opening
from esworkbench.evidence.capturing.opening import event_types_in
from esworkbench.evidence.capturing.postgres_opening import open_postgres
from esworkbench.evidence.capturing.progress import Progress
from esworkbench.evidence.capturing.source import Pace
from esworkbench.evidence.capturing.sqlite_opening import open_sqlite
from esworkbench.evidence.capturing.store import StoreCapture
from esworkbench.resources import data_path


@pytest.fixture
def store(store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EventStore]:
    monkeypatch.setenv("ESWORKBENCH_HOME", str(tmp_path / "home"))
    store = small_bank(store_url)
    yield store
    store.engine.dispose()


def everything(evidence: Evidence, table: str, columns: str = "*", order: str = "ALL") -> list[tuple[Any, ...]]:
    return evidence.connection().execute(f"SELECT {columns} FROM {table} ORDER BY {order}").fetchall()


def test_every_event_is_taken_to_the_byte(store: EventStore, store_url: str, tmp_path: Path) -> None:
    evidence = capture(store_url, tmp_path / "evidence", progress=False)
    recorded = store.read_all()
    columns = "position, stream_id, version, event_id, type, schema_version, payload, metadata, prev_hash, hash"
    assert everything(evidence, "events", columns, "position") == [
        (
            event.global_position, event.stream_id, event.version, event.event_id, event.event_type,
            event.schema_version, event.payload.decode(), event.metadata.decode(), event.prev_hash, event.hash,
        )
        for event in recorded
    ]  # fmt: skip
    times = everything(evidence, "events", "recorded_at, valid_at", "position")
    assert times == [(event.recorded_at, event.valid_at) for event in recorded]
    for name in ("correlation_id", "causation_id", "idempotency_key", "actor", "decided_on_version"):
        found = [value for (value,) in everything(evidence, "events", name, "position")]
        assert found == [event.metadata_dict().get(name) for event in recorded]
    assert evidence.manifest.cut.high_water == store.head_position()
    assert evidence.now == recorded[-1].recorded_at


def test_event_sums_running_heads_and_snapshots_agree_on_a_healthy_bank(
    store: EventStore, store_url: str, tmp_path: Path
) -> None:
    evidence = capture(store_url, tmp_path / "evidence", progress=False)
    assert evidence.accounts() == sorted(BALANCES)
    for (account, currency), balance in BALANCES.items():
        postings = evidence.postings(account, currency)
        assert sum(posting.amount_minor for posting in postings) == balance
        heads = evidence.assertions(account, currency, source="account_balances", kind="head")
        assert [head.claimed_minor for head in heads] == [balance]
        running = evidence.assertions(account, currency, source="transaction_history")
        assert [(claim.position, claim.step_minor) for claim in running] == [
            (posting.position, posting.amount_minor) for posting in postings
        ]
        for snapshot in evidence.assertions(account, currency, kind="snapshot"):
            assert snapshot.version is not None
            before = [posting.amount_minor for posting in postings if posting.version <= snapshot.version]
            assert snapshot.claimed_minor == sum(before)
    assert len(evidence.assertions("a1", kind="snapshot")) == 2
    assert [claim.claimed_minor for claim in evidence.assertions("a1", kind="daily")] == [BALANCES["a1", "USD"]]


def test_no_ledger_is_assumed(store: EventStore, store_url: str, tmp_path: Path) -> None:
    strange = f"sqlite:///{tmp_path / 'strange.db'}"
    EventStore.open(strange).append("Wallet-w1", [new_event(event_type="ToppedUp")], expected_version=0)
    with pytest.raises(UnusableInput, match="not guessed: name the ledger file that says it"):
        capture_with(strange, tmp_path / "evidence", progress=False)
    assert not (tmp_path / "evidence").exists()
    ledger = data_path("ledgers", "bank.toml")
    manifest = capture_with(store_url, tmp_path / "evidence", ledger=ledger, progress=False).manifest
    assert manifest.domain is None, "whose code it is, only the caller can know"
    assert manifest.judged_by is not None
    assert (manifest.judged_by.name, manifest.judged_by.origin) == ("bank", f"the file {ledger}")


def test_whose_events_a_log_holds_is_told_by_its_ends(
    store: EventStore, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert event_types_in(store_url) == {event.event_type for event in store.read_all(limit=1000)}
    monkeypatch.setattr(opening, "ENDS", 1)
    log = store.read_all(limit=1000)
    assert event_types_in(store_url) == {log[0].event_type, log[-1].event_type}


def test_checkpoints_and_their_log_are_those_of_the_cut(store: EventStore, store_url: str, tmp_path: Path) -> None:
    evidence = capture(store_url, tmp_path / "evidence", progress=False)
    head = store.head_position()
    assert evidence.checkpoint("account_balances") == head
    assert evidence.checkpoint("nobody") is None
    log = everything(evidence, "checkpoint_log", "projection, shard, from_position, to_position, run_id", "projection")
    assert log[0] == ("account_balances", 0, 1, head, "run-1")
    assert len(log) == len(everything(evidence, "checkpoints"))


def test_statements_from_outside_are_claims_too(store: EventStore, store_url: str, tmp_path: Path) -> None:
    evidence = capture(store_url, tmp_path / "evidence", progress=False)
    claims = evidence.assertions("a1", "USD", kind="statement")
    assert [(claim.source, claim.claimed_minor, claim.step_minor, claim.order_key) for claim in claims] == [
        ("january.csv", 10_000, 10_000, 1),
        ("january.csv", 8_500, -1_500, 2),
    ]
    (opening_midway,) = evidence.assertions("a2", "USD", kind="statement")
    assert opening_midway.step_minor == 2_500
    assert [line[:2] for line in everything(evidence, "statements", "file, line")] == [
        ("january.csv", line) for line in (2, 3, 4)
    ]


class Interrupted(Progress):
    """Lets a writer in after the events were read and before the rest is."""

    def __init__(self, interrupt: Callable[[], None]) -> None:
        super().__init__(False)
        self._interrupt = interrupt

    @contextmanager
    def of(self, what: str, total: int | None = None) -> Iterator[Callable[[int], object]]:
        with super().of(what, total) as advance:
            yield advance
        if what == "events":
            self._interrupt()


def test_a_writer_during_capture_changes_nothing_in_it(store: EventStore, store_url: str, tmp_path: Path) -> None:
    def deposit_and_project() -> None:
        deposit = Deposit(account_id="a1", amount_minor=1, currency="USD", reference="late")
        Bank(store).handle(deposit)
        catch_up(store)

    head = store.head_position()
    ledger = data_path("ledgers", "bank.toml")
    url = make_url(store_url)
    pace = Pace()
    source = open_sqlite(Path(str(url.database)), pace) if "sqlite" in store_url else open_postgres(url, pace, "it")
    with ArchiveWriter(tmp_path / "evidence", 2) as writer:
        with source as database:
            bars = Interrupted(deposit_and_project)
            taken = StoreCapture(database, writer, LedgerDefinition.load(ledger), bars, utc_now).run(tmp_path / "none")
        writer.finish(ledger=ledger.read_bytes(), source="x", layout="own", cut=taken.cut)
    evidence = Evidence.open(tmp_path / "evidence")
    assert store.head_position() == head + 1
    assert evidence.manifest.cut.high_water == head
    assert set(evidence.manifest.cut.checkpoints.values()) == {head}
    (balance,) = evidence.assertions("a1", kind="head")
    assert balance.claimed_minor == BALANCES["a1", "USD"]


def test_what_nobody_can_post_is_named_and_counted(store: EventStore, store_url: str, tmp_path: Path) -> None:
    store.append(
        "BankAccount-a9", [new_event("Mystery"), new_event("MoneyDeposited", schema_version=9)], expected_version=0
    )
    # PostgreSQL's generated JSONB column lets nothing in that is no JSON at all.
    payload = "no JSON" if store.engine.dialect.name == "sqlite" else '["no object"]'
    damage = text("UPDATE events SET payload = :payload, metadata = '[1' WHERE event_type = 'MoneyWithdrawn'")
    with store.engine.begin() as connection:
        guards.drop_guards(connection)
        connection.execute(damage, {"payload": payload})
    evidence = capture(store_url, tmp_path / "evidence", progress=False)
    assert evidence.manifest.unposted == {"Mystery v1": 1, "MoneyDeposited v9": 1}
    assert evidence.manifest.problem_count == 1
    assert evidence.manifest.problems[0].stream_id == "BankAccount-a1"
    assert evidence.manifest.rows["events"] == store.head_position()


def test_positions_that_no_event_holds_are_listed(store: EventStore, store_url: str, tmp_path: Path) -> None:
    with store.engine.begin() as connection:
        guards.drop_guards(connection)
        connection.execute(text("DELETE FROM events WHERE global_position IN (1, 5, 6)"))
    evidence = capture(store_url, tmp_path / "evidence", progress=False)
    assert evidence.manifest.cut.gaps == [(1, 1), (5, 6)]


def test_a_stream_id_of_any_text_survives(store: EventStore, store_url: str, tmp_path: Path) -> None:
    account = 'O\'Brien "<b>"\n-- drop ütf'
    payload = {"amount_minor": 100, "currency": "USD", "reference": "r"}
    store.append(f"BankAccount-{account}", [new_event("MoneyDeposited", payload, schema_version=3)], expected_version=0)
    evidence = capture(store_url, tmp_path / "evidence", progress=False)
    assert [posting.amount_minor for posting in evidence.postings(account, "USD")] == [100]
    assert evidence.currencies(account) == ["USD"]


def test_a_database_that_is_no_event_store_is_refused(store_url: str, tmp_path: Path) -> None:
    engine = open_database(store_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE events (id integer)"))
    engine.dispose()
    with pytest.raises(NotAnEventStore, match="not an event store of ours: it has no columns event_id"):
        capture(store_url, tmp_path / "evidence", progress=False)
    assert not (tmp_path / "evidence").exists()


def test_a_capture_that_takes_too_long_lets_go(store: EventStore, store_url: str, tmp_path: Path) -> None:
    with pytest.raises(UnusableInput, match="capture gave up"):
        capture(store_url, tmp_path / "evidence", progress=False, give_up_after=1e-9)
    assert not (tmp_path / "evidence").exists()


@pytest.mark.parametrize("word", ["hunter2-Zq", "hun ter+2/@:%&?#"])
def test_a_password_is_nowhere(postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    monkeypatch.setenv("ESWORKBENCH_HOME", str(tmp_path / "home"))
    small_bank(postgres_url).engine.dispose()
    secret = make_url(postgres_url).set(password=word)
    capture(secret.render_as_string(hide_password=False), tmp_path / "evidence", progress=False)
    for path in (tmp_path / "evidence").rglob("*.*"):
        assert word.encode() not in path.read_bytes(), path
    # Some servers' words do quote what they were sent, so a password that is part of them must go.
    nowhere = secret.set(database="no_such_database", password="does not exist").render_as_string(hide_password=False)
    with pytest.raises(UnusableInput) as caught:
        capture(nowhere, tmp_path / "other", progress=False)
    assert "no_such_database" in str(caught.value)
    assert "does not exist" not in str(caught.value)


def test_a_source_is_named_without_user_password_or_options() -> None:
    url = parse_url("postgresql://ada:hunter2@db.example:5433/bank?password=hunter3&options=-cx")
    assert address_of(url) == "postgresql://db.example:5433/bank"


def test_a_capture_could_not_write_to_the_server_if_it_tried(postgres_url: str) -> None:
    with (
        pytest.raises(UnusableInput, match=r"the database can't be captured: .* in a read-only transaction"),
        open_postgres(make_url(postgres_url), Pace(), "the database") as source,
    ):
        list(source.rows("SELECT lo_create(0)"))


def test_a_rate_limit_is_kept(store: EventStore, store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    naps: list[float] = []
    monkeypatch.setattr("esworkbench.evidence.capturing.source.sleep", naps.append)
    monkeypatch.setattr("esworkbench.evidence.capturing.source.monotonic", lambda: 0.0)
    url = make_url(store_url)
    pace = Pace(rows_per_second=7)
    source = open_sqlite(Path(str(url.database)), pace) if "sqlite" in store_url else open_postgres(url, pace, "it")
    with source as database:
        (batch,) = database.rows("SELECT * FROM events")
    assert naps == [len(batch) / 7]
