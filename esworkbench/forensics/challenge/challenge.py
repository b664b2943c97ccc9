"""Plant every plantable fault in throwaway copies of evidence, diagnose each copy, and count what would have been seen.

What the evidence says of itself, before anything is planted, is the baseline: a planted fault is caught where what the
diagnosis of the copy says beyond it names the fault, on the account and with the amount. (The idea is that of mutation
testing, turned on evidence instead of code.)
"""

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from esworkbench.errors import UnusableInput
from esworkbench.evidence import Evidence
from esworkbench.forensics.challenge.draw import CantPlant, Draw
from esworkbench.forensics.challenge.plants import PLANTS, Planted
from esworkbench.forensics.challenge.working_copy import CopiedEvidence, WorkingCopy
from esworkbench.forensics.diagnosis.catalogue import FAULTS
from esworkbench.forensics.diagnosis.diagnose import diagnose
from esworkbench.forensics.diagnosis.findings import LOOKED_FOR, NOT_TESTABLE, Diagnosis, Finding
from esworkbench.kept_files import throwaway_folder

COLUMNS = ["fault", "caught", "missed", "mistaken for", "smallest seen"]
FOLDER = "esworkbench-challenge-"
ACCOUNTS_TRIED = 5

UNEXPLAINED = "unexplained"
"""What a fault is taken for where its amount is reported and no fault is named for it."""


class Tally(msgspec.Struct, kw_only=True):
    """What became of one fault's trials. ``mistaken`` says for what, and how often.

    ``in_pairs`` of the caught were named beside another fault that the evidence doesn't tell apart from it.
    ``smallest`` is the smallest damage that was caught, in minor units by currency; ``accused`` counts other faults
    that were called proven where only this one was planted.
    """

    caught: int = 0
    missed: int = 0
    mistaken: dict[str, int] = {}
    smallest: dict[str, int] = {}
    in_pairs: int = 0
    accused: dict[str, int] = {}


class Undetectable(msgspec.Struct, frozen=True):
    """A fault that could be in this evidence, and nobody would see it."""

    fault: str
    why: str


class Challenge(msgspec.Struct, frozen=True, kw_only=True):
    """What this evidence would have shown: ``trials`` of each fault, each with another account and amount.

    ``evidence`` is the digest of what was challenged. ``not_planted`` are faults that were not tried, because there is
    nothing here to plant them in or no way to.
    """

    evidence: str
    trials: int
    seed: int
    faults: dict[str, Tally]
    undetectable: list[Undetectable]
    not_planted: list[Undetectable]

    def rows(self, evidence: Evidence) -> list[list[Any]]:
        """One row a fault, as COLUMNS has them."""
        return [
            [
                name, tally.caught, tally.missed,
                ", ".join(f"{other} ({count})" for other, count in sorted(tally.mistaken.items())),
                ", ".join(evidence.money(amount, currency) for currency, amount in sorted(tally.smallest.items())),
            ]
            for name, tally in self.faults.items()
        ]  # fmt: skip

    @property
    def is_clean(self) -> bool:
        """Whether all that was planted was caught."""
        return not any(tally.missed or tally.mistaken for tally in self.faults.values())


