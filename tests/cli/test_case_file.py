"""Promise: a case file is data. It makes nothing run, and nothing in it is an error of ours."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cli_shell import Shell, fingerprint

from esworkbench.archive import file_digest
from esworkbench.lab import Incident, build_incident


@pytest.fixture
def evidence(shared_evidence: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(shared_evidence, tmp_path / "ev"))


def write_case(evidence: Path, question: str, arguments: dict[str, Any]) -> None:
    entry = {"number": 1, "asked_at": "2026-01-01T00:00:00Z", "question": question, "arguments": arguments,
             "found": "nothing", "digest": "0"}  # fmt: skip
    evidence.with_name("ev.case.jsonl").write_text(json.dumps(entry) + "\n", encoding="utf-8")


def applied_by_ada(evidence: Path) -> list[str]:
    """The options of a repair that is really done: the digest is what capture printed."""
    return ["--operator", "ada", "--apply", "--digest", file_digest(evidence / "manifest.json")]


HOSTILE: list[tuple[str, dict[str, Any]]] = [
    ("diagnose", {"projection": "planted:go"}), ("diff", {"projection": "planted:go"}),
    ("planted:go", {}), ("__import__", {}), ("capture", {"source": "x"}), ("ask", {}), ("code_named", {}),
    ("diagnose", {"projection": 5}), ("diagnose", {"projection": ""}), ("diagnose", {"projection": True}),
    ("diagnose", {"now": 5}), ("diagnose", {"now": "9999999-01-01T00:00:00Z"}), ("diagnose", {"account": 5}),
    ("diff", {"against": 5}), ("diff", {"evidence": "/etc"}), ("diff", {"ledger": "/etc/passwd"}),
    ("diff", {"against": "@/etc/passwd"}), ("verify", {"evidence": "elsewhere"}), ("verify", {"anchors": "x"}),
    ("replay", {}), ("replay", {"account": None}), ("bisect", {}), ("bisect", {"account": True}),
    ("replay", {"account": "A", "version": "1"}), ("replay", {"account": "A", "version": True}),
    ("replay", {"account": "A", "version": 2**70}), ("replay", {"account": "A", "version": -(2**70)}),
    ("replay", {"account": "A", "at": "2024-01-01T00:00:00+99:99"}), ("replay", {"account": "A", "position": 1}),
    ("replay", {"account": "A", "at": "2024-01-01 00:00 ../../etc/passwd"}),
]  # fmt: skip


@pytest.mark.parametrize(("question", "arguments"), HOSTILE, ids=range(len(HOSTILE)))
def test_a_replay_runs_nothing_and_refuses_in_a_sentence(
    shell: Shell, evidence: Path, monkeypatch: pytest.MonkeyPatch, question: str, arguments: dict[str, Any]
) -> None:
    (evidence.parent / "planted.py").write_text(
        f"open({str(evidence.parent / 'ran')!r}, 'w')\ndef go(): open('ran', 'w')\n", encoding="utf-8"
    )
    monkeypatch.syspath_prepend(str(evidence.parent))
    write_case(evidence, question, arguments)
    assert shell("case", evidence).code == 0
    ran = shell("case", evidence, "--replay")
    assert ran.code == 2, ran
    assert "Traceback" not in ran.err
    assert not (evidence.parent / "ran").exists()


def test_every_question_is_answered_when_the_last_line_is_torn(
    shell: Shell, incident: Incident, evidence: Path
) -> None:
    kept = evidence.with_name("ev.case.jsonl")
    shell("diff", evidence)
    for command in ("diff", "verify", "diagnose", "bisect", "replay"):
        kept.write_bytes(kept.read_bytes() + b'{"number":')
        assert "torn" in shell("case", evidence).out
        more = ["--account", incident.account] if command in ("bisect", "replay") else []
        assert shell(command, evidence, *more).code in (0, 1)
    document = shell.json("case", evidence, "--replay").document
    assert [entry["number"] for entry in document["entries"]] == [1, 2, 3, 4, 5, 6]
    assert all(document["replayed"].values())
    assert "torn-5" in document["torn"]


def test_a_case_file_that_is_a_pipe_stops_nobody_for_ever(shell: Shell, evidence: Path) -> None:
    os.mkfifo(evidence.with_name("ev.case.jsonl"))
    for command in (["diff"], ["case"], ["report", "--out", evidence.with_name("r.html")]):
        assert "ev.case.jsonl" in shell(command[0], evidence, *command[1:]).err


def test_the_case_holds_what_was_done_and_the_report_tells_of_the_repair(shell: Shell, tmp_path: Path) -> None:
    built = build_incident(f"sqlite:///{tmp_path / 'bank.db'}", fault="unresolved_pending", seed=9, scale="small")
    ev, page = tmp_path / "ev", tmp_path / "report.html"
    shell("capture", built.url, "--into", ev)
    shell("report", ev, "--out", page)
    assert "ada repaired" not in page.read_text("utf-8")
    repaired = shell.json("repair", ev, "--store", built.url, *applied_by_ada(ev)).document
    assert repaired["verified"]
    shell("report", ev, "--out", page)
    [event_id] = repaired["event_ids"]
    told = page.read_text("utf-8")
    assert "ada repaired sqlite:///" in told
    assert event_id in told
    entries = shell.json("case", ev, "--replay").document["entries"]
    assert [entry["question"] for entry in entries] == ["report", "repair", "report"]
    assert entries[1]["arguments"]["operator"] == "ada"


def test_an_investigation_is_in_its_own_case(shell: Shell, incident: Incident, tmp_path: Path) -> None:
    shell("investigate", incident.url, "--out", tmp_path / "case")
    document = shell.json("case", tmp_path / "case" / "evidence").document
    [entry] = document["entries"]
    assert (entry["question"], entry["arguments"]["source"]) == ("investigate", incident.url)
    assert document["open"] == ["verify"]


def test_a_repair_that_no_case_can_keep_is_not_done(shell: Shell, tmp_path: Path) -> None:
    built = build_incident(f"sqlite:///{tmp_path / 'bank.db'}", fault="unresolved_pending", seed=9, scale="small")
    ev = tmp_path / "ev"
    shell("capture", built.url, "--into", ev)
    (tmp_path / "ev.case.jsonl").mkdir()
    assert "ev.case.jsonl" in shell("repair", ev, "--store", built.url, *applied_by_ada(ev)).err
    assert shell.json("verify", built.url).document["events"] == built.events


@pytest.mark.parametrize(
    ("operator", "apply"),
    [
        ("postgresql://ada:Zx9SecretQ@bank/db", False), ("postgresql://ada:Zx9SecretQ@bank/db", True),
        ("Ada, by way of postgresql://ada:Zx9SecretQ@bank/db", True), ("host=bank password=Zx9SecretQ", True),
        ("ada password=Zx9SecretQ", False), ("ada:Zx9SecretQ@bank", True),
    ],
)  # fmt: skip
def test_an_operator_with_a_password_in_it_is_refused_and_kept_nowhere(
    incident: Incident, evidence: Path, operator: str, apply: bool
) -> None:
    """An event can't be edited, and a case is sent around. So said by the command itself, as a shell starts it."""
    home = evidence.parent
    shutil.copytree(Path(incident.outside).parent, home, dirs_exist_ok=True)
    before = fingerprint(home)
    command = ["repair", "ev", "--store", "bank.db", "--json", *applied_by_ada(evidence)]
    command[command.index("ada")] = operator
    if not apply:
        command.remove("--apply")
    ran = subprocess.run(
        [sys.executable, "-m", "esworkbench", *command], check=False, capture_output=True, text=True, cwd=home
    )
    assert ran.returncode == 2, ran
    assert ("password" in ran.stderr, ran.stderr.count("\n")) == (True, 1), ran
    assert json.loads(ran.stdout) == {"error": ran.stderr.strip()}
    assert {name: made for name, made in fingerprint(home).items() if not name.endswith(("-wal", "-shm"))} == before
    held = [path for path in home.rglob("*") if path.is_file() and b"SecretQ" in path.read_bytes()]
    assert (held, "SecretQ" in ran.stdout + ran.stderr) == ([], False)


