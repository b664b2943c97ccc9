"""Every claim is held against the events up to its own cut, and lag is not corruption."""

from pathlib import Path

import pytest

from esworkbench.errors import UnusableInput
from esworkbench.evidence import Evidence, capture
from esworkbench.forensics.compare.bisect import bisect
from esworkbench.forensics.compare.diff import diff
from esworkbench.forensics.compare.records import DIFFERS, NO_ROW, State
from esworkbench.forensics.compare.residuals import Residuals
from esworkbench.resources import data_path
from tests.forensics.small_ledger import START, SmallLedger, hours

BERKA = Path(__file__).parents[3] / "shared" / "data" / "berka" / "trans.asc"


def rows_of(evidence: Evidence, against: str | None = None) -> list[tuple[object, ...]]:
    return [
        (row.account, row.source, row.claimed, row.event_sum, row.delta, row.at_position)
        for row in diff(evidence, against=against).rows
    ]


def test_lag_is_not_corruption(tmp_path: Path) -> None:
    ledger = SmallLedger()
    ledger.event("A", 100)
    ledger.event("A", 50)
    ledger.claim("A", 100, position=1)
    ledger.checkpoints["balances"] = 1
    found = diff(ledger.write(tmp_path / "ev"))
    assert (found.compared, found.divergent, found.rows) == (1, 0, [])


def test_head_is_held_against_its_checkpoint_and_never_its_own_rows_position(tmp_path: Path) -> None:
    ledger = SmallLedger()
    ledger.event("A", 100)
    ledger.event("A", 50)
    ledger.event("B", 7)
    ledger.claim("A", 100, position=1)
    ledger.claim("B", 7, position=3)
    ledger.checkpoints["balances"] = 3
    assert rows_of(ledger.write(tmp_path / "ev")) == [("A", "balances", 100, 150, -50, 3)]


def test_account_without_a_row_is_claimed_null_and_row_without_postings_is_held_against_zero(tmp_path: Path) -> None:
    ledger = SmallLedger()
    ledger.event("A", 100)
    ledger.claim("B", 5)
    ledger.claim("C", 0)
    ledger.checkpoints["balances"] = 1
    assert rows_of(ledger.write(tmp_path / "ev")) == [
        ("A", "balances", None, 100, -100, 1),
        ("B", "balances", 5, 0, 5, 1),
    ]


def test_account_opened_after_the_checkpoint_needs_no_row(tmp_path: Path) -> None:
    ledger = SmallLedger()
    ledger.event("A", 100)
    ledger.event("B", 100)
    ledger.claim("A", 100)
    ledger.checkpoints["balances"] = 1
    assert rows_of(ledger.write(tmp_path / "ev")) == []


def test_two_currencies_are_never_added(tmp_path: Path) -> None:
    ledger = SmallLedger()
    ledger.event("A", 100)
    ledger.event("A", 40, currency="EUR")
    ledger.claim("A", 140)
    ledger.claim("A", 40, currency="EUR")
    assert rows_of(ledger.write(tmp_path / "ev")) == [("A", "balances", 140, 100, 40, 2)]


def test_running_claims_give_the_steps_at_which_delta_changes(tmp_path: Path) -> None:
    ledger = SmallLedger()
    for _ in range(5):
        ledger.event("A", 10)
    ledger.running("A", [10, 20, 33, 43, 50])
    assert rows_of(ledger.write(tmp_path / "ev")) == [
        ("A", "history", 33, 30, 3, 3),
        ("A", "history", 50, 50, 0, 5),
    ]


def test_event_without_a_row_is_the_one_named_not_the_next_one(tmp_path: Path) -> None:
    ledger = SmallLedger()
    for _ in range(4):
        ledger.event("A", 10)
    ledger.running("A", [10, None, 20, 30])
    assert rows_of(ledger.write(tmp_path / "ev")) == [("A", "history", 10, 20, -10, 2)]


def test_skipped_events_that_cancel_are_still_named(tmp_path: Path) -> None:
    ledger = SmallLedger()
    for amount in (10, 7, -7, 10):
        ledger.event("A", amount)
    ledger.running("A", [10, None, None, 20])
    assert rows_of(ledger.write(tmp_path / "ev")) == [
        ("A", "history", 10, 17, -7, 2),
        ("A", "history", 10, 10, 0, 3),
    ]


