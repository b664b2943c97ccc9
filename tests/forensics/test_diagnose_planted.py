"""Faults planted by direct means on a copy: several at once, look-alikes, and what the lab doesn't build yet."""

import csv
from datetime import timedelta
from pathlib import Path

import pytest
from broken_copy import ACCOUNT, Copy, names, only
from lab_incidents import answer, captured
from sqlalchemy import Connection

from esworkbench.domains.bank import Bank, RequestWithdrawal, bank_decoder
from esworkbench.domains.bank.read_models import AccountBalances
from esworkbench.events import Event
from esworkbench.forensics.diagnosis.diagnose import diagnose
from esworkbench.forensics.repair.plan import plan
from esworkbench.projections import ProjectionRunner


def planted_amount(fault: str) -> int:
    return next(planted.amount for planted in answer(fault) if planted.account == ACCOUNT)


@pytest.mark.parametrize("fault", ["event_deleted", "payload_edited"])
def test_an_edit_that_makes_a_balance_agree_with_a_damaged_log_hides_nothing_of_the_log(
    fault: str, tmp_path: Path
) -> None:
    """The hashes prove it, and the history still counts what was there. The balance itself differs from nothing."""
    copy = Copy(fault, tmp_path)
    amount = planted_amount(fault)
    copy.edit_balance(-amount)
    diagnosis = copy.diagnose()
    assert names(diagnosis) == {fault: amount}
    assert diagnosis.unexplained == []


def test_what_a_balance_does_not_show_is_at_most_possible(tmp_path: Path) -> None:
    """Batches that overlap are told, with no amount: no claim differs, so nothing may rest on one."""
    copy = Copy("double_apply", tmp_path)
    copy.edit_balance(-planted_amount("double_apply"))
    diagnosis = copy.diagnose()
    mine = [each for each in diagnosis.findings if each.account == ACCOUNT]
    assert [(each.fault, each.amount, each.certainty) for each in mine] == [("double_apply", 0, "possible")]
    assert diagnose(captured(copy.store, tmp_path / "again"), account=ACCOUNT).divergences == 0


def test_an_event_that_came_late_and_that_the_balance_counts_accuses_nobody(tmp_path: Path) -> None:
    """Two clocks prove nothing where no claim differs."""
    copy = Copy("gap_skipped", tmp_path)
    copy.edit_balance(-planted_amount("gap_skipped"))
    assert names(copy.diagnose()) == {}


@pytest.mark.parametrize("fault", ["double_apply", "unresolved_pending", "handler_bug", "event_deleted", "rounding"])
def test_two_faults_on_one_account_share_the_difference(fault: str, tmp_path: Path) -> None:
    """Every residual is explained once."""
    copy = Copy(fault, tmp_path)
    copy.edit_balance(31_337)
    diagnosis = copy.diagnose()
    assert names(diagnosis) == {fault: planted_amount(fault), "manual_edit": 31_337}
    assert diagnosis.unexplained == []


def test_a_hold_is_healthy_until_the_limit_and_overdue_after(tmp_path: Path) -> None:
    """Age is measured at `now`: 24 hours to the second are still healthy."""
    copy = Copy("none", tmp_path)
    Bank(copy.store).handle(
        RequestWithdrawal(account_id=ACCOUNT, withdrawal_id="W-9", amount_minor=4723, currency="USD", reference="R-9")
    )
    copy.catch_up()
    evidence = captured(copy.store, tmp_path / "evidence")
    overdue = [
        diagnose(evidence, now=evidence.now + timedelta(hours=24, seconds=more)).tested["unresolved_pending"]
        for more in (0, 1)
    ]
    assert overdue == ["ruled_out", "found"]


def test_without_a_statement_an_unresolved_hold_is_possible_and_says_what_would_settle_it(tmp_path: Path) -> None:
    """If the money left, and only the message of it was lost, nothing differs: the amount can't be known."""
    copy = Copy("unresolved_pending", tmp_path)
    copy.statement().unlink()
    finding = only(copy.diagnose(), "unresolved_pending")
    assert (finding.certainty, finding.amount) == ("possible", planted_amount("unresolved_pending"))
    assert "a statement would show" in finding.proof


