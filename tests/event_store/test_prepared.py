"""Promise 2 where another program uses two-phase commit: a prepared transaction holds a lock in no process."""

import logging
from pathlib import Path

import psycopg
import pytest

from esworkbench.errors import UnusableInput
from esworkbench.event_store import EventStore
from esworkbench.event_store.postgres import log as postgres_log
from esworkbench.event_store.postgres.sql import ONE_ROW
from esworkbench.evidence import capture
from esworkbench.evidence.capturing import postgres_opening
from tests.event_store.workers import raw_row
from tests.replicated import Server
from tests.support import new_event, replace_sleep


def test_a_long_wait_names_the_prepared_transaction_and_the_process(
    primary_server: Server, primary_database: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    url = primary_server.url(primary_database)
    store = EventStore.open(url)
    with psycopg.connect(url) as prepared, psycopg.connect(url) as live:
        prepared.execute(ONE_ROW, raw_row("prepared"))
        prepared.execute("PREPARE TRANSACTION 'transfer-4711'")
        live.execute(ONE_ROW, raw_row("live"))
        store.append("quick", [new_event()], expected_version=0)
        pauses = []

        def settle(seconds: float) -> None:
            pauses.append(seconds)
            if sum(pauses) > 6:
                live.commit()
                with psycopg.connect(url, autocommit=True) as deciding:
                    deciding.execute("COMMIT PREPARED 'transfer-4711'")
                pauses.clear()

        replace_sleep(monkeypatch, postgres_log, settle)
        pid = live.info.backend_pid
        with caplog.at_level(logging.WARNING):
            assert [event.stream_id for event in store.read_all()] == ["prepared", "live", "quick"]
    (message,) = caplog.messages
    assert f"process {pid}" in message
    assert "prepared transaction 'transfer-4711'" in message


def test_a_capture_that_is_kept_out_names_the_prepared_transaction(
    primary_server: Server, primary_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(postgres_opening.SETTINGS, "lock_timeout", "50ms")
    url = primary_server.url(primary_database)
    EventStore.open(url).engine.dispose()
    with psycopg.connect(url) as prepared, psycopg.connect(url) as live:
        prepared.execute("LOCK TABLE events IN ACCESS EXCLUSIVE MODE")
        prepared.execute("PREPARE TRANSACTION 'transfer-4712'")
        with pytest.raises(UnusableInput, match="events was locked by prepared transaction 'transfer-4712'"):
            capture(url, tmp_path / "evidence", progress=False)
        with psycopg.connect(url, autocommit=True) as deciding:
            deciding.execute("ROLLBACK PREPARED 'transfer-4712'")
        live.execute("LOCK TABLE events IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(UnusableInput, match=f"events was locked by PostgreSQL process {live.info.backend_pid}"):
            capture(url, tmp_path / "evidence", progress=False)
    assert not (tmp_path / "evidence").exists()
