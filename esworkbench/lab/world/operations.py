"""The log of those who run the machines: what was down, deployed, restored, and who had a session, from when to when.

True and incomplete, as such logs are. It says nothing about accounts or money, and every bank has lines of every kind:
that there was a release or a session on the database tells nobody what came of it.
"""

import csv
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import NamedTuple

from esworkbench.lab.world.bus import Partition

COLUMNS = ("begins", "ends", "what")

WHAT = {
    "release": "a release of the readers goes live",
    "core": "a release of the counter's programs goes live",
    "session": "an operator's session on the database",
    "restart": "a host is restarted",
    "restore": "a restore from backup",
    "clock": "a server's clock is set",
    "batch": "a batch of corrections is run",
    "reports": "the reporting database is down",
}
"""By kind: minutes and hours of it are noted, never what it did."""

NOTED_IN_FOUR = 3
"""Of four things that somebody did, so many are written down."""


class Note(NamedTuple):
    begins: datetime
    ends: datetime
    what: str


class Operations:
    """The innocent lines of a bank's life from ``first`` to ``last`` are drawn at once, so they are the same whatever
    goes wrong; ``note`` adds what a fault really does, if anybody writes it down, by the half hour.
    """

    def __init__(self, first: datetime, last: datetime, rng: Random) -> None:
        self._rng = rng
        days = (last - first).days
        self.notes = [
            self._drawn(kind, first, days) for kind in WHAT for _ in range(max(2, days // 300) + rng.randrange(3))
        ]

    def _drawn(self, kind: str, first: datetime, days: int) -> Note:
        begins = first + timedelta(days=self._rng.randrange(1, days - 1), minutes=self._rng.randrange(1, 24 * 60))
        return Note(begins, begins + timedelta(minutes=self._rng.randrange(2, 110)), WHAT[kind])

    def note(self, kind: str, moment: datetime) -> None:
        """Something of that kind (see ``WHAT``) was done; one time in four nobody writes it down."""
        if self._rng.randrange(4) < NOTED_IN_FOUR:
            begins = moment - timedelta(seconds=moment.second, minutes=self._rng.randrange(40))
            self.notes.append(Note(begins, begins + timedelta(minutes=40 + self._rng.randrange(30)), WHAT[kind]))

    def write(self, path: Path, partitions: Iterable[Partition]) -> None:
        """One line for each, oldest first; times in UTC. What was lost by an interruption, nobody there knows."""
        down = [Note(each.begins, each.ends, f"{each.name} is down") for each in partitions]
        with path.open("x", encoding="utf-8", newline="") as file:
            lines = csv.writer(file, lineterminator="\n")
            lines.writerow(COLUMNS)
            for begins, ends, what in sorted(down + self.notes):
                lines.writerow([f"{begins:%Y-%m-%dT%H:%M:%SZ}", f"{ends:%Y-%m-%dT%H:%M:%SZ}", what])
