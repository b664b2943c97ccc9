"""The true first divergence, in ⌈log2 N⌉ probes, whatever cancels later; and the full scan agrees."""

from itertools import accumulate
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esworkbench.errors import UnknownAccount, UnusableInput
from esworkbench.forensics.compare.bisect import bisect, bisect_running, plain_bisect, scan, steps_of
from tests.forensics.small_ledger import SmallLedger

RESIDUALS = st.lists(st.sampled_from([0, 0, 0, 5, -5, 1]), min_size=1, max_size=200)


@given(RESIDUALS)
def test_bisection_finds_what_the_full_scan_finds_first(residuals: list[int]) -> None:
    found = bisect_running(residuals)
    assert found.first_bad == next(iter(scan(residuals)), None)
    assert len(found.probes) <= (len(residuals) - 1).bit_length()


@given(RESIDUALS)
def test_plain_bisection_finds_some_boundary_or_never_starts(residuals: list[int]) -> None:
    deltas = list(accumulate(residuals))
    found = plain_bisect(deltas)
    if not deltas[-1]:
        assert found.first_bad is None
    else:
        assert found.first_bad is not None
        assert deltas[found.first_bad - 1] != 0
        assert found.first_bad == 1 or deltas[found.first_bad - 2] == 0


def test_errors_that_cancel_hide_the_first_from_plain_bisection_only() -> None:
    residuals = [0, 5, -5, 0, 0, 0, 7, 0]
    assert plain_bisect(list(accumulate(residuals))).first_bad == 7
    assert bisect_running(residuals).first_bad == 2
    assert plain_bisect(list(accumulate([0, 5, -5, 0]))).first_bad is None
    assert bisect_running([0, 5, -5, 0]).first_bad == 2


def test_an_event_is_named_with_the_positions_of_its_own_account(tmp_path: Path) -> None:
    ledger = SmallLedger()
    for _ in range(9):
        ledger.event("A", 10)
        ledger.event("B", 1)
    ledger.running("A", [10, 20, 35, 45, 50, 60, 70, 80, 90])
    ledger.running("B", list(range(1, 10)))
    evidence = ledger.write(tmp_path / "ev")
    found = bisect(evidence, "A")
    assert (found.position, found.version, found.event_id, found.delta) == (5, 3, "e5", 5)
    assert (found.sound, found.steps, found.last_good, found.source) == (True, 9, 3, "history")
    assert found.probes <= 4
    assert scan([step.residual for step in steps_of(evidence, "A")]) == [3, 5]
    clean = bisect(evidence, "B")
    assert (clean.position, clean.sound, clean.delta) == (None, True, 0)


def test_skipped_event_is_found_itself(tmp_path: Path) -> None:
    ledger = SmallLedger()
    for _ in range(6):
        ledger.event("A", 10)
    ledger.running("A", [10, 20, None, 30, 40, 50])
    found = bisect(ledger.write(tmp_path / "ev"), "A")
    assert (found.position, found.delta) == (3, -10)


def test_running_source_that_parts_is_taken_before_one_that_does_not(tmp_path: Path) -> None:
    ledger = SmallLedger()
    for _ in range(3):
        ledger.event("A", 10)
    ledger.running("A", [10, 20, 30], source="a_history")
    ledger.running("A", [10, 21, 31], source="z_history")
    ledger.claim("A", 31)
    evidence = ledger.write(tmp_path / "ev")
    assert (bisect(evidence, "A").source, bisect(evidence, "A").position) == ("z_history", 2)
    assert bisect(evidence, "A", against="a_history").position is None


def test_statement_is_asked_line_by_line(tmp_path: Path) -> None:
    ledger = SmallLedger()
    for _ in range(6):
        ledger.event("A", 10)
    ledger.statement("A", [(1, 10, 10), (2, 10, 20), (3, 10, 35), (4, 10, 40), (5, 10, 50), (6, 10, 60)])
    found = bisect(ledger.write(tmp_path / "ev"), "A")
    assert (found.position, found.last_good, found.delta, found.sound) == (3, 2, 5, True)


def test_line_that_no_event_knows_stands_after_the_event_before_it(tmp_path: Path) -> None:
    ledger = SmallLedger()
    for _ in range(2):
        ledger.event("A", 10)
    ledger.statement("A", [(1, 10, 10), (1.5, 7, 17), (2, 10, 27)])
    found = bisect(ledger.write(tmp_path / "ev"), "A")
    assert (found.position, found.event_id, found.delta) == (1, None, 7)


def test_snapshots_are_all_asked_and_the_first_wrong_one_is_a_boundary(tmp_path: Path) -> None:
    ledger = SmallLedger()
    for _ in range(6):
        ledger.event("A", 10)
    for version, claimed in [(2, 20), (4, 45), (6, 60)]:
        ledger.claim("A", claimed, source="snapshots", kind="snapshot", version=version)
    found = bisect(ledger.write(tmp_path / "ev"), "A")
    assert (found.position, found.last_good, found.delta, found.sound) == (4, 2, 5, False)
    assert "somewhere after position 2 and up to position 4" in found.note


def test_head_alone_names_no_event(tmp_path: Path) -> None:
    ledger = SmallLedger()
    ledger.event("A", 10)
    ledger.claim("A", 11)
    found = bisect(ledger.write(tmp_path / "ev"), "A")
    assert (found.position, found.event_id, found.delta, found.sound, found.probes) == (1, None, 1, False, 0)


def test_rounding_within_the_ledgers_limit_is_no_divergence(tmp_path: Path) -> None:
    ledger = SmallLedger()
    ledger.ledger = (
        b'name = "f"\n[file]\ndate_format = "%Y"\ncurrency = "USD"\nrounding_limit = 2\n[file.columns]\n'
        b'id = "i"\naccount = "a"\ndate = "d"\namount = "m"\nbalance = "b"\n'
    )
    for _ in range(4):
        ledger.event("A", 10)
    ledger.running("A", [10, 22, 32, 45])
    assert bisect(ledger.write(tmp_path / "ev"), "A").position == 4


def test_account_that_nobody_claims_anything_of(tmp_path: Path) -> None:
    ledger = SmallLedger()
    ledger.event("A", 10)
    found = bisect(ledger.write(tmp_path / "ev"), "A")
    assert (found.position, found.sound, found.note) == (None, False, "no source claims a balance of this account")


def test_two_currencies_want_one_named_and_unknown_account_gets_near_names(tmp_path: Path) -> None:
    ledger = SmallLedger()
    ledger.event("account-7", 10)
    ledger.event("account-7", 10, currency="EUR")
    evidence = ledger.write(tmp_path / "ev")
    with pytest.raises(UnusableInput, match="EUR, USD: choose one with --currency"):
        bisect(evidence, "account-7")
    with pytest.raises(UnknownAccount, match="did you mean 'account-7'"):
        bisect(evidence, "acount-7")
