"""A bank has its hours and its own references: what is healthy in the world is nothing to tell of."""

from datetime import timedelta
from pathlib import Path

import pytest
from statement_world import Printed, World

from esworkbench.forensics.compare.diff import diff
from esworkbench.forensics.diagnosis.diagnose import diagnose
from esworkbench.forensics.diagnosis.findings import Diagnosis


def quiet(world: World, tmp_path: Path) -> Diagnosis:
    evidence = world.write(tmp_path / "evidence")
    assert diff(evidence).divergent == 0
    diagnosis = diagnose(evidence, now=world.now)
    assert [(each.fault, each.account) for each in diagnosis.unhealthy] == []
    assert diagnosis.unexplained == []
    return diagnosis


def four_movements() -> World:
    world = World()
    for amount in (310_000, -9_000, 200, -50):
        world.pay("A", amount, world.new_id())
        world.wait(days=3)
    return world


@pytest.mark.parametrize("late", [[0], [2], [0, 1, 2, 3], [1, 3]])
@pytest.mark.parametrize("reference", ["", "BANK-"])
@pytest.mark.parametrize("begins", [0, 1])
def test_a_day_late_under_a_reference_of_the_banks_own_is_no_more_than_late(
    late: list[int], reference: str, begins: int, tmp_path: Path
) -> None:
    """A reference that no event bears says no more than none does; the first line, too, may be late."""
    world = four_movements()
    for number in late:
        line = world.lines[number]
        own = f"{reference}{number}" if reference else ""
        world.lines[number] = line._replace(at=line.at + timedelta(days=1), reference=own)
    world.files["s.csv"] = world.printed()[begins:]
    quiet(world, tmp_path)


def test_a_line_that_is_late_after_an_opening_that_counts_it_is_another_payment(tmp_path: Path) -> None:
    world = four_movements()
    world.book("A", -9_000, "NEW", at=world.lines[1].at + timedelta(days=1))
    world.files["s.csv"] = world.printed()[2:]
    diagnosis = diagnose(world.write(tmp_path / "evidence"), now=world.now)
    assert [(each.fault, each.amount) for each in diagnosis.findings] == [("never_appended", -9_000)]


def cut_off(world: World, after: int) -> tuple[list[Printed], list[Printed]]:
    """Days and no hours; the bank closes its day after so many lines, and books the next one on the day after.

    Its lines stand at the day's end, as a closing balance does.
    """
    world.by_day = True
    lines = [line._replace(at=line.at.replace(hour=23, minute=59)) for line in world.printed()]
    late = lines[after]
    lines[after] = late._replace(at=late.at + timedelta(days=1))
    return lines[:after], lines[after:]


def a_busy_day() -> World:
    world = World()
    world.pay("A", 310_000, "SALARY")
    world.wait(days=2)
    for amount, reference in ((5_001, "GIFT"), (-1_235, "FOOD")):
        world.pay("A", amount, reference)
    world.wait(days=2)
    world.pay("A", 70, "LAST")
    return world


def test_what_came_after_the_banks_hour_is_on_the_next_statement(tmp_path: Path) -> None:
    world = a_busy_day()
    world.files["a.csv"], world.files["b.csv"] = cut_off(world, 2)
    diagnosis = quiet(world, tmp_path)
    assert all(each.fault == "valid_time_shift" for each in diagnosis.findings)


@pytest.mark.parametrize("which", [0, 1])
def test_one_of_two_statements_alone_lacks_nothing_that_the_other_tells(which: int, tmp_path: Path) -> None:
    world = a_busy_day()
    world.files["s.csv"] = cut_off(world, 2)[which]
    quiet(world, tmp_path)


def test_a_statement_that_begins_in_the_middle_of_a_day_opens_with_what_came_before(tmp_path: Path) -> None:
    world = a_busy_day()
    world.by_day = True
    world.files["s.csv"] = [line._replace(at=line.at.replace(hour=0, minute=0)) for line in world.printed()][2:]
    quiet(world, tmp_path)


def test_a_line_that_is_lost_among_others_of_its_day_is_still_missed(tmp_path: Path) -> None:
    world = a_busy_day()
    del world.lines[1]
    world.by_day = True
    world.files["s.csv"] = [line._replace(at=line.at.replace(hour=0, minute=0)) for line in world.printed()]
    diagnosis = diagnose(world.write(tmp_path / "evidence"), now=world.now)
    assert [each.amount for each in (*diagnosis.unhealthy, *diagnosis.unexplained)] == [-5_001]
