"""Repairing around holds: one that was answered is no hold any more; what others did since was not done by us."""

from datetime import timedelta
from pathlib import Path

import pytest
from broken_copy import ACCOUNT, Copy

from esworkbench import composition
from esworkbench.cqrs.commands import Command
from esworkbench.domains.bank import (
    AdjustBalance,
    Bank,
    CancelWithdrawal,
    Deposit,
    RequestWithdrawal,
    SettleWithdrawal,
)
from esworkbench.errors import StoreBusy
from esworkbench.evidence import Evidence
from esworkbench.evidence.adding import Additions, add_to
from esworkbench.forensics.diagnosis.diagnose import diagnose
from esworkbench.forensics.repair.apply import Repaired
from esworkbench.projections import ProjectionRunner


class RetriedHold(Copy):
    """A withdrawal whose request was sent twice, five minutes apart; the first was settled, and the bank booked it."""

    def __init__(self, folder: Path, second: str) -> None:
        super().__init__("none", folder)
        self.now = self.evidence.now + timedelta(hours=1)
        self.second = second
        self.do(request("W-1"), minutes=1)
        self.do(SettleWithdrawal(account_id=ACCOUNT, withdrawal_id="W-1"))
        self.book_now("X-1", -5_000)
        self.do(request(second), minutes=5)

    def do(self, *commands: Command, minutes: float = 0) -> None:
        self.store.clock = lambda: self.now
        for command in commands:
            Bank(self.store).handle(command)
        self.catch_up()
        self.now += timedelta(minutes=minutes)

    def days_later(self) -> None:
        self.now += timedelta(days=11)
        self.do(Deposit(account_id=ACCOUNT, amount_minor=100, currency="USD", reference="LAST"))
        self.book_now("LAST", 100)

    def book_now(self, reference: str, amount: int) -> None:
        self.book_at(self.now, reference, amount)

    def repair(self, evidence: Evidence) -> Repaired:
        return composition.repair(evidence, self.store, operator="Ida", apply=True, digest=evidence.digest)


def request(name: str) -> Command:
    return RequestWithdrawal(
        account_id=ACCOUNT, withdrawal_id=name, amount_minor=5_000, currency="USD", reference="X-1"
    )


def test_a_statement_that_was_added_to_the_evidence_counts_when_the_store_is_looked_at_again(tmp_path: Path) -> None:
    """It lies beside the evidence and not beside the store, and proves the same before and after."""
    copy = RetriedHold(tmp_path, "W-2")
    copy.do(SettleWithdrawal(account_id=ACCOUNT, withdrawal_id="W-2"))
    copy.days_later()
    paper = copy.statement().rename(tmp_path / "arrived.csv")
    evidence = add_to(copy.evidence_of(), Additions(statements=[paper]))
    [finding] = diagnose(evidence).unhealthy
    assert (finding.fault, finding.certainty) == ("retry_duplicate", "proven")
    done = copy.repair(evidence)
    assert ([step.state for step in done.steps], done.verified) == (["applied"], True)
    again = copy.repair(evidence)
    assert ([step.state for step in again.steps], again.applied) == (["done before"], False)


@pytest.mark.parametrize("second", ["W-1", "W-2"])
def test_a_hold_settled_twice_for_one_command_is_made_up_for_by_an_adjustment(second: str, tmp_path: Path) -> None:
    """There is nothing left to cancel: the money has moved, and is moved back."""
    copy = RetriedHold(tmp_path, second)
    copy.do(SettleWithdrawal(account_id=ACCOUNT, withdrawal_id=second))
    copy.days_later()
    evidence = copy.evidence_of()
    [finding] = diagnose(evidence).unhealthy
    assert (finding.fault, finding.amount, finding.certainty) == ("retry_duplicate", 5_000, "proven")
    done = copy.repair(evidence)
    assert [(step.state, (step.command or "").partition(" ")[0]) for step in done.steps] == [
        ("applied", "AdjustBalance")
    ]
    assert (done.verified, done.after.findings) == (True, [])
    assert [step.state for step in copy.repair(evidence).steps] == ["done before"]


