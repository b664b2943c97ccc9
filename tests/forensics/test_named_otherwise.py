"""Promise 15: a line that a statement lacks proves nothing where other lines are unexplained, or it ends too early."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from statement_world import World, a_bank, later
from test_statement_verdicts import judged, told

from esworkbench.forensics.diagnosis.findings import Diagnosis
from esworkbench.forensics.repair.plan import held_back


def moves_nothing(diagnosis: Diagnosis) -> bool:
    return all(held_back(diagnosis, finding) for finding in diagnosis.findings)


# Holds that the bank paid under another name


@pytest.mark.parametrize("reference", ["POS 7781", "", "X-1/POS"])
def test_a_hold_that_a_line_without_event_may_have_paid_is_not_given_back(reference: str, tmp_path: Path) -> None:
    """Balances agree: what is missing is the settlement, if the line is the payment."""
    world = a_bank()
    hold = world.hold("A", 5_000, "X-1")
    world.book("A", -5_000, reference)
    later(world)
    diagnosis = judged(world, tmp_path)
    assert told(diagnosis) == [("unresolved_pending", "A", 0, "possible")]
    assert diagnosis.findings[0].event_ids == [hold.event_id]
    assert diagnosis.unexplained == []
    assert moves_nothing(diagnosis)


@pytest.mark.parametrize("reference", ["SHOP-77 ", "shop-77"])
def test_a_reference_in_another_spelling_is_the_same(reference: str, tmp_path: Path) -> None:
    world = a_bank()
    world.hold("A", 5_000, "Shop-77")
    world.book("A", -5_000, reference)
    later(world)
    diagnosis = judged(world, tmp_path)
    assert told(diagnosis) == [("unresolved_pending", "A", 0, "proven")]
    assert "settlement" in diagnosis.findings[0].remedy


@pytest.mark.parametrize("lines", [{"X-1+X-2": -7_000}, {"POS": -5_500, "FEE": -1_500}, {"P": -2_000, "Q": -5_000}])
def test_two_holds_that_lines_without_event_come_to_may_be_paid(lines: dict[str, int], tmp_path: Path) -> None:
    world = a_bank()
    world.hold("A", 5_000, "X-1")
    world.hold("A", 2_000, "X-2")
    for reference, amount in lines.items():
        world.book("A", amount, reference)
    later(world)
    diagnosis = judged(world, tmp_path)
    assert told(diagnosis) == [("unresolved_pending", "A", 0, "possible")]
    assert diagnosis.unexplained == []


def test_a_hold_beside_a_line_of_another_amount_is_possible_and_so_is_the_line(tmp_path: Path) -> None:
    """50.00 held and 60.00 booked under the terminal's number, with a tip."""
    world = a_bank()
    world.hold("A", 5_000, "X-1")
    world.book("A", -6_000, "POS 7781")
    later(world)
    diagnosis = judged(world, tmp_path)
    assert told(diagnosis) == [
        ("unresolved_pending", "A", 5_000, "possible"), ("never_appended", "A", -6_000, "possible"),
    ]  # fmt: skip
    assert moves_nothing(diagnosis)


@pytest.mark.parametrize("amount", [-6_000, 5_000])
def test_what_was_booked_days_before_or_came_in_is_no_payment_of_a_hold(amount: int, tmp_path: Path) -> None:
    world = a_bank()
    if amount < 0:
        world.book("A", amount, "POS 7781")
        world.wait(days=4)
    world.hold("A", 5_000, "X-1")
    if amount > 0:
        world.book("A", amount, "POS 7781")
    later(world)
    assert told(judged(world, tmp_path)) == [
        ("unresolved_pending", "A", 5_000, "proven"), ("never_appended", "A", amount, "likely"),
    ]  # fmt: skip


def test_a_hold_that_was_paid_from_the_neighbours_account_is_possible_at_most(tmp_path: Path) -> None:
    world = a_bank()
    world.hold("A", 5_000, "X-1")
    world.wait(days=1)
    world.book("B", -5_000, "X-1")
    later(world)
    diagnosis = judged(world, tmp_path)
    assert ("unresolved_pending", "A", 5_000, "possible") in told(diagnosis)
    assert moves_nothing(diagnosis)


# Two payments, or one recorded twice


def paid_twice(world: World, *, apart: timedelta = timedelta(minutes=13), **acts: Any) -> str:
    """Two deposits of one reference and amount, of which the statement books the first; ``acts`` as in ``ACTS``."""
    world.pay("A", 4_321, "X-1", **{name: first for name, (first, _) in acts.items()})
    world.wait(seconds=apart.total_seconds())
    return world.pay("A", 4_321, "X-1", told=False, **{name: second for name, (_, second) in acts.items()})


@pytest.mark.parametrize("reference", ["X-1/2", "X-1 (2)"])
def test_a_second_payment_to_which_the_bank_has_added_a_number_is_booked(reference: str, tmp_path: Path) -> None:
    world = a_bank()
    paid_twice(world)
    world.book("A", 4_321, reference)
    later(world)
    diagnosis = judged(world, tmp_path)
    assert (diagnosis.findings, diagnosis.unexplained) == ([], [])