def challenge(
    evidence: Evidence,
    *,
    trials: int,
    seed: int = 0,
    faults: Iterable[str] | None = None,
    baseline: Diagnosis | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Challenge:
    """Plant each fault (or the ``faults`` named) ``trials`` times. Neither the evidence nor its case is touched.

    ``progress`` is told the fault before each trial. Copies lie in the folder for temporary files, one at a time, and
    are removed however a trial ends. Raises UnusableInput for a fault that isn't in the catalogue, fewer than one
    trial, and evidence of a delimited file or without postings: nothing is planted there.
    """
    if trials < 1:
        raise UnusableInput(f"each fault is planted at least once, not {trials} times: give --trials 1 or more")
    if evidence.ledger.file is not None or not evidence.ledger.posting:
        raise UnusableInput(
            f"{evidence.path} holds no events that post by a rule, and faults are planted in events and what is made "
            "of them: challenge evidence of an event store"
        )
    asked = list(FAULTS) if faults is None else list(faults)
    for name in asked:
        if name not in FAULTS:
            raise UnusableInput(f"there is no fault {name!r} in the catalogue: `esworkbench explain` lists them")
    baseline = baseline or diagnose(evidence)
    source = CopiedEvidence(evidence)
    tallies: dict[str, Tally] = {}
    undetectable: list[Undetectable] = []
    not_planted: list[Undetectable] = []
    with throwaway_folder(FOLDER) as folder:
        for name in asked:
            outcome = baseline.tested[name]
            if outcome.startswith(NOT_TESTABLE) and not outcome.startswith(LOOKED_FOR):
                undetectable.append(Undetectable(name, outcome.removeprefix(NOT_TESTABLE)))
            elif name not in PLANTS:
                not_planted.append(Undetectable(name, "this release has no way to plant it"))
            else:
                tally, lacking = Tally(), ""
                for trial in range(trials):
                    progress(name)
                    try:
                        _try(source, name, trial, f"{seed}-{name}-{trial}", baseline, tally, folder)
                    except CantPlant as reason:
                        lacking = str(reason)
                if tally.caught or tally.missed or tally.mistaken:
                    tallies[name] = tally
                else:
                    not_planted.append(Undetectable(name, lacking))
    return Challenge(
        evidence=evidence.digest, trials=trials, seed=seed, faults=tallies, undetectable=undetectable,
        not_planted=not_planted,
    )  # fmt: skip


def _try(
    source: CopiedEvidence, fault: str, trial: int, seed: str, baseline: Diagnosis, tally: Tally, folder: Path
) -> None:
    copy, planted = plant(source, fault, trial, seed)
    into = folder / "copy"
    try:
        found = diagnose(copy.write(into))
    finally:
        shutil.rmtree(into, ignore_errors=True)
    judge(fault, planted, baseline, found, tally)


def plant(source: CopiedEvidence, fault: str, trial: int, seed: str) -> tuple[WorkingCopy, Planted]:
    """One copy with one fault in it, on the first of some accounts that has what it takes. Raises CantPlant."""
    for attempt in range(ACCOUNTS_TRIED):
        random = Random(f"{seed}-{attempt}")
        copy = WorkingCopy(source, random)
        try:
            return copy, PLANTS[fault](copy, Draw(copy, trial, random))
        except CantPlant as reason:
            lacking = reason
    raise lacking


def judge(fault: str, planted: Planted, baseline: Diagnosis, found: Diagnosis, tally: Tally) -> None:
    """Count one trial: what the copy's diagnosis says beyond the baseline's."""
    before = {_identity(each) for each in baseline.findings}
    new = [each for each in found.findings if _identity(each) not in before]
    had = sum(
        each.amount for each in baseline.findings
        if (each.fault, each.account, each.currency) == (fault, planted.account, planted.currency)
    )  # fmt: skip
    named = [
        each for each in new
        if each.fault == fault and (None in (planted.account, each.account) or each.account == planted.account)
    ]  # fmt: skip
    right = [each for each in named if planted.amount is None or each.amount in (planted.amount, planted.amount + had)]
    others = [each for each in new if each.fault != fault and not each.healthy]
    for each in {other.fault for other in others if other.certainty == "proven" and other.alternative_to is None}:
        tally.accused[each] = tally.accused.get(each, 0) + 1
    if right:
        tally.caught += 1
        tally.in_pairs += any(each.alternative_to is not None for each in (*right, *others))
        if planted.size is not None and planted.currency is not None:
            known = tally.smallest.get(planted.currency, planted.size)
            tally.smallest[planted.currency] = min(known, planted.size)
        return
    loose = {(each.account, each.currency, each.source, each.amount, each.at_position) for each in baseline.unexplained}
    left = [each for each in found.unexplained
            if (each.account, each.currency, each.source, each.amount, each.at_position) not in loose]  # fmt: skip
    taken_for = (
        f"{fault} with another amount" if named else others[0].fault if others else UNEXPLAINED if left else None
    )
    if taken_for is None:
        tally.missed += 1
    else:
        tally.mistaken[taken_for] = tally.mistaken.get(taken_for, 0) + 1


def _identity(finding: Finding) -> tuple[Any, ...]:
    return (finding.fault, finding.account, finding.currency, finding.amount, tuple(finding.event_ids),
            tuple(finding.positions))  # fmt: skip
