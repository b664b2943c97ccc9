"""Simulated time: what happens when, one thing at a time, on a clock that nothing but the agenda moves."""

import heapq
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count
from typing import NamedTuple

Action = Callable[[], None]

TICK = timedelta(seconds=1)


class _Entry(NamedTuple):
    moment: datetime
    number: int
    action: Action


class Agenda:
    """Runs actions in the order of their moments. ``now`` is the moment of the current action.

    No two actions share a moment: one that is due before the last one has ended begins a second after it. So
    events, clock and books all have the same order.
    """

    def __init__(self, start: datetime) -> None:
        self.now = start
        self._entries: list[_Entry] = []
        self._numbers = count()

    def clock(self) -> datetime:
        """The simulated time, for everything that asks for a clock."""
        return self.now

    def at(self, moment: datetime, action: Action) -> None:
        heapq.heappush(self._entries, _Entry(moment, next(self._numbers), action))

    def wait(self, duration: timedelta = TICK) -> None:
        """Let time pass inside an action."""
        self.now += duration

    def run_until(self, end: datetime) -> None:
        """Do everything due before ``end``, then move the clock to it."""
        while self._entries and self._entries[0].moment < end:
            entry = heapq.heappop(self._entries)
            self.now = max(entry.moment, self.now + TICK)
            entry.action()
        self.now = max(self.now, end)