@pytest.mark.parametrize("acts", [{}, {"idempotency_key": ("k", "k")}])
def test_a_repeat_beside_a_line_of_its_amount_is_possible_at_most(acts: dict[str, Any], tmp_path: Path) -> None:
    """The bank named the second after its sender: nothing was doubled, and nothing is missing."""
    world = a_bank()
    paid_twice(world, **acts)
    world.book("A", 4_321, "M. MUSTER")
    later(world)
    diagnosis = judged(world, tmp_path)
    assert [each for each in told(diagnosis) if each[3] != "possible"] == []
    assert {each.fault for each in diagnosis.findings} >= {"retry_duplicate", "never_appended"}
    assert moves_nothing(diagnosis)


def test_a_repeat_beside_a_line_of_another_amount_is_likely(tmp_path: Path) -> None:
    world = a_bank()
    paid_twice(world)
    world.book("A", 4_300, "M. MUSTER")
    later(world)
    assert ("retry_duplicate", "A", -4_321, "likely") in told(judged(world, tmp_path))


@pytest.mark.parametrize(("days", "certainty"), [(1, "likely"), (3, "likely"), (9.9, "likely"), (10.1, "proven")])
def test_a_statement_that_ends_before_the_last_day_of_booking_proves_no_repeat(
    days: float, certainty: str, tmp_path: Path
) -> None:
    """The bank may yet book the second. In the meantime no money moves."""
    world = a_bank()
    second = paid_twice(world)
    later(world, days=days)
    diagnosis = judged(world, tmp_path)
    assert told(diagnosis)[0] == ("retry_duplicate", "A", -4_321, certainty)
    assert diagnosis.findings[0].event_ids == [second]
    assert moves_nothing(diagnosis) is (certainty != "proven")


ACTS = [
    ({"idempotency_key": ("k", "k")}, 1, "proven"),
    ({"causation_id": ("c", "c")}, 1, "likely"),
    ({"causation_id": ("c", "c")}, 11, "proven"),
    ({"kind": ("Sent", "Sent"), "id": ("t", "t"), "to": ("ELSEWHERE", "ELSEWHERE")}, 1, "proven"),
    ({"idempotency_key": ("k", None)}, 1, "likely"),
    ({"idempotency_key": ("k", "l")}, 11, "likely"),
    ({"causation_id": ("c", "d")}, 11, "likely"),
    ({}, 11, "proven"),
]


@pytest.mark.parametrize(("acts", "days", "certainty"), ACTS)
def test_what_events_bear_of_one_act_proves_a_repeat_and_of_two_acts_speaks_against_it(
    acts: dict[str, Any], days: float, certainty: str, tmp_path: Path
) -> None:
    world = a_bank()
    paid_twice(world, **acts)
    later(world, days=days)
    found = [each for each in judged(world, tmp_path).findings if each.alternative_to is None]
    assert [(each.fault, each.certainty) for each in found] == [("retry_duplicate", certainty)]


def test_within_a_day_one_clients_key_is_proof_and_the_distance_none(tmp_path: Path) -> None:
    world = a_bank()
    paid_twice(world, apart=timedelta(hours=20), idempotency_key=("k", "k"))
    later(world)
    assert told(judged(world, tmp_path)) == [("retry_duplicate", "A", -4_321, "proven")]


def test_a_hold_of_which_the_bank_has_booked_a_part_names_what_has_left_and_gives_nothing_back(tmp_path: Path) -> None:
    world = a_bank()
    hold = world.hold("A", 5_000, "SHOP")
    world.book("A", -4_500, "SHOP")
    later(world)
    diagnosis = judged(world, tmp_path)
    [found] = diagnosis.findings
    assert (found.fault, found.amount, found.event_ids) == ("unresolved_pending", 500, [hold.event_id])
    assert "s.csv books -45.00 USD" in found.proof
    assert "50.00 USD was held" in found.proof
    assert "has no line" not in found.proof
    assert "Released" not in found.remedy
    assert moves_nothing(diagnosis)


def test_a_line_that_stands_twice_for_one_event_may_be_the_banks_own_double(tmp_path: Path) -> None:
    world = a_bank()
    payment = world.pay("A", -4_500, "SHOP")
    world.book("A", -4_500, "SHOP", payment)
    later(world)
    diagnosis = judged(world, tmp_path)
    assert told(diagnosis) == [
        ("never_appended", "A", -4_500, "possible"), ("statement_inconsistent", "A", -4_500, "possible"),
    ]  # fmt: skip
    line = 2 + [each.reference for each in world.files["s.csv"]].index("SHOP")
    said = f"line {line} books SHOP with the same amount already, for the event at position {payment[1:]}"
    assert all(said in each.proof for each in diagnosis.findings)
    found = diagnosis.findings[0]
    assert "or the statement booked it twice" in found.proof
    assert "only if it did" in found.remedy
    assert moves_nothing(diagnosis)


def test_a_line_without_event_beside_others_of_its_reference_and_another_amount_is_no_double(tmp_path: Path) -> None:
    world = a_bank()
    world.pay("A", -4_500, "SHOP")
    world.book("A", -4_600, "SHOP")
    later(world)
    [found] = judged(world, tmp_path).findings
    assert "booked it twice" not in found.proof
