"""What doesn't fit in memory at once is worked out in parts, and comes to the same."""

import pytest
from lab_incidents import incident

from esworkbench.forensics.compare import holds, residuals
from esworkbench.forensics.compare.records import State
from esworkbench.forensics.compare.residuals import Residuals


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
