"""What the catalogue knows of one fault: its record, which stands beside its detector in ``faults/<name>.py``."""

from collections.abc import Callable
from typing import Literal, NamedTuple

from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.unexplained import Explanations, Left

RepairKind = Literal["compensate", "rebuild", "restore", "none"]
"""Append what makes up for the events found; drop the read model and replay it; bring the log back from a backup; or
nothing that this bench could do: somebody's work by hand, or no work at all."""

Detector = Callable[[Facts, Left], Explanations]
"""Asked what of the residuals that are left it can explain."""


class Fault(NamedTuple):
    """A fault, as diagnosis, repair, report and ``explain`` know it.

    ``look_alikes`` are the names of faults it is mistaken for, each of which names it in turn. ``notebook`` is one that
    shows it, without the ending, or None. ``healthy``: it looks like a fault and asks for no repair. ``by_anchor`` is
    asked first, and names what contradicts an anchor; ``detector`` looks for the fault's own signature;
    ``by_exclusion`` is asked once every detector has been, and names what only remains. A fault with none of them is
    not testable yet, and ``needs`` says what evidence a test would take.
    """

    name: str
    meaning: str
    look_alikes: tuple[str, ...]
    remedy: str
    repair: RepairKind
    notebook: str | None = None
    healthy: bool = False
    by_anchor: Detector | None = None
    detector: Detector | None = None
    by_exclusion: Detector | None = None
    needs: str | None = None
