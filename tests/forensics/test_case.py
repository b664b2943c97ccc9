"""Promise: a case is the record of every step, and asking again gives the same answers or says that it doesn't."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from support import START, StepClock

from esworkbench.archive import file_digest
from esworkbench.errors import UnusableInput
from esworkbench.forensics.investigation.case import Case, digest_of


@pytest.fixture
def case(tmp_path: Path) -> Case:
    (tmp_path / "evidence").mkdir()
    kept = Case(tmp_path / "evidence", clock=StepClock())
    kept.record("diff", {"against": None}, {"divergent": 1}, "1 diverges")
    kept.record("replay", {"account": "A"}, {"balance": 5}, "0.05 USD")
    return kept


def test_entries_come_back_in_order_with_their_times(case: Case) -> None:
    first, second = case.entries()
    assert (first.number, first.question, first.asked_at, first.found) == (1, "diff", START, "1 diverges")
    assert (second.number, second.arguments) == (2, {"account": "A"})


def test_the_case_lies_beside_the_evidence_and_not_in_it(case: Case, tmp_path: Path) -> None:
    assert list((tmp_path / "evidence").iterdir()) == []
    assert case.path == tmp_path / "evidence.case.jsonl"


def test_replay_tells_the_same_answer_from_another(case: Case) -> None:
    answers: dict[str, dict[str, Any]] = {"diff": {"divergent": 1}, "replay": {"balance": 6}}

    def ask(question: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        return answers[question]

    assert [each.same for each in case.replay(ask)] == [True, False]


def test_a_digest_sees_values_and_not_the_order_of_keys() -> None:
    assert digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1})
    assert digest_of({"a": 1}) != digest_of({"a": 2})


def test_a_line_that_is_no_entry_is_named(case: Case) -> None:
    with case.path.open("ab") as file:
        file.write(b"{}\n")
    with pytest.raises(UnusableInput, match="line 3"):
        case.entries()


WHOLE = {
    "number": 1,
    "asked_at": "2026-01-01T00:00:00Z",
    "question": "diff",
    "arguments": {},
    "found": "",
    "digest": "0",
}


@pytest.mark.parametrize(
    "torn", [b'{"number":3,"asked_', b"\0\0\0\0", b'{"number":3}{', b"\xff\xfe", b'{"found":"h\xc3']
)
@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_torn_last_line_is_told_set_aside_and_never_lost(case: Case, torn: bytes, end: bytes) -> None:
    whole = case.path.read_bytes()
    assert case.torn() is None
    case.path.write_bytes(whole + torn + end)
    assert [entry.number for entry in case.entries()] == [1, 2]
    assert "torn" in str(case.torn())
    assert case.record("verify", {}, {}, "").number == 3
    assert case.path.read_bytes().startswith(whole + b'{"number":3,')
    aside = case.path.with_name(case.path.name + ".torn-1")
    assert aside.read_bytes() == torn + end
    assert aside.name in str(case.torn())
    case.path.write_bytes(case.path.read_bytes() + torn)
    assert case.record("verify", {}, {}, "").number == 4
    assert len(list(case.path.parent.glob("*.torn-*"))) == 2
    assert [entry.number for entry in case.entries()] == [1, 2, 3, 4]


def test_a_last_line_that_lacks_only_its_end_is_an_entry(case: Case) -> None:
    case.path.write_bytes(case.path.read_bytes().removesuffix(b"\n"))
    assert len(case.entries()) == 2
    assert case.torn() is None
    case.record("verify", {}, {}, "")
    assert [entry.number for entry in case.entries()] == [1, 2, 3]


@pytest.mark.parametrize("at", [1, 40, 150])
def test_whoever_is_killed_while_adding_a_line_loses_no_entry(case: Case, tmp_path: Path, at: int) -> None:
    """The disk takes the first bytes of the line, and then the process is killed."""
    program = (
        "import os, signal, sys; from pathlib import Path\n"
        "from esworkbench.forensics.investigation.case import Case\n"
        "write = os.write\n"
        f"def half(descriptor, content): write(descriptor, content[:{at}]); os.kill(os.getpid(), signal.SIGKILL)\n"
        "os.write = half\n"
        "Case(Path(sys.argv[1])).record('verify', {}, {}, 'found')\n"
    )
    ran = subprocess.run([sys.executable, "-c", program, str(tmp_path / "evidence")], check=False)
    assert ran.returncode == -signal.SIGKILL
    assert len(case.entries()) == 2
    assert case.record("verify", {}, {}, "").number == 3
    assert len(case.path.with_name(case.path.name + ".torn-1").read_bytes()) == at


def test_a_full_disk_leaves_the_case_as_it_was(case: Case, tmp_path: Path) -> None:
    before = case.path.read_bytes()
    program = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from esworkbench.errors import UnusableInput\n"
        "from esworkbench.forensics.investigation.case import Case\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({len(before) + 50}, {len(before) + 50}))\n"
        "try:\n    Case(Path(sys.argv[1])).record('verify', {}, {}, 'found')\n"
        "except UnusableInput as error:\n    sys.exit(str(error))\n"
    )
    arguments = [sys.executable, "-c", program, str(tmp_path / "evidence")]
    ran = subprocess.run(arguments, check=False, capture_output=True, text=True)
    assert "can't be kept" in ran.stderr
    assert case.path.read_bytes() == before


def record_some(evidence: Path) -> None:
    for _ in range(25):
        Case(evidence).record("verify", {}, {}, "")


def test_racing_writers_get_distinct_numbers(tmp_path: Path) -> None:
    (tmp_path / "evidence").mkdir()
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=record_some, args=(tmp_path / "evidence",)) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [entry.number for entry in Case(tmp_path / "evidence").entries()] == list(range(1, 101))


@pytest.mark.parametrize(
    "line",
    [
        b"[]", b"null", b'"x"', b"[" * 100_000, b'{"number":' + b"9" * 5000 + b"}",
        json.dumps(WHOLE).replace('"found"', '"number": 2, "found"').encode(),
        json.dumps(WHOLE | {"arguments": {"account": {"deep": []}}}).encode(),
        json.dumps(WHOLE | {"arguments": {"version": 1e400}}).encode(),
        json.dumps(WHOLE | {"arguments": []}).encode(), json.dumps(WHOLE | {"number": "1"}).encode(),
        json.dumps(WHOLE | {"asked_at": "yesterday"}).encode(),
    ],
    ids=range(11),
)  # fmt: skip
def test_a_hostile_line_is_named_in_a_sentence(case: Case, line: bytes) -> None:
    case.path.write_bytes(case.path.read_bytes() + line + b"\n")
    with pytest.raises(UnusableInput, match="line 3"):
        case.entries()


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("/etc/hostname")])
def test_a_case_that_is_no_file_is_refused_without_waiting(tmp_path: Path, make: Any) -> None:
    (tmp_path / "evidence").mkdir()
    case = Case(tmp_path / "evidence")
    make(case.path)
    for use in (case.entries, case.torn, case.require_writable, lambda: case.record("verify", {}, {}, "")):
        with pytest.raises(UnusableInput, match=r"evidence\.case\.jsonl"):
            use()


def test_a_replay_asks_questions_and_repeats_no_act(case: Case) -> None:
    for act in ("repair", "report", "investigate"):
        case.record(act, {}, {}, "done")
    asked = []

    def ask(question: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        asked.append(question)
        return {}

    case.replay(ask)
    assert asked == ["diff", "replay"]


def test_an_answer_about_other_evidence_is_not_the_same_even_if_it_says_the_same(tmp_path: Path) -> None:
    """Evidence put in the place of what was asked may well answer alike."""
    manifest = tmp_path / "evidence" / "manifest.json"
    manifest.parent.mkdir()
    manifest.write_text('{"one": 1}', encoding="utf-8")
    kept = Case(tmp_path / "evidence")
    kept.record("diff", {}, {"rows": []}, "nothing")
    assert kept.entries()[0].evidence == file_digest(manifest)
    assert [each.same for each in kept.replay(lambda *_: {"rows": []})] == [True]
    manifest.write_text('{"one": 2}', encoding="utf-8")
    assert [each.same for each in kept.replay(lambda *_: {"rows": []})] == [False]
