"""Promise 13: no single event or row, however odd, keeps any question from being answered."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from odd_bank import PAYLOAD, Text, add, loose_bank, loosen

from esworkbench.cli import run

ANSWERED = (0, 1)
"""Exit codes of a question that got its answer."""

MINE: list[tuple[str, int, str]] = [
    ("MoneyDeposited", 3, PAYLOAD),
    ("MoneyDeposited", 3, PAYLOAD),
    ("WithdrawalRequested", 1, '{"withdrawal_id":"h9","amount_minor":5,"currency":"USD","reference":"h9"}'),
    ("WithdrawalSettled", 1, '{"withdrawal_id":"h8"}'),
    ("WithdrawalRequested", 1, '{"withdrawal_id":"h7","amount_minor":5,"currency":"USD","reference":"h7"}'),
    ("WithdrawalCancelled", 1, '{"withdrawal_id":"h7","reason":"r"}'),
    ("TransferSent", 1, '{"transfer_id":"t9","to_account":"a2","amount_minor":5,"currency":"USD","reference":"t9"}'),
    ("TransferReceived", 1, '{"transfer_id":"t8","from_account":"a2","amount_minor":5,"currency":"USD",'
                            '"reference":"t8"}'),
]  # fmt: skip
"""Events of every kind that reasons about time, for an account that has others: type, schema version and payload."""

ODD: list[tuple[str, Any]] = [
    ("payload", PAYLOAD.encode()), ("payload", Text(b'{"owner":"\xff"}')), ("payload", None), ("payload", 12),
    ("payload", '{"amount_minor":1,"currency":null,"reference":"r"}'), ("payload", '{"owner":"\\ud800"}'),
    ("payload", '{"amount_minor":9223372036854775808,"currency":"USD","reference":"r"}'), ("payload", "[]"),
    ("payload", '{"amount_minor":1,"currency":"","reference":"r"}'),
    ("metadata", None), ("metadata", 0.1), ("metadata", '{"decided_on_version":9223372036854775808}'),
    ("metadata", '{"decided_on_version":true}'), ("metadata", '{"actor":"\\ud800"}'), ("metadata", "[1]"),
    ("schema_version", "three"), ("schema_version", None), ("schema_version", 2**40), ("schema_version", -1),
    ("recorded_at", "yesterday"), ("recorded_at", None), ("recorded_at", "9999-12-31T23:59:59.999999Z"),
    ("recorded_at", "0001-01-01T00:00:00.000000Z"),
    ("valid_at", "yesterday"), ("valid_at", None), ("valid_at", "9999-12-31T23:59:59.999999Z"),
    ("valid_at", "0001-01-01T00:00:00.000000Z"),
    ("event_id", b"\xfe\xed"), ("event_id", None), ("event_type", None), ("event_type", "Money\0Deposited"),
    ("hash", None), ("prev_hash", None), ("prev_hash", b"\0"), ("prev_hash", "z" * 64), ("version", 0),
    ("version", -3), ("version", None), ("stream_id", None), ("stream_id", ""),
    ("stream_id", "BankAccount-"), ("stream_id", "noDash"), ("global_position", 0), ("global_position", -5),
    ("global_position", None),
]  # fmt: skip


@pytest.fixture
def bank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[sqlite3.Connection]:
    monkeypatch.setenv("ESWORKBENCH_HOME", str(tmp_path / "home"))
    with loose_bank(tmp_path) as connection:
        yield connection


def every_question(folder: Path, store: str) -> dict[str, int]:
    """What is asked of a store and its evidence, and the exit code of each."""
    evidence = str(folder / "evidence")
    account = ("--account", "a1", "--currency", "USD")
    asked: list[tuple[str, ...]] = [
        ("capture", store, "--into", evidence),
        ("verify", evidence),
        ("diff", evidence),
        ("bisect", evidence, *account),
        ("replay", evidence, *account),
        ("replay", evidence, *account, "--at", "2026-06-01T00:00:00Z"),
        ("replay", evidence, *account, "--known-at", "2026-06-01T00:00:00Z"),
        ("diagnose", evidence),
        ("diagnose", evidence, "--account", "a1"),
        ("diagnose", evidence, "--projection", "account_balances"),
        ("report", evidence, *account, "--out", str(folder / "report.html")),
        ("repair", evidence, "--store", store, "--operator", "op"),
        ("case", evidence, "--replay"),
        ("investigate", store, *account, "--out", str(folder / "case")),
    ]
    return {" ".join(each[:1] + each[2:]): run([*each, "--json"]) for each in asked}


def add_mine(connection: sqlite3.Connection, **odd: Any) -> None:
    """Events of ``MINE`` at the end of a1's stream, each with the odd values."""
    ((version, position),) = connection.execute(
        "SELECT max(version), (SELECT max(global_position) FROM events) FROM events WHERE stream_id = 'BankAccount-a1'"
    )
    for number, (kind, shape, payload) in enumerate(MINE, start=1):
        usual = {"event_type": kind, "schema_version": shape, "payload": payload, "event_id": f"mine{number}"}
        place = {"stream_id": "BankAccount-a1", "version": version + number, "global_position": position + number}
        add(connection, **(usual | place | odd))


