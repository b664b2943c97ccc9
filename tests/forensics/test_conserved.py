"""Promise 15: every minor unit by which a claim differs is taken by a finding or unexplained, or no answer is given."""

import importlib
import json
from pathlib import Path

import pytest
from broken_copy import Copy
from lab_incidents import FAULTS, incident
from small_ledger import START, SmallLedger

from esworkbench.cli import run
from esworkbench.forensics.compare.columns import COLUMN_KINDS
from esworkbench.forensics.compare.records import Residual
from esworkbench.forensics.compare.residuals import Residuals
from esworkbench.forensics.diagnosis.diagnose import diagnose
from esworkbench.forensics.diagnosis.unexplained import Left, NotConserved
from tests.support import swept

room = importlib.import_module("esworkbench.forensics.diagnosis.diagnose")


def two_differences() -> SmallLedger:
    ledger = SmallLedger()
    ledger.event("A", 10)
    ledger.claim("A", 17)
    ledger.claim("A", 12, source="days", kind="daily", day=START.date())
    return ledger


@pytest.mark.parametrize("fault", swept([*FAULTS, "none"], every=2))
def test_findings_and_what_is_unexplained_add_up_to_the_differences(fault: str) -> None:
    """Counted by nobody of the diagnosis: what each finding says it takes, and what is left."""
    evidence = incident(fault)
    diagnosis = diagnose(evidence)
    owed: dict[str, int] = {}
    for residual in Residuals(evidence).found():
        if residual.kind in COLUMN_KINDS:
            continue  # the amounts beside a balance are taken with it
        owed[residual.source] = owed.get(residual.source, 0) + residual.amount
    told = dict.fromkeys(owed, 0)
    for each in diagnosis.unexplained:
        if each.source in told:
            told[each.source] += each.amount
    for finding in diagnosis.findings:
        if finding.alternative_to is None and finding.source in told:
            told[finding.source] += finding.explains[finding.source]
    witnesses = {finding.source for finding in diagnosis.findings} | {each.source for each in diagnosis.unexplained}
    assert {source: told[source] for source in owed if source in witnesses} == {
        source: amount for source, amount in owed.items() if source in witnesses
    }


@pytest.mark.parametrize("dropped", ["heads", "steps"])
def test_a_difference_that_nobody_tells_of_is_an_error_of_ours(
    dropped: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = Copy("none", tmp_path)
    copy.edit_balance(700)
    with copy.by_hand() as connection:
        connection.exec_driver_sql(
            "UPDATE daily_summaries SET closing_minor = closing_minor + 9 WHERE account_id = 'ACC-1001' "
            "AND day = (SELECT min(day) FROM daily_summaries WHERE account_id = 'ACC-1001')"
        )
    monkeypatch.setattr(room, "detectors", lambda: [])
    assert copy.diagnose().unexplained, "with no detector at all, everything is unexplained"
    monkeypatch.setattr(Left, dropped, (lambda self, source: {}) if dropped == "heads" else _no_steps)
    with pytest.raises(NotConserved, match="minor units"):
        diagnose(copy.evidence_of("again"))


def _no_steps(self: Left, **_: object) -> list[Residual]:
    return []


def test_an_imbalance_is_exit_3_and_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    evidence = two_differences().write(tmp_path / "ev")
    assert run(["diagnose", str(evidence.path), "--json"]) == 1
    capsys.readouterr()
    monkeypatch.setattr(room, "_residuals_left", lambda facts, left: [])
    monkeypatch.setattr(room, "detectors", lambda: [])
    assert run(["diagnose", str(evidence.path), "--json"]) == 3
    assert list(json.loads(capsys.readouterr().out)) == ["error"]