def test_a_hold_that_the_statement_books_only_lacks_its_settlement(tmp_path: Path) -> None:
    """Then the money left: nothing parts, and cancelling would be the wrong repair."""
    copy = Copy("unresolved_pending", tmp_path)
    [planted] = answer("unresolved_pending")
    request = next(each for each in copy.store.read_all(limit=10_000) if each.event_id == planted.event_ids[0])
    copy.book(bank_decoder().decode(request).data.reference, -planted.amount)  # type: ignore[attr-defined]
    finding = only(copy.diagnose(), "unresolved_pending")
    assert (finding.amount, finding.certainty) == (0, "proven")
    assert "settlement" in finding.remedy


@pytest.mark.parametrize("with_statement", [True, False])
def test_a_retry_without_a_key_is_told_by_its_business_key(with_statement: bool, tmp_path: Path) -> None:
    """Two event ids, one reference, close in time; the statement has it once, and goes on for days without the second.
    Without a statement it is merely possible.
    """
    copy = Copy("none", tmp_path)
    copy.deposit("R-1", 5_000)
    again = copy.deposit("R-1", 5_000)
    copy.deposit("R-2", 100)
    copy.catch_up()
    copy.book("R-1", 5_000)
    copy.book_at(copy.evidence.now + timedelta(days=11), "R-2", 100)
    if not with_statement:
        copy.statement().unlink()
    finding = only(copy.diagnose(), "retry_duplicate")
    assert (finding.event_ids, finding.amount) == ([again], -5_000)
    assert finding.certainty == ("proven" if with_statement else "possible")


def test_two_deposits_that_look_alike_are_two(tmp_path: Path) -> None:
    """Same amount, same second, other reference: no finding."""
    copy = Copy("none", tmp_path)
    for reference in ("R-1", "R-2"):
        copy.deposit(reference, 5_000)
        copy.book(reference, 5_000)
    copy.catch_up()
    assert copy.diagnose().findings == []


def test_a_fact_never_written_is_told_by_the_statement_alone(tmp_path: Path) -> None:
    copy = Copy("none", tmp_path)
    copy.book("CHEQUE-77", 12_345)
    diagnosis = copy.diagnose()
    assert names(diagnosis) == {"never_appended": 12_345}
    assert diagnosis.unexplained == []


def test_an_event_compensated_twice_is_found_and_once_is_not(tmp_path: Path) -> None:
    """A pair that makes itself good is no difference to a statement; a second repair is one too many."""
    copy = Copy("none", tmp_path)
    wrong = copy.deposit("R-1", -5_000)
    copy.deposit("FIX-1", 5_000, compensates=wrong)
    copy.catch_up()
    assert copy.diagnose().findings == []
    second = copy.deposit("FIX-2", 5_000, compensates=wrong)
    copy.catch_up()
    diagnosis = diagnose(captured(copy.store, tmp_path / "later"))
    assert only(diagnosis, "double_repair").event_ids == [second]
    assert names(diagnosis) == {"double_repair": -5_000}


@pytest.mark.parametrize("parts", [[2_000, 3_000], [1_000, 1_000, 3_000], [1, 4_998]])
def test_an_event_compensated_in_parts_is_compensated_once(parts: list[int], tmp_path: Path) -> None:
    copy = Copy("none", tmp_path)
    wrong = copy.deposit("R-1", -5_000)
    for number, part in enumerate(parts):
        copy.deposit(f"FIX-{number}", part, compensates=wrong)
    copy.catch_up()
    assert "double_repair" not in names(copy.diagnose())
    if sum(parts) == 5_000:
        second = copy.deposit("AGAIN", 7, compensates=wrong)
        copy.catch_up()
        diagnosis = diagnose(captured(copy.store, tmp_path / "later"))
        assert only(diagnosis, "double_repair").event_ids == [second]


def test_parked_events_are_found_by_their_dead_letters(tmp_path: Path) -> None:
    """The read model is short of exactly what its handler could not take."""

    class Picky(AccountBalances):
        def handle(self, event: Event, connection: Connection) -> None:
            if getattr(event.data, "reference", "").startswith("ODD"):
                raise ValueError("this reference is odd")
            super().handle(event, connection)

    copy = Copy("none", tmp_path)
    odd = copy.deposit("ODD-1", 900)
    copy.deposit("EVEN-1", 800)
    for reference, amount in (("ODD-1", 900), ("EVEN-1", 800)):
        copy.book(reference, amount)
    ProjectionRunner(copy.store, Picky(), bank_decoder(), run_id="picky").catch_up()
    copy.catch_up()
    diagnosis = copy.diagnose()
    assert names(diagnosis) == {"poison_skipped": -900}
    assert only(diagnosis, "poison_skipped").event_ids == [odd]
    assert diagnosis.unexplained == []


