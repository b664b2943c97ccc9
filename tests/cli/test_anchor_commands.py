"""Promise 6 from a shell: anchors are taken and refused, proofs are checked without us, an authority says when."""

import base64
import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
from cli_shell import Shell, fingerprint
from sqlalchemy import text

from esworkbench.cli import anchor_commands
from esworkbench.cli.anchor_commands import keep_anchoring
from esworkbench.domains.bank import Bank, Deposit, OpenAccount
from esworkbench.errors import StoreBusy, UnusableInput
from esworkbench.event_store import EventStore
from esworkbench.event_store.anchors.timestamps import TimestampRefused, check_token, request_token
from esworkbench.event_store.anchors.write import AnchorRun
from esworkbench.event_store.database import write_transaction
from esworkbench.event_store.guards import drop_guards
from esworkbench.resources import data_path
from tests.support import SequentialIds, StepClock

SCRIPT = data_path("check_proof.py")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ESWORKBENCH_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def bank_url(store_url: str) -> str:
    bank = Bank(EventStore.open(store_url, clock=StepClock(), new_id=SequentialIds()))
    bank.handle(OpenAccount(account_id="A1", owner="Ännchen", currency="USD"))
    for number in range(12):
        bank.handle(Deposit(account_id="A1", amount_minor=100, currency="USD", reference=f"r{number}"))
    return store_url


def deposit(url: str, reference: str) -> None:
    bank = Bank(EventStore.open(url, create=False))
    bank.handle(Deposit(account_id="A1", amount_minor=1, currency="USD", reference=reference))


