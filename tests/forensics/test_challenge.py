"""What evidence could not have shown is said: faults are planted in copies of it, which are gone afterwards."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from broken_copy import Copy
from lab_incidents import incident

from esworkbench.errors import UnusableInput
from esworkbench.evidence import Evidence
from esworkbench.evidence.agreement import disagreements
from esworkbench.forensics.challenge import challenge as module
from esworkbench.forensics.challenge.challenge import FOLDER, Tally, challenge, judge, plant
from esworkbench.forensics.challenge.draw import CantPlant
from esworkbench.forensics.challenge.plants import PLANTS, Planted
from esworkbench.forensics.challenge.working_copy import CopiedEvidence
from esworkbench.forensics.diagnosis.catalogue import FAULTS
from esworkbench.forensics.diagnosis.diagnose import diagnose
from esworkbench.forensics.diagnosis.findings import Diagnosis, Finding, Unexplained

PLAIN = ("payload_edited", "event_deleted", "never_appended")
"""Faults that the evidence of a small bank always shows, to the minor unit."""


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.glob(f"{FOLDER}*")) == []


def state_of(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Every file with its size, time and number of names."""
    found = {path: path.stat() for path in folder.rglob("*")}
    return {str(path): (each.st_size, each.st_mtime_ns, each.st_nlink) for path, each in found.items()}


def test_what_is_planted_is_caught_and_the_evidence_stays_as_it_was() -> None:
    evidence = incident("none")
    before = state_of(evidence.path), sorted(evidence.path.parent.iterdir())
    found = challenge(evidence, trials=1, faults=PLAIN)
    assert {name: (tally.caught, tally.missed, tally.mistaken) for name, tally in found.faults.items()} == {
        name: (1, 0, {}) for name in PLAIN
    }
    assert found.is_clean
    assert [found.faults[name].smallest for name in ("payload_edited", "never_appended")] in (
        [{one: 1}, {other: 1}] for one in ("USD", "EUR") for other in ("USD", "EUR")
    )
    assert (state_of(evidence.path), sorted(evidence.path.parent.iterdir())) == before


@pytest.mark.parametrize("fault", PLANTS)
def test_a_copy_with_a_fault_in_it_is_evidence_that_agrees_with_itself(fault: str, tmp_path: Path) -> None:
    """Otherwise what is diagnosed would not be what ``diagnose`` is given: it refuses evidence that doesn't."""
    try:
        copy, _ = plant(CopiedEvidence(incident("none")), fault, 0, "1")
    except CantPlant:
        assert fault == "mixed_currency"  # no account of the small bank has two
        return
    evidence = copy.write(tmp_path / "copy")
    assert list(disagreements(evidence)) == []
    assert evidence.digest != incident("none").digest


@pytest.mark.sweep
@pytest.mark.parametrize("fault", sorted({*PLANTS} - {"mixed_currency"}))
def test_every_fault_that_is_planted_is_seen_and_hardly_ever_missed(fault: str) -> None:
    """Nothing that is planted leaves the diagnosis as it was: it is caught, or something else is said of it."""
    found = challenge(incident("none"), trials=3, faults=[fault])
    assert found.faults[fault].missed == 0
    assert found.faults[fault].caught > 0


def test_one_seed_plants_the_same_and_another_something_else() -> None:
    source = CopiedEvidence(incident("none"))
    drawn = [plant(source, "payload_edited", trial, str(seed))[1] for seed in (1, 1, 2, 3, 4) for trial in (0, 1, 2)]
    assert drawn[:3] == drawn[3:6]
    assert len(set(drawn)) > 6
    assert {each.size for each in drawn[::3]} == {1}


def test_what_is_planted_touches_no_row_of_another_copy() -> None:
    """Copies share what they haven't changed."""
    source = CopiedEvidence(incident("none"))
    before = repr([source.rows("assertions", bucket) for bucket in range(source.evidence.manifest.buckets)])
    for fault in PLANTS:
        try:
            plant(source, fault, 0, "1")
        except CantPlant:
            continue
    assert repr([source.rows("assertions", bucket) for bucket in range(source.evidence.manifest.buckets)]) == before


