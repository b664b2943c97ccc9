"""Promise 14: what speaks for a cause and proves none is said to be possible, and the other causes beside it."""

import json
from pathlib import Path

import pytest

from esworkbench.forensics.diagnosis.diagnose import diagnose
from esworkbench.forensics.diagnosis.findings import Diagnosis
from tests.forensics.small_ledger import SmallLedger, hours

AMOUNTS = (5_000, 1_234, -700, 910, 333)


def a_ledger() -> SmallLedger:
    """Five events on A and five on B, by turns, read in two batches."""
    ledger = SmallLedger()
    for amount in AMOUNTS:
        ledger.event("A", amount)
        ledger.event("B", 10 * amount)
    return ledger


def said(diagnosis: Diagnosis) -> set[tuple[str, str]]:
    assert diagnosis.unexplained == []
    return {(each.fault, each.certainty) for each in diagnosis.findings}


@pytest.mark.parametrize("hours_behind", [11, 6.5, 3.5])
def test_a_reader_whose_clock_is_behind_proves_no_gap(hours_behind: float, tmp_path: Path) -> None:
    """Events that were read all right look late as well, so the clocks say nothing of the one that is missing."""
    ledger = a_ledger()
    ledger.batch(1, 4, 4.5 - hours_behind)
    ledger.batch(5, 10, 10.5 - hours_behind)
    ledger.claim("A", sum(AMOUNTS) - AMOUNTS[3])
    ledger.claim("B", 10 * sum(AMOUNTS))
    assert said(diagnose(ledger.write(tmp_path))) == {("gap_skipped", "possible"), ("manual_edit", "possible")}


def test_a_reader_whose_clock_is_behind_makes_no_gap_of_a_sum_of_events(tmp_path: Path) -> None:
    ledger = a_ledger()
    ledger.batch(1, 10, 0.5)
    ledger.claim("A", sum(AMOUNTS) - AMOUNTS[1] - AMOUNTS[3])
    ledger.claim("B", 10 * sum(AMOUNTS))
    diagnosis = diagnose(ledger.write(tmp_path))
    assert "manual_edit" in {each.fault for each in diagnosis.findings}
    assert {each.certainty for each in diagnosis.findings} == {"possible"}


def test_the_one_event_that_looks_late_and_is_missing_is_likely_a_gap(tmp_path: Path) -> None:
    ledger = SmallLedger()
    for number, amount in enumerate(AMOUNTS, 1):
        ledger.event("A", amount, recorded_at=hours(9 if number == 2 else number))
    ledger.batch(1, 5, 6)
    ledger.claim("A", sum(AMOUNTS) - AMOUNTS[1])
    assert ("gap_skipped", "likely") in said(diagnose(ledger.write(tmp_path)))


def one_figure_apart() -> SmallLedger:
    ledger = a_ledger()
    ledger.batch(1, 4, 4.5)
    ledger.batch(5, 10, 10.5)
    ledger.claim("A", sum(AMOUNTS) + 77)
    ledger.claim("B", 10 * sum(AMOUNTS))
    return ledger


def test_one_figure_against_a_log_that_nobody_else_vouches_for_may_be_right(tmp_path: Path) -> None:
    """The hashes hold, but whoever rewrites an event can hash it again; no other claim says what it was."""
    told = said(diagnose(one_figure_apart().write(tmp_path)))
    assert told == {("manual_edit", "possible"), ("rehashed_history", "possible")}


@pytest.mark.parametrize(("unknown", "told"), [(0, ""), (1, "lacks (for 1 event)"), (2, "lacks (for 2 events)")])
def test_what_no_rule_posts_may_be_the_difference(unknown: int, told: str, tmp_path: Path) -> None:
    """The read model may know of money that the ledger definition has no rule for; nobody has tested that."""
    ledger = one_figure_apart()
    for _ in range(unknown):
        ledger.event("A", type="Refunded", payload='{"amount":77}')
    ledger.batch(11, 10 + unknown, 12)
    [proof] = [each.proof for each in diagnose(ledger.captured(tmp_path)).findings if each.fault == "manual_edit"]
    assert told in proof
    assert ("a rule that the ledger lacks" in proof) == (unknown > 0)


@pytest.mark.parametrize("other", ["history", "snapshot", "statement"])
def test_one_figure_against_a_log_that_another_claim_agrees_with_is_what_is_wrong(other: str, tmp_path: Path) -> None:
    ledger = one_figure_apart()
    sums = [sum(AMOUNTS[: number + 1]) for number in range(len(AMOUNTS))]
    if other == "history":
        ledger.running("A", sums)
        ledger.running("B", [10 * total for total in sums])
        ledger.checkpoints["history"] = 10
    elif other == "snapshot":
        ledger.claim("A", sums[4], source="snapshots", kind="snapshot", version=5, order_key=1)
    else:
        ledger.statement("A", [(2 * n + 1, AMOUNTS[n], sums[n]) for n in range(5)])
    assert said(diagnose(ledger.write(tmp_path))) == {("manual_edit", "possible")}


def with_a_retry() -> SmallLedger:
    """The statement books the command once, and the second event of the log is the one to edit."""
    ledger = SmallLedger()
    ledger.ledger = b'business_key = "reference"\n' + ledger.ledger
    balance = 0
    lines = []
    for number, (amount, key) in enumerate(MOVED, 1):
        ledger.event("A", amount, recorded_at=hours(number / 10), payload=payload(amount, key))
        if number != RETRIED:
            balance += amount
            lines.append((number / 10, amount, balance, key))
    ledger.statement("A", [line[:3] for line in lines])
    for row, line in zip(ledger.lines, lines, strict=True):
        row["reference"] = line[3]
    return ledger


MOVED = [(5_000, "K1"), (1_234, "K2"), (4_321, "K3"), (4_321, "K3"), (-700, "K4"), (910, "K5")]
RETRIED = 4


def payload(amount: int, key: str) -> str:
    return json.dumps({"amount": amount, "reference": key})


def amounts(ledger: SmallLedger, folder: Path) -> dict[str, int]:
    diagnosis = diagnose(ledger.captured(folder))
    assert diagnosis.unexplained == []
    return {each.fault: each.amount for each in diagnosis.findings if each.alternative_to is None}


@pytest.mark.parametrize("by", [50, -2 * 1_234])
@pytest.mark.parametrize("key", ["K2", "another"])
def test_an_edited_event_is_charged_with_its_own_difference_and_no_other(key: str, by: int, tmp_path: Path) -> None:
    """A statement that lacks what a retry booked says so of the retry."""
    ledger = with_a_retry()
    ledger.events[1]["payload"] = payload(1_234 + by, key)
    assert amounts(ledger, tmp_path) == {"payload_edited": -by, "retry_duplicate": -4_321}


def test_an_event_edited_beside_its_amount_is_charged_with_nothing(tmp_path: Path) -> None:
    ledger = with_a_retry()
    ledger.events[1]["metadata"] = '{"actor":"somebody else"}'
    assert amounts(ledger, tmp_path) == {"payload_edited": 0, "retry_duplicate": -4_321}
