"""The banks that are built, and what is said of each."""

import shutil
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path
from random import Random
from time import perf_counter, process_time
from typing import Literal, NamedTuple

import msgspec

from benchmarks.confusion.judge import Diagnosed, Planted, Verdict, judge
from esworkbench.composition import capture
from esworkbench.errors import UnusableInput
from esworkbench.forensics.diagnosis.diagnose import diagnose
from esworkbench.lab import FAULTS, build_incident, reveal

Kind = Literal["single", "mixed", "clean"]
ENGINES = ("sqlite", "postgresql")
PLANTABLE = tuple(name for name in FAULTS if name != "none")
MOST_MIXED = 4
TRIES = 20
"""So many draws for a mixture whose faults the lab can plant together."""


class Trial(NamedTuple):
    """One bank: ``fault`` is empty for a mixture, which is drawn from the seed, and for a healthy bank."""

    kind: Kind
    fault: str
    seed: int
    engine: str

    @property
    def name(self) -> str:
        """``single/lag/7/sqlite``, ``mixed/3/postgresql``: what ``--only`` is held against."""
        return "/".join(part for part in (self.kind, self.fault, str(self.seed), self.engine) if part)


class Held(msgspec.Struct, frozen=True):
    """What came of a trial: the verdict, or the error that ended it; seconds are those of this process's CPU."""

    trial: str
    kind: str
    engine: str
    faults: list[str]
    seconds: float
    verdict: Verdict | None = None
    error: str = ""
    wall_seconds: float = 0.0


def all_trials(
    seeds: int, mixed: int, clean: int, *, engines: Sequence[str] = ENGINES, only: str = "*"
) -> list[Trial]:  # fmt: skip
    """Seed by seed, so that a run that is stopped early has seen every fault. Mixtures and healthy banks take the
    engines in turn.
    """
    return [each for each in _trials(seeds, mixed, clean) if each.engine in engines and fnmatch(each.name, only)]


def _trials(seeds: int, mixed: int, clean: int) -> Iterator[Trial]:
    for seed in range(1, max(seeds, mixed, clean) + 1):
        if seed <= seeds:
            yield from (Trial("single", fault, seed, engine) for fault in PLANTABLE for engine in ENGINES)
        share = range(seed, max(mixed, clean) + 1, max(seeds, 1)) if seed <= max(seeds, 1) else ()
        for number in share:
            engine = ENGINES[number % 2]
            if number <= mixed:
                yield Trial("mixed", "", number, engine)
            if number <= clean:
                yield Trial("clean", "", number, engine)


def hold(trial: Trial, url: str, folder: Path) -> Held:
    """Build the bank at ``url``, capture it below ``folder``, ask what is wrong, and judge the answer."""
    started, began = process_time(), perf_counter()
    faults: list[str] = []
    try:
        key = folder / "answer.key"
        faults = _build(trial, url, key)
        planted = msgspec.convert([msgspec.to_builtins(each) for each in reveal(url, key_file=key)], list[Planted])
        evidence = capture(url, folder / "evidence", progress=False)
        diagnosed = msgspec.convert(diagnose(evidence).as_json(), Diagnosed)
        verdict, error = judge(planted, diagnosed), ""
    except Exception as caught:  # noqa: BLE001  one bank that can't be held is a line of the report, not the end of the night
        verdict, error = None, f"{type(caught).__name__}: {caught}"
    finally:
        shutil.rmtree(folder / "evidence", ignore_errors=True)
    return Held(
        trial.name, trial.kind, trial.engine, faults, round(process_time() - started, 2), verdict, error,
        round(perf_counter() - began, 2),
    )  # fmt: skip


def _build(trial: Trial, url: str, key: Path) -> list[str]:
    if trial.kind != "mixed":
        build_incident(url, fault=trial.fault or "none", seed=trial.seed, scale="small", key_file=key)
        return [trial.fault] if trial.fault else []
    chance = Random(f"mixed/{trial.seed}")
    for _ in range(TRIES):
        faults = sorted(chance.sample(PLANTABLE, chance.randint(2, MOST_MIXED)))
        try:
            build_incident(url, faults=faults, seed=trial.seed, scale="small", key_file=key)
        except UnusableInput:
            continue  # these can't be planted together
        return faults
    raise UnusableInput(f"no mixture of {TRIES} drawn for {trial.name} can be planted")
