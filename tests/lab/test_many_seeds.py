"""Whatever the seed, what was planted is what stands in the store. Long; `make sweep` runs it."""

from pathlib import Path

import pytest
from second_look import Look
from test_incidents import ON_BOTH_ENGINES

from esworkbench.lab import build_incident, reveal


@pytest.mark.sweep
@pytest.mark.parametrize("seed", range(20))
def test_what_was_planted_is_what_is_off(tmp_path: Path, seed: int) -> None:
    for fault in ON_BOTH_ENGINES:
        incident = build_incident(f"sqlite:///{tmp_path / fault}.db", fault=fault, seed=seed, scale="small")
        planted = {(each.account, each.currency): each.amount for each in reveal(incident.url) if each.account}
        look = Look(incident.url)
        if fault == "unresolved_pending":
            off = look.statement_off(incident.outside)
        else:
            off = look.history_off() if fault == "rounding" else look.balances_off()
        assert off == planted, fault
        assert fault in ("none", "lag") or planted[incident.account, incident.currency], fault
