"""``esworkbench drill``: from the complaint to the debrief as a shell sees it, and a table for the trainer."""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from cli_shell import Shell, fingerprint

from esworkbench.cli import drill_commands
from tests.support import START, StepClock

SEED = 3
"""Draws an event deleted, at level 1."""


@pytest.fixture(scope="module")
def begun_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("drill") / "monday"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> StepClock:
    clock = StepClock(step=timedelta(minutes=1))
    monkeypatch.setattr(drill_commands, "utc_now", clock)
    return clock


@pytest.fixture
def monday(shell: Shell, begun_once: Path, tmp_path: Path, clock: StepClock) -> Path:
    """A drill that began at noon, in a folder of its own."""
    if not begun_once.exists():
        assert shell("drill", "start", begun_once, "--seed", SEED).code == 0
    clock.next = START + timedelta(minutes=1)
    shutil.copytree(begun_once, tmp_path / "monday")
    return tmp_path / "monday"


def right_answer(shell: Shell, folder: Path) -> list[str]:
    """What the bench's own diagnosis says, as a verdict's options."""
    evidence = folder / "evidence"
    assert shell("capture", folder / "bank.db", "--into", evidence).code == 0
    [finding] = shell.json("diagnose", evidence).document["findings"]
    events = [part for event in finding["event_ids"] for part in ("--event", event)]
    return [
        "--fault", finding["fault"], "--account", finding["account"], "--amount", str(finding["amount"]),
        "--currency", finding["currency"], *events,
    ]  # fmt: skip


def test_it_begins_with_a_complaint_a_time_and_what_to_do_next(shell: Shell, tmp_path: Path, clock: StepClock) -> None:
    folder = tmp_path / "hard one"
    ran = shell("drill", "start", folder, "--level", 3, "--seed", 5, "--minutes", 7)
    assert ran.code == 0
    assert "Something is wrong with account ACC-1001" in ran.out
    assert "7 minutes" in ran.out
    assert f"next: esworkbench capture '{folder}/bank.db'" in " ".join(ran.err.split("\n")).replace("  ", " ")


def test_without_a_seed_one_is_drawn_and_told(shell: Shell, tmp_path: Path) -> None:
    document = shell.json("drill", "start", tmp_path / "drill").document
    assert document["seed"] >= 1
    assert document["minutes"] == 60


def test_from_the_hint_to_the_debrief(shell: Shell, monday: Path) -> None:
    assert shell.json("drill", "hint", monday).document["hint"] == 1
    judged = shell.json("drill", "verdict", monday, *right_answer(shell, monday)).document
    assert (judged["total"], judged["cost"], judged["minutes"]) == (95, 5, 2)
    told = shell.json("drill", "debrief", monday).document
    assert told["planted"][0]["fault"] == "event_deleted"
    assert [step["question"] for step in told["taken"]] == ["diagnose"]
    assert told["replay"] == [f"esworkbench case {monday / 'evidence'} --replay"]
    assert shell(*told["replay"][0].split()[1:]).code == 0
    for command in told["shortest"][1:3]:
        assert shell(*command.split()[1:]).code == 1  # a finding
    assert shell("drill", "verdict", monday, "--fault", "lag").code == 2


def test_each_answer_reads_as_prose(shell: Shell, monday: Path) -> None:
    for words, shown in (
        (["hint", monday], "hint 1 (5 points): the log itself"),
        (["verdict", monday, "--fault", "lag"], "collateral"),
        (["watch", monday, "--once"], "verdict: 25 points"),
        (["sheet", monday], "0 0 0 0 15 15"),
        (["debrief", monday], "the shortest path"),
    ):
        ran = shell("drill", *words)
        assert ran.code == 0
        assert shown in ran.out


def test_a_reveal_ends_the_drill(shell: Shell, monday: Path) -> None:
    assert shell("incident", "reveal", monday / "bank.db").code == 0
    ran = shell("drill", "verdict", monday, "--fault", "lag")
    assert ran.code == 2
    assert "no verdict counts" in ran.err


def test_the_sheet_has_a_row_for_each_drill(shell: Shell, monday: Path, begun_once: Path) -> None:
    shell("drill", "hint", monday)
    shell("drill", "verdict", monday, "--fault", "event_deleted", "--account", "ACC-1001")
    rows = shell.json("drill", "sheet", monday / "drill.json", begun_once / "drill.json").document["drills"]
    assert [(row["who"], row["seed"], row["minutes"], row["hints"], row["total"]) for row in rows] == [
        ("monday", SEED, 2, 1, 60), ("monday", SEED, None, 0, None),
    ]  # fmt: skip
    assert rows[0]["points"] == {
        "cause": 25, "account": 10, "events": 0, "amount": 0, "repair": 15, "collateral": 15,
    }  # fmt: skip


def test_the_watch_ends_when_every_drill_has_its_verdict(shell: Shell, monday: Path, clock: StepClock) -> None:
    states = shell.json("drill", "watch", monday).document["drills"]
    assert states == [
        {"who": "monday", "level": 1, "minutes": 1, "limit": 60, "hints": 0, "state": "at work", "doubts": []},
    ]  # fmt: skip
    shell("drill", "verdict", monday, "--fault", "lag")
    ran = shell("drill", "watch", monday, "--every", 3600)
    assert "verdict: 30 points" in ran.out


def test_a_folder_that_holds_something_stays_as_it_is(shell: Shell, monday: Path) -> None:
    before = fingerprint(monday)
    ran = shell("drill", "start", monday)
    assert ran.code == 2
    assert "stays as it is" in ran.err
    assert fingerprint(monday) == before


@pytest.mark.parametrize("command", ["hint", "verdict --fault lag", "debrief", "sheet", "watch --once"])
@pytest.mark.parametrize("torn", [True, False])
def test_a_torn_or_missing_record_is_a_sentence(shell: Shell, monday: Path, command: str, torn: bool) -> None:
    record = monday / "drill.json"
    content = record.read_bytes()
    record.unlink()
    if torn:
        record.write_bytes(content[: len(content) // 2])
    before = fingerprint(monday)
    word, *options = command.split()
    ran = shell("drill", word, monday, *options)
    assert ran.code == 2
    assert ("is damaged" if torn else "there is no drill") in ran.err
    assert len(ran.err.strip().splitlines()) <= 4
    assert fingerprint(monday) == before
