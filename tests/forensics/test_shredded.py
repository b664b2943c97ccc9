"""shredded_payload is healthy: who was forgotten left an event whose text opens no more, and whose hash holds."""

from pathlib import Path

import pytest
from sqlalchemy import text

from esworkbench.composition import capture
from esworkbench.domains.bank import Bank, Deposit, OpenAccount
from esworkbench.event_store import EventStore
from esworkbench.event_store.guards import drop_guards
from esworkbench.event_store.sidecar import outside_folder
from esworkbench.forensics.diagnosis.diagnose import diagnose
from esworkbench.personal_data.keys import PersonalKeys, write_records
from tests.support import START, SequentialIds, StepClock


@pytest.fixture
def bank(store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, EventStore, PersonalKeys]:
    """Two owners, sealed; on each engine."""
    monkeypatch.setenv("ESWORKBENCH_HOME", str(tmp_path / "home"))
    keys = PersonalKeys.open(store_url, f"sqlite:///{tmp_path / 'keys' / 'keys.db'}", clock=lambda: START)
    store = EventStore.open(store_url, clock=StepClock(), new_id=SequentialIds())
    sealed = Bank(store, personal_keys=keys)
    for account in ("A1", "A2"):
        sealed.handle(OpenAccount(account_id=account, owner=f"Owner of {account}", currency="USD"))
        sealed.handle(Deposit(account_id=account, amount_minor=500, currency="USD", reference=f"r-{account}"))
    return store_url, store, keys


def test_an_erased_owner_is_named_with_the_event_and_nobody_has_to_act(
    bank: tuple[str, EventStore, PersonalKeys], tmp_path: Path
) -> None:
    url, store, keys = bank
    [opened] = [each for each in store.read_all() if each.stream_id.endswith("A2") and each.version == 1]
    keys.destroy("A2")
    write_records(url, keys.records())
    diagnosis = diagnose(capture(url, tmp_path / "evidence", progress=False))
    [found] = diagnosis.findings
    assert (found.fault, found.healthy, found.certainty, found.amount) == ("shredded_payload", True, "proven", 0)
    assert (found.positions, found.event_ids) == ([opened.global_position], [opened.event_id])
    assert diagnosis.unhealthy == []
    assert diagnosis.unexplained == []


def test_keys_that_are_all_there_shred_nothing_and_unknown_ones_leave_it_open(
    bank: tuple[str, EventStore, PersonalKeys], tmp_path: Path
) -> None:
    url, _, keys = bank
    untold = diagnose(capture(url, tmp_path / "untold", progress=False))
    assert untold.tested["shredded_payload"].startswith("not_testable: nothing says whether 2 key(s)")
    write_records(url, keys.records())
    assert diagnose(capture(url, tmp_path / "told", progress=False)).tested["shredded_payload"] == "ruled_out"


def test_a_sealed_text_that_was_changed_is_an_edit_and_not_shredded(
    bank: tuple[str, EventStore, PersonalKeys], tmp_path: Path
) -> None:
    url, store, keys = bank
    keys.destroy("A2")
    write_records(url, keys.records())
    with store.engine.begin() as connection:
        drop_guards(connection)
        connection.execute(
            text(
                "UPDATE events SET payload = replace(payload, '\"USD\"', '\"EUR\"') "
                "WHERE stream_id LIKE '%A2' AND version = 1"
            )
        )
    diagnosis = diagnose(capture(url, tmp_path / "evidence", progress=False))
    assert diagnosis.tested["payload_edited"] == "found"
    assert diagnosis.tested["shredded_payload"] == "ruled_out"


@pytest.mark.parametrize(
    "content",
    [
        "",
        "nothing\n1\n",
        "key_id,destroyed_at\nk,yesterday\n",
        "key_id,destroyed_at\n,2026-01-01T00:00:00Z\n",
        '\xff\0,"x',
    ],
)
def test_a_list_of_keys_that_says_nothing_is_reported_and_stops_no_capture(
    bank: tuple[str, EventStore, PersonalKeys], tmp_path: Path, content: str
) -> None:
    url, *_ = bank
    outside_folder(url).mkdir(parents=True, exist_ok=True)
    (outside_folder(url) / "personal_keys.csv").write_bytes(content.encode("latin-1"))
    evidence = capture(url, tmp_path / "evidence", progress=False)
    assert evidence.manifest.rows["keys"] == 0
    assert "personal_keys.csv" in evidence.manifest.problems[0].what
