"""valid_time_shift is healthy: a statement and the log date one movement differently, and from then on they agree."""

from datetime import timedelta
from pathlib import Path

import pytest
from statement_world import World, a_bank, later

from esworkbench.forensics.diagnosis.diagnose import diagnose
from esworkbench.forensics.diagnosis.findings import Diagnosis


def judged(world: World, folder: Path) -> Diagnosis:
    world.files["s.csv"] = world.printed()
    return diagnose(world.write(folder / "evidence"), now=world.now)


def told(diagnosis: Diagnosis) -> list[tuple[str, str | None, int, list[str], str]]:
    return [(each.fault, each.account, each.amount, each.event_ids, each.certainty) for each in diagnosis.findings]


@pytest.mark.parametrize("days", [-4, -2, 2, 6, 9])
def test_a_movement_that_the_paper_dates_otherwise_is_named_and_healthy(days: int, tmp_path: Path) -> None:
    """Before or after its event, by reference and amount: no money is missing, and nobody is to act."""
    world = a_bank()
    world.wait(days=10)
    event_id = world.pay("A", 8_800, "CHEQUE-1", told=False)
    world.book("A", 8_800, "CHEQUE-1", at=world.now + timedelta(days=days))
    later(world)
    diagnosis = judged(world, tmp_path)
    assert told(diagnosis) == [("valid_time_shift", "A", 0, [event_id], "proven")]
    assert diagnosis.unhealthy == []
    assert diagnosis.unexplained == []


@pytest.mark.parametrize("days", [0, 1, 3])
def test_a_bank_that_always_books_so_late_shifts_nothing(days: int, tmp_path: Path) -> None:
    world = a_bank()
    for number in range(4):
        world.pay("A", 100 + number, f"P-{number}")
        world.wait(days=1)
    later(world)
    world.files["s.csv"] = [line._replace(at=line.at + timedelta(days=days, hours=5)) for line in world.printed()]
    diagnosis = diagnose(world.write(tmp_path / "evidence"), now=world.now)
    assert diagnosis.findings == []
    assert diagnosis.tested["valid_time_shift"] == "ruled_out"


def test_under_another_name_both_are_said_and_both_residuals_taken(tmp_path: Path) -> None:
    """Only the amount says that they are one: it may as well be a movement of which no event was written."""
    world = a_bank()
    world.book("A", 8_800, "Q-1")
    world.wait(days=3)
    event_id = world.pay("A", 8_800, "LATE-Q1", told=False)
    later(world)
    diagnosis = judged(world, tmp_path)
    assert told(diagnosis) == [
        ("valid_time_shift", "A", 0, [event_id], "possible"),
        ("never_appended", "A", 0, [event_id], "possible"),
    ]
    assert [each.alternative_to for each in diagnosis.findings] == [None, "valid_time_shift"]
    assert diagnosis.findings[0].explains == {"s.csv": 0}
    assert diagnosis.unexplained == []


def test_a_line_that_nothing_answers_is_no_shift(tmp_path: Path) -> None:
    """Another amount, another account, or two events that it may mean: none of it is taken for one movement."""
    world = a_bank()
    world.book("A", 8_800, "Q-1")
    world.wait(days=3)
    world.pay("A", 8_801, "OTHER", told=False)
    later(world)
    assert "valid_time_shift" not in {each.fault for each in judged(world, tmp_path).findings}
    world = a_bank()
    world.book("A", 8_800, "Q-1")
    for name in ("ONE", "TWO"):
        world.wait(days=3)
        world.pay("A", 8_800, name, told=False)
    later(world)
    assert "valid_time_shift" not in {each.fault for each in judged(world, tmp_path / "two").findings}


def test_of_movements_alike_none_is_said_to_be_late(tmp_path: Path) -> None:
    """Rent under one reference: which line means which is not told, and no total differs."""
    world = a_bank()
    for _ in range(2):
        world.pay("A", -900, "RENT", told=False)
        world.wait(days=5)
        world.book("A", -900, "RENT")
        world.wait(days=20)
    later(world)
    assert judged(world, tmp_path).findings == []


def nameless(lateness: list[int], *, more: int = 0) -> World:
    """A bank that prints no references and books each day's movements later by so many days, and ``more`` lines that
    no event has."""
    world = a_bank()
    for number, days in enumerate(lateness):
        for amount in (-1_400, 100 + number):
            world.pay("A", amount, world.new_id(), told=False)
            world.book("A", amount, "", at=world.now + timedelta(days=days))
        world.wait(days=1)
    for _ in range(more):
        world.book("A", -1_400, "")
    later(world)
    world.files["s.csv"] = [line._replace(reference="") for line in world.printed()]
    return world


@pytest.mark.parametrize("lateness", [[1] * 6, [0, 1, 2, 0, 1, 2], [0, 0, 3, 0, 0, 0]])
def test_lines_without_a_reference_are_found_by_amount_however_late(lateness: list[int], tmp_path: Path) -> None:
    """One to one, the same amount on many days: each line has its event within the ledger's window."""
    world = nameless(lateness)
    diagnosis = diagnose(world.write(tmp_path / "evidence"), now=world.now)
    assert diagnosis.unhealthy == []
    assert diagnosis.unexplained == []
    assert diagnosis.divergences == 0


def test_of_lines_without_a_reference_only_the_surplus_has_no_event(tmp_path: Path) -> None:
    world = nameless([0, 1, 2, 0, 1, 2], more=1)
    [finding] = diagnose(world.write(tmp_path / "evidence"), now=world.now).unhealthy
    assert (finding.fault, finding.amount) == ("never_appended", -1_400)
