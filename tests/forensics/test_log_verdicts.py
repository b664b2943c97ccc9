"""Verdicts about a damaged log: named by what was done, once, to the minor unit, and never silent."""

from pathlib import Path

import pytest
from damaged_bank import DAMAGES, DamagedBank, Truth

from esworkbench.forensics.diagnosis.diagnose import diagnose
from esworkbench.forensics.diagnosis.findings import Diagnosis, Finding


def judged(diagnosis: Diagnosis, truths: list[Truth]) -> None:
    """Nothing proven that isn't so, nothing silent, one finding an act and account, nothing left unexplained."""
    told = [finding for finding in diagnosis.findings if finding.alternative_to is None]
    done = [(truth.fault, truth.account, truth.amount) for truth in truths]
    for finding in told:
        assert finding.certainty != "proven" or name(finding) in done, finding
    assert sorted(map(name, told), key=str) == sorted(done, key=str)
    assert diagnosis.unexplained == []
    for truth in truths:
        ids = next(each.event_ids for each in told if name(each) == (truth.fault, truth.account, truth.amount))
        assert truth.event_ids in (None, tuple(ids)), truth


def name(finding: Finding) -> tuple[str, str | None, int]:
    return finding.fault, finding.account, finding.amount


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda each: each.__name__)
def test_what_was_done_to_the_log_is_named_once_and_exactly(damage, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    bank = DamagedBank(tmp_path)
    truths = damage(bank)
    judged(diagnose(bank.captured()), truths)


@pytest.mark.sweep
@pytest.mark.parametrize("seed", range(2, 42))
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda each: each.__name__)
def test_over_many_seeds(damage, seed: int, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    bank = DamagedBank(tmp_path, seed)
    truths = damage(bank)
    judged(diagnose(bank.captured()), truths)


def test_a_healthy_bank_stays_silent(tmp_path: Path) -> None:
    diagnosis = diagnose(DamagedBank(tmp_path).captured())
    assert (diagnosis.findings, diagnosis.unexplained) == ([], [])
