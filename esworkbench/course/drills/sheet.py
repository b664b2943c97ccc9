"""A row for each drill: for a trainer afterwards, and while a class is at work.

A record is the learner's own file. What follows from the rest of it, cost and total, is worked out here and never read
off it; what can't be so is said as a doubt. Points can't be derived without the bank and the sealed answer: a trainer
who needs to be sure of them has the verdict given again.
"""

from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from esworkbench.course.drills.levels import LEVELS
from esworkbench.course.drills.record import Drill, DrillEntry
from esworkbench.course.drills.verdict import RUBRIC, cost_of, total_of


class SheetRow(NamedTuple):
    """Who (the folder's name) did what: ``minutes`` until the verdict that counts, None without one."""

    who: str
    level: int
    seed: int
    minutes: int | None
    hints: int
    points: dict[str, int]
    cost: int
    total: int | None
    doubts: list[str]


class DrillState(NamedTuple):
    """How far one drill is: ``minutes`` have passed of ``limit``, until the verdict or until now."""

    who: str
    level: int
    minutes: int
    limit: int
    hints: int
    state: str
    doubts: list[str]


def sheet_row(path: Path, drill: Drill, now: datetime) -> SheetRow:
    """The drill at ``path``, as a trainer's table has it."""
    last = drill.verdict
    hints = len(drill.of("hint"))
    doubts = doubts_about(drill, now)
    if last is None:
        return SheetRow(who(path), drill.level, drill.seed, None, hints, {}, 0, None, doubts)
    points, cost = points_of(last), cost_before(drill, last)
    minutes = drill.minutes_until(last.at)
    total = total_of(points, cost)
    return SheetRow(who(path), drill.level, drill.seed, minutes, hints, points, cost, total, doubts)


def state_of(path: Path, drill: Drill, now: datetime) -> DrillState:
    """The drill at ``path``, at this moment."""
    last = drill.verdict
    passed = drill.minutes_until(last.at if last else now)
    state = "answer seen, no verdict" if drill.told else "at work"
    if last:
        state = f"verdict: {total_of(points_of(last), cost_before(drill, last))} points"
    hints = len(drill.of("hint"))
    return DrillState(who(path), drill.level, passed, drill.minutes, hints, state, doubts_about(drill, now))


def points_of(verdict: DrillEntry) -> dict[str, int]:
    """For each part of the rubric what it is worth, or nothing: there is no other number of points."""
    return {part: worth if verdict.points.get(part) == worth else 0 for part, (worth, _) in RUBRIC.items()}


def cost_before(drill: Drill, verdict: DrillEntry) -> int:
    """What hints and verdicts before this one on record cost it."""
    place = next(number for number, each in enumerate(drill.happened) if each is verdict)
    return cost_of(drill.happened[:place])


def doubts_about(drill: Drill, now: datetime) -> list[str]:
    """What the record says and this tool doesn't write, a sentence each."""
    doubts = []
    if drill.started_at > now:
        doubts.append(f"it begins in the future, {drill.started_at:%Y-%m-%d %H:%M}")
    told = False
    for number, each in enumerate(drill.happened, start=1):
        what = f"line {number} of what happened, a {each.what}"
        if each.at < drill.started_at or each.at > now:
            doubts.append(f"{what}, is {'before the start' if each.at < drill.started_at else 'in the future'}")
        if told and each.what in ("hint", "verdict"):
            doubts.append(f"{what}, comes after the answer was seen")
        told = told or each.what in ("revealed", "debrief")
        if each.what == "verdict":
            points, cost = points_of(each), cost_before(drill, each)
            if (each.points, each.cost, each.total) != (points, cost, total_of(points, cost)):
                doubts.append(f"{what}, has other points, cost or total than the rubric and the lines before it give")
    if len(drill.of("hint")) > LEVELS[drill.level].hints:
        doubts.append(f"it has more hints than level {drill.level} gives")
    return doubts


def who(path: Path) -> str:
    """The name of the drill's folder, whether the folder or its file is named."""
    resolved = path.resolve()
    return (resolved if resolved.is_dir() else resolved.parent).name
