"""``snapshot-frequency`` measures beside a store and leaves it as it was; ``take-snapshots`` takes what is due."""

from pathlib import Path

import psycopg
import pytest
from cli_shell import Shell, fingerprint

from esworkbench.aggregates.snapshots import SnapshotProof, SnapshotStore
from esworkbench.domains.bank import Bank, Deposit, OpenAccount
from esworkbench.event_store import EventStore


def test_an_abandoned_cart_needs_no_snapshots(shell: Shell) -> None:
    ran = shell.json("snapshot-frequency", "--profile", "cart", "--limit-ms", 1000, "--loads", 5)
    assert ran.code == 0
    assert ran.document["recommended"] is None
    assert [row["every"] for row in ran.document["rows"]] == [None, 1000, 500, 100, 50, 20, 10]
    assert "no snapshots: the rarest" in ran.document["reason"]
    assert shell("snapshot-frequency", "--profile", "cart", "--limit-ms", 0.001, "--loads", 1).code == 0


def test_the_streams_of_a_store_are_measured_in_a_database_beside_it(
    shell: Shell, store_url: str, tmp_path: Path
) -> None:
    store = EventStore.open(store_url)
    Bank(store).handle(OpenAccount(account_id="a", owner="Ada", currency="USD"))
    store.engine.dispose()
    before = fingerprint(tmp_path)
    ran = shell.json("snapshot-frequency", "--url", store_url, "--loads", 1, "--limit-ms", 1000)
    assert (ran.code, ran.document["events"]) == (0, 1)
    assert fingerprint(tmp_path) == before
    if store_url.startswith("postgres"):
        with psycopg.connect(store_url) as connection:
            left = connection.execute("SELECT datname FROM pg_database WHERE datname LIKE '%frequency%'").fetchall()
        assert left == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "say whose streams to measure"),
        (["--profile", "basket"], "there is no profile 'basket'; there are account and cart"),
        (["--url", "nowhere.db"], "there is no SQLite file 'nowhere.db'"),
    ],
)
def test_what_can_not_be_measured_is_refused(shell: Shell, arguments: list[str], sentence: str) -> None:
    ran = shell("snapshot-frequency", *arguments)
    assert ran.code == 2
    assert sentence in ran.err


def test_snapshots_are_taken_where_they_are_due_and_again_when_asked(shell: Shell, store_url: str) -> None:
    bank = Bank(EventStore.open(store_url))
    bank.handle(OpenAccount(account_id="a", owner="Ada", currency="USD"))
    for number in range(6):
        bank.handle(Deposit(account_id="a", amount_minor=5, currency="USD", reference=f"r{number}"))
    first = shell.json("take-snapshots", store_url, "--every", 5).document
    assert first == {"projection": "snapshots of BankAccount", "events": 7, "checkpoint": 7}
    assert shell.json("take-snapshots", store_url, "--every", 5).document["events"] == 0
    snapshots = SnapshotStore(bank.store.engine)
    assert Bank(bank.store, snapshots=snapshots, proof=SnapshotProof()).accounts.load("a").snapshot_version == 7
    assert snapshots.invalidate("BankAccount", 1) == 1
    assert shell.json("take-snapshots", store_url, "--every", 5, "--again").document["events"] == 7
    assert snapshots.invalidate("BankAccount", 1) == 1
