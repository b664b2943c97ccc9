"""Promise: bad input gets one clear sentence and exit code 2; nothing is written, nothing is lost."""

import json
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from cli_shell import Shell, fingerprint

from esworkbench.lab import Incident

MOMENT = "2030-01-01T00:00:00Z"


def refused(shell: Shell, *arguments: object) -> str:
    """The sentence a command refuses with; as JSON it is the only document."""
    ran = shell(*arguments)
    assert ran.code == 2, ran
    sentence = ran.err.strip().splitlines()[-1]
    assert "Traceback" not in ran.err
    assert len(sentence) > 20
    assert shell.json(*arguments).document["error"]
    return sentence


@pytest.mark.parametrize("command", ["replay", "diff", "bisect", "verify", "diagnose", "report", "case", "repair"])
def test_missing_evidence_is_named(shell: Shell, tmp_path: Path, command: str) -> None:
    more = {
        "replay": ["--account", "A"], "bisect": ["--account", "A"], "report": ["--out", tmp_path / "r.html"],
        "repair": ["--store", tmp_path / "x.db", "--operator", "ada"],
    }  # fmt: skip
    assert "nowhere" in refused(shell, command, tmp_path / "nowhere", *more.get(command, []))
    assert fingerprint(tmp_path) == {}


def test_a_missing_source(shell: Shell, tmp_path: Path) -> None:
    assert "nothing.db" in refused(shell, "capture", f"sqlite:///{tmp_path / 'nothing.db'}", "--into", tmp_path / "e")
    assert "nothing.csv" in refused(shell, "capture", tmp_path / "nothing.csv", "--into", tmp_path / "e")
    assert fingerprint(tmp_path) == {}


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "sqlite:///:memory:"])
def test_a_store_in_memory(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.chdir(tmp_path)
    for command in (["capture", url, "--into", "e"], ["investigate", url, "--out", "o"], ["verify", url],
                    ["incident", "reveal", url], ["incident", "new", url]):  # fmt: skip
        assert "name a file" in refused(shell, *command)
    assert list(tmp_path.iterdir()) == []


def test_an_investigation_that_cannot_begin_leaves_no_folder(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for more in ([], ["--out", "new/case"]):
        assert "nothing.db" in refused(shell, "investigate", "sqlite:///nothing.db", *more)
        assert list(tmp_path.iterdir()) == []
    (tmp_path / "mine").mkdir()
    refused(shell, "investigate", "sqlite:///nothing.db", "--out", "mine")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_database_that_is_no_event_store(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE customers (id INTEGER)")
    before = fingerprint(tmp_path)
    for command in (["capture", path, "--into", tmp_path / "e"], ["verify", f"sqlite:///{path}"],
                    ["rebuild", f"sqlite:///{path}", "--projection", "account_balances"]):  # fmt: skip
        assert "event" in refused(shell, *command)
    assert fingerprint(tmp_path) == before


def test_an_unknown_account_gets_the_names_that_come_near(
    shell: Shell, incident: Incident, shared_evidence: Path
) -> None:
    for command in ("replay", "bisect"):
        assert incident.account in refused(shell, command, shared_evidence, "--account", incident.account + "0")


def test_a_moment_before_the_first_event(shell: Shell, incident: Incident, shared_evidence: Path) -> None:
    arguments = ("--account", incident.account, "--at", "1990-01-01T00:00:00Z")
    assert "before the first event" in refused(shell, "replay", shared_evidence, *arguments)


@pytest.mark.parametrize(
    ("moment", "as_utc"),
    [
        ("2024-10-15 15:00", "2024-10-15T15:00:00Z where it is UTC"),
        ("2024-10-15T15:00:00", "2024-10-15T15:00:00Z where it is UTC"),
        ("yesterday", "+02:00"),
    ],
)
def test_a_naive_moment_is_refused_with_both_ways_to_write_it(
    shell: Shell, incident: Incident, shared_evidence: Path, moment: str, as_utc: str
) -> None:
    sentence = refused(shell, "replay", shared_evidence, "--account", incident.account, "--known-at", moment)
    assert as_utc in sentence
    assert "Europe/Zurich" in sentence


def test_a_claim_needs_an_account_and_an_integer(shell: Shell, incident: Incident, tmp_path: Path) -> None:
    assert "--account" in refused(shell, "investigate", incident.url, "--claimed", 5, "--out", tmp_path / "o")
    for amount in ("NaN", "1.5", "1e3"):
        assert shell(
            "investigate", incident.url, "--account", incident.account, "--claimed", amount, "--out", tmp_path / "o"
        ).code == 2  # fmt: skip
    assert fingerprint(tmp_path) == {}


def test_out_must_be_new(shell: Shell, incident: Incident, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("keep me", encoding="utf-8")
    assert "--out" in refused(shell, "investigate", incident.url, "--out", tmp_path)
    assert (tmp_path / "mine").read_text(encoding="utf-8") == "keep me"


def test_capture_never_overwrites(shell: Shell, incident: Incident, shared_evidence: Path) -> None:
    before = fingerprint(shared_evidence)
    refused(shell, "capture", incident.url, "--into", shared_evidence)
    assert fingerprint(shared_evidence) == before


def test_a_changed_file_of_evidence_is_named(shell: Shell, shared_evidence: Path, tmp_path: Path) -> None:
    copy = tmp_path / "evidence"
    shutil.copytree(shared_evidence, copy)
    victim = next(copy.glob("postings/*/part-0.parquet"))
    victim.write_bytes(victim.read_bytes()[:-20])
    assert "part-0.parquet" in refused(shell, "diff", copy)
    (copy / "manifest.json").write_text("{", encoding="utf-8")
    assert "manifest" in refused(shell, "diff", copy)


def test_an_unknown_word_fault_projection_and_notebook(shell: Shell, incident: Incident, tmp_path: Path) -> None:
    assert "posting" in refused(shell, "explain", "postin")
    assert "gap_skipped" in refused(shell, "incident", "new", f"sqlite:///{tmp_path / 'a.db'}", "--fault", "gap")
    assert "account_balances" in refused(shell, "rebuild", incident.url, "--projection", "balances")
    assert shell("lab", "--into", tmp_path / "course", "--reset", "77").code == 2


def test_a_full_disk_while_building_an_incident(tmp_path: Path) -> None:
    """In a process of its own, whose files may not grow."""
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000));"
        "from esworkbench import cli; sys.exit(cli.run(sys.argv[1:]))"
    )
    arguments = ["incident", "new", str(tmp_path / "bank.db"), "--scale", "small", "--json"]
    ran = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert ran.returncode == 2, ran
    assert "stopped the work" in json.loads(ran.stdout)["error"]
    assert list(tmp_path.iterdir()) == []


def test_a_manifest_of_a_later_format(shell: Shell, shared_evidence: Path, tmp_path: Path) -> None:
    copy = tmp_path / "evidence"
    shutil.copytree(shared_evidence, copy)
    text = (copy / "manifest.json").read_text(encoding="utf-8")
    (copy / "manifest.json").write_text(text.replace('"format": 3', '"format": 4'), encoding="utf-8")
    assert "format 4" in refused(shell, "diff", copy)


def test_an_incident_is_never_built_over_something(shell: Shell, incident: Incident) -> None:
    home = Path(incident.outside).parent
    before = fingerprint(home)
    refused(shell, "incident", "new", incident.url, "--fault", "none")
    assert fingerprint(home) == before


def test_a_bank_without_a_sealed_answer_reveals_nothing(shell: Shell, tmp_path: Path) -> None:
    assert "sealed" in refused(shell, "incident", "reveal", f"sqlite:///{tmp_path / 'bank.db'}")


def test_a_case_that_cannot_be_kept_says_so(shell: Shell, shared_evidence: Path, tmp_path: Path) -> None:
    copy = tmp_path / "evidence"
    shutil.copytree(shared_evidence, copy)
    (tmp_path / "evidence.case.jsonl").mkdir()
    assert "evidence.case.jsonl is a folder and no file: move it away" in refused(shell, "diff", copy)


@pytest.mark.parametrize(
    ("typed", "advice"),
    [
        ("replay", "`esworkbench replay --help` says what it takes"),
        ("interview walk cqrs", "(cqrs): `esworkbench interview walk --help` says what it takes"),
        ("drill nonsense", "`esworkbench drill --help` says what it takes"),
        ("diff x --nope", "`esworkbench diff --help` says what it takes"),
        ("diff x --agianst y", "--against): `esworkbench diff --help` says what it takes"),
        ("difff", "Did you mean 'diff'?"),
        ("replay x", "'--account'"),
    ],
)
def test_what_was_mistyped_is_told_with_where_it_says_what_can_be(shell: Shell, typed: str, advice: str) -> None:
    assert advice in refused(shell, *typed.split())
