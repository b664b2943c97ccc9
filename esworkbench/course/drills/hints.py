"""Three hints on a fault, out of the catalogue: where to look, among which, and at last which one."""

from pathlib import Path

from esworkbench.course.drills.levels import LEVELS
from esworkbench.course.drills.planted import planted_in
from esworkbench.course.drills.record import Clock, Drill, DrillEntry, add
from esworkbench.errors import UnusableInput
from esworkbench.forensics.diagnosis.catalogue import FAULTS

WHERE = {
    "restore": "the log itself isn't what was once written: before any balance, ask the log about itself, and what was "
    "kept of it elsewhere",
    "rebuild": "the log is sound: look at what reads it and claims something of it",
    "compensate": "log and read models agree with each other: ask the outside world what both of them lack",
    "none": "no command here puts it right: look at what stands beside log and balances (statements, snapshots, "
    "indexes, transfers, clocks), and at what may never happen",
}
"""By what it takes to put a fault right."""
HEALTHY = "nothing here has to be put right: look for what only seems wrong"


def hints_on(name: str) -> list[str]:
    """All three hints on this fault; its name is in the last alone, or hidden among its look-alikes."""
    fault = FAULTS[name]
    among = sorted((name, *fault.look_alikes))
    return [
        HEALTHY if fault.healthy else WHERE[fault.repair],
        "it is one of these: " + "; ".join(f"{each} ({FAULTS[each].meaning})" for each in among),
        f"it is {name}: {fault.meaning}; what to do: {fault.remedy}",
    ]


def take_hint(folder: Path, drill: Drill, *, clock: Clock) -> DrillEntry:
    """The next hint, on record. Raises UnusableInput where the level has no more, or the answer is out."""
    hints = hints_on(planted_in(folder)[0].fault)
    return add(folder, drill, lambda now: _next(now, hints, clock))


def _next(drill: Drill, hints: list[str], clock: Clock) -> DrillEntry:
    if drill.told:
        raise UnusableInput("the answer of this drill has been seen, so there is nothing left to hint at")
    taken, most = len(drill.of("hint")), LEVELS[drill.level].hints
    if taken >= most:
        raise UnusableInput(f"level {drill.level} has no more than {most} hints, and all were taken")
    return DrillEntry(at=clock(), what="hint", words=[hints[taken]])
