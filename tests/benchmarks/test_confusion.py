"""The confusion table counts what was planted against what was said, and a killed run loses nothing.

The judge is held against answers written by hand here; were it lenient, every number of the table would be worthless.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from benchmarks.confusion.journal import Journal
from benchmarks.confusion.judge import Diagnosed, Planted, Rest, Said, Verdict, judge
from benchmarks.confusion.report import Run, as_markdown, went_well
from benchmarks.confusion.rules import HEALTHY, RULES
from benchmarks.confusion.trials import ENGINES, PLANTABLE, Held, all_trials
from esworkbench.forensics.diagnosis.catalogue import FAULTS
from tests.ground.tracked import TOP

GAP = Planted("gap_skipped", "A", "USD", -500, ["e7"])


def said(fault: str, amount: int = -500, events: tuple[str, ...] = ("e7",), **given: Any) -> Said:
    plain: dict[str, Any] = {
        "account": "A", "currency": "USD", "positions": [], "healthy": False, "certainty": "proven", "proof": "",
    }  # fmt: skip
    return Said(fault=fault, amount=amount, event_ids=list(events), **{**plain, **given})


def verdict(planted: list[Planted], *findings: Said, unexplained: tuple[Rest, ...] = ()) -> Verdict:
    return judge(planted, Diagnosed(list(findings), list(unexplained)))


@pytest.mark.parametrize(
    ("outcome", "findings", "unexplained"),
    [
        ("right", [said("gap_skipped")], ()),
        ("right", [said("gap_skipped"), said("twin_dropped", alternative_to="gap_skipped", certainty="possible")], ()),
        ("pair", [said("twin_dropped", certainty="possible"), said("gap_skipped", alternative_to="twin_dropped")], ()),
        ("pair", [said("twin_dropped", certainty="possible", proof="not tested: gap_skipped")], ()),
        ("inexact", [said("gap_skipped", amount=-501)], ()),
        ("inexact", [said("gap_skipped", events=("e8",))], ()),
        ("inexact", [said("gap_skipped", events=("e7", "e8"))], ()),
        ("unexplained", [], (Rest("A", "USD", -500),)),
        ("mistaken", [said("manual_edit", certainty="possible")], ()),
        ("mistaken", [said("twin_dropped", proof="not tested: gap_skipped")], ()),
        ("pair", [said("manual_edit", certainty="possible", proof="not tested: gap_skipped")], ()),
        ("mistaken", [said("manual_edit", certainty="likely", proof="not tested: gap_skipped")], ()),
        ("mistaken", [said("manual_edit"), said("gap_skipped", alternative_to="manual_edit")], ()),
        ("missed", [], ()),
        ("missed", [], (Rest("A", "USD", -499),)),
        ("missed", [], (Rest("B", "USD", -500),)),
        ("missed", [said("gap_skipped", account="B", events=())], ()),
        ("missed", [said("lag", healthy=True)], ()),
    ],
)
def test_each_outcome_is_told_from_the_others(
    outcome: str, findings: list[Said], unexplained: tuple[Rest, ...]
) -> None:
    [judged] = verdict([GAP], *findings, unexplained=unexplained).planted
    assert judged.outcome == outcome


def test_what_was_not_planted_is_counted_and_what_of_it_was_proven_breaks_the_promise() -> None:
    beside = [said("gap_skipped"), said("manual_edit", account="B", events=())]
    found = verdict([GAP], *beside)
    assert (found.false, found.false_proven, found.is_right, found.is_honest) == (
        ["manual_edit"], ["manual_edit"], False, False,
    )  # fmt: skip
    cautious = verdict([GAP], beside[0], said("manual_edit", account="B", events=(), certainty="possible"))
    assert (cautious.false, cautious.false_proven, cautious.is_right, cautious.is_honest) == (
        ["manual_edit"], [], False, True,
    )  # fmt: skip


def test_a_healthy_bank_is_silent_or_it_is_not() -> None:
    assert verdict([]).is_right
    assert verdict([], said("lag", healthy=True)).is_right
    assert not verdict([], said("rounding", certainty="possible")).is_right
    assert not verdict([], unexplained=(Rest("A", "USD", 1),)).is_right


def test_what_nothing_here_can_prove_may_stay_unexplained_and_what_can_may_not() -> None:
    assert not verdict([GAP], unexplained=(Rest("A", "USD", -500),)).is_right
    hidden = Planted("split_view", "A", "USD", -500, ["e7"])
    assert verdict([hidden], unexplained=(Rest("A", "USD", -500),)).is_right
    assert not verdict([hidden]).is_right


def test_amounts_of_two_faults_on_one_account_may_be_unexplained_together() -> None:
    other = Planted("manual_edit", "A", "USD", 120, [])
    found = verdict([GAP, other], unexplained=(Rest("A", "USD", -380),))
    assert [each.outcome for each in found.planted] == ["unexplained", "unexplained"]
    assert found.is_honest
    assert [each.outcome for each in verdict([GAP, other], unexplained=(Rest("A", "USD", 120),)).planted] == [
        "missed", "unexplained",
    ]  # fmt: skip


def test_every_fault_of_the_catalogue_has_its_rule() -> None:
    assert set(RULES) == set(FAULTS)
    assert {name for name in FAULTS if FAULTS[name].healthy} == set(HEALTHY)
    assert all(pair in RULES and pair != name for name, rule in RULES.items() for pair in rule.pairs)


def test_the_rules_are_those_of_the_catalogue_as_it_was_written() -> None:
    catalogue = TOP.parent / "shared" / "FAULTS.md"
    if not catalogue.is_file():
        pytest.skip("the catalogue of faults as it was agreed on lies beside the project, and not here")
    rows = [line.split("`")[1] for line in catalogue.read_text("utf-8").splitlines() if line.startswith("| `")]
    assert sorted(rows) == sorted(RULES)


def test_the_whole_sweep_is_every_fault_by_seed_and_engine() -> None:
    trials = all_trials(20, 200, 500)
    assert len({each.name for each in trials}) == len(trials) == len(PLANTABLE) * 20 * 2 + 200 + 500
    first = trials[: 2 * len(PLANTABLE)]
    assert {(each.fault, each.engine) for each in first} == {(f, e) for f in PLANTABLE for e in ENGINES}
    assert {each.name for each in all_trials(2, 0, 0, only="single/lag/*")} == {
        f"single/lag/{seed}/{engine}" for seed in (1, 2) for engine in ENGINES
    }


def held(name: str, found: Verdict | None, **given: Any) -> Held:
    kind = name.split("/")[0]
    return Held(trial=name, kind=kind, engine=name.rsplit("/", 1)[1], seconds=1.5, verdict=found, **given)


def test_the_report_counts_and_says_what_was_not_run() -> None:
    results = [
        held("single/gap_skipped/1/sqlite", verdict([GAP], said("gap_skipped")), faults=["gap_skipped"]),
        held("single/gap_skipped/2/sqlite", verdict([GAP], said("manual_edit")), faults=["gap_skipped"]),
        held("single/lag/2/sqlite", None, faults=["lag"], error="KeyError: it broke"),
        held("clean/1/sqlite", verdict([]), faults=[]),
    ]
    assert [went_well(each) for each in results] == [True, False, False, True]
    text = as_markdown(Run("abc123", "a command", {"single": 6, "clean": 1}, results))
    assert "Commit `abc123`" in text
    assert "3 of 6 single, 1 of 1 clean" in text
    assert "This is a part of the sweep" in text
    assert "| `gap_skipped` | sqlite | 2 | 1 |  |  |  |  | 1 | manual_edit ×1 |" in text
    assert "`single/gap_skipped/2/sqlite` (gap_skipped): gap_skipped mistaken (manual_edit)" in text
    assert "KeyError: it broke" in text
    whole = as_markdown(Run("abc123", "a command", {"single": 3, "clean": 1}, results))
    assert "a part of the sweep" not in whole


def test_a_torn_line_is_held_again_and_harms_no_other(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "state", "abc123")
    journal.append(held("clean/1/sqlite", verdict([]), faults=[]))
    with journal.path.open("ab") as file:
        file.write(b'{"trial":"clean/2/sqlite","kind":"cl')
    journal.append(held("clean/3/sqlite", verdict([]), faults=[]))
    assert list(journal.held()) == ["clean/1/sqlite", "clean/3/sqlite"]
    assert not Journal(tmp_path / "state", "other code").held()


def test_a_killed_sweep_goes_on_where_it_was(tmp_path: Path) -> None:
    """Killed by SIGKILL after its first result: run again it keeps that one as it is, and holds the others once, in
    two processes."""
    words = [
        sys.executable, "-m", "benchmarks.confusion", "--seeds", "1", "--mixed", "0", "--clean", "4", "--only",
        "clean/*/sqlite", "--workers", "1", "--state", str(tmp_path / "state"), "--out", str(tmp_path / "table.md"),
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(TOP)}
    sweep = subprocess.Popen(words, cwd=TOP, env=environment, stdout=subprocess.DEVNULL)
    try:
        ends = monotonic() + 120
        while not (lines := _lines(tmp_path / "state")):
            assert monotonic() < ends
            assert sweep.poll() is None
            sleep(0.02)
        sweep.send_signal(signal.SIGKILL)
    finally:
        sweep.kill()
        sweep.wait()
    assert not (tmp_path / "table.md").exists()
    partial = subprocess.run([*words, "--report-only"], cwd=TOP, env=environment, capture_output=True, check=False)
    assert partial.returncode == 0
    assert f"{len(lines)} of 500 clean" in (tmp_path / "table.md").read_text("utf-8")
    assert _lines(tmp_path / "state") == lines
    again = subprocess.run(
        [*words, "--workers", "2"], cwd=TOP, env=environment, capture_output=True, encoding="utf-8", check=False
    )
    assert again.returncode == 0, again.stderr
    now = _lines(tmp_path / "state")
    assert now[: len(lines)] == lines
    assert sorted(json.loads(line)["trial"] for line in now) == ["clean/2/sqlite", "clean/4/sqlite"]
    assert f"{len(lines)} of 2 trials" in again.stdout
    assert "2 of 500 clean" in (tmp_path / "table.md").read_text("utf-8")


def _lines(folder: Path) -> list[str]:
    return [
        line for path in folder.glob("*.jsonl") for line in path.read_text("utf-8").split("\n")[:-1] if line
    ]  # fmt: skip
