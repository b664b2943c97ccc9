"""Promise 5 kept where people may ask to be forgotten: their texts are erased, and no event of the log changes."""

import csv
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import psycopg
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import MetaData, create_engine, text
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
from esworkbench.personal_data.keys import Erased, KeyRecord, PersonalKeys, default_keys_url, laid_down, write_records
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

    erased, still_in = keys.destroy("A1")
    assert still_in == []
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
    assert keys.destroy("A1").record == erased, "the time of its destruction stays"


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


def bytes_of_keys(keys_url: str) -> bytes:
    """All that the files of the table of keys hold, as PostgreSQL would write them to its disk."""
    with psycopg.connect(keys_url, autocommit=True) as connection:
        connection.execute("CHECKPOINT")
        query = "SELECT setting || '/' || pg_relation_filepath('personal_key_bytes') FROM pg_settings WHERE name = %s"
        (path,) = connection.execute(query, ["data_directory"]).fetchone() or ("",)
    return b"".join(each.read_bytes() for each in Path(path).parent.glob("*"))


@pytest.mark.parametrize("log_and_keys", ["postgres"], indirect=True)
def test_a_destroyed_key_is_nowhere_left_on_postgres_or_the_answer_says_where(
    log_and_keys: tuple[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("esworkbench.personal_data.keys.LOCK_MILLISECONDS", 100)
    log, keys_url = log_and_keys
    keys = PersonalKeys.open(log, keys_url)
    a_bank(log, keys)
    keys.seal("A3", OWNER, NAME)
    plain = keys.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain) as connection:
        query = "SELECT subject, key FROM personal_keys JOIN personal_key_bytes USING (key_id)"
        found = {subject: bytes(key) for subject, key in connection.execute(query)}
    assert all(each in bytes_of_keys(plain) for each in found.values())

    erase = ["erase-subject", log, "--keys", keys_url, "--json", "--subject"]
    assert cli.run([*erase, "A3"]) == 0, "the last row of its page, whose bytes nothing else is moved over"
    assert (found["A3"] in bytes_of_keys(plain), found["A1"] in bytes_of_keys(plain)) == (False, True)
    with psycopg.connect(plain) as holder:  # what holds a snapshot, and then a lock of the table
        holder.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        holder.execute("SELECT FROM personal_keys")
        capsys.readouterr()
        assert cli.run([*erase, "A1"]) == 1
        told = capsys.readouterr()
        assert "may see what was there before" in msgspec.json.decode(told.out)["still_in"][0]
        assert "next: esworkbench erase-subject" in told.err
        assert "nobody can read" not in told.err
        holder.rollback()
        holder.execute("SELECT FROM personal_key_bytes")
        assert "couldn't be written anew" in keys.destroy("A2").still_in[0]
    assert [keys.destroy(each).still_in for each in ("A1", "A2")] == [[], []]
    assert not any(each in bytes_of_keys(plain) for each in found.values())


@pytest.mark.parametrize("log_and_keys", ["postgres"], indirect=True)
def test_who_doesnt_own_the_table_of_keys_is_told_that_a_key_is_still_in_it(log_and_keys: tuple[str, str]) -> None:
    log, keys_url = log_and_keys
    owner = PersonalKeys.open(log, keys_url)
    a_bank(log, owner)
    role = f"esworkbench_test_eraser_{os.getpid()}"
    with owner.engine.begin() as connection:
        connection.execute(text(f"CREATE ROLE {role} LOGIN"))
        connection.execute(text(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}"))
        if connection.dialect.server_version_info >= (17,):  # there VACUUM is a privilege of its own
            connection.execute(text(f"REVOKE MAINTAIN ON ALL TABLES IN SCHEMA public FROM {role}"))
    try:
        engine = create_engine(owner.engine.url, connect_args={"options": f"-c role={role}"})
        record, still_in = PersonalKeys(engine).destroy("A1")
        engine.dispose()
        assert (record.destroyed_at is None, len(still_in)) == (False, 1)
        assert "this login isn't that" in still_in[0]
    finally:
        with owner.engine.begin() as connection:
            connection.execute(text(f"DROP OWNED BY {role}"))
            connection.execute(text(f"DROP ROLE {role}"))
    assert owner.destroy("A1").still_in == []


def test_keys_that_somebody_reads_are_said_to_be_in_their_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("esworkbench.personal_data.keys.LOCK_MILLISECONDS", 50)
    log, path = f"sqlite:///{tmp_path / 'bank.db'}", tmp_path / "keys" / "keys.db"
    a_bank(log, PersonalKeys.open(log, f"sqlite:///{path}"))
    erase = ["erase-subject", log, "--subject", "A1", "--keys", f"sqlite:///{path}", "--json"]
    with closing(sqlite3.connect(path)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM personal_key_bytes").fetchall()
        assert cli.run(erase) == 1
        (told,) = msgspec.json.decode(capsys.readouterr().out)["still_in"]
        assert ("somebody is reading the keys" in told, str(path) in told) == (True, True)
    assert cli.run(erase) == 0
    assert msgspec.json.decode(capsys.readouterr().out)["still_in"] == []


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
    EventStore.open(log).engine.dispose()
    others = [log]
    if log.startswith("sqlite"):
        path = Path(log.removeprefix("sqlite:///"))
        linked = path.with_name("linked.db")
        os.link(path, linked)
        others.append(f"sqlite:///{linked}")
    else:  # the same socket, or host, written otherwise
        url = make_url(log)
        host = url.query.get("host")
        spelt = url.update_query_dict({"host": f"{host}/"}) if host else url.set(host="127.1")
        others.append(spelt.render_as_string(hide_password=False))
    for other in others:
        with pytest.raises(UnusableInput, match="would bring a destroyed key back"):
            PersonalKeys.open(log, other)


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


@pytest.mark.parametrize(
    "subject",
    ['=cmd|"x"!A1\n,"q"', "\u202eevil\x1b[31m", "*?[a]'--", "+1", "-1", "@a", " =1", "a;=1", '"', r'"\u003d1"', "A-1",
     "Zoë", "\U0001f600\x00b", "＝1", r"a\u003d", "\t=1", ""],
)  # fmt: skip
def test_a_subject_is_no_formula_and_moves_no_terminal_and_is_read_as_it_is(subject: str, tmp_path: Path) -> None:
    log = f"sqlite:///{tmp_path / 'bank.db'}"
    record = KeyRecord("k", subject, START, None)
    path = write_records(log, [record])
    assert write_records(log, []) == path
    assert [each.subject for each in laid_down(log)] == [subject]
    with path.open(newline="") as file:
        [row] = csv.DictReader(file)
    assert row["subject"].isprintable()
    assert not re.search(r"(^|[,;|\t])\s*[=+\-@＝]", row["subject"])
    assert (row["subject"] == subject) == (subject in ("*?[a]'--", "A-1", "Zoë", r"a\u003d", ""))


def test_what_lies_there_of_other_keys_stays_and_what_is_no_record_is_never_written_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = f"sqlite:///{tmp_path / 'bank.db'}"
    first, second = (f"sqlite:///{tmp_path / name}" for name in ("one.db", "two.db"))
    bank = a_bank(log, PersonalKeys.open(log, first))
    PersonalKeys.open(log, second).seal("B\r,1", OWNER, NAME)
    for subject, keys_url in (("A1", first), ("B\r,1", second), ("A2", first)):
        assert cli.run(["erase-subject", log, "--subject", subject, "--keys", keys_url]) == 0
    records = tmp_path / "bank.db.outside" / "personal_keys.csv"
    with records.open(newline="") as file:
        told = {row["subject"]: bool(row["destroyed_at"]) for row in csv.DictReader(file)}
    assert told == {"A1": True, "A2": True, r'"B\u000d\u002c1"': True}
    assert bank.store.head_position() > 0

    third = PersonalKeys.open(log, second)
    sealed = third.seal("B2", OWNER, NAME)
    notes = tmp_path / "notes"
    for content in (b"my own precious notes", b"key_id,destroyed_at\nk,\n", b"\xff", b""):
        records.write_bytes(content)
        capsys.readouterr()
        assert cli.run(["erase-subject", log, "--subject", "B2", "--keys", second]) == 2
        assert "isn't written over: move it away" in " ".join(capsys.readouterr().err.split())
        assert records.read_bytes() == content
    records.unlink()
    notes.write_bytes(b"notes")
    records.symlink_to(notes)
    assert cli.run(["erase-subject", log, "--subject", "B2", "--keys", second]) == 2
    assert (records.is_symlink(), notes.read_bytes()) == (True, b"notes")
    assert third.read(sealed, OWNER) == NAME, "nothing was destroyed"
