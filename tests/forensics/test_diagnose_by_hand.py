"""Detectors on evidence and residuals written by hand: holes, statements against themselves, a ledger's own words."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from small_ledger import LEDGER, SmallLedger, hours

from esworkbench.evidence import Evidence
from esworkbench.forensics.compare.records import DIFFERS, NO_EVENT, NO_ROW, Residual
from esworkbench.forensics.diagnosis.context import Facts, gather
from esworkbench.forensics.diagnosis.diagnose import diagnose
from esworkbench.forensics.diagnosis.faults.row_lost import row_lost
from esworkbench.forensics.diagnosis.faults.statement_incomplete import statement_incomplete
from esworkbench.forensics.diagnosis.faults.statement_inconsistent import statement_inconsistent
from esworkbench.forensics.diagnosis.holes import holes
from esworkbench.forensics.diagnosis.unexplained import Explanation, Left, NotTestable

FILE = "bank.csv"


def step(number: int, amount: int, reason: str, *, source: str = FILE, kind: str = "statement") -> Residual:
    """A residual at the event of position ``number``."""
    return Residual(number, source, kind, "A", "USD", amount, reason, position=number, event_id=f"e{number}")


@pytest.mark.parametrize(
    ("reasons", "found"),
    [
        ([(-10, NO_ROW), (10, DIFFERS)], [(1, 2)]),
        ([(-10, NO_ROW), (-20, NO_ROW), (30, DIFFERS)], [(1, 2, 3)]),
        ([(-7, NO_ROW), (-10, NO_ROW), (10, DIFFERS)], [(2, 3)]),
        ([(-10, NO_ROW), (10, DIFFERS), (5, NO_ROW), (-5, DIFFERS)], [(1, 2), (3, 4)]),
        ([(-10, NO_ROW), (9, DIFFERS)], []),
        ([(-10, NO_ROW), (3, NO_EVENT), (10, DIFFERS)], []),
        ([(10, DIFFERS), (-10, NO_ROW)], []),
        ([(-10, NO_ROW)], []),
    ],
)
def test_a_hole_is_healed_to_the_minor_unit_by_the_next_row(
    reasons: Sequence[tuple[int, str]], found: list[tuple[int, ...]]
) -> None:
    steps = [step(number, amount, reason) for number, (amount, reason) in enumerate(reasons, 1)]
    assert [(*(each.number for each in hole.lost), hole.heals.number) for hole in holes(steps)] == found


def movements(tmp_path: Path, claims: Sequence[int | None]) -> Evidence:
    """Five deposits on one account, 10, 20, 30, 40 and 50, and what a history claims after each."""
    ledger = SmallLedger()
    for amount in (10, 20, 30, 40, 50):
        ledger.event("A", amount)
    ledger.running("A", claims)
    for claim, before in zip(ledger.claims, [0, *(claim["claimed_minor"] for claim in ledger.claims)], strict=False):
        claim["step_minor"] = claim["claimed_minor"] - before
        claim["event_id"] = f"e{claim['position']}"
    ledger.checkpoints["history"] = 5
    return ledger.write(tmp_path / "evidence")


def row_lost_in(evidence: Evidence) -> list[Explanation]:
    facts = gather(evidence, hours(9))
    answer = row_lost(facts, Left(facts.residuals))
    assert not isinstance(answer, NotTestable)
    return answer


def test_a_row_that_the_next_one_counts_is_lost(tmp_path: Path) -> None:
    [claim] = row_lost_in(movements(tmp_path, [10, None, 60, 100, 150]))
    assert (claim.finding.amount, claim.finding.positions) == (-20, [2])
    assert sorted(share.amount for share in claim.shares) == [-20, 20], "the step that heals is taken with it"


def test_a_row_between_that_does_not_count_the_event_tells_that_it_was_never_read(tmp_path: Path) -> None:
    """Skipped at position 2, and raised by the same amount at position 4: whatever that was, no row is lost."""
    assert row_lost_in(movements(tmp_path, [10, None, 40, 100, 150])) == []


def statement(tmp_path: Path, lines: Sequence[tuple[float, int, int]]) -> Evidence:
    """Five deposits, 10 to 50, one an hour, and a statement's lines: hour, amount, balance."""
    ledger = SmallLedger()
    for amount in (10, 20, 30, 40, 50):
        ledger.event("A", amount)
    ledger.statement("A", lines)
    return ledger.write(tmp_path / "evidence")