def test_a_row_that_later_rows_count_is_lost_and_the_step_that_counts_it_heals(tmp_path: Path) -> None:
    ledger = SmallLedger()
    for _ in range(4):
        ledger.event("A", 10)
    ledger.running("A", [10, None, 30, 40])
    assert rows_of(ledger.write(tmp_path / "ev")) == [("A", "history", 10, 20, -10, 2), ("A", "history", 30, 30, 0, 3)]


def test_a_row_that_is_there_and_claims_nothing_leaves_its_posting_to_the_next_claim(tmp_path: Path) -> None:
    ledger = SmallLedger()
    for _ in range(5):
        ledger.event("A", 10)
    for place, claimed in enumerate([None, 20, None, 41, None], 1):
        ledger.claim("A", claimed, source="history", kind="running", position=place, order_key=place)
    assert rows_of(ledger.write(tmp_path / "ev")) == [("A", "history", 41, 40, 1, 4)]


def test_a_balance_that_is_null_claims_nothing(tmp_path: Path) -> None:
    ledger = SmallLedger()
    ledger.event("A", 10)
    ledger.event("B", 10)
    ledger.claim("A", None)
    ledger.claim("B", 11)
    assert rows_of(ledger.write(tmp_path / "ev")) == [("B", "balances", 11, 10, 1, 2)]


def test_last_events_without_rows_are_missing_up_to_the_checkpoint_only(tmp_path: Path) -> None:
    ledger = SmallLedger()
    for _ in range(4):
        ledger.event("A", 10)
    ledger.running("A", [10, 20, None, None])
    ledger.checkpoints["history"] = 3
    assert rows_of(ledger.write(tmp_path / "ev")) == [("A", "history", 20, 30, -10, 3)]


def test_row_without_event_and_second_row_for_one_event_move_the_claim_alone(tmp_path: Path) -> None:
    ledger = SmallLedger()
    ledger.event("A", 10)
    ledger.event("A", 10, position=3)
    ledger.running("A", [10])
    ledger.claim("A", 15, source="history", kind="running", position=2, order_key=2)
    ledger.claim("A", 25, source="history", kind="running", position=3, order_key=3)
    ledger.claim("A", 35, source="history", kind="running", position=3, order_key=4)
    assert rows_of(ledger.write(tmp_path / "ev")) == [("A", "history", 15, 10, 5, 2), ("A", "history", 35, 20, 15, 3)]


def test_row_that_names_no_position_stands_where_its_event_does(tmp_path: Path) -> None:
    ledger = SmallLedger()
    for _ in range(3):
        ledger.event("A", 10)
    for place, claimed in enumerate([10, 22, 32], 1):
        ledger.claim("A", claimed, source="history", kind="running", event_id=f"e{place}", order_key=place)
    assert rows_of(ledger.write(tmp_path / "ev")) == [("A", "history", 22, 20, 2, 2)]


def test_a_row_whose_position_is_wrong_stands_where_its_event_does(tmp_path: Path) -> None:
    ledger = SmallLedger()
    for _ in range(3):
        ledger.event("A", 10)
    for place, (claimed, position) in enumerate([(10, 1), (20, 3), (30, 2)], 1):
        row = {"source": "history", "kind": "running", "event_id": f"e{place}"}
        ledger.claim("A", claimed, position=position, order_key=place, **row)
    assert rows_of(ledger.write(tmp_path / "ev")) == []


def test_a_snapshot_that_claims_nothing_left_is_compared_too(tmp_path: Path) -> None:
    ledger = SmallLedger()
    ledger.event("A", 10)
    ledger.claim("A", 0, source="snapshots", kind="snapshot", version=1)
    assert rows_of(ledger.write(tmp_path / "ev")) == [("A", "snapshots", 0, 10, -10, 1)]


def test_account_that_a_running_source_never_heard_of_is_one_row(tmp_path: Path) -> None:
    ledger = SmallLedger()
    for account in "ABBB":
        ledger.event(account, 10)
    ledger.running("A", [10])
    found = diff(ledger.write(tmp_path / "ev"))
    assert (found.compared, found.divergent) == (2, 1)
    assert [(row.account, row.claimed, row.delta) for row in found.rows] == [("B", None, -30)]