def test_a_sentence_that_was_edited_is_not_the_same_though_its_digest_is(shell: Shell, evidence: Path) -> None:
    """What a reader of a case reads is ``found``; no digest covers it, so it is worked out anew."""
    shell("diff", evidence)
    shell("diagnose", evidence)
    kept = evidence.with_name("ev.case.jsonl")
    assert shell.json("case", evidence, "--replay").document["replayed"] == {"1": True, "2": True}
    whole = kept.read_text("utf-8")
    kept.write_text(whole.replace('"found":"unresolved_pending"', '"found":"nothing but what is healthy"'), "utf-8")
    ran = shell.json("case", evidence, "--replay")
    assert (ran.code, ran.document["replayed"]) == (1, {"1": True, "2": False})


def test_each_questions_sentence_is_worked_out_anew(shell: Shell, incident: Incident, evidence: Path) -> None:
    kept = evidence.with_name("ev.case.jsonl")
    for command in ("diff", "verify", "diagnose", "bisect", "replay"):
        shell(command, evidence, *(["--account", incident.account] if command in ("bisect", "replay") else []))
    entries = [json.loads(line) for line in kept.read_text("utf-8").splitlines()]
    for edited in entries:
        edited["found"] += "!"
    kept.write_text("".join(json.dumps(each) + "\n" for each in entries), "utf-8")
    assert set(shell.json("case", evidence, "--replay").document["replayed"].values()) == {False}


@pytest.mark.parametrize("order", [[0, 1, 1], [1, 0], [1], [0, 0, 1]])
def test_lines_put_in_moved_or_taken_out_are_refused(shell: Shell, evidence: Path, order: list[int]) -> None:
    shell("diff", evidence)
    shell("diagnose", evidence)
    kept = evidence.with_name("ev.case.jsonl")
    lines = kept.read_text("utf-8").splitlines()
    kept.write_text("".join(lines[number] + "\n" for number in order), "utf-8")
    before = kept.read_bytes()
    for command in (["case"], ["case", "--replay"], ["report", "--out", evidence.with_name("r.html")]):
        ran = shell(command[0], evidence, *command[1:])
        assert ran.code == 2
        assert "a line was put in, moved or taken out" in " ".join(ran.err.split())
    assert kept.read_bytes() == before


def test_a_time_without_a_zone_is_refused_by_its_line(shell: Shell, evidence: Path) -> None:
    write_case(evidence, "diff", {})
    kept = evidence.with_name("ev.case.jsonl")
    kept.write_text(kept.read_text("utf-8").replace("00:00:00Z", "00:00:00"), "utf-8")
    ran = shell("case", evidence)
    assert (ran.code, "line 1 of" in ran.err) == (2, True)


def test_a_replay_says_what_it_does_not_vouch_for(shell: Shell, evidence: Path) -> None:
    shell("report", evidence, "--out", evidence.with_name("r.html"))
    assert "nothing here vouches" in shell("case", evidence, "--replay").out
