"""Promise 5 kept where people may ask to be forgotten: their texts are erased, and no event of the log changes."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import psycopg
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import MetaData, text
from sqlalchemy.engine import make_url

from esworkbench import cli
from esworkbench.domains.bank import Bank, Deposit, OpenAccount, bank_decoder
from esworkbench.domains.bank.personal import OWNER
from esworkbench.domains.bank.read_models import BANK_PROJECTIONS
from esworkbench.errors import CommandRejected, IdempotencyConflict, UnusableInput
from esworkbench.event_store import EventStore
from esworkbench.event_store.anchors.keys import create_key
from esworkbench.event_store.anchors.write import take_anchor
from esworkbench.event_store.chain import event_hash
from esworkbench.personal_data.envelope import envelope_in
from esworkbench.personal_data.keys import Erased, PersonalKeys, default_keys_url
from esworkbench.projections import ProjectionRunner
from tests.support import START, SequentialIds, StepClock

NAME = "Ännchen von Tharau"


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESWORKBENCH_HOME", str(tmp_path / "home"))


@pytest.fixture(params=["sqlite", "postgres"])
def log_and_keys(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """A log on each engine, and a database for the keys on the same engine."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'bank.db'}", f"sqlite:///{tmp_path / 'keys' / 'keys.db'}"
        return
    server, log = (make_url(str(request.getfixturevalue(f"postgres_{each}"))) for each in ("server", "url"))
    name = f"esworkbench_test_keys_{os.getpid()}"
    plain = server.render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0")
        keys = log.set(database=name).render_as_string(hide_password=False)
        yield log.render_as_string(hide_password=False), keys
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def a_bank(log: str, keys: PersonalKeys) -> Bank:
    store = EventStore.open(log, clock=StepClock(), new_id=SequentialIds())
    bank = Bank(store, personal_keys=keys, snapshot_every=2)
    for account in ("A1", "A2"):
        bank.handle(OpenAccount(account_id=account, owner=NAME, currency="USD"), idempotency_key=f"open-{account}")
        bank.handle(Deposit(account_id=account, amount_minor=500, currency="USD", reference=f"r-{account}"))
    return bank


def everything_in(store: EventStore) -> str:
    """All rows of all tables of the log's database, as text."""
    found = MetaData()
    found.reflect(store.engine)
    with store.engine.connect() as connection:
        return "\n".join(str(row) for table in found.tables.values() for row in connection.execute(table.select()))


def test_an_owner_is_sealed_read_and_erased_and_amounts_hashes_and_anchors_hold(
    log_and_keys: tuple[str, str], tmp_path: Path
) -> None:
    log, keys_url = log_and_keys
    keys = PersonalKeys.open(log, keys_url, clock=StepClock())
    bank = a_bank(log, keys)
    for make in BANK_PROJECTIONS.values():
        ProjectionRunner(bank.store, make(), bank_decoder(), run_id="run").catch_up()
    signing, outside = create_key(tmp_path / "anchor.key"), tmp_path / "outside"
    assert take_anchor(bank.store, outside, signing, clock=StepClock()).taken is not None
    before = bank.store.read_all()
    assert NAME not in everything_in(bank.store), "nor in replies, snapshots and read models"
    assert keys.read(bank.accounts.load("A1").owner, OWNER) == NAME

    erased = keys.destroy("A1")
    assert keys.read(bank.accounts.load("A1").owner, OWNER) == Erased(erased.key_id, erased.destroyed_at or START)
    assert str(keys.read(bank.accounts.load("A1").owner, OWNER)) == "[erased]"
    assert keys.read(bank.accounts.load("A2").owner, OWNER) == NAME, "nobody else is touched"
    assert [bank.accounts.load(each).balance_minor for each in ("A1", "A2")] == [500, 500]
    assert bank.store.read_all() == before
    for each in before:
        content = (each.event_id, each.event_type, each.schema_version, each.recorded_at, each.valid_at)
        assert (
            event_hash(each.prev_hash, each.stream_id, each.version, *content, each.payload, each.metadata) == each.hash
        )
    again = take_anchor(bank.store, outside, signing, clock=StepClock())
    assert (again.rewritten, again.compared) == (None, 4)
    assert keys.destroy("A1") == erased, "the time of its destruction stays"


def test_a_destroyed_key_is_nowhere_left(tmp_path: Path) -> None:
    """SQLite: not in a free page of the file, nor in its write-ahead log."""
    log, path = f"sqlite:///{tmp_path / 'bank.db'}", tmp_path / "keys" / "keys.db"
    keys = PersonalKeys.open(log, f"sqlite:///{path}")
    a_bank(log, keys)
    with closing(sqlite3.connect(path)) as connection:
        found = dict(
            connection.execute("SELECT subject, key FROM personal_keys JOIN personal_key_bytes USING (key_id)")
        )
    files = [path, path.with_name("keys.db-wal")]
    assert any(found["A1"] in each.read_bytes() for each in files if each.exists())
    keys.destroy("A1")
    assert not any(found["A1"] in each.read_bytes() for each in files if each.exists())
    assert any(found["A2"] in each.read_bytes() for each in files if each.exists())
    assert path.stat().st_mode & 0o077 == 0