def test_a_read_model_put_back_to_an_older_state_is_told_from_lag_and_from_truncation(tmp_path: Path) -> None:
    """Right at one position that is not its checkpoint."""
    copy = Copy("none", tmp_path)
    ProjectionRunner(copy.store, AccountBalances(), bank_decoder(), run_id="older").rebuild()
    with copy.by_hand() as connection:
        head = copy.store.head_position()
        connection.exec_driver_sql("DELETE FROM account_balances")
        connection.exec_driver_sql("UPDATE checkpoints SET position = 0 WHERE projection = 'account_balances'")
    ProjectionRunner(copy.store, AccountBalances(), bank_decoder(), run_id="older").catch_up(up_to=head - 20)
    with copy.by_hand() as connection:
        connection.exec_driver_sql(
            "DELETE FROM checkpoint_log WHERE run_id = 'older' AND id = (SELECT max(id) FROM checkpoint_log)"
        )
        connection.exec_driver_sql(f"UPDATE checkpoints SET position = {head} WHERE projection = 'account_balances'")
    diagnosis = copy.diagnose()
    assert {finding.fault for finding in diagnosis.findings} == {"restored_read_model"}
    assert diagnosis.unexplained == []


def rows_deleted(copy: Copy, *positions: int) -> dict[int, int]:
    """Rows of the history that somebody's DELETE took away: amount by position."""
    amounts = {posting.position: posting.amount_minor for posting in copy.evidence.postings(ACCOUNT)}
    with copy.by_hand() as connection:
        for position in positions:
            connection.exec_driver_sql(
                f"DELETE FROM transaction_history WHERE account_id = '{ACCOUNT}' AND position = {position}"
            )
    return {position: amounts[position] for position in positions}


@pytest.mark.parametrize("places", [(5,), (5, 6), (5, 9, 10)])
def test_a_lost_row_is_no_skipped_event_and_accuses_no_innocent_one(places: tuple[int, ...], tmp_path: Path) -> None:
    """Its successors count it: one fault with the lost events and their sum, and nothing beside it."""
    copy = Copy("none", tmp_path)
    postings = [posting for posting in copy.evidence.postings(ACCOUNT) if posting.amount_minor]
    lost = rows_deleted(copy, *(postings[place].position for place in places))
    diagnosis = copy.diagnose()
    [finding] = diagnosis.findings
    assert (finding.fault, finding.amount, finding.certainty) == ("row_lost", -sum(lost.values()), "proven")
    assert finding.positions == sorted(lost)
    assert finding.sources == ["transaction_history"]
    assert diagnosis.unexplained == []
    assert (diagnosis.tested["gap_skipped"], diagnosis.tested["manual_edit"]) == ("ruled_out", "ruled_out")
    [step] = plan(copy.evidence, diagnosis, operator="Ida").steps
    assert (step.kind, step.projection) == ("rebuild", "transaction_history")


@pytest.mark.parametrize("place", [3, 10])
def test_a_line_cut_out_of_the_statement_is_the_statements_fault(place: int, tmp_path: Path) -> None:
    """Its balances go on as though the line were there: neither a hold nor a double, and no repair of ours."""
    copy = Copy("none", tmp_path)
    path = copy.statement()
    with path.open(encoding="utf-8", newline="") as file:
        lines = list(csv.reader(file))
    cut = [index for index, line in enumerate(lines) if line[0] == ACCOUNT][place]
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([*lines[:cut], *lines[cut + 1 :]])
    diagnosis = copy.diagnose()
    assert names(diagnosis) == {"statement_incomplete": -int(lines[cut][4])}
    assert diagnosis.unexplained == []
    [step] = plan(copy.evidence, diagnosis, operator="Ida").steps
    assert (step.kind, step.state) == ("none", "by hand")


def test_what_no_class_explains_is_reported(tmp_path: Path) -> None:
    """A statement that opens with money nobody knows of."""
    copy = Copy("none", tmp_path)
    path = copy.statement()
    with path.open(encoding="utf-8", newline="") as file:
        header, *lines = list(csv.reader(file))
    moved = [[*line[:5], str(int(line[5]) + 999)] if line[0] == ACCOUNT else line for line in lines]
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *moved])
    diagnosis = copy.diagnose()
    assert diagnosis.findings == []
    assert [(each.account, each.amount) for each in diagnosis.unexplained] == [(ACCOUNT, 999)]
