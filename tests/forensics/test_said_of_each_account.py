"""Whoever asks about one account is not told that nothing is wrong where a claim about that account parts from it.

The oracle is ``diff``, which names every account with a divergence and knows no faults.
"""

from pathlib import Path

import pytest
from lab_incidents import incident
from statement_world import World, a_bank, later

from esworkbench.evidence import Evidence
from esworkbench.forensics.compare.diff import diff
from esworkbench.forensics.diagnosis.diagnose import diagnose
from esworkbench.forensics.investigation.investigate import DisputedBalance, investigate
from esworkbench.lab import FAULTS

ALWAYS = ("half_transfer", "retry_duplicate", "manual_edit", "tail_truncated", "event_misfiled")
PLANTED = [
    pytest.param(fault, marks=[] if fault in ALWAYS else [pytest.mark.sweep]) for fault in FAULTS if fault != "none"
]


def silent_about(evidence: Evidence) -> list[str]:
    """The accounts that differ and of which nothing is said."""
    apart = sorted({row.account for row in diff(evidence).rows})
    found = {account: diagnose(evidence, account=account) for account in apart}
    return [account for account, said in found.items() if not said.findings and not said.unexplained]


@pytest.mark.parametrize("fault", PLANTED)
def test_something_is_said_of_every_account_that_differs(fault: str) -> None:
    assert silent_about(incident(fault)) == []


def half(sides: tuple[str, ...]) -> World:
    """A transfer of 150.00 from A to B that both statements book, and of which the log has one side."""
    world = a_bank()
    if "Sent" in sides:
        world.record("A", -15_000, "Sent", id="T-9", to="B", reference="T-9")
    else:
        world.record("B", 15_000, "Received", id="T-9", reference="T-9", **{"from": "A"})
    world.book("A", -15_000, "T-9")
    world.book("B", 15_000, "T-9")
    later(world)
    world.files["s.csv"] = world.printed()
    return world


@pytest.mark.parametrize(
    ("side", "here", "there", "amount"), [("Sent", "A", "B", 15_000), ("Received", "B", "A", -15_000)]
)
def test_a_half_transfer_is_told_to_both_of_its_accounts_and_counted_once(
    side: str, here: str, there: str, amount: int, tmp_path: Path
) -> None:
    evidence = half((side,)).write(tmp_path / "evidence")
    assert [(row.account, row.delta) for row in diff(evidence).rows] == [(there, amount)]
    for account in (here, there, None):
        found = diagnose(evidence, account=account)
        assert [(each.fault, each.account, each.amount) for each in found.unhealthy] == [
            ("half_transfer", here, amount)
        ]
        assert found.unexplained == []
        assert found.reach["half_transfer"].amounts == {"USD": amount}
    asked = investigate(evidence, account=there)
    assert asked.verdict.startswith("half_transfer (proven")
    claimed = asked.event_sum + amount if asked.event_sum is not None else 0
    disputed = investigate(evidence, claim=DisputedBalance(there, "USD", claimed, "the customer"))
    assert disputed.verdict == asked.verdict
    assert disputed.unexplained == []