def test_statement_claims_the_event_sum_and_the_holds_young_enough(tmp_path: Path) -> None:
    """A hold that lapses unanswered is owed a line from then on: its money is neither on the way nor back."""
    ledger = SmallLedger()
    ledger.event("A", 100, recorded_at=hours(0))
    ledger.event("A", -47, type="Held", payload='{"id":"w"}', recorded_at=hours(1))
    ledger.event("A", -20, type="Held", payload='{"id":"v"}', recorded_at=hours(1))
    ledger.event("A", 0, type="Settled", payload='{"id":"v"}', recorded_at=hours(2))
    ledger.event("B", 1, recorded_at=hours(30))
    ledger.statement("A", [(0, 100, 100), (2, -20, 80), (25, 0, 80)])
    evidence = ledger.write(tmp_path / "ev")
    assert rows_of(evidence) == [("A", "bank.csv", 80, 33, 47, 2)]
    assert rows_of(evidence, "bank.csv") == [("A", "bank.csv", 80, 33, 47, 2)]


@pytest.mark.parametrize("now", [24, 25])
def test_statement_is_healthy_while_the_hold_is_young(now: float, tmp_path: Path) -> None:
    """Its age is measured by the server's clock, at the latest event: 24 hours to the second are young."""
    ledger = SmallLedger()
    ledger.event("A", 100, recorded_at=hours(0))
    ledger.event("A", -47, type="Held", payload='{"id":"w"}', recorded_at=hours(1))
    ledger.event("B", 1, recorded_at=hours(now))
    ledger.statement("A", [(0, 100, 100), (48, 0, 100)])
    evidence = ledger.write(tmp_path / "ev")
    assert rows_of(evidence) == []
    residuals = Residuals(evidence)
    assert residuals.held(residuals.sources("bank.csv")[0], ("A", "USD")) == 0
    assert Residuals(evidence, now=hours(25.1)).found()[0].amount == 47


def test_an_id_used_again_is_another_hold(tmp_path: Path) -> None:
    ledger = SmallLedger()
    ledger.event("A", 100, recorded_at=hours(0))
    for hour, amount, kind in [(1, -20, "Held"), (2, 0, "Settled"), (3, -30, "Held"), (99, 1, "Moved")]:
        ledger.event("A", amount, type=kind, payload='{"id":"w"}', recorded_at=hours(hour))
    ledger.statement("A", [(0, 100, 100), (2, -20, 80), (99, 1, 81)])
    found = Residuals(ledger.write(tmp_path / "ev")).found()
    assert [(each.source, each.position, each.amount, each.reason) for each in found] == [("bank.csv", 4, 30, NO_ROW)]


def test_a_line_on_another_day_is_shifted_and_no_divergence(tmp_path: Path) -> None:
    ledger = SmallLedger()
    ledger.event("A", 100)
    ledger.event("A", 5)
    ledger.statement("A", [(1, 100, 100), (30, 5, 105)])
    evidence = ledger.write(tmp_path / "ev")
    assert rows_of(evidence) == rows_of(evidence, "bank.csv") == []
    assert [each.position for each in Residuals(evidence).found([State.SHIFTED])] == [2]


def test_a_statement_that_contradicts_its_own_amounts_parts_and_comes_back(tmp_path: Path) -> None:
    ledger = SmallLedger()
    for _ in range(4):
        ledger.event("A", 10)
    ledger.statement("A", [(1, 10, 10), (2, 10, 25), (3, 10, 35), (4, 10, 40)])
    evidence = ledger.write(tmp_path / "ev")
    assert rows_of(evidence) == [("A", "bank.csv", 25, 20, 5, 2), ("A", "bank.csv", 40, 40, 0, 4)]


def test_a_line_cut_out_while_later_balances_count_it(tmp_path: Path) -> None:
    ledger = SmallLedger()
    for _ in range(4):
        ledger.event("A", 10)
    ledger.statement("A", [(1, 10, 10), (3, 10, 30), (4, 10, 40)])
    found = Residuals(ledger.write(tmp_path / "ev")).found()
    assert [(each.position, each.amount, each.reason) for each in found] == [(2, -10, NO_ROW), (3, 10, DIFFERS)]


def test_a_statement_printed_newest_first_is_read_from_its_other_end(tmp_path: Path) -> None:
    ledger = SmallLedger()
    for _ in range(3):
        ledger.event("A", 10)
    ledger.statement("A", [(3, 10, 30), (2, 10, 20), (1, 10, 10)])
    assert rows_of(ledger.write(tmp_path / "ev")) == []