def require_answers(folder: Path, store: str) -> None:
    codes = every_question(folder, store)
    refused = {asked: code for asked, code in codes.items() if code not in ANSWERED}
    # Code is replayed on a copy of the store, and a store takes no such event: that is said, and nothing breaks.
    assert {
        asked: code for asked, code in refused.items() if (asked[:23], code) != ("diagnose --projection a", 2)
    } == {}


def test_a_log_of_nothing_but_odd_events_answers_every_question(bank: sqlite3.Connection, tmp_path: Path) -> None:
    for number, (column, value) in enumerate(ODD, start=100):
        usual = {"global_position": number, "stream_id": f"BankAccount-{number}", "event_id": f"odd{number}"}
        add(bank, **(usual | {column: value}))
    require_answers(tmp_path, f"sqlite:///{tmp_path / 'bank.db'}")


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param({"recorded_at": None, "valid_at": None}, marks=pytest.mark.sweep),
        pytest.param({"recorded_at": "yesterday"}, marks=pytest.mark.sweep),
        pytest.param({"valid_at": "yesterday", "metadata": '{"actor":"\\ud800"}'}, marks=pytest.mark.sweep),
        pytest.param({"schema_version": "three"}, marks=pytest.mark.sweep),
        pytest.param({"event_id": None}, marks=pytest.mark.sweep),
        pytest.param(
            {"recorded_at": "9999-12-31T23:59:59.999999Z", "valid_at": "9999-12-31T23:59:59.999999Z"},
            marks=pytest.mark.sweep,
        ),
        pytest.param(
            {"recorded_at": "0001-01-01T00:00:00.000000Z", "valid_at": "0001-01-01T00:00:00.000000Z"},
            marks=pytest.mark.sweep,
        ),
    ],
)
def test_odd_events_of_an_account_keep_no_question_about_it_from_its_answer(
    bank: sqlite3.Connection, tmp_path: Path, odd: dict[str, Any]
) -> None:
    add_mine(bank, **odd)
    require_answers(tmp_path, f"sqlite:///{tmp_path / 'bank.db'}")


@pytest.mark.parametrize(
    "value", [None, *(pytest.param(value, marks=pytest.mark.sweep) for value in ("soon", b"\xff", 2.5))]
)
def test_odd_rows_of_every_other_table_keep_no_question_from_its_answer(
    bank: sqlite3.Connection, tmp_path: Path, value: Any
) -> None:
    named = bank.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").fetchall()
    for (table,) in named:
        columns = [row[1] for row in bank.execute(f"PRAGMA table_info({table})")]
        if table == "events" or not bank.execute(f"SELECT count(*) FROM {table}").fetchone()[0]:
            continue
        loosen(bank, table)
        for column in columns:
            bank.execute("CREATE TEMP TABLE odd AS SELECT * FROM " + table + " LIMIT 1")
            bank.execute(f"UPDATE odd SET {column} = ?", (value,))
            bank.execute(f"INSERT INTO {table} SELECT * FROM odd")
            bank.execute("DROP TABLE odd")
    require_answers(tmp_path, f"sqlite:///{tmp_path / 'bank.db'}")
