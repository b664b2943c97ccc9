"""``esworkbench progress``: the learner's own record, and an export that overwrites nothing else."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cli_shell import Shell

from esworkbench.course.progress import RECORD, Attempt, keep


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    keep(Attempt("02.append", "incorrect", datetime(2024, 5, 1, tzinfo=UTC)), tmp_path)
    keep(Attempt("02.append", "correct", datetime(2024, 5, 2, tzinfo=UTC)), tmp_path)
    return tmp_path


def test_it_tells_what_was_tried_and_solved(shell: Shell, folder: Path) -> None:
    ran = shell("progress", folder)
    assert ran.code == 0
    assert "append" in ran.out
    assert "2024-05-02" in ran.out
    assert "1 of " in ran.out


def test_it_writes_what_a_trainer_may_see_and_again_over_its_own(shell: Shell, folder: Path) -> None:
    out = folder / "ada.json"
    assert [shell("progress", folder, "--out", out).code for _ in range(2)] == [0, 0]
    rows = json.loads(out.read_text())["exercises"]
    assert [row["attempts"] for row in rows if row["exercise"] == "append"] == [2]


def test_it_overwrites_nothing_else(shell: Shell, folder: Path) -> None:
    ran = shell("progress", folder, "--out", folder / RECORD)
    assert ran.code == 2
    assert "stays as it is" in ran.err
    assert len((folder / RECORD).read_text().splitlines()) == 2


def test_without_a_record_nothing_was_tried(shell: Shell, tmp_path: Path) -> None:
    ran = shell.json("progress", tmp_path / "nowhere")
    assert ran.code == 0
    assert {row["attempts"] for row in ran.document["exercises"]} == {0}


def test_it_replaces_its_own_with_more_and_never_somebody_elses(shell: Shell, folder: Path, tmp_path: Path) -> None:
    out = folder / "ada.json"
    assert shell("progress", folder, "--out", out).code == 0
    keep(Attempt("02.append", "incorrect", datetime(2024, 5, 3, tzinfo=UTC)), folder)
    assert shell("progress", folder, "--out", out).code == 0
    others = {"nobody": [], "bob": [3, 4, 5, 6]}
    for name, days in others.items():
        for day in days:
            keep(Attempt("02.append", "correct", datetime(2024, 6, day, tzinfo=UTC)), tmp_path / name)
    before = out.read_bytes()
    for name in others:
        ran = shell("progress", tmp_path / name, "--out", out)
        assert (ran.code, "stays as it is" in ran.err) == (2, True)
    for damaged in (before[:-9], before.replace(b'"attempts": 3', b'"attempts": null'), b"# mine\n" + before):
        out.write_bytes(damaged)
        assert shell("progress", folder, "--out", out).code == 2
        assert out.read_bytes() == damaged
