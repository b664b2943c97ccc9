"""What a bare figure allows: a hand wrote the sum of some events, a restore with something on top, two restores."""

from pathlib import Path

from esworkbench.forensics.diagnosis.diagnose import diagnose
from esworkbench.forensics.diagnosis.findings import Diagnosis
from tests.forensics.small_ledger import SmallLedger

ACCOUNTS = "ABCD"


def lived(events: int = 24) -> SmallLedger:
    """So many payments on four accounts by turns, of two types, no two sums alike, all read in one batch."""
    ledger = SmallLedger()
    for number in range(events):
        kind = "Moved" if number % 3 else "Taken"
        ledger.event(ACCOUNTS[number % 4], 1_000 + 7 * number * number, type=kind)
    ledger.batch(1, events, 30.0)
    return ledger


def posted(ledger: SmallLedger, account: str, first: int = 1, last: int = 10**9) -> int:
    return sum(
        each["amount_minor"] for each in ledger.postings
        if each["account"] == account and first <= each["position"] <= last
    )  # fmt: skip


def told(diagnosis: Diagnosis) -> set[tuple[str, str | None, int]]:
    return {(each.fault, each.account, each.amount) for each in diagnosis.findings if not each.alternative_to}


def test_a_figure_off_by_what_one_accounts_events_of_a_type_come_to_may_be_a_hands(tmp_path: Path) -> None:
    ledger = lived()
    for _ in range(3):
        ledger.event("A", -250, type="Fee")
    ledger.batch(25, 27, 31.0)
    for account in ACCOUNTS:
        ledger.claim(account, posted(ledger, account) + 750 * (account == "A"))
    diagnosis = diagnose(ledger.write(tmp_path))
    named = {each.fault for each in diagnosis.findings if each.account == "A" and each.amount == 750}
    assert {"handler_bug", "manual_edit"} <= named
    assert diagnosis.unexplained == []


def test_a_row_that_stands_before_what_others_lack_has_not_been_run_on(tmp_path: Path) -> None:
    """Put back to 12; D has the newest event of all, and what its figure is off by besides is a hand's."""
    ledger = lived()
    for account in ACCOUNTS:
        at = max(each["position"] for each in ledger.postings if each["account"] == account and each["position"] <= 12)
        ledger.claim(account, posted(ledger, account, last=12) + 700 * (account == "D"), position=at)
    diagnosis = diagnose(ledger.write(tmp_path))
    lacks = {("restored_read_model", account, -posted(ledger, account, 13)) for account in ACCOUNTS}
    assert told(diagnosis) == lacks | {("manual_edit", "D", 700)}
    assert diagnosis.unexplained == []


def test_rows_that_went_back_with_their_checkpoint_were_not_applied_twice(tmp_path: Path) -> None:
    """Restored rightly to 12 and caught up; then the checkpoint alone was set back to 18, and run once more."""
    ledger = lived()
    ledger.batch(13, 24, 31.0)
    ledger.batch(19, 24, 32.0)
    for account in ACCOUNTS:
        ledger.claim(account, posted(ledger, account) + posted(ledger, account, 19))
    diagnosis = diagnose(ledger.write(tmp_path))
    assert told(diagnosis) == {("double_apply", account, posted(ledger, account, 19)) for account in ACCOUNTS}
    assert {each.certainty for each in diagnosis.findings} == {"likely"}
    assert diagnosis.unexplained == []
