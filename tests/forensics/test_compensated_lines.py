"""A store restored from a copy: what was lost since, and is compensated, is what the statement's old line tells."""

import json
from pathlib import Path

import pytest
from statement_world import World

from esworkbench.evidence import Evidence
from esworkbench.forensics.compare.diff import diff
from esworkbench.forensics.diagnosis.diagnose import diagnose
from esworkbench.forensics.diagnosis.findings import Diagnosis

RULES = b"""
name = "restored"
business_key = "reference"
without_posting = ["LogRestored"]
[[posting]]
event = "Moved"
amount = "amount"
sign = 1
currency = "USD"
kind = "move"
[[posting]]
event = "Adjusted"
amount = "amount"
sign = "signed"
currency = "USD"
kind = "adjustment"
"""


def restored(tmp_path: Path, *, adjusted: int, left: int = 1, stream: str = "LogRestoration-1", lost: int = 1) -> World:
    """``lost`` payments of 700 are in the bank's lines alone; a month later the store is restored without them."""
    world = World()
    world.ledger.ledger = RULES
    world.pay("A", 10_000, "OPEN")
    good_head = len(world.ledger.events)
    for number in range(lost):
        world.wait(days=1)
        world.book("A", 700, f"LOST-{number}", at=world.now)
    world.wait(days=30)
    world.ledger.event(
        "log", None, type="LogRestored", stream_id=stream, recorded_at=world.now,
        payload=json.dumps({"good_head": good_head, "not_carried_count": left}),
    )  # fmt: skip
    world.wait(minutes=1)
    for number in range(lost if adjusted else 0):
        world.pay("A", adjusted, f"RESTORE-{number}", kind="Adjusted", told=False)
    world.wait(days=11)
    world.pay("A", 5, "LAST")
    return world


def judged(world: World, tmp_path: Path) -> tuple[Evidence, Diagnosis]:
    world.files["s.csv"] = world.printed()
    evidence = world.write(tmp_path / "evidence")
    return evidence, diagnose(evidence, now=world.now)


@pytest.mark.parametrize("lost", [1, 2])
def test_what_was_compensated_after_a_restoration_is_the_old_line(lost: int, tmp_path: Path) -> None:
    evidence, diagnosis = judged(restored(tmp_path, adjusted=700, left=lost, lost=lost), tmp_path)
    assert (diagnosis.unhealthy, diagnosis.unexplained) == ([], [])
    assert diff(evidence).divergent == 0


@pytest.mark.parametrize(
    ("adjusted", "left", "stream", "lost", "missing"),
    [
        (0, 1, "LogRestoration-1", 1, 700),  # the record alone puts nothing back
        (650, 1, "LogRestoration-1", 1, 700),  # nor does another amount
        (700, 1, "Account-A", 1, 700),  # a record that an account wrote is none
        (700, 1, "LogRestoration-1", 2, 700),  # of two losses it counts one
        (700, 0, "LogRestoration-1", 1, 700),
    ],
)
def test_a_record_of_a_restoration_acquits_no_more_than_was_put_back_and_it_counts(
    adjusted: int, left: int, stream: str, lost: int, missing: int, tmp_path: Path
) -> None:
    world = restored(tmp_path, adjusted=adjusted, left=left, stream=stream, lost=lost)
    _, diagnosis = judged(world, tmp_path)
    assert missing in [each.amount for each in (*diagnosis.unhealthy, *diagnosis.unexplained)]
