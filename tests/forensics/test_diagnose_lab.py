"""Diagnosis against what the lab really broke: the class, the exact events and the amount, and nothing else."""

from functools import cache
from pathlib import Path

import pytest
from lab_incidents import FAULTS, answer, incident, told

from esworkbench.composition import capture
from esworkbench.domains.bank import bank_decoder
from esworkbench.domains.bank.read_models import AccountBalances
from esworkbench.forensics.compare.diff import diff
from esworkbench.forensics.diagnosis.catalogue import FAULTS as CATALOGUE
from esworkbench.forensics.diagnosis.diagnose import diagnose
from esworkbench.forensics.diagnosis.findings import Diagnosis
from esworkbench.forensics.diagnosis.replay_with_code import Code
from esworkbench.lab import build_incident, reveal
from esworkbench.lab.incidents.faults.buggy_handlers import CancellationsIgnored, FeesAdded

SEEDS = [1, *(pytest.param(seed, marks=pytest.mark.sweep) for seed in range(2, 13))]
HEALTHY = [1, 2, 3, *(pytest.param(seed, marks=pytest.mark.sweep) for seed in range(4, 304))]


@cache
def diagnosed(fault: str, seed: int = 1) -> Diagnosis:
    return diagnose(incident(fault, seed))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("fault", FAULTS)
def test_the_planted_fault_is_named_exactly(fault: str, seed: int) -> None:
    """Class, account, currency, amount, positions and event ids; nothing beside it, and nothing left over."""
    diagnosis = diagnosed(fault, seed)
    found = [told(finding) for finding in diagnosis.findings if finding.alternative_to is None]
    assert sorted(found, key=repr) == sorted(map(told, answer(fault, seed)), key=repr)
    assert diagnosis.unexplained == []
    assert diagnosis.tested[fault] == "found"


@pytest.mark.parametrize("seed", HEALTHY)
def test_a_healthy_bank_has_no_findings(seed: int) -> None:
    """Young holds, declined purchases, night-safe money, old schema versions: none of it is a fault."""
    diagnosis = diagnosed("none", seed)
    assert diagnosis.findings == []
    assert diagnosis.unexplained == []
    assert "found" not in diagnosis.tested.values()


@pytest.mark.parametrize("fault", FAULTS)
def test_every_divergent_account_has_a_finding(fault: str) -> None:
    """Every residual is explained once; what no class explains would be reported, never dropped."""
    evidence = incident(fault)
    diagnosis = diagnosed(fault)
    explained = {(finding.account, finding.currency) for finding in diagnosis.findings}
    assert {(row.account, row.currency) for row in diff(evidence).rows} <= explained


@pytest.mark.parametrize("fault", ["none", *FAULTS])
def test_every_name_of_the_catalogue_is_answered_for(fault: str) -> None:
    """Found, ruled out, or not testable and why: for each of the 42."""
    tested = diagnosed(fault).tested
    assert list(tested) == list(CATALOGUE)
    assert len(tested) == 42
    assert all(word in ("found", "ruled_out") or word.startswith("not_testable: ") for word in tested.values())


def test_lag_is_healthy() -> None:
    """Lag is not corruption: found, told, and nobody has to act."""
    diagnosis = diagnosed("lag")
    assert [finding.fault for finding in diagnosis.findings] == ["lag"]
    assert diagnosis.unhealthy == []


def test_narrowing_to_an_account_changes_what_is_said_and_not_what_is_found() -> None:
    everywhere = diagnosed("double_apply")
    account = everywhere.findings[0].account
    assert account is not None
    narrowed = diagnose(incident("double_apply"), account=account)
    assert narrowed.findings == [finding for finding in everywhere.findings if finding.account == account]
    assert narrowed.tested == everywhere.tested


@pytest.mark.parametrize("fault", ["gap_skipped", "double_apply", "unresolved_pending"])
def test_the_same_faults_on_postgresql(fault: str, postgres_url: str, tmp_path: Path) -> None:
    """There a slow commit leaves no trace in the clocks: the skipped event is named all the same."""
    build_incident(postgres_url, fault=fault, seed=1, scale="small")
    diagnosis = diagnose(capture(postgres_url, tmp_path / "evidence", progress=False))
    found = [finding for finding in diagnosis.findings if finding.alternative_to is None]
    assert sorted(map(told, found)) == sorted(map(told, reveal(postgres_url)))
    assert diagnosis.unexplained == []


def guilty_code(seed: int) -> type[AccountBalances]:
    """The release that was live: it is named in the lab by the event type it gets wrong."""
    kinds = {posting.kind for finding in diagnose(incident("handler_bug", seed)).unhealthy if finding.account
             for posting in incident("handler_bug", seed).postings(finding.account)
             if posting.event_id in finding.event_ids}  # fmt: skip
    return FeesAdded if kinds == {"fee"} else CancellationsIgnored


def test_without_the_code_a_handler_bug_is_named_beside_its_look_alike() -> None:
    findings = diagnosed("handler_bug").findings
    beside = [finding for finding in findings if finding.fault == "wrong_upcaster"]
    assert beside
    assert all(finding.certainty == "possible" and finding.alternative_to == "handler_bug" for finding in beside)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_code_handed_over_proves_a_handler_bug(seed: int) -> None:
    """A rebuild with the same code repeats the error; no upcaster stands between, so the look-alike is out."""
    code = Code(guilty_code(seed), bank_decoder())
    diagnosis = diagnose(incident("handler_bug", seed), projection=code)
    assert {(finding.fault, finding.certainty) for finding in diagnosis.findings} == {("handler_bug", "proven")}
    assert all("repeats it" in finding.proof for finding in diagnosis.findings)


def test_without_the_code_a_changed_figure_is_possible_and_the_proof_says_what_was_not_tested() -> None:
    """Promise 14: what only exclusion suggests names every candidate that was left out."""
    [finding] = diagnosed("manual_edit").findings
    assert (finding.fault, finding.certainty) == ("manual_edit", "possible")
    assert "not tested: handler_bug, wrong_upcaster" in finding.proof


def test_the_code_handed_over_makes_a_manual_edit_likely_and_never_proven() -> None:
    """A rebuild heals it, so today's code didn't do it; nothing notes the act itself down."""
    [finding] = diagnose(incident("manual_edit"), projection=Code(AccountBalances, bank_decoder())).findings
    assert (finding.fault, finding.certainty) == ("manual_edit", "likely")
    assert "heals it" in finding.proof
