"""Promise 6: the custody log is a chain. What was done to a line shows; what a chain can't show is said."""

import json
import multiprocessing
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

from esworkbench.evidence.custody import Act, CustodyLog

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def act(evidence: Path, name: str = "diff", *, minute: int = 0, begun: bool = True) -> Act:
    manifest = evidence / "manifest.json"
    return Act(
        act=name, operator="Ada", operator_from="--operator", account="ada", host="desk", place=str(evidence),
        at=NOON + timedelta(minutes=minute), command=f"esworkbench {name} ev", exit_code=0, tool="esworkbench 0",
        before=sha256(manifest.read_bytes()).hexdigest() if begun else None,
    )  # fmt: skip


def kept(folder: Path, manifest: bytes = b"{}", lines: int = 5) -> Path:
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_bytes(manifest)
    CustodyLog(folder).record(act(folder, "capture", begun=False))
    for number in range(1, lines):
        CustodyLog(folder).record(act(folder, minute=number))
    return folder


@pytest.fixture
def evidence(tmp_path: Path) -> Path:
    return kept(tmp_path / "ev")


def rewrite(evidence: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    path = CustodyLog(evidence).path
    path.write_bytes(b"".join(each + b"\n" for each in change(path.read_bytes().splitlines())))


def test_what_was_kept_is_told_whole(evidence: Path) -> None:
    found = CustodyLog(evidence).examine()
    assert (found.breaks, found.notes) == ([], [])
    assert [line.act for line in found.lines] == ["capture", "diff", "diff", "diff", "diff"]
    assert CustodyLog(evidence).examine(found.lines[2].sha256).breaks == []


def test_each_line_names_the_one_before(evidence: Path) -> None:
    """Reckoned by hand from the bytes on disk."""
    previous = sha256(b"esworkbench custody 1\n").hexdigest()
    for raw in CustodyLog(evidence).path.read_bytes().splitlines():
        line = json.loads(raw)
        assert line["previous"] == previous
        before_the_seal = raw[: raw.rindex(b',"sha256":"')]
        previous = line["sha256"]
        assert previous == sha256(b"esworkbench custody 1\n" + before_the_seal).hexdigest()


EDITS: dict[str, tuple[Callable[[list[bytes]], list[bytes]], str]] = {
    "edited": (lambda it: [*it[:2], it[2].replace(b"Ada", b"Eve"), *it[3:]], "line 3 is not what was written"),
    "the last edited": (lambda it: [*it[:4], it[4].replace(b"Ada", b"Eve")], "line 5 is not what was written"),
    "spelt otherwise": (lambda it: [*it[:2], it[2].replace(b'":', b'": '), *it[3:]], "line 3 is not spelt"),
    "one removed": (lambda it: [*it[:2], *it[3:]], "line 3 has the number 4 where 3 is due: 1 removed"),
    "the first removed": (lambda it: it[1:], "line 1 has the number 2 where 1 is due: 1 removed"),
    "two swapped": (lambda it: [it[0], it[2], it[1], *it[3:]], "names line 3 as the one before it"),
    "one twice": (lambda it: [*it[:3], it[2], *it[3:]], "line 4 names line 2 as the one before it"),
    "torn": (lambda it: [*it[:4], it[4][:80]], "line 5 is torn, and it is the last"),
    "no JSON of ours": (lambda it: [*it[:4], b"[1]"], "line 5 is no line of a custody log"),
    "nothing": (lambda _: [], "custody was never kept here, or the log was taken away"),
}


@pytest.mark.parametrize("name", EDITS)
def test_what_was_done_to_the_log_is_said(evidence: Path, name: str) -> None:
    change, sentence = EDITS[name]
    rewrite(evidence, change)
    assert any(sentence in each for each in CustodyLog(evidence).examine().breaks)


def test_lines_of_another_case_are_found(evidence: Path, tmp_path: Path) -> None:
    other = CustodyLog(kept(tmp_path / "other", b"{ }")).path
    lines = other.read_bytes().splitlines()
    own = CustodyLog(evidence).path.read_bytes().splitlines()
    for mixed, sentence in (
        (lines, "the last line is about evidence"),
        ([*own[:3], *lines[3:]], "another case's"),
        ([*own, lines[0]], "line 6 begins a log of its own"),
    ):
        rewrite(evidence, lambda _, mixed=mixed: mixed)  # type: ignore[misc]
        assert any(sentence in each for each in CustodyLog(evidence).examine().breaks)


def test_a_cut_end_shows_by_a_noted_head_alone(evidence: Path) -> None:
    head = CustodyLog(evidence).examine().head
    rewrite(evidence, lambda it: it[:3])
    assert CustodyLog(evidence).examine().breaks == []
    (sentence,) = CustodyLog(evidence).examine(head).breaks
    assert "the end was cut off" in sentence


def test_evidence_that_changed_without_a_line_is_found(evidence: Path) -> None:
    (evidence / "manifest.json").write_bytes(b'{"a":1}')
    assert "changed without a line" in CustodyLog(evidence).examine().breaks[0]
    CustodyLog(evidence).record(act(evidence))
    assert "line 6 began with evidence" in CustodyLog(evidence).examine().breaks[0]


def test_commands_that_were_at_work_at_once_are_a_note_and_no_break(evidence: Path) -> None:
    """A question that began before a statement was added, and ended after it."""
    asked = act(evidence, minute=9)
    adding = act(evidence, "evidence add", minute=8)
    (evidence / "manifest.json").write_bytes(b'{"added":1}')
    CustodyLog(evidence).record(adding)
    CustodyLog(evidence).record(asked)
    CustodyLog(evidence).record(act(evidence, minute=10))
    found = CustodyLog(evidence).examine()
    assert found.breaks == []
    assert [note for note in found.notes if "two commands were at work at once" in note] == [found.notes[-1]]


def test_a_case_that_was_edited_since_is_found(evidence: Path) -> None:
    case = evidence.with_name("ev.case.jsonl")
    case.write_bytes(b"one\ntwo\n")
    CustodyLog(evidence).record(act(evidence, minute=9))
    case.write_bytes(b"one\ntwo\nthree\n")
    assert CustodyLog(evidence).examine().breaks == []
    case.write_bytes(b"One\ntwo\nthree\n")
    assert "the case is not what line 6 saw" in CustodyLog(evidence).examine().breaks[0]
    case.unlink()
    assert "no longer there" in CustodyLog(evidence).examine().breaks[0]


def test_what_proves_nothing_is_a_note(tmp_path: Path) -> None:
    evidence = tmp_path / "ev"
    evidence.mkdir()
    (evidence / "manifest.json").write_bytes(b"{}")
    CustodyLog(evidence).record(act(evidence, minute=5))
    CustodyLog(evidence).record(act(evidence, minute=1))
    found = CustodyLog(evidence).examine()
    assert found.breaks == []
    assert "who had it before" in found.notes[0]
    assert "two clocks differ" in found.notes[1]


def record_some(evidence: Path) -> None:
    for _ in range(25):
        CustodyLog(evidence).record(act(evidence, minute=9))


def test_writers_at_once_keep_one_chain(evidence: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=record_some, args=(evidence,)) for _ in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    found = CustodyLog(evidence).examine()
    assert (len(found.lines), found.breaks) == (80, [])


def test_whoever_is_killed_while_writing_leaves_a_torn_line_and_the_chain_goes_on(evidence: Path) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path; from test_custody import act\n"
        "from esworkbench.evidence.custody import CustodyLog\n"
        "write = os.write\n"
        "def half(descriptor, content): write(descriptor, content[:60]); os.kill(os.getpid(), signal.SIGKILL)\n"
        "os.write = half\n"
        "CustodyLog(Path(sys.argv[1])).record(act(Path(sys.argv[1])))\n"
    )
    here = Path(__file__).parent
    ran = subprocess.run([sys.executable, "-c", program, str(evidence)], check=False, cwd=here)
    assert ran.returncode == -signal.SIGKILL
    assert CustodyLog(evidence).examine().breaks == ["line 6 is torn, and it is the last"]
    CustodyLog(evidence).record(act(evidence, minute=9))
    assert CustodyLog(evidence).examine().breaks == ["line 6 is torn"]
    rewrite(evidence, lambda it: [*it[:5], it[5][:30], it[6]])
    assert len(CustodyLog(evidence).examine().breaks) == 2


def test_a_copy_of_evidence_and_log_is_as_good(evidence: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(evidence, tmp_path / "elsewhere" / "ev")
    shutil.copy(CustodyLog(evidence).path, copy.parent)
    assert CustodyLog(copy).examine().breaks == []


def test_a_capture_that_was_refused_put_nothing_anywhere(evidence: Path) -> None:
    refused = act(evidence, "capture", minute=9, begun=False)
    CustodyLog(evidence).record(msgspec.structs.replace(refused, exit_code=2))
    assert CustodyLog(evidence).examine().notes == []
    CustodyLog(evidence).record(refused)
    assert ["put new evidence in the place of" in each for each in CustodyLog(evidence).examine().notes] == [True]
