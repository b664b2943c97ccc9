"""Promise 6, where hashes end: an edit that changes only how a value is stored is a break too."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from support import new_event

from esworkbench.composition import capture
from esworkbench.event_store import EventStore
from esworkbench.forensics.verify import verify

EDITS = [
    ("payload", "CAST(payload AS BLOB)"),
    ("hash", "CAST(hash AS BLOB)"),
    ("recorded_at", "replace(replace(recorded_at, 'T', ' '), 'Z', '+00:00')"),
    ("valid_at", "replace(valid_at, 'Z', '+00:00')"),
    ("valid_at", "replace(valid_at, '.000000Z', 'Z')"),
]


@pytest.fixture
def log(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    store = EventStore.open(f"sqlite:///{tmp_path / 'bank.db'}")
    payload = {"amount_minor": 1, "currency": "USD", "reference": "r"}
    events = [new_event("MoneyDeposited", payload, schema_version=3) for _ in range(3)]
    store.append("BankAccount-a", events, expected_version=0)
    store.engine.dispose()
    with closing(sqlite3.connect(tmp_path / "bank.db", isolation_level=None)) as connection:
        connection.execute("DROP TRIGGER events_no_update")
        moment = "'2026-01-01T00:00:00.000000Z'"
        connection.execute(f"UPDATE events SET valid_at = {moment}, recorded_at = {moment}")
        yield connection


@pytest.mark.parametrize(("column", "edit"), EDITS)
def test_an_edit_of_the_stored_form_alone_is_a_break(
    log: sqlite3.Connection, tmp_path: Path, column: str, edit: str
) -> None:
    before = verify(capture(str(tmp_path / "bank.db"), tmp_path / "before", progress=False)).breaks
    log.execute(f"UPDATE events SET {column} = {edit} WHERE version = 2")
    after = verify(capture(str(tmp_path / "bank.db"), tmp_path / "after", progress=False)).breaks
    added = [each for each in after if each not in before]
    assert [(each.kind, each.version) for each in added] == [("stored_form", 2)]
    assert column in added[0].words
    assert not [each for each in before if each.kind == "stored_form"]
