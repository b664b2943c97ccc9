"""After a drill: the sealed answer, the shortest path to it, and the path that the learner took."""

from datetime import datetime
from pathlib import Path
from shlex import quote
from typing import NamedTuple

from esworkbench.course.drills.everything import auditors_anchors
from esworkbench.course.drills.planted import planted_in
from esworkbench.course.drills.record import BANK, Clock, Drill, DrillEntry, add, bank_in
from esworkbench.forensics.diagnosis.catalogue import FAULTS
from esworkbench.forensics.investigation.case import Case
from esworkbench.lab import PlantedFault

SHOWN_BY = {"restore": "verify", "rebuild": "diff", "compensate": "bisect", "none": "diagnose"}
"""The first question that shows a fault, by what it takes to put it right: a damaged log by its own chain, a read model
by its difference from the log, what the log lacks by the first line of the statement that parts from it."""
SHOWN_BY_DIAGNOSIS = ("rehashed_history", "day_boundary", "retry_duplicate", "double_repair")
"""Of those that should show by another question, the ones that show only beside other findings."""
CASE = ".case.jsonl"


class PathStep(NamedTuple):
    """One entry of a case: when, in which whole minute since the start, on which evidence, what was asked and found."""

    at: datetime
    minute: int
    evidence: str
    question: str
    found: str


class Debriefing(NamedTuple):
    """What was planted, the commands of the shortest path, the learner's own path, and the evidence it was kept on."""

    planted: list[PlantedFault]
    shortest: list[str]
    taken: list[PathStep]
    cases: list[Path]


def debrief(folder: Path, drill: Drill, *, clock: Clock) -> Debriefing:
    """Open the answer, which ends the drill. Raises UnusableInput for a case in the folder that can't be read."""
    planted = planted_in(folder)
    cases = [path.with_name(path.name.removesuffix(CASE)) for path in sorted(folder.rglob(f"*{CASE}"))]
    taken = [
        PathStep(entry.asked_at, drill.minutes_until(entry.asked_at), case.name, entry.question, entry.found)
        for case in cases
        for entry in Case(case).entries()
    ]
    if not drill.of("debrief"):
        add(folder, drill, lambda _: DrillEntry(at=clock(), what="debrief"))
    return Debriefing(planted, shortest_path(folder, planted[0].fault, drill.account), sorted(taken), cases)


def shortest_path(folder: Path, fault: str, account: str) -> list[str]:
    """The commands that show this fault, name it and put it right; a remedy in words where no command does."""
    bank, evidence = quote(str(folder / BANK)), quote(str(folder / "evidence"))
    known = FAULTS[fault]
    shows = first_question(fault)
    first = f"esworkbench {shows} {evidence}" + (f" --account {quote(account)}" if shows == "bisect" else "")
    diagnosis = [f"esworkbench diagnose {evidence}"] if shows != "diagnose" else []
    repair = f"esworkbench repair {evidence} --store {bank} --operator NAME --apply --digest DIGEST"
    last = repair if known.repair in ("rebuild", "compensate") else f"no repair by command: {known.remedy}"
    added = [
        f"esworkbench evidence add {evidence} --anchor {quote(str(anchor))}"
        for anchor in auditors_anchors(bank_in(folder))
    ]
    return [f"esworkbench capture {bank} --into {evidence}", *added, first, *diagnosis, last]


def first_question(fault: str) -> str:
    """The question that shows it first."""
    return "diagnose" if fault in SHOWN_BY_DIAGNOSIS else SHOWN_BY[FAULTS[fault].repair]