def test_an_envelope_is_what_the_page_says(log_and_keys: tuple[str, str]) -> None:
    """Opened by the page alone: the shape, and what is authenticated besides."""
    log, keys_url = log_and_keys
    keys = PersonalKeys.open(log, keys_url)
    bank = a_bank(log, keys)
    owner = msgspec.json.decode(bank.store.read_all()[0].payload)["owner"]
    kept = envelope_in(owner)
    assert kept is not None
    with keys.engine.connect() as connection:
        query = text("SELECT key FROM personal_key_bytes WHERE key_id = :key_id")
        key = bytes(connection.execute(query, {"key_id": kept.key_id}).scalar_one())
    parts = [b"personal:v1", kept.key_id.encode(), b"A1", b"AccountOpened.owner"]
    bound = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    assert AESGCM(key).decrypt(kept.nonce, kept.ciphertext, bound).decode() == NAME


def test_a_command_sent_again_is_one_command_and_nothing_is_sealed_for_an_erased_subject(
    log_and_keys: tuple[str, str],
) -> None:
    log, keys_url = log_and_keys
    keys = PersonalKeys.open(log, keys_url)
    bank = a_bank(log, keys)
    again = OpenAccount(account_id="A1", owner=NAME, currency="USD")
    assert bank.handle(again, idempotency_key="open-A1").repeated
    with pytest.raises(IdempotencyConflict):
        bank.handle(OpenAccount(account_id="A1", owner="Other", currency="USD"), idempotency_key="open-A1")
    keys.destroy("A1")
    with pytest.raises(CommandRejected, match="was erased at"):
        bank.handle(again, idempotency_key="open-A1")
    for odd in ("", "  ", "\0", "\ud800"):
        with pytest.raises(CommandRejected):
            bank.handle(OpenAccount(account_id="A3", owner=odd, currency="USD"))
    assert bank.store.head_position() == 4


def test_an_envelope_that_was_changed_or_moved_is_refused(tmp_path: Path) -> None:
    keys = PersonalKeys.open(f"sqlite:///{tmp_path / 'bank.db'}")
    sealed = keys.seal("A1", OWNER, NAME)
    assert keys.seal("A1", OWNER, NAME) == sealed != keys.seal("A2", OWNER, NAME)
    assert keys.read(sealed, OWNER) == NAME
    last = "B" if sealed[-4] == "A" else "A"
    for odd, field in ((sealed, "AccountOpened.other"), (sealed[:-4] + last + sealed[-3:], OWNER)):
        with pytest.raises(UnusableInput, match="doesn't open"):
            keys.read(odd, field)
    with pytest.raises(UnusableInput, match="knows no key"):
        keys.read(f"personal:v1:{'0' * 32}:{'0' * 24}:{'A' * 22}", OWNER)
    for plain in (NAME, "personal:v1:", "personal:v1:x:y:z", f"{sealed} "):
        assert keys.read(plain, OWNER) == plain, "what was written before sealing began stays readable"


def test_a_backup_of_the_log_never_holds_the_keys(log_and_keys: tuple[str, str]) -> None:
    log, keys_url = log_and_keys
    assert default_keys_url(log) not in (log, keys_url)
    with pytest.raises(UnusableInput, match="would bring a destroyed key back"):
        PersonalKeys.open(log, log)


def test_keys_that_went_away_without_a_record_are_not_called_erased(tmp_path: Path) -> None:
    keys = PersonalKeys.open(f"sqlite:///{tmp_path / 'bank.db'}")
    sealed = keys.seal("A1", OWNER, NAME)
    with keys.engine.begin() as connection:
        connection.execute(text("DELETE FROM personal_key_bytes"))
    for ask in (lambda: keys.read(sealed, OWNER), lambda: keys.seal("A1", OWNER, NAME)):
        with pytest.raises(UnusableInput, match="nobody recorded that it was destroyed"):
            ask()


def test_from_a_shell(log_and_keys: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log, keys_url = log_and_keys
    keys = PersonalKeys.open(log, keys_url)
    bank = a_bank(log, keys)
    assert cli.run(["erase-subject", log, "--subject", "A9", "--keys", keys_url]) == 2
    assert "was ever sealed" in capsys.readouterr().err
    assert cli.run(["erase-subject", log, "--subject", "A1"]) == 2, "no keys are kept at the usual place"
    capsys.readouterr()
    assert cli.run(["erase-subject", log, "--subject", "A1", "--keys", keys_url, "--json"]) == 0
    document = msgspec.json.decode(capsys.readouterr().out)
    assert (document["events"], document["subject"]) == (1, "A1")
    header, *lines = Path(document["records"]).read_text("utf-8").splitlines()
    assert header == "key_id,subject,created_at,destroyed_at"
    assert not list(Path(document["records"]).parent.glob("*.db*")), "which keys there were, and no key"
    told = {line.split(",")[1]: line.split(",")[3] for line in lines}
    assert (told["A1"][-1:], told["A2"]) == ("Z", "")
    assert str(keys.read(bank.accounts.load("A1").owner, OWNER)) == "[erased]"