def test_days_are_steps_too_and_a_missing_day_is_seen(tmp_path: Path) -> None:
    ledger = SmallLedger()
    for day in range(3):
        ledger.event("A", 10, recorded_at=hours(24 * day + 1))
    for day, closing in [(0, 10), (2, 30)]:
        ledger.claim("A", closing, source="days", kind="daily", day=hours(24 * day).date())
    evidence = ledger.write(tmp_path / "ev")
    assert rows_of(evidence) == [("A", "days", 10, 20, -10, 2), ("A", "days", 30, 30, 0, 3)]
    assert bisect(evidence, "A").position == 2


def test_snapshot_is_held_against_its_own_version(tmp_path: Path) -> None:
    ledger = SmallLedger()
    for _ in range(3):
        ledger.event("A", 10)
    ledger.claim("A", 20, source="snapshots", kind="snapshot", version=2)
    ledger.claim("A", 31, source="snapshots", kind="snapshot", version=3)
    assert rows_of(ledger.write(tmp_path / "ev")) == [("A", "snapshots", 31, 30, 1, 3)]


def test_day_closes_at_midnight_of_the_ledgers_time_zone(tmp_path: Path) -> None:
    ledger = SmallLedger()
    ledger.ledger = ledger.ledger.replace(b'name = "small"', b'name = "small"\ntime_zone = "Europe/Zurich"')
    ledger.event("A", 10, recorded_at=hours(22.5))
    ledger.event("A", 10, recorded_at=hours(23.5))
    ledger.claim("A", 10, source="days", kind="daily", day=START.date())
    ledger.claim("A", 20, source="days", kind="daily", day=hours(24).date())
    assert rows_of(ledger.write(tmp_path / "ev")) == []


def test_accounts_with_quotes_newlines_and_markup_are_compared_like_any_other(tmp_path: Path) -> None:
    ledger = SmallLedger()
    for account in ("O'Brien; --", "<b>\n", 'say "hi"'):
        ledger.event(account, 10)
        ledger.claim(account, 11)
    assert [row[0] for row in rows_of(ledger.write(tmp_path / "ev"))] == ["<b>\n", "O'Brien; --", 'say "hi"']


def test_source_that_claims_nothing_is_refused_with_those_that_do(tmp_path: Path) -> None:
    ledger = SmallLedger()
    ledger.event("A", 10)
    ledger.claim("A", 10)
    with pytest.raises(UnusableInput, match=r"no source .* called 'account_balance'; the sources are: balances"):
        diff(ledger.write(tmp_path / "ev"), against="account_balance")


def test_a_day_that_adds_up_in_no_order_is_a_divergence(tmp_path: Path) -> None:
    file = tmp_path / "bank.csv"
    file.write_text(
        "id,account,date,amount,balance\n"
        "b,A,2026-01-07,20,30\n"
        "a,A,2026-01-07,10,10\n"
        "c,A,2026-01-08,3,33\n"
        "d,A,2026-01-09,9,77\n"
        "e,A,2026-01-09,2,90\n"
        "f,A,2026-01-10,5,97\n",
        encoding="utf-8",
    )
    ledger = tmp_path / "file.toml"
    ledger.write_text(FILE_LEDGER, encoding="utf-8")
    found = diff(capture(str(file), tmp_path / "ev", ledger=ledger, progress=False))
    assert found.order == {"exact": 3, "rounded": 0, "unresolved": 1, "ambiguous": 0}
    assert (found.divergent, [(row.at_position, row.delta) for row in found.rows]) == (1, [(4, 35), (5, 46), (6, 48)])
    assert [problem.day.isoformat() for problem in found.order_problems] == ["2026-01-09"]


FILE_LEDGER = """
name = "file"
[file]
date_format = "%Y-%m-%d"
scale = "minor"
currency = "USD"
[file.columns]
id = "id"
account = "account"
date = "date"
amount = "amount"
balance = "balance"
"""


@pytest.mark.skipif(not BERKA.exists(), reason="the Berka extract is not part of the project and not beside it")
def test_real_banks_file_has_wrong_balances_only_at_its_cut_end_and_rounding(tmp_path: Path) -> None:
    ledger = data_path("ledgers", "berka.toml")
    found = diff(capture(str(BERKA), tmp_path / "ev", ledger=ledger, progress=False))
    assert found.order == {"exact": 18_374, "rounded": 1_097, "unresolved": 16, "ambiguous": 0}
    assert (found.compared, found.divergent, found.rounded_steps) == (591, 16, 1_115)
    assert {problem.day.isoformat() for problem in found.order_problems} == {"1994-03-31"}
    assert len(found.order_problems) == 16