def parting(evidence: Evidence, *residuals: Residual) -> tuple[Facts, Left]:
    """As though the statement parted from the events just so, whatever its lines say."""
    facts = gather(evidence, hours(9))._replace(residuals=list(residuals))
    return facts, Left(facts.residuals)


@pytest.mark.parametrize(
    ("lines", "lost"),
    [
        ([(1, 10, 10), (3, 30, 60), (4, 40, 100), (5, 50, 150)], [2]),
        ([(1, 10, 10), (4, 40, 100), (5, 50, 150)], [2, 3]),
        ([(1, 10, 10), (3, 30, 60), (5, 50, 150)], [2, 4]),
        ([(5, 50, 150), (4, 40, 100), (3, 30, 60), (1, 10, 10)], [2]),
    ],
)
def test_lines_that_the_balances_count_are_missing_from_the_statement(
    lines: Sequence[tuple[float, int, int]], lost: list[int], tmp_path: Path
) -> None:
    diagnosis = diagnose(statement(tmp_path, lines), now=hours(9))
    [finding] = diagnosis.findings
    assert (finding.fault, finding.positions, finding.sources) == ("statement_incomplete", lost, [FILE])
    assert finding.amount == sum(-10 * position for position in lost)
    assert diagnosis.unexplained == []


def test_balances_off_over_a_stretch_of_right_lines_are_the_statements_own(tmp_path: Path) -> None:
    lines = [(1, 10, 10), (2, 20, 37), (3, 30, 67), (4, 40, 100), (5, 50, 150)]
    diagnosis = diagnose(statement(tmp_path, lines), now=hours(9))
    [finding] = diagnosis.findings
    assert (finding.fault, finding.amount, finding.sources) == ("statement_inconsistent", 7, [FILE])
    assert finding.positions == [2, 4]
    assert diagnosis.unexplained == []


def test_a_statement_that_does_not_contradict_itself_is_not_called_incomplete(tmp_path: Path) -> None:
    """The same residuals, and balances that follow from the lines: then the event is what is in doubt."""
    evidence = statement(tmp_path, [(1, 10, 10), (3, 50, 60), (4, 40, 100), (5, 50, 150)])
    assert statement_incomplete(*parting(evidence, step(2, -20, NO_ROW), step(3, 20, DIFFERS))) == []


def test_two_amounts_that_cancel_are_no_wrong_balances(tmp_path: Path) -> None:
    """Lines of 27 and 33 where events of 20 and 40 stand: the balances follow from the lines."""
    evidence = statement(tmp_path, [(1, 10, 10), (2, 27, 37), (3, 30, 67), (4, 33, 100), (5, 50, 150)])
    assert statement_inconsistent(*parting(evidence, step(2, 7, DIFFERS), step(4, -7, DIFFERS))) == []


def test_a_remedy_speaks_of_the_events_by_the_ledgers_own_names(tmp_path: Path) -> None:
    """A stranger's log cancels a hold by the event that its ledger names, not by the bank's."""
    ledger = SmallLedger()
    ledger.event("A", 1_000)
    ledger.event("A", -100, type="Held", payload='{"id": "h1"}')
    evidence = ledger.write(tmp_path / "evidence")
    [finding] = diagnose(evidence, now=hours(60)).findings
    assert finding.fault == "unresolved_pending"
    assert "Released" in finding.remedy


def rounding_in(tmp_path: Path, ledger: bytes) -> str:
    """Ten units of interest, claimed as nine: what the test for rounding says."""
    small = SmallLedger()
    small.ledger = ledger
    small.event("A", 500, type="Opened")
    small.event("A", 10)
    small.event("A", 10)
    small.claim("A", 519)
    small.checkpoints["balances"] = 3
    return diagnose(small.write(tmp_path / "evidence"), now=hours(9)).tested["rounding"]


def test_what_rounds_is_said_by_the_ledger_or_is_not_known(tmp_path: Path) -> None:
    """No kind of event is taken for rounded because of its name."""
    rule = b'kind = "move"'
    interest = LEDGER.replace(rule, b'kind = "interest"')
    unsaid = rounding_in(tmp_path / "unsaid", interest)
    assert unsaid.startswith("not_testable: ")
    assert "rounds = true" in unsaid
    assert rounding_in(tmp_path / "said", LEDGER.replace(rule, rule + b"\nrounds = true")) == "found"
    other = LEDGER.replace(rule, rule + b"\nrounds = true\nversions = [2]")
    assert rounding_in(tmp_path / "another-version", other) == "ruled_out"
