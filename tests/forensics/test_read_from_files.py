"""Small evidence is read once into memory, large evidence from its files anew: the verdict is the same."""

import pytest
from lab_incidents import incident

from esworkbench.evidence import Evidence, evidence
from esworkbench.forensics.diagnosis.diagnose import diagnose


@pytest.mark.parametrize("fault", ["gap_skipped", "payload_edited", "rounding"])
def test_it_makes_no_difference_how_evidence_is_read(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    in_memory = diagnose(incident(fault))
    monkeypatch.setattr(evidence, "SMALL", 0)
    from_files = diagnose(Evidence.open(incident(fault).path))
    assert from_files == in_memory
    assert in_memory.findings
