"""Promise 13: capture is lossless first. No event, however odd, blocks it, and nothing of one is lost."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from evidence_sources import BALANCES, small_bank
from odd_bank import COLUMNS, PAYLOAD, USUAL, Text, add, loose_bank
from support import new_event

from esworkbench.composition import capture
from esworkbench.event_store import EventStore
from esworkbench.evidence import Evidence
from esworkbench.evidence.agreement import require_agreement
from esworkbench.forensics.investigation.investigate import investigate
from esworkbench.forensics.verify import verify
from tests.support import swept


@pytest.fixture
def bank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[sqlite3.Connection]:
    monkeypatch.setenv("ESWORKBENCH_HOME", str(tmp_path / "home"))
    with loose_bank(tmp_path) as connection:
        yield connection


def taken(tmp_path: Path) -> Evidence:
    evidence = capture(str(tmp_path / "bank.db"), tmp_path / "evidence", progress=False)
    for (account, currency), balance in BALANCES.items():
        assert sum(each.amount_minor for each in evidence.postings(account, currency)) == balance
    assert verify(evidence).events == evidence.manifest.rows["events"]
    require_agreement(evidence)
    inquiry = investigate(evidence, account="a1", currency="USD")
    assert [step.number for step in inquiry.steps] == [1, 2, 3, 4, 5, 6, 7]
    return evidence


def oddities(evidence: Evidence) -> list[tuple[Any, ...]]:
    return evidence.rows("SELECT source, column_name, stored_as, value, in_hex FROM oddities ORDER BY ALL")


@pytest.mark.parametrize(
    ("column", "value", "stored"),
    swept([
        ("payload", PAYLOAD.encode(), ("blob", PAYLOAD, False)),
        ("payload", Text(b'{"owner":"\xff"}'), ("text", b'{"owner":"\xff"}'.hex(), True)),
        ("payload", '{"owner":"\0"}', ("text", '{"owner":"\0"}', False)),
        ("payload", None, ("null", None, False)),
        ("payload", 12, ("integer", "12", False)),
        ("metadata", None, ("null", None, False)),
        ("metadata", 0.1, ("real", "0.10000000000000001", False)),
        ("schema_version", "three", ("text", "three", False)),
        ("schema_version", 3.5, ("real", "3.5", False)),
        ("schema_version", None, ("null", None, False)),
        ("recorded_at", "yesterday", ("text", "yesterday", False)),
        ("recorded_at", "2026-02-30T00:00:00.000000Z", ("text", "2026-02-30T00:00:00.000000Z", False)),
        ("recorded_at", "0000-01-01T00:00:00.000000Z", ("text", "0000-01-01T00:00:00.000000Z", False)),
        ("recorded_at", "2026-01-02 00:00:00+00:00", ("text", "2026-01-02 00:00:00+00:00", False)),
        ("valid_at", "2026-01-02T01:00:00.000000+01:00", ("text", "2026-01-02T01:00:00.000000+01:00", False)),
        ("valid_at", 1767312000, ("integer", "1767312000", False)),
        ("valid_at", None, ("null", None, False)),
        ("event_id", b"\xfe\xed", ("blob", "feed", True)),
        ("event_id", None, ("null", None, False)),
        ("event_type", None, ("null", None, False)),
        ("event_type", "Money\0Deposited", ("text", "Money\0Deposited", False)),
        ("hash", None, ("null", None, False)),
        ("prev_hash", b"\0", ("blob", "\0", False)),
        ("global_position", 0, ("integer", "0", False)),
        ("global_position", -5, ("integer", "-5", False)),
    ], every=3),
)  # fmt: skip
def test_an_odd_event_is_kept_as_it_is_and_reported(
    bank: sqlite3.Connection, tmp_path: Path, column: str, value: Any, stored: tuple[Any, ...]
) -> None:
    before = bank.execute("SELECT count(*) FROM events").fetchone()[0]
    add(bank, **{column: value})
    evidence = taken(tmp_path)
    assert evidence.manifest.rows["events"] == before + 1
    assert oddities(evidence) == [("events", column, *stored)]
    assert any(column in problem.what for problem in evidence.manifest.problems)
    assert [each.kind for each in verify(evidence).breaks if column in each.words and each.kind == "stored_form"]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("global_position", None), ("global_position", 7.5), ("global_position", "last"), ("version", None),
        ("version", "two"), ("version", 1.5), ("stream_id", None),
    ],
)  # fmt: skip
def test_an_event_whose_place_cannot_be_told_is_kept_column_by_column(
    bank: sqlite3.Connection, tmp_path: Path, column: str, value: Any
) -> None:
    before = bank.execute("SELECT count(*) FROM events").fetchone()[0]
    add(bank, **{column: value})
    evidence = taken(tmp_path)
    assert evidence.manifest.rows["events"] == before
    kept = dict(evidence.rows("SELECT column_name, value FROM oddities"))
    assert kept == {name: None if each is None else str(each) for name, each in (USUAL | {column: value}).items()}
    assert evidence.manifest.problem_count == 1


def test_positions_of_odd_events_are_no_gaps(bank: sqlite3.Connection, tmp_path: Path) -> None:
    head = bank.execute("SELECT max(global_position) FROM events").fetchone()[0]
    for position in (head + 1, head + 4, head + 5):
        add(bank, global_position=position, version=position, event_id=f"e{position}", payload=b"{}")
    add(bank, global_position=head + 3)
    cut = taken(tmp_path).manifest.cut
    assert (cut.high_water, cut.gaps) == (head + 5, [(head + 2, head + 2)])


@pytest.mark.parametrize(
    ("metadata", "kept"),
    [
        ('{"decided_on_version":true,"actor":"a"}', ("a", None)),
        ('{"decided_on_version":"7","actor":"a"}', ("a", None)),
        ('{"decided_on_version":9223372036854775808}', (None, None)),
        ('{"actor":{"name":"x"},"decided_on_version":1}', ("{'name': 'x'}", 1)),
        ("[1]", (None, None)),
        ("junk", (None, None)),
        ('{"actor":"\\ud800"}', (None, None)),
    ],
)
def test_odd_metadata_is_reported_and_blocks_nothing(
    bank: sqlite3.Connection, tmp_path: Path, metadata: str, kept: tuple[Any, ...]
) -> None:
    add(bank, metadata=metadata)
    evidence = taken(tmp_path)
    assert evidence.rows("SELECT metadata, actor, decided_on_version FROM events WHERE position = 100") == [
        (metadata, *kept)
    ]
    assert any("metadata" in problem.what for problem in evidence.manifest.problems)


def test_usual_metadata_is_read_whatever_its_keys(bank: sqlite3.Connection, tmp_path: Path) -> None:
    told = {
        100: ('{"actor":"a","decided_on_version":4}', ("a", None, 4)),
        101: ('{"correlation_id": "c, 1", "more": [1, 2]}', (None, "c, 1", None)),
        102: ('{"correlation_id":12}', (None, "12", None)),
        103: ('{"actor":null,"correlation_id":"é"}', (None, "é", None)),
        104: ('{"actor":"first","actor":"last"}', ("last", None, None)),
        105: ('{"actor":"\\u0041"}', ("A", None, None)),
    }
    for position, (metadata, _) in told.items():
        add(bank, global_position=position, version=position, event_id=str(position), metadata=metadata)
    evidence = taken(tmp_path)
    found = evidence.rows(
        "SELECT position, actor, correlation_id, decided_on_version FROM events WHERE position >= 100 ORDER BY 1"
    )
    assert found == [(position, *kept) for position, (_, kept) in told.items()]
    assert evidence.manifest.problem_count == 0


def test_a_schema_version_past_31_bits_is_a_whole_number_like_another(bank: sqlite3.Connection, tmp_path: Path) -> None:
    add(bank, schema_version=2**31)
    evidence = taken(tmp_path)
    assert evidence.manifest.unposted == {"MoneyDeposited v2147483648": 1}
    assert evidence.rows("SELECT schema_version FROM events WHERE position = 100") == [(2**31,)]


@pytest.mark.parametrize(
    ("damage", "odd"),
    [
        ("UPDATE account_balances SET balance_minor = 12.5", ("account_balances", "balance_minor", "real", "12.5")),
        ("UPDATE account_balances SET balance_minor = 'lots'", ("account_balances", "balance_minor", "text", "lots")),
        ("UPDATE account_balances SET currency = x'ff'", ("account_balances", "currency", "blob", "ff")),
        ("UPDATE transaction_history SET recorded_at = 'noon'", ("transaction_history", "recorded_at", "text", "noon")),
        ("UPDATE daily_summaries SET day = 'Monday'", ("daily_summaries", "day", "text", "Monday")),
        ("UPDATE checkpoints SET position = 'soon'", ("checkpoints", "position", "text", "soon")),
        ("UPDATE checkpoints SET updated_at = 'now'", ("checkpoints", "updated_at", "text", "now")),
        ("UPDATE snapshots SET taken_at = 5", ("snapshots", "taken_at", "text", "5")),
        ("UPDATE snapshots SET state = x'ff'", ("snapshots", "state", "blob", "ff")),
    ],
)
def test_an_odd_row_of_any_other_table_is_kept_and_reported(
    bank: sqlite3.Connection, tmp_path: Path, damage: str, odd: tuple[Any, ...]
) -> None:
    bank.execute(damage)
    evidence = taken(tmp_path)
    assert odd in evidence.rows("SELECT source, column_name, stored_as, value FROM oddities")
    assert any(problem.what.startswith(f"{odd[0]}: ") for problem in evidence.manifest.problems)


def test_a_moment_that_never_comes_blocks_no_capture(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ESWORKBENCH_HOME", str(tmp_path / "home"))
    store = small_bank(postgres_url)
    store.engine.dispose()
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("UPDATE checkpoints SET updated_at = 'infinity'")
        connection.execute(
            f"INSERT INTO events ({COLUMNS}) OVERRIDING SYSTEM VALUE VALUES"
            " (100, 'BankAccount-odd', 1, 'odd', 'X', 1, '{}', '{}', 'infinity', '20000-01-01', '', '')"
        )
    evidence = capture(postgres_url, tmp_path / "evidence", progress=False)
    assert evidence.rows("SELECT event_id, recorded_at, valid_at FROM events WHERE position = 100") == [
        ("odd", None, None)
    ]
    kept = evidence.rows("SELECT column_name, value FROM oddities WHERE source = 'events' ORDER BY 1")
    assert kept == [("recorded_at", "infinity"), ("valid_at", "20000-01-01 00:00:00+00")]
    assert evidence.rows("SELECT DISTINCT source, value FROM oddities WHERE source <> 'events'") == [
        ("checkpoints", "infinity")
    ]
    assert verify(evidence).events == evidence.manifest.rows["events"]


def test_one_legal_event_with_strange_metadata_blocks_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESWORKBENCH_HOME", str(tmp_path / "home"))
    store = EventStore.open(f"sqlite:///{tmp_path / 'bank.db'}")
    payload = {"amount_minor": 1, "currency": "USD", "reference": "r"}
    event = new_event("MoneyDeposited", payload, schema_version=3, metadata={"decided_on_version": True})
    store.append("BankAccount-a", [event], expected_version=0)
    store.engine.dispose()
    evidence = capture(str(tmp_path / "bank.db"), tmp_path / "evidence", progress=False)
    assert [each.amount_minor for each in evidence.postings("a")] == [1]
    assert evidence.manifest.problem_count == 1


@pytest.mark.parametrize("column", ["global_position", "version"])
@pytest.mark.parametrize("size", [2**62, 2**63 - 2])
def test_a_place_far_beyond_all_others_is_looked_at_without_counting_up_to_it(
    bank: sqlite3.Connection, tmp_path: Path, column: str, size: int
) -> None:
    add(bank, **{column: size})
    taken(tmp_path)
