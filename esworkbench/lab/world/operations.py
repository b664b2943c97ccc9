"""The log of those who run the network: what was down, from when to when. It says nothing about accounts or money."""

import csv
from collections.abc import Iterable
from pathlib import Path

from esworkbench.lab.world.bus import Partition

COLUMNS = ("begins", "ends", "what")


def write_operations(path: Path, partitions: Iterable[Partition]) -> None:
    """One line for each interruption, oldest first; times in UTC. What was lost by it, nobody there knows."""
    with path.open("x", encoding="utf-8", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(COLUMNS)
        for each in sorted(partitions, key=lambda partition: partition.begins):
            lines.writerow(
                [f"{each.begins:%Y-%m-%dT%H:%M:%SZ}", f"{each.ends:%Y-%m-%dT%H:%M:%SZ}", f"{each.name} is down"]
            )