OTHERWISE = {
    "settled": SettleWithdrawal(account_id=ACCOUNT, withdrawal_id="W-2"),
    "cancelled": CancelWithdrawal(account_id=ACCOUNT, withdrawal_id="W-2", reason="the customer called"),
    "made up for": AdjustBalance(
        account_id=ACCOUNT, amount_minor=5_000, currency="USD", reason="r", operator="Otto", case_id="o", reference="O",
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("by", "state"), [("settled", "held back"), ("cancelled", "no longer needed"), ("made up for", "no longer needed")]
)
def test_what_another_command_did_since_is_not_said_to_be_done(by: str, state: str, tmp_path: Path) -> None:
    """The hold looked open. Settled since, it is a double, which the plan knows nothing of, and money is still owed.
    What a clerk's adjustment made up for is owed no more, and the step writes nothing."""
    copy = RetriedHold(tmp_path, "W-2")
    copy.days_later()
    evidence = copy.evidence_of()
    [finding] = diagnose(evidence).unhealthy
    assert finding.fault == "unresolved_pending"
    copy.do(OTHERWISE[by])
    done = copy.repair(evidence)
    assert [step.state for step in done.steps] == [state]
    if by == "settled":
        assert "retry_duplicate, statement_incomplete is found instead" in done.steps[0].words
        assert done.verified is False


def corrected(amount: int) -> Command:
    return AdjustBalance(
        account_id=ACCOUNT, amount_minor=amount, currency="USD", reason="complaint", operator="Otto", case_id="o",
        reference="COR-77",
    )  # fmt: skip


BY_HAND: dict[str, list[Command]] = {
    "whole": [corrected(5_000)],
    "with a fee": [corrected(4_700)],
    "in parts": [corrected(4_000), corrected(1_000)],
    "otherwise named": [Deposit(account_id=ACCOUNT, amount_minor=5_000, currency="USD", reference="X-1 back")],
}


@pytest.mark.parametrize("since", ["before the capture", "before the repair"])
@pytest.mark.parametrize("by", BY_HAND)
@pytest.mark.parametrize("settled", [False, True])
def test_what_a_clerk_has_put_right_is_not_paid_again(settled: bool, by: str, since: str, tmp_path: Path) -> None:
    """The statement ended before, so only the log knows of the correction, and it says for itself what it was for."""
    copy = RetriedHold(tmp_path, "W-2")
    if settled:
        copy.do(SettleWithdrawal(account_id=ACCOUNT, withdrawal_id="W-2"))
    copy.days_later()
    evidence = copy.evidence_of() if since == "before the repair" else None
    copy.now += timedelta(days=1)
    copy.do(*BY_HAND[by])
    before = copy.store.head_position()
    done = copy.repair(evidence or copy.evidence_of())
    assert [step.state for step in done.steps] == ["held back"]
    assert copy.store.head_position() == before
    assert "it may have been put right already" in str(
        [done.steps[0].words, *(each.proof for each in done.after.unhealthy)]
    )


@pytest.mark.parametrize("by", ["whole", "in parts"])
@pytest.mark.parametrize("settled", [False, True])
def test_what_a_clerk_has_put_right_on_days_that_the_statement_covers_is_owed_by_nobody(
    settled: bool, by: str, tmp_path: Path
) -> None:
    """The bank books neither the act nor its correction, and agrees with the events in the end."""
    copy = RetriedHold(tmp_path, "W-2")
    if settled:
        copy.do(SettleWithdrawal(account_id=ACCOUNT, withdrawal_id="W-2"))
    copy.now += timedelta(days=1)
    first = copy.store.head_position() + 1
    copy.do(*BY_HAND[by])
    before = copy.store.head_position()
    copy.days_later()
    evidence = copy.evidence_of()
    told = diagnose(evidence)
    assert (told.unhealthy, told.unexplained) == ([], [])
    [finding] = [each for each in told.findings if each.account == ACCOUNT]
    assert (finding.fault, finding.amount) == ("retry_duplicate" if settled else "unresolved_pending", 0)
    for place in range(first, before + 1):
        assert str(place) in finding.remedy
    head = copy.store.head_position()
    done = copy.repair(evidence)
    assert (done.steps, done.verified, copy.store.head_position()) == ([], True, head)


def test_of_two_holds_one_that_a_clerk_gave_back_is_told_apart_from_the_one_that_is_owed(tmp_path: Path) -> None:
    copy = RetriedHold(tmp_path, "W-2")
    copy.do(corrected(5_000))
    copy.do(request("W-3"))
    copy.days_later()
    found = [(each.amount, each.healthy) for each in diagnose(copy.evidence_of()).findings if not each.alternative_to]
    assert sorted(found) == [(0, True), (5_000, False)]


def test_what_was_appended_is_told_even_where_a_later_step_can_not_be_done(tmp_path: Path) -> None:
    """An answer that only named the error would hide what stands in the store by now."""
    copy = RetriedHold(tmp_path, "W-2")
    copy.days_later()
    copy.edit_balance(77, "ACC-1002")
    evidence = copy.evidence_of()
    before = copy.store.head_position()

    def refuses(*_: object) -> None:
        raise StoreBusy("another runner keeps the table")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ProjectionRunner, "rebuild", refuses)
        repaired = copy.repair(evidence)
    assert repaired.applied
    assert [(step.kind, step.state) for step in repaired.steps] == [("compensate", "applied"), ("rebuild", "held back")]
    assert "it could not be done: another runner keeps the table" in repaired.steps[1].words
    assert copy.store.head_position() == before + 1


def test_a_table_of_holds_that_was_emptied_may_be_right_so_nothing_moves_on_its_word_or_against_it(
    tmp_path: Path,
) -> None:
    """It claims that nothing is open: no row is a claim, too, and the log may be what was changed."""
    copy = RetriedHold(tmp_path, "W-2")
    copy.days_later()
    with copy.by_hand() as connection:
        connection.exec_driver_sql("DELETE FROM pending_withdrawals")
    before = copy.store.head_position()
    repaired = copy.repair(copy.evidence_of())
    assert [(step.kind, step.state) for step in repaired.steps] == [
        ("compensate", "held back"), ("rebuild", "held back"),
    ]  # fmt: skip
    assert all("not before rehashed_history is dealt with" in step.words for step in repaired.steps)
    assert (repaired.verified, copy.store.head_position()) == (False, before)
