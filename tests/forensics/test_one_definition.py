"""Where the same thing used to be worked out twice, or half of an answer taken for all of it."""

from datetime import timedelta
from pathlib import Path

import pytest
from broken_copy import Copy
from small_ledger import START, SmallLedger
from statement_world import World, a_bank, later
from test_statement_verdicts import judged

from esworkbench.archive.manifest import Cut, Manifest, Problem
from esworkbench.evidence.capturing.poster import PROBLEMS_KEPT
from esworkbench.evidence.capturing.since import _of_both
from esworkbench.forensics.diagnosis.context import gather
from esworkbench.forensics.diagnosis.diagnose import diagnose
from esworkbench.forensics.diagnosis.whole_log import broken
from esworkbench.forensics.verify import verify

SNAPSHOT = b"""
[snapshot]
category = "Account"
claimed = "balance"
currency_field = "currency"
holds = "pending"
"""


@pytest.mark.parametrize("fault", ["double_apply", "restored_read_model"])
def test_what_one_of_two_detectors_could_not_look_at_is_not_ruled_out(fault: str, tmp_path: Path) -> None:
    """No checkpoint log, and no read model of current balances."""
    ledger = SmallLedger()
    ledger.event("A", 5)
    if fault == "double_apply":
        ledger.claim("A", 5)
    else:
        ledger.running("A", [5])
    said = diagnose(ledger.write(tmp_path / "evidence")).tested[fault]
    assert said.startswith("not_testable"), said


def test_a_figure_that_adds_two_currencies_is_taken_once_though_a_third_is_off_alike(tmp_path: Path) -> None:
    """USD and GBP both got the 5 euros, and the euros are gone: which of the two took them can't be told twice."""
    ledger = SmallLedger()
    for currency, amount in (("USD", 100), ("GBP", 200), ("EUR", 5)):
        ledger.event("A", amount, currency=currency)
    for currency, claimed in (("USD", 105), ("GBP", 205), ("EUR", 0)):
        ledger.claim("A", claimed, currency=currency)
    diagnosis = diagnose(ledger.write(tmp_path / "evidence"))
    assert sorted((each.fault, each.currency, each.explains) for each in diagnosis.findings) == [
        ("mixed_currency", "EUR", {"balances": -5}),
        ("mixed_currency", "GBP", {"balances": 5}),
        ("mixed_currency", "USD", {"balances": 5}),
    ]
    assert diagnosis.unexplained == []


def test_a_first_event_ahead_of_all_others_is_told_by_the_time_it_passed(tmp_path: Path) -> None:
    world = a_bank()
    world.now = START + timedelta(days=9)
    ahead = world.pay("A", 700, "X-1", told=False)
    world.now = START + timedelta(hours=1)
    for number in range(40):
        world.pay("A", 1, f"Y-{number}")
    world.now = START + timedelta(days=20)
    later(world)
    found = [each for each in judged(world, tmp_path).findings if each.fault == "backdated_insert"]
    assert [each.event_ids for each in found] == [[ahead]]
    assert "before one of" in found[0].proof


def test_a_snapshot_and_the_holds_agree_on_what_a_second_settlement_answers(tmp_path: Path) -> None:
    world = World()
    world.ledger.ledger += SNAPSHOT
    world.pay("A", 100_000, "OPEN-A")
    hold = world.hold("A", 5_000, "X-1", "W")
    world.settle(hold)
    world.record("A", 0, "Settled", id="W", amount=5_000)
    world.hold("A", 700, "X-2", "W")
    state = '{"balance":94300,"currency":"USD","pending":{"W":700}}'
    world.ledger.snapshots = [{"stream_id": "Account-A", "version": 5, "state": state}]
    world.ledger.claim("A", 94_300, source="snapshots", kind="snapshot", version=5, order_key=5)
    diagnosis = judged(world, tmp_path)
    assert [each for each in diagnosis.findings if each.fault in ("bad_snapshot", "stale_snapshot_shape")] == []


def test_an_odd_value_in_one_row_of_a_read_model_puts_no_account_of_the_log_in_doubt(tmp_path: Path) -> None:
    copy = Copy("none", tmp_path)
    with copy.by_hand() as connection:
        connection.exec_driver_sql("PRAGMA ignore_check_constraints = 1")
        connection.exec_driver_sql("UPDATE account_balances SET version = 1.5 WHERE account_id = 'ACC-1001'")
    evidence = copy.evidence_of()
    facts = gather(evidence, evidence.now)
    assert [each.source for each in facts.breaks] == ["account_balances"]
    assert not any(broken(facts, key) for key in evidence.accounts())
    assert [each.source for each in diagnose(evidence).unexplained] == ["account_balances"]


@pytest.mark.parametrize("currency", ["840", "null", "[]"])
def test_a_snapshot_with_an_odd_currency_blocks_no_capture_and_claims_nothing(currency: str, tmp_path: Path) -> None:
    copy = Copy("none", tmp_path)
    with copy.by_hand() as connection:
        connection.exec_driver_sql(
            f"UPDATE snapshots SET state = json_set(state, '$.currency', json('{currency}')) "
            "WHERE stream_id = 'BankAccount-ACC-1001' AND version = 50"
        )
    evidence = copy.evidence_of()
    assert [each.what for each in evidence.manifest.problems] == ["snapshot: currency is no text"]
    assert [each.words for each in verify(evidence).breaks] == []


def test_two_captures_of_one_log_list_no_more_problems_than_one_does() -> None:
    def manifest(names: list[str], count: int) -> Manifest:
        cut = Cut(high_water=1, checkpoints={}, server_time=None)
        problems = [Problem(name, "Account-A", 1, "e1") for name in names]
        return Manifest(
            source="s", layout="l", cut=cut, buckets=1, rows={}, files={}, problems=problems, problem_count=count
        )

    old = manifest([f"old {number}" for number in range(60)], 60)
    new = manifest([*(f"old {number}" for number in range(10)), *(f"new {number}" for number in range(90))], 150)
    both = _of_both(old, new)
    assert (len(both.problems), both.problem_count) == (PROBLEMS_KEPT, 60 + 140)
