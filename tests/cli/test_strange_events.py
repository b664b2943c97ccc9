"""Promise: events that the ledger or the code doesn't know are named and counted, and stop no command."""

import sqlite3
from pathlib import Path

import pytest
from cli_shell import Shell

from esworkbench.domains.bank import Bank, Deposit, OpenAccount
from esworkbench.event_store import EventStore
from esworkbench.events import NewEvent
from esworkbench.evidence import Evidence

HOSTILE = [
    "not json", "[1]", "[" * 5000 + "]" * 5000, '{"amount_minor": 1e999999999, "currency": "USD"}',
    r'{"amount_minor": 5, "currency": "\ud800"}', '{"amount_minor": NaN, "currency": "USD"}',
]  # fmt: skip


def new(event_type: str, schema_version: int) -> NewEvent:
    return NewEvent(event_type=event_type, schema_version=schema_version, payload=b"{}")


@pytest.fixture
def store(store_url: str) -> EventStore:
    store = EventStore.open(store_url)
    bank = Bank(store)
    bank.handle(OpenAccount(account_id="A1", owner="Ann", currency="USD"))
    bank.handle(Deposit(account_id="A1", amount_minor=10_000, currency="USD", reference="r1"))
    return store


def test_what_no_rule_knows_is_named_and_counted(
    shell: Shell, store: EventStore, store_url: str, tmp_path: Path
) -> None:
    strangers = [new("Mystery", 1), new("MoneyDeposited", 9), new("MoneyDeposited", 9)]
    store.append("BankAccount-A1", strangers, expected_version=2)
    ran = shell.json("capture", store_url, "--into", tmp_path / "evidence")
    assert ran.document["unposted"] == {"Mystery v1": 1, "MoneyDeposited v9": 2}
    assert "what MoneyDeposited v9 posts: 2 events" in ran.err
    assert shell("investigate", store_url, "--out", tmp_path / "case").code in (0, 1)


def test_two_events_with_one_id_and_version(shell: Shell, sqlite_url: str, tmp_path: Path) -> None:
    store = EventStore.open(sqlite_url)
    store.append("BankAccount-A1", [new("AccountOpened", 1), new("MoneyDeposited", 3)], expected_version=0)
    store.engine.dispose()
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as somebody:
        for sql in ("CREATE TABLE other AS SELECT * FROM events", "DROP TABLE events",
                    "ALTER TABLE other RENAME TO events", "INSERT INTO events SELECT * FROM events WHERE version = 2",
                    "UPDATE events SET global_position = 3 WHERE rowid = 3"):  # fmt: skip
            somebody.execute(sql)
    ran = shell.json("investigate", sqlite_url, "--out", tmp_path / "case")
    assert ran.code == 1, ran
    assert "no copy can be made" in ran.document["repair"]["rows"][0][1]
    found = shell.json("verify", tmp_path / "case" / "evidence").document
    assert "duplicate_id" in {each["kind"] for each in found["breaks"]}


def test_a_residual_that_nothing_explains_is_whose_balance_is_asked_about(
    shell: Shell, sqlite_url: str, tmp_path: Path
) -> None:
    store = EventStore.open(sqlite_url)
    store.append(
        "Wallet-w1", [NewEvent(event_type="ToppedUp", payload=b'{"cents": 100, "cur": "CHF"}')], expected_version=0
    )
    store.engine.dispose()
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as somebody:
        somebody.execute("CREATE TABLE wallets AS SELECT 'w1' AS account_id, 'CHF' AS currency, 175 AS saldo")
    ledger = tmp_path / "shop.toml"
    ledger.write_text(
        'name = "shop"\n[[posting]]\nevent = "ToppedUp"\namount = "cents"\nsign = 1\ncurrency_field = "cur"\n'
        'kind = "topup"\n[[read_model]]\ntable = "wallets"\nkind = "head"\nprojection = "wallets"\n'
        'claimed = "saldo"\n', encoding="utf-8",
    )  # fmt: skip
    ran = shell.json("investigate", sqlite_url, "--ledger", ledger, "--out", tmp_path / "case")
    assert (ran.code, ran.document["account"], ran.document["delta"]) == (1, "w1", 75)
    digest = Evidence.open(tmp_path / "case" / "evidence").digest
    for more in ([], ["--apply", "--digest", digest]):
        repair = ("repair", tmp_path / "case" / "evidence", "--store", sqlite_url, "--operator", "ada", *more)
        assert shell.json(*repair).code == 1
    ran = shell("bisect", tmp_path / "case" / "evidence", "--account", "w1")
    assert "somewhere from the first event" in ran.out


@pytest.mark.parametrize("payload", HOSTILE, ids=range(len(HOSTILE)))
def test_a_payload_that_cannot_be_read_is_told_and_stops_nothing(
    shell: Shell, sqlite_url: str, tmp_path: Path, payload: str
) -> None:
    path = sqlite_url.removeprefix("sqlite:///")
    store = EventStore.open(sqlite_url)
    store.append("BankAccount-A1", [new("AccountOpened", 1), new("MoneyDeposited", 3)], expected_version=0)
    store.engine.dispose()
    with sqlite3.connect(path) as somebody:
        for (name,) in somebody.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            somebody.execute(f'DROP TRIGGER "{name}"')
        somebody.execute("UPDATE events SET payload = ? WHERE version = 2", [payload])
    ran = shell.json("capture", sqlite_url, "--into", tmp_path / "evidence")
    assert ran.code == 0, ran
    assert ran.document["problem_count"] == 1
    assert ran.document["problems"][0]["version"] == 2
    assert "BankAccount-A1" in ran.err
    for command in (["investigate", sqlite_url, "--out", tmp_path / "case"], ["diagnose", tmp_path / "evidence"],
                    ["verify", tmp_path / "evidence"]):  # fmt: skip
        assert shell.json(*command).code == 1
