"""``rebuild`` from a shell: every way gives the rows it found and says where the time went."""

from pathlib import Path
from typing import Any

import pytest
from cli_shell import Shell
from sqlalchemy import select

from esworkbench.domains.bank.read_models.account_balances import account_balances
from esworkbench.event_store import EventStore
from esworkbench.lab import build_incident

PARTS = {"read_seconds", "fold_seconds", "write_seconds", "seconds", "events_per_second"}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return build_incident(
        f"sqlite:///{tmp_path_factory.mktemp('bank') / 'bank.db'}", fault="none", seed=4, scale="small"
    ).url


def balances_in(store: EventStore) -> list[tuple[Any, ...]]:
    with store.engine.connect() as connection:
        return sorted(tuple(row) for row in connection.execute(select(account_balances)))


def test_every_way_from_the_shell(shell: Shell, url: str, tmp_path: Path) -> None:
    store = EventStore.open(url, create=False)
    rows, head = balances_in(store), store.head_position()
    half = store.read_all(after=head // 2, limit=1)[0].global_position
    assert shell.json("archive", url, "--up-to", half, "--into", tmp_path / "cold").document["events"] == half
    kept = shell.json("keep-read-model", url, "--projection", "account_balances", "--into", tmp_path / "kept")
    assert kept.document["position"] == head
    for arguments, way, events in (
        ([], "bulk", head),
        (["--way", "plain"], "plain", head),
        (["--way", "set-based", "--cold", tmp_path / "cold"], "set-based", head),
        (["--cold", tmp_path / "cold"], "cold", head),
        (["--snapshot", tmp_path / "kept"], "snapshot", 0),
        (["--workers", 1], "sharded", head),
    ):
        ran = shell.json("rebuild", url, "--projection", "account_balances", *arguments)
        assert (ran.code, ran.document["way"], ran.document["events"]) == (0, way, events)
        assert set(ran.document) >= PARTS
        assert balances_in(store) == rows
    store.engine.dispose()


def test_diagnosis_takes_no_rebuild_for_a_fault(shell: Shell, url: str, tmp_path: Path) -> None:
    """The checkpoint log of a rebuilt read model has a reset and batches by shard: nothing twice, nothing passed by."""
    assert shell.json("rebuild", url, "--projection", "account_balances", "--workers", 2).code == 0
    assert shell.json("rebuild", url, "--projection", "transaction_history").code == 0
    assert shell.json("capture", url, "--into", tmp_path / "evidence").code == 0
    diagnosed = shell.json("diagnose", tmp_path / "evidence")
    assert (diagnosed.code, diagnosed.document["findings"]) == (0, [])


def test_a_way_that_does_not_exist_is_refused(shell: Shell, url: str) -> None:
    ran = shell.json("rebuild", url, "--projection", "account_balances", "--way", "overnight")
    assert ran.code == 2
    assert "there are plain, bulk, sharded" in ran.document["error"]
