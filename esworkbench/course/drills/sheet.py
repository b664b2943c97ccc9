"""A row for each drill: for a trainer afterwards, and while a class is at work."""

from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from esworkbench.course.drills.record import Drill


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


class DrillState(NamedTuple):
    """How far one drill is: ``minutes`` have passed of ``limit``, until the verdict or until now."""

    who: str
    level: int
    minutes: int
    limit: int
    hints: int
    state: str


def sheet_row(path: Path, drill: Drill) -> SheetRow:
    """The drill at ``path``, as a trainer's table has it."""
    last = drill.verdict
    hints = len(drill.of("hint"))
    if last is None:
        return SheetRow(who(path), drill.level, drill.seed, None, hints, {}, 0, None)
    minutes = drill.minutes_until(last.at)
    return SheetRow(who(path), drill.level, drill.seed, minutes, hints, last.points, last.cost, last.total)


def state_of(path: Path, drill: Drill, now: datetime) -> DrillState:
    """The drill at ``path``, at this moment."""
    last = drill.verdict
    passed = drill.minutes_until(last.at if last else now)
    state = f"verdict: {last.total} points" if last else "answer seen, no verdict" if drill.told else "at work"
    return DrillState(who(path), drill.level, passed, drill.minutes, len(drill.of("hint")), state)


def who(path: Path) -> str:
    """The name of the drill's folder, whether the folder or its file is named."""
    resolved = path.resolve()
    return (resolved if resolved.is_dir() else resolved.parent).name