def test_a_fault_that_the_evidence_cannot_show_is_undetectable_and_says_why(tmp_path: Path) -> None:
    copy = Copy("none", tmp_path)
    copy.statement().unlink()
    found = challenge(copy.evidence_of(), trials=1, faults=["never_appended", "statement_incomplete", "split_view"])
    assert found.faults == {}
    why = {each.fault: each.why for each in found.undetectable}
    assert set(why) == {"never_appended", "statement_incomplete", "split_view"}
    assert "statement" in why["never_appended"]


def test_every_fault_of_the_catalogue_is_answered_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted, undetectable or not planted: none is left out."""
    evidence = incident("none")
    monkeypatch.setattr(module, "PLANTS", {"lag": PLANTS["lag"]})
    found = challenge(evidence, trials=1)
    told = [*found.faults, *(each.fault for each in (*found.undetectable, *found.not_planted))]
    assert sorted(told) == sorted(FAULTS)
    assert all(each.why for each in (*found.undetectable, *found.not_planted))


def test_copies_are_gone_when_it_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Path] = []

    def interrupted(evidence: Evidence, **_: object) -> Diagnosis:
        seen.append(evidence.path)
        raise KeyboardInterrupt

    evidence = incident("none")
    baseline = diagnose(evidence)
    monkeypatch.setattr(module, "diagnose", interrupted)
    with pytest.raises(KeyboardInterrupt):
        challenge(evidence, trials=1, faults=["lag"], baseline=baseline)
    [copy] = seen
    assert not copy.exists()
    assert not copy.parent.exists()


def finding(fault: str, amount: int = 5, account: str | None = "A", **more: Any) -> Finding:
    return Finding(fault=fault, account=account, currency="USD", amount=amount, proof="", remedy="", **more)


def judged(new: list[Finding], unexplained: list[Unexplained] | None = None, had: list[Finding] | None = None) -> Tally:
    tally = Tally()
    before = Diagnosis(findings=had or [], tested={}, unexplained=[])
    after = Diagnosis(findings=new, tested={}, unexplained=unexplained or [])
    judge("manual_edit", Planted("A", "USD", 5, 5), before, after, tally)
    return tally


LEFT = Unexplained(account="A", currency="USD", source="s", amount=5, at_position=None, words="")


CASES: list[tuple[list[Finding], list[Unexplained], list[Finding], str]] = [
    ([finding("manual_edit")], [], [], "caught"),
    ([finding("manual_edit", 12)], [], [finding("manual_edit", 7)], "caught"),  # added to what was there
    ([finding("manual_edit", account=None)], [], [], "caught"),
    ([], [], [], "missed"),
    ([finding("manual_edit")], [], [finding("manual_edit")], "missed"),  # said before anything was planted
    ([finding("lag", healthy=True)], [], [], "missed"),
    ([finding("row_lost")], [], [], "row_lost"),
    ([finding("manual_edit", account="B"), finding("row_lost")], [], [], "row_lost"),
    ([finding("manual_edit", 6)], [], [], "manual_edit with another amount"),
    ([], [LEFT], [], "unexplained"),
]


def test_a_trial_is_caught_missed_or_mistaken() -> None:
    for new, unexplained, had, told in CASES:
        tally = judged(new, unexplained, had)
        assert (tally.caught, tally.missed) == (int(told == "caught"), int(told == "missed")), told
        assert tally.mistaken == ({} if told in ("caught", "missed") else {told: 1})


def test_what_is_called_proven_and_was_not_planted_is_counted() -> None:
    tally = judged([finding("manual_edit"), finding("double_apply"), finding("row_lost", certainty="likely")])
    assert (tally.caught, tally.accused) == (1, {"double_apply": 1})


@pytest.mark.parametrize(
    ("given", "sentence"),
    [({"trials": 0}, "--trials 1"), ({"trials": 1, "faults": ["nothing"]}, "no fault 'nothing'")],
)
def test_what_cannot_be_challenged_is_refused(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UnusableInput, match=sentence):
        challenge(incident("none"), **given)
