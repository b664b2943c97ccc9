"""An event taken out of the log, and a figure lowered to match it: the second act is told beside the first."""

from pathlib import Path

import pytest
from damaged_bank import DamagedBank

from esworkbench.forensics.diagnosis.diagnose import diagnose

WORDS = "account_balances had read up to there, was never rebuilt, and agrees with the log as it now is"


@pytest.mark.parametrize("lowered", [True, False])
def test_a_figure_that_agrees_with_a_log_that_lost_an_event_was_changed_to_match(lowered: bool, tmp_path: Path) -> None:
    bank = DamagedBank(tmp_path)
    event = bank.any_event()
    bank.delete(event)
    if lowered:
        bank.sql(
            "UPDATE account_balances SET balance_minor = balance_minor - ? WHERE account_id = ?",
            event.amount, event.account,
        )  # fmt: skip
    [found] = [each for each in diagnose(bank.captured()).findings if each.fault == "event_deleted"]
    assert (found.amount, found.certainty) == (event.amount, "proven")
    assert (WORDS in found.proof) == lowered
