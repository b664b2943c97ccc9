"""A dial for how often to take snapshots: what each setting gives and costs, as measured beforehand."""

import math
from collections.abc import Mapping, Sequence

from esworkbench.errors import UnusableInput
from esworkbench.snapshotting.frequency import FrequencyRow, held_against


class SnapshotDial:
    """Set to one frequency, on the streams of one profile, under one limit; it begins at what is recommended.

    ``measured`` has the rows of ``measure_frequencies`` by the profile's name. Raises ValueError when it is empty, or
    when the profiles weren't measured at the same frequencies: a dial has one scale.
    """

    def __init__(self, measured: Mapping[str, Sequence[FrequencyRow]], *, limit_ms: float) -> None:
        scales = {tuple(row.every for row in rows) for rows in measured.values()}
        if len(scales) != 1 or () in scales:
            raise ValueError(
                f"a dial needs profiles measured at the same frequencies, not at {sorted(map(str, scales))}"
            )
        (self.frequencies,) = scales
        self.profiles = tuple(measured)
        self._measured = dict(measured)
        self.profile = self.profiles[0]
        self.set_limit(limit_ms)
        self.every = self.recommended.every

    @property
    def rows(self) -> list[FrequencyRow]:
        """The profile's measurements under today's limit."""
        return held_against(self._measured[self.profile], self.limit_ms)

    @property
    def row(self) -> FrequencyRow:
        """What was measured at the frequency the dial is set to."""
        return self.rows[self.frequencies.index(self.every)]

    @property
    def recommended(self) -> FrequencyRow:
        [recommended] = [row for row in self.rows if row.recommended]
        return recommended

    def turn(self, every: int | None) -> None:
        """Set the frequency; None: no snapshots. Raises UnusableInput for one that wasn't measured."""
        if every not in self.frequencies:
            raise UnusableInput(f"{every} was not measured: turn to one of {', '.join(map(named, self.frequencies))}")
        self.every = every

    def choose(self, profile: str) -> None:
        """Choose the streams to show; the frequency stays. Raises UnusableInput for a profile that wasn't measured."""
        if profile not in self.profiles:
            raise UnusableInput(f"there is no profile {profile!r}: choose one of {', '.join(self.profiles)}")
        self.profile = profile

    def set_limit(self, limit_ms: float) -> None:
        """How long a load may take at p99, in milliseconds. Raises UnusableInput unless it is above 0."""
        if not (math.isfinite(limit_ms) and limit_ms > 0):
            raise UnusableInput(f"a load can't be asked to take {limit_ms:g} ms: name a limit above 0")
        self.limit_ms = limit_ms

    def conclusion(self) -> str:
        """What this setting gives and costs, and which is recommended, in two sentences."""
        row, recommended = self.row, self.recommended
        within = "within" if row.meets_limit else "beyond"
        every = "no snapshots" if row.every is None else f"a snapshot every {row.every} events"
        if row.recommended:
            advice = "this is the rarest that is" if row.meets_limit else "none is within it, and this is the fastest"
        else:
            advice = f"recommended is {named(recommended.every)}"
        return (
            f"{every}: p99 {row.p99_ms:g} ms, {within} the limit of {self.limit_ms:g} ms, for {row.snapshots:,} "
            f"snapshots of {row.snapshot_bytes:,} bytes in all; {advice}"
        )


def named(every: int | None) -> str:
    """A frequency as people say it."""
    return "none" if every is None else str(every)