def checked(*files: object) -> subprocess.CompletedProcess[str]:
    """The script run by itself: no package of ours can be imported there."""
    command = [sys.executable, "-I", str(SCRIPT), *map(str, files)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_first_run_makes_a_key_and_an_unchanged_log_gets_no_anchor(
    shell: Shell, bank_url: str, home: Path, tmp_path: Path
) -> None:
    first = shell.json("anchor", bank_url, "--into", tmp_path / "kept")
    assert (first.code, first.document["anchored"], first.document["events"]) == (0, True, 13)
    key = home / "keys" / "anchor.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert str(key) in first.document["notes"][0]
    [public] = (tmp_path / "kept" / "keys").iterdir()
    assert public.stem == first.document["anchor"]["key_id"]
    again = shell("anchor", bank_url, "--into", tmp_path / "kept")
    assert (again.code, "nothing new since the anchor at position 13" in again.out) == (0, True)
    deposit(bank_url, "new")
    third = shell.json("anchor", bank_url, "--into", tmp_path / "kept").document
    assert (third["anchored"], third["events"], third["compared"]) == (True, 1, 13)
    assert third["anchor"]["previous"] == first.document["digest"]


def test_a_rewritten_log_is_a_finding_and_names_its_events(shell: Shell, bank_url: str, tmp_path: Path) -> None:
    shell("anchor", bank_url, "--into", tmp_path / "kept")
    before = fingerprint(tmp_path / "kept")
    with write_transaction(EventStore.open(bank_url).engine) as connection:
        drop_guards(connection)
        connection.execute(text("DELETE FROM events WHERE global_position = 5"))
    ran = shell.json("anchor", bank_url, "--into", tmp_path / "kept")
    assert (ran.code, ran.document["anchored"]) == (1, False)
    assert [(each["kind"], each["position"]) for each in ran.document["rewritten"]["differences"]] == [("missing", 5)]
    assert "nothing was signed" in ran.err
    assert fingerprint(tmp_path / "kept") == before


def test_a_row_of_the_stores_own_table_that_nobody_signed_is_told_and_ends_no_anchoring(
    shell: Shell, bank_url: str, tmp_path: Path
) -> None:
    shell("anchor", bank_url, "--into", tmp_path / "kept")
    with write_transaction(EventStore.open(bank_url).engine) as connection:
        connection.execute(text(
            "INSERT INTO anchors (position, event_count, root, anchored_at, key_id, signature) "
            "SELECT 5, 5, root, anchored_at, key_id, signature FROM anchors"
        ))  # fmt: skip
    deposit(bank_url, "since")
    ran = shell.json("anchor", bank_url, "--into", tmp_path / "kept")
    assert (ran.code, ran.document["anchored"], ran.document["rewritten"]) == (0, True, None)
    [sentence] = ran.document["unsigned"]
    assert sentence in ran.document["notes"]
    assert "position 5 of the store's own table" in sentence
    again = shell("anchor", bank_url, "--into", tmp_path / "kept", "--only-new")
    assert again.code == 0
    assert sentence in " ".join(again.out.split())


def test_bad_input_is_refused_and_leaves_nothing(shell: Shell, bank_url: str, tmp_path: Path, home: Path) -> None:
    empty = tmp_path / "empty.db"
    EventStore.open(str(empty)).engine.dispose()
    kept, own = tmp_path / "kept", tmp_path / "own.key"
    own.write_text("x")
    before = fingerprint(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path)
    for arguments in (
        ["anchor", empty], ["anchor", tmp_path / "none.db"], ["anchor", bank_url, "--key", tmp_path / "none"],
        ["anchor", bank_url, "--key", own], ["anchor", bank_url, "--every", "soon"],
        ["anchor", bank_url, "--every", "0m"], ["anchor", bank_url, "--every", "1h", "--json"],
        ["anchor", bank_url, "--into", tmp_path / "link"], ["anchor", bank_url, "--timestamp", "ftp://127.0.0.1"],
        ["anchor", bank_url, "--timestamp", "http://["], ["prove", "--store", bank_url], ["prove", "1"],
        ["prove", "1", "--store", bank_url], ["timestamp", own],
        ["timestamp", tmp_path / "none", "--authority", "http://x"],
        ["timestamp", own, "--authority", "ftp://127.0.0.1/"], ["timestamp", own, "--certificate", own],
    ):  # fmt: skip
        into = ["--into", kept] if arguments[:2] == ["anchor", bank_url] and "--into" not in arguments else []
        ran = shell(*arguments, *into)
        assert (ran.code, len(ran.err.strip().splitlines()), "Traceback" in ran.err) == (2, 1, False), (arguments, ran)
    left = {name: digest for name, digest in fingerprint(tmp_path).items() if ".lock" not in name}
    assert left == before
    assert not (home / "keys").exists()


def test_an_anchor_signed_by_a_key_that_is_gone_asks_for_it(shell: Shell, sqlite_url: str, home: Path) -> None:
    EventStore.open(sqlite_url)
    bank = Bank(EventStore.open(sqlite_url))
    bank.handle(OpenAccount(account_id="A1", owner="Ann", currency="USD"))
    assert shell("anchor", sqlite_url).code == 0
    (home / "keys" / "anchor.key").unlink()
    deposit(sqlite_url, "r")
    ran = shell("anchor", sqlite_url)
    assert (ran.code, "name its file with --key" in ran.err) == (2, True)
    assert not (home / "keys" / "anchor.key").exists()


# Proofs.


def test_the_script_is_short_and_imports_nothing_of_ours() -> None:
    lines = SCRIPT.read_text("utf-8").splitlines()
    assert len(lines) <= 80
    assert not [line for line in lines if "import" in line and "esworkbench" in line]


def changed(value: Any) -> Any:
    """The same kind of value, and another."""
    if isinstance(value, int):
        return value + 1
    if value[:1].isdigit() and len(value) == 27:
        return value.replace("20", "19", 1)
    first = "b" if value[:1] == "a" else "a"
    return first + value[1:]


def places(document: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, value in document.items():
        if isinstance(value, dict):
            yield from places(value, (*path, name))
        else:
            yield (*path, name)


def with_one_changed(document: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    copy = json.loads(json.dumps(document))
    inner = copy
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = changed(inner[path[-1]])
    assert copy != document
    return copy  # type: ignore[no-any-return]


def test_a_stranger_checks_a_proof_and_no_field_of_it_can_be_changed(
    shell: Shell, bank_url: str, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    shell("anchor", bank_url, "--into", kept)
    event = EventStore.open(bank_url).read_all()[0]
    out = tmp_path / "p.json"
    ran = shell.json("prove", event.event_id, "--store", bank_url, "--anchors", kept, "--out", out)
    assert (ran.code, ran.document["proof"], ran.document["bytes"] < 2048) == (0, str(out), True)
    beside = tmp_path / "p.event.json"
    [key] = (kept / "keys").iterdir()
    held = checked(out, beside, key)
    assert (held.returncode, held.stdout.startswith("PROVED: position 1 ")) == (0, True), held.stderr

    proof, hashed = json.loads(out.read_bytes()), json.loads(beside.read_bytes())
    assert hashed["payload"].encode() == event.payload
    other = tmp_path / "other.json"
    tampered = [(with_one_changed(proof, path), hashed) for path in places(proof)]
    tampered += [(proof, with_one_changed(hashed, path)) for path in places(hashed)]
    tampered += [({**proof, "path": _without_last(proof["path"])}, hashed), ({**proof, "more": ""}, hashed)]
    for number, (one, two) in enumerate(tampered):
        other.write_text(json.dumps(one))
        beside.write_text(json.dumps(two))
        ran_over = checked(other, beside, key)
        assert (ran_over.returncode, "NOT PROVED" in ran_over.stderr) == (1, True), (number, one, two)

    # Of a name that is there twice a person may read the first, and the script the last.
    twice = json.dumps(hashed).replace('"payload"', '"payload": "{}", "payload"')
    later = json.dumps(hashed).replace(hashed["recorded_at"], hashed["recorded_at"][:-1] + "9Z")
    for words in (twice, later):
        other.write_text(json.dumps(proof))
        beside.write_text(words)
        assert checked(other, beside, key).returncode == 1, words
    beside.write_text(json.dumps(hashed))
    signature = proof["anchor"]["signature"]
    for spelling in (signature.upper(), f"{signature} ", f"{signature[:2]} {signature[2:]}", f"{signature}\n"):
        other.write_text(json.dumps({**proof, "anchor": {**proof["anchor"], "signature": spelling}}))
        assert checked(other, beside, key).returncode == 1, spelling
    other.write_text(json.dumps(proof))
    assert checked(other, beside, key).returncode == 0
    assert checked(other, beside, beside, key).returncode == 1, "a file that nobody reads proves nothing"


@pytest.mark.parametrize("place", ["anchors", "keys"])
def test_no_proof_is_laid_among_anchors(shell: Shell, bank_url: str, tmp_path: Path, place: str) -> None:
    kept = tmp_path / "kept"
    shell("anchor", bank_url, "--into", kept)
    before = sorted(kept.rglob("*"))
    ran = shell("prove", 1, "--store", bank_url, "--anchors", kept, "--out", kept / place / "p.json")
    assert (ran.code, "lies among the anchors" in " ".join(ran.err.split())) == (2, True)
    assert sorted(kept.rglob("*")) == before
    assert shell("anchor", bank_url, "--into", kept).code == 0


def _without_last(path: str) -> str:
    return base64.b64encode(base64.b64decode(path)[:-32]).decode()


def test_a_proof_doesnt_hold_for_another_key_or_another_event(shell: Shell, bank_url: str, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    shell("anchor", bank_url, "--into", kept)
    for position in (1, 13):
        out = tmp_path / f"{position}.json"
        assert shell("prove", position, "--store", bank_url, "--anchors", kept / "anchors", "--out", out).code == 0
    [key] = (kept / "keys").iterdir()
    assert checked(tmp_path / "13.json", tmp_path / "13.event.json", key).returncode == 0
    assert checked(tmp_path / "13.json", tmp_path / "1.event.json", key).returncode == 1
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", tmp_path / "k"], check=True)
    subprocess.run(["openssl", "pkey", "-in", tmp_path / "k", "-pubout", "-out", tmp_path / "k.pem"], check=True)
    assert checked(tmp_path / "13.json", tmp_path / "13.event.json", tmp_path / "k.pem").returncode == 1
    deposit(bank_url, "later")
    assert "take an anchor" in shell("prove", 14, "--store", bank_url, "--anchors", kept).err


def test_one_proof_shows_that_a_log_only_grew(shell: Shell, bank_url: str, tmp_path: Path) -> None:
    kept, out, other = tmp_path / "kept", tmp_path / "grown.json", tmp_path / "other.json"
    shell("anchor", bank_url, "--into", kept)
    for number in range(4):
        deposit(bank_url, f"later-{number}")
    shell("anchor", bank_url, "--into", kept)
    ran = shell("prove", "--consistency", 13, "--store", bank_url, "--anchors", kept, "--out", out)
    assert ran.code == 0, ran.err
    [key] = (kept / "keys").iterdir()
    assert checked(out, key).stdout == "PROVED: the log of 17 events begins with all 13 of the earlier anchor\n"
    proof = json.loads(out.read_bytes())
    for path in places(proof):
        other.write_text(json.dumps(with_one_changed(proof, path)))
        assert checked(other, key).returncode == 1, path
    swapped = {**proof, "earlier": proof["later"], "later": proof["earlier"]}
    other.write_text(json.dumps(swapped))
    assert checked(other, key).returncode == 1


def test_an_event_changed_since_is_not_proved(shell: Shell, bank_url: str, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    shell("anchor", bank_url, "--into", kept)
    with write_transaction(EventStore.open(bank_url).engine) as connection:
        drop_guards(connection)
        connection.execute(text("UPDATE events SET payload = replace(payload, '100', '900') WHERE global_position = 5"))
    ran = shell("prove", 5, "--store", bank_url, "--anchors", kept)
    assert (ran.code, "isn't what its hash was made of" in ran.err) == (2, True)


@pytest.mark.parametrize("asked", [5, 6])
def test_where_a_kept_leaf_was_altered_the_leaves_are_blamed_and_no_event(
    shell: Shell, bank_url: str, tmp_path: Path, asked: int
) -> None:
    kept = tmp_path / "kept"
    shell("anchor", bank_url, "--into", kept)
    [path] = (kept / "anchors").glob("*.parquet")
    leaves = pq.read_table(path)
    hashes = ["0" * 64 if number == 4 else own for number, own in enumerate(leaves["hash"].to_pylist())]
    column = leaves.schema.get_field_index("hash")
    pq.write_table(leaves.set_column(column, leaves.schema.field(column), pa.array(hashes)), path)
    ran = shell("prove", asked, "--store", bank_url, "--anchors", kept)
    assert ran.code == 2
    assert "the leaves in" in ran.err
    assert "isn't the one that was anchored" not in ran.err


def test_evidence_proves_what_its_store_does(shell: Shell, sqlite_url: str, tmp_path: Path) -> None:
    bank = Bank(EventStore.open(sqlite_url))
    bank.handle(OpenAccount(account_id="A1", owner="Ann", currency="USD"))
    bank.handle(Deposit(account_id="A1", amount_minor=5, currency="USD", reference="r"))
    kept, evidence, out = tmp_path / "kept", tmp_path / "evidence", tmp_path / "p.json"
    assert shell("anchor", sqlite_url, "--into", kept).code == 0
    assert shell("capture", sqlite_url, "--into", evidence).code == 0
    ran = shell("prove", 2, "--store", evidence, "--anchors", kept, "--out", out)
    assert ran.code == 0, ran.err
    [key] = (kept / "keys").iterdir()
    assert checked(out, tmp_path / "p.event.json", key).returncode == 0


# The schedule.


class Ended(Exception):
    pass


def test_a_schedule_survives_a_lost_database_and_keeps_its_pace(capsys: pytest.CaptureFixture[str]) -> None:
    nothing = AnchorRun(None, None, 0, 0, None, [])
    rounds: list[AnchorRun | Exception] = [nothing, StoreBusy("the database went away"), nothing]
    now, slept, said = [0.0], [], []

    def take() -> AnchorRun:
        if not rounds:
            raise Ended
        now[0] += 7
        found = rounds.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    with pytest.raises(Ended):
        keep_anchoring(60, take, lambda _, outcome: said.append(outcome), clock=lambda: now[0], sleep=sleep)
    assert (slept, len(said)) == ([53, 53, 53], 2)
    assert "the database went away" in capsys.readouterr().out
    rounds[:] = [StoreBusy("a wrong address, perhaps")]
    with pytest.raises(StoreBusy):
        keep_anchoring(60, take, lambda *_: None, clock=lambda: now[0], sleep=sleep)


def test_a_schedule_ends_at_a_rewritten_log() -> None:
    from esworkbench.event_store.anchors.write import Rewritten

    found = AnchorRun(None, None, 0, 0, Rewritten(0, 1, "outside", False, [], 0), [])
    with pytest.raises(typer.Exit) as ended:
        keep_anchoring(60, lambda: found, lambda *_: None, sleep=lambda _: None)
    assert ended.value.exit_code == 1


# Timestamps, of a real authority on loopback.

AUTHORITY = """
[tsa]
default_tsa = here
[here]
serial = serial
signer_cert = tsa.pem
signer_key = tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
"""


@pytest.fixture(scope="module")
def authority_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("openssl") is None:
        if os.environ.get("ESWORKBENCH_REQUIRE") == "all":
            pytest.fail("openssl is required here")
        pytest.skip("there is no openssl to be a timestamp authority")
    folder = tmp_path_factory.mktemp("authority")
    (folder / "ts.cnf").write_text(AUTHORITY)
    (folder / "serial").write_text("01\n")
    (folder / "extensions").write_text("extendedKeyUsage=critical,timeStamping\n")
    for name, subject in (("ca", "A root"), ("other", "Another root")):
        openssl(folder, "req -x509 -newkey rsa:2048 -nodes -days 3650 -keyout", f"{name}.key", "-out", f"{name}.pem",
                "-subj", f"/CN={subject}")  # fmt: skip
    openssl(folder, "req -newkey rsa:2048 -nodes -keyout tsa.key -out tsa.csr -subj", "/CN=An authority")
    openssl(folder, "x509 -req -in tsa.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 3650 -out tsa.pem -extfile",
            "extensions")  # fmt: skip
    return folder


def openssl(folder: Path, words: str, *more: str) -> None:
    subprocess.run(["openssl", *words.split(), *more], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def authority(authority_files: Path) -> Iterator[str]:
    """Its address."""

    class Answering(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = authority_files / "query.tsq"
            query.write_bytes(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path == "/nothing":
                answer = b"no token"
            elif self.path == "/another":
                answer = (authority_files / "answer.tsr").read_bytes()
            else:
                openssl(authority_files, "ts -reply -config ts.cnf -section here -queryfile query.tsq -out answer.tsr")
                answer = (authority_files / "answer.tsr").read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_authority_says_when_an_anchor_was_there_and_openssl_agrees(
    shell: Shell, sqlite_url: str, tmp_path: Path, authority: str, authority_files: Path
) -> None:
    Bank(EventStore.open(sqlite_url)).handle(OpenAccount(account_id="A1", owner="Ann", currency="USD"))
    document = shell.json("anchor", sqlite_url, "--into", tmp_path / "kept", "--timestamp", authority).document
    token = Path(document["timestamp"])
    openssl(tmp_path, "ts -verify -digest", document["digest"], "-in", str(token), "-CAfile",
            str(authority_files / "ca.pem"))  # fmt: skip
    good = shell.json("timestamp", document["file"], "--certificate", authority_files / "ca.pem")
    assert (good.code, good.document["verified"]) == (0, True)
    by_another = shell("timestamp", document["file"], "--certificate", authority_files / "other.pem")
    assert (by_another.code, "isn't signed by the authority" in by_another.err) == (2, True)

    deposit(sqlite_url, "r")
    later = shell.json("anchor", sqlite_url, "--into", tmp_path / "kept").document
    assert later["timestamp"] is None, "nobody is asked who wasn't named"
    beside = Path(later["file"]).with_suffix(".tsr")
    for junk in (b"junk", token.read_bytes()):
        beside.write_bytes(junk)
        ran = shell("anchor", sqlite_url, "--into", tmp_path / "kept", "--timestamp", authority)
        assert (ran.code, f"{beside.name} lies there" in " ".join(ran.err.split())) == (2, True), ran
        assert beside.read_bytes() == junk
    shutil.copy(token, beside)
    altered = shell("timestamp", later["file"], "--certificate", authority_files / "ca.pem")
    assert (altered.code, "message imprint" in altered.err) == (2, True)


def test_a_token_whose_certificates_stand_in_any_order_is_read(authority_files: Path, tmp_path: Path) -> None:
    """As OpenSSL's -chain writes them: no order that DER knows."""
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509 import load_pem_x509_certificate

    file = tmp_path / "file"
    file.write_text("x")
    openssl(authority_files, "ts -query -sha256 -cert -data", str(file), "-out", "chain.tsq")
    openssl(authority_files, "ts -reply -config ts.cnf -section here -chain ca.pem -queryfile chain.tsq -out chain.tsr")
    token = (authority_files / "chain.tsr").read_bytes()
    one, two = (
        load_pem_x509_certificate((authority_files / name).read_bytes()).public_bytes(Encoding.DER)
        for name in ("tsa.pem", "ca.pem")
    )
    for first, second in ((one, two), (two, one)):
        either = token.replace(one + two, first + second).replace(two + one, first + second)
        assert first + second in either
        check_token(either, b"x", authority_files / "ca.pem")
        with pytest.raises(TimestampRefused, match="isn't signed by"):
            check_token(either, b"x", authority_files / "other.pem")
    for end in range(0, len(token), 97):
        with pytest.raises(TimestampRefused):
            check_token(token[:end], b"x", authority_files / "ca.pem")


def test_any_file_is_stamped_and_an_altered_one_told(
    shell: Shell, tmp_path: Path, authority: str, authority_files: Path
) -> None:
    file = tmp_path / "manifest.json"
    file.write_text("{}")
    assert shell("timestamp", file, "--authority", authority).code == 0
    assert shell("timestamp", file, "--certificate", authority_files / "ca.pem").code == 0
    again = shell("timestamp", file, "--authority", authority)
    assert (again.code, "there already" in again.err) == (2, True)
    file.write_text("{ }")
    assert "message imprint" in shell("timestamp", file, "--certificate", authority_files / "ca.pem").err
    token = tmp_path / "manifest.json.tsr"
    token.write_bytes(token.read_bytes()[:-40])
    assert "no RFC 3161 timestamp" in shell("timestamp", file, "--certificate", authority_files / "ca.pem").err


def test_an_authority_that_answers_something_else_is_not_believed(
    shell: Shell, tmp_path: Path, authority: str, authority_files: Path
) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    assert "no RFC 3161 timestamp" in shell("timestamp", file, "--authority", f"{authority}/nothing").err
    assert shell("timestamp", file, "--authority", authority).code == 0
    (tmp_path / "file.tsr").unlink()
    assert "another question" in shell("timestamp", file, "--authority", f"{authority}/another").err
    away = shell("timestamp", file, "--authority", "http://127.0.0.1:9/")
    assert (away.code, "gave no answer" in away.err) == (2, True)
    assert not (tmp_path / "file.tsr").exists()


@pytest.fixture
def dripping() -> Iterator[str]:
    """The address of a server that sends one byte after another, and never the last."""
    ended = threading.Event()

    class Dripping(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            whole = self.path.startswith("/body")
            with contextlib.suppress(OSError):
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" if whole else b"HTTP/1.1 200 OK")
                while not ended.wait(0.02):
                    self.wfile.write(b"x")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Dripping) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        ended.set()
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("path", ["/body", "/head"])
def test_an_authority_that_never_finishes_is_left_when_its_time_is_over(dripping: str, path: str) -> None:
    pytest.importorskip("rfc3161_client", reason="the extra timestamps isn't installed")
    began = time.monotonic()
    with pytest.raises(UnusableInput, match=r"gave no answer \(it took longer than 0.3 s\)"):
        request_token(f"{dripping}{path}", b"x", seconds=0.3)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://ann:hunter2@127.0.0.1:9/", "without a user's name and password"),
        ("http://ann:hunter2/x@127.0.0.1:9/", "without a user's name and password"),
        ("http://127.0.0.1:9/?key=hunter2", "gave no answer"),
        ("http://127.0.0.1:9/?key=hunter2 x", "must be percent-encoded"),
    ],
)
def test_nothing_secret_in_an_authoritys_address_is_repeated(address: str, words: str) -> None:
    pytest.importorskip("rfc3161_client", reason="the extra timestamps isn't installed")
    with pytest.raises(UnusableInput, match=words) as refused:
        request_token(address, b"x")
    assert "hunter2" not in str(refused.value)


def test_an_authority_that_sends_back_what_it_was_sent_gives_no_key_away() -> None:
    pytest.importorskip("rfc3161_client", reason="the extra timestamps isn't installed")

    def echo(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            connection.sendall(connection.recv(4096))

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=echo, args=(server,))
        thread.start()
        with pytest.raises(UnusableInput, match=r"gave no answer .*POST") as refused:
            request_token(f"http://127.0.0.1:{server.getsockname()[1]}/?key=hunter2", b"x")
        thread.join()
    assert "hunter2" not in str(refused.value)


# What verify makes of the tokens beside anchors, and beside the manifest.


@pytest.fixture
def stamped(shell: Shell, sqlite_url: str, tmp_path: Path, authority: str) -> Path:
    """Evidence of a bank with one anchor, both with a token."""
    Bank(EventStore.open(sqlite_url)).handle(OpenAccount(account_id="A1", owner="Ann", currency="USD"))
    assert shell("anchor", sqlite_url, "--timestamp", authority).code == 0
    evidence = tmp_path / "evidence"
    assert shell("capture", sqlite_url, "--into", evidence).code == 0
    assert shell("timestamp", evidence / "manifest.json", "--authority", authority).code == 0
    return evidence


def outcomes(found: Any) -> list[tuple[str, int | None, str]]:
    return [(each["of"], each["position"], each["outcome"]) for each in found.document["timestamps"]]


def token_of(sqlite_url: str) -> Path:
    [token] = Path(f"{sqlite_url.removeprefix('sqlite:///')}.outside").rglob("*.tsr")
    return token


def test_verify_reads_tokens_and_asks_for_the_authoritys_certificate(shell: Shell, stamped: Path) -> None:
    found = shell.json("verify", stamped)
    assert (found.code, outcomes(found)) == (0, [("manifest", None, "unchecked"), ("anchor", 1, "unchecked")])
    assert all("name the authority's certificate" in each["words"] for each in found.document["timestamps"])
    assert sum("isn't checked" in each for each in found.document["unprovable"]) == 2
    assert "the timestamp of the anchor at position 1 fits it" in " ".join(shell("verify", stamped).out.split())


def test_verify_checks_tokens_against_the_certificate_that_is_named(
    shell: Shell, stamped: Path, authority_files: Path, sqlite_url: str
) -> None:
    for source in (stamped, sqlite_url):
        found = shell.json("verify", source, "--authority-certificate", authority_files / "ca.pem")
        assert (found.code, {each["outcome"] for each in found.document["timestamps"]}) == (0, {"signed"})
        assert not any("timestamp" in each for each in found.document["unprovable"])
        assert all(each["at"] for each in found.document["timestamps"])
    other = shell.json("verify", stamped, "--authority-certificate", authority_files / "other.pem")
    assert (other.code, {each["outcome"] for each in other.document["timestamps"]}) == (0, {"other_authority"})
    assert sum("isn't signed by the authority" in each for each in other.document["unprovable"]) == 2
    for wrong in (stamped, stamped / "manifest.json", authority_files / "nowhere.pem"):
        assert shell("verify", stamped, "--authority-certificate", wrong).code == 2


def test_a_token_of_another_anchor_or_manifest_is_a_finding(
    shell: Shell, stamped: Path, sqlite_url: str, tmp_path: Path, authority_files: Path
) -> None:
    beside = token_of(sqlite_url)
    own, manifests = beside.read_bytes(), stamped / "manifest.json.tsr"
    beside.write_bytes(manifests.read_bytes())
    manifests.write_bytes(own)
    assert shell("capture", sqlite_url, "--into", tmp_path / "again").code == 0
    for evidence, of in ((tmp_path / "again", ("anchor", 1)), (stamped, ("manifest", None))):
        for named in ([], ["--authority-certificate", authority_files / "ca.pem"]):
            found = shell.json("verify", evidence, *named)
            assert found.code == 1
            assert (*of, "other_imprint") in outcomes(found)
            assert [(each["kind"], each["position"]) for each in found.document["breaks"]] == [("timestamp", of[1])]


def test_a_token_that_was_altered_is_a_finding_for_whoever_names_the_authority(
    shell: Shell, stamped: Path, sqlite_url: str, tmp_path: Path, authority_files: Path
) -> None:
    token = token_of(sqlite_url)
    whole = token.read_bytes()
    said = re.search(rb"20[0-9]{12}Z", whole)
    assert said is not None
    year = whole[: said.start()] + b"2035" + whole[said.start() + 4 :]  # within the certificate's ten years
    early = whole[: said.start()] + b"2001" + whole[said.start() + 4 :]
    for number, altered in enumerate((whole[:-5] + bytes([whole[-5] ^ 1]) + whole[-4:], year, early)):
        token.write_bytes(altered)
        evidence = tmp_path / f"altered{number}"
        assert shell("capture", sqlite_url, "--into", evidence).code == 0
        found = shell.json("verify", evidence, "--authority-certificate", authority_files / "ca.pem")
        assert (found.code, outcomes(found)) == (1, [("anchor", 1, "bad_signature")])
        assert [each["kind"] for each in found.document["breaks"]] == ["timestamp"]
    token.write_bytes(whole[:40])
    assert shell("capture", sqlite_url, "--into", tmp_path / "cut").code == 0
    found = shell.json("verify", tmp_path / "cut", "--authority-certificate", authority_files / "ca.pem")
    assert (found.code, outcomes(found)) == (0, [("anchor", 1, "no_token")])
    assert any("no RFC 3161 timestamp" in each for each in found.document["unprovable"])


def test_a_token_older_than_its_anchor_is_told(
    shell: Shell, sqlite_url: str, authority: str, authority_files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Bank(EventStore.open(sqlite_url)).handle(OpenAccount(account_id="A1", owner="Ann", currency="USD"))
    monkeypatch.setattr(anchor_commands, "utc_now", lambda: datetime(2090, 1, 1, tzinfo=UTC))
    assert shell("anchor", sqlite_url, "--timestamp", authority).code == 0
    found = shell.json("verify", sqlite_url, "--authority-certificate", authority_files / "ca.pem")
    [stamp] = found.document["timestamps"]
    assert (found.code, stamp["outcome"], stamp["early"]) == (0, "signed", True)
    assert "before the anchor's own time" in stamp["words"]


def test_a_manifest_that_was_added_to_keeps_its_token(
    shell: Shell, stamped: Path, tmp_path: Path, authority_files: Path
) -> None:
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", tmp_path / "k"], check=True)
    subprocess.run(["openssl", "pkey", "-in", tmp_path / "k", "-pubout", "-out", tmp_path / "k.pem"], check=True)
    assert shell("evidence", "add", stamped, "--key", tmp_path / "k.pem").code == 0
    found = shell.json("verify", stamped, "--authority-certificate", authority_files / "ca.pem")
    [manifest, _] = found.document["timestamps"]
    assert (found.code, manifest["outcome"]) == (0, "signed")
    assert "of an earlier state" in manifest["words"]
