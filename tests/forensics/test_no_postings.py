"""A claim on an account on which nothing posts is a balance in dispute like any other."""

from pathlib import Path

from small_ledger import SmallLedger

from esworkbench.forensics.investigation.investigate import DisputedBalance, investigate


def test_every_step_is_answered_of_an_account_without_postings(tmp_path: Path) -> None:
    ledger = SmallLedger()
    ledger.event("B", 5)
    ledger.event("A")
    ledger.claim("A", 700)
    ledger.claim("B", 5)
    ledger.batch(1, 2, 3)
    evidence = ledger.captured(tmp_path / "evidence")
    for claim in (None, DisputedBalance("A", "USD", 700, "the customer")):
        inquiry = investigate(evidence, claim=claim)
        assert (inquiry.account, inquiry.delta) == ("A", 700)
        told = {step.number: step.answer for step in inquiry.steps}
        assert told[4] == "no event posts anything in 'USD' on this account"
