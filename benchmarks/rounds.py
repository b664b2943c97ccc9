"""Contenders take turns, round after round, so that whatever else the machine does hits them alike."""

import gc
import os
from collections.abc import Callable, Sequence
from statistics import median, quantiles
from time import perf_counter
from typing import NamedTuple


class Contender:
    """One way to do an experiment's work. ``prepare`` is not timed, ``work`` is.

    ``done`` counts the events done so far, from the database where it can be: a round that didn't do its work stops
    the run instead of looking fast.
    """

    name: str
    commit_seconds: Sequence[float] = ()
    """What each commit of the last ``work`` took, from those that time them."""

    def prepare(self, round_number: int) -> None:
        """Make ready for the next ``work``. Round 0 is the warm-up."""

    def work(self) -> None:
        raise NotImplementedError

    def done(self) -> int:
        raise NotImplementedError

    def rest(self) -> None:
        """Give connections back until the next ``prepare``, where a server has too few for everybody at once."""

    def close(self) -> None:
        """Give back connections and processes."""


class Experiment(NamedTuple):
    """``size`` events are done in each round by each contender. Ratios are taken to the contender ``limit``."""

    title: str
    engine: str
    size: int
    limit: str
    contenders: Sequence[Contender]


class Measured(NamedTuple):
    """Seconds of each contender in each round; the same place in two lists is the same round.

    ``commit_seconds`` are those of all rounds together, for contenders that time their commits one by one.
    """

    title: str
    engine: str
    size: int
    limit: str
    seconds: dict[str, list[float]]
    load_before: float
    commit_seconds: dict[str, list[float]]

    def rate(self, name: str) -> float:
        """Events per second in the median round."""
        return self.size / median(self.seconds[name])

    def slowest_and_fastest(self, name: str) -> tuple[float, float]:
        return self.size / max(self.seconds[name]), self.size / min(self.seconds[name])

    def commit_milliseconds(self, name: str) -> tuple[float, float] | None:
        """The median commit and the slowest in a hundred, where they were timed."""
        taken = self.commit_seconds[name]
        return (median(taken) * 1e3, quantiles(taken, n=100)[-1] * 1e3) if len(taken) > 1 else None

    def ratio(self, name: str, to: str) -> tuple[float, float, float]:
        """How many times as fast as another contender: the median over the rounds, and its lowest and highest."""
        ratios = [other / own for own, other in zip(self.seconds[name], self.seconds[to], strict=True)]
        return median(ratios), min(ratios), max(ratios)


def run(experiment: Experiment, rounds: int, tell: Callable[[str], None]) -> Measured:
    """A warm-up for each contender, then the rounds; who goes first moves on by one each round."""
    contenders = list(experiment.contenders)
    seconds: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    commit_seconds: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    load_before = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    try:
        for contender in contenders:
            _timed(contender, 0, experiment.size)
        for number in range(1, rounds + 1):
            first = number % len(contenders)
            for contender in contenders[first:] + contenders[:first]:
                seconds[contender.name].append(_timed(contender, number, experiment.size))
                commit_seconds[contender.name].extend(contender.commit_seconds)
    finally:
        for contender in contenders:
            contender.close()
    title, engine, size, limit, _ = experiment
    measured = Measured(title, engine, size, limit, seconds, load_before, commit_seconds)
    for name in seconds:
        tell(f"  {name:<32} {measured.rate(name):>10,.0f} events/s   {measured.ratio(name, measured.limit)[0]:.2f}")
    return measured


def _timed(contender: Contender, number: int, size: int) -> float:
    contender.prepare(number)
    before = contender.done()
    gc.collect()
    started = perf_counter()
    contender.work()
    took = perf_counter() - started
    did = contender.done() - before
    if did != size:
        raise RuntimeError(f"{contender.name!r} was to do {size} events and did {did}: its time means nothing")
    return took
