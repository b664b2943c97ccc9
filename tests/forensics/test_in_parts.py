"""What doesn't fit in memory at once is worked out in parts, and comes to the same."""

from typing import Any

import pytest
from lab_incidents import incident

from esworkbench.forensics.compare import holds, residuals
from esworkbench.forensics.compare.records import State
from esworkbench.forensics.compare.residuals import Residuals
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.diagnose import diagnose


@pytest.mark.parametrize("fault", ["manual_edit", "unresolved_pending"])
def test_residuals_and_holds_are_the_same_however_few_rows_are_read_at_once(
    fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    evidence = incident(fault)
    at_once = Residuals(evidence)
    waiting = "SELECT * FROM holds ORDER BY ALL"
    expected = at_once.found(tuple(State)), at_once.connection.execute(waiting).fetchall()
    assert expected[0]
    assert expected[1]
    monkeypatch.setattr(residuals, "ROWS_AT_ONCE", 700)
    monkeypatch.setattr(holds, "EVENTS_AT_ONCE", 1)
    in_parts = Residuals(evidence)
    assert (in_parts.found(tuple(State)), in_parts.connection.execute(waiting).fetchall()) == expected
    ranges = [accounts for _, accounts in in_parts._parts() if accounts is not None]
    assert len(ranges) > 1


def test_no_test_reads_the_log_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A detector asks in SQL for what looks odd, and there is little of it: of ten million events a few."""
    evidence, most, rows = incident("none"), 0, Facts.rows

    def counted(facts: Facts, query: str, **given: Any) -> list[tuple[Any, ...]]:
        nonlocal most
        found = rows(facts, query, **given)
        most = max(most, len(found))
        return found

    monkeypatch.setattr(Facts, "rows", counted)
    assert diagnose(evidence).unhealthy == []
    assert 0 < most < evidence.manifest.rows["events"] // 10
