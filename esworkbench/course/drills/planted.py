"""The sealed answer of a drill, as its hints, verdict and debrief need it."""

from pathlib import Path

from esworkbench.course.drills.record import bank_in
from esworkbench.errors import UnusableInput
from esworkbench.forensics.diagnosis.catalogue import FAULTS
from esworkbench.lab import PlantedFault, reveal


def planted_in(folder: Path) -> list[PlantedFault]:
    """What was planted, one fault at least, each of a known name. Raises UnusableInput for any other answer."""
    planted = reveal(bank_in(folder))
    if not planted or any(each.fault not in FAULTS for each in planted):
        raise UnusableInput(f"the sealed answer in {folder} names no fault that is known here: start another drill")
    return planted
