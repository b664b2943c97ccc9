"""Verdicts about a damaged log: named by what was done, once, to the minor unit, and never silent."""

from pathlib import Path

import pytest
from damaged_bank import DAMAGES, DamagedBank, Truth

from esworkbench.domains.bank import AccountClosed, MoneyWithdrawn
from esworkbench.forensics.diagnosis.diagnose import diagnose
from esworkbench.forensics.diagnosis.findings import Diagnosis, Finding


def judged(diagnosis: Diagnosis, truths: list[Truth]) -> None:
    """Nothing proven that isn't so, nothing silent, one finding an act and account, nothing left unexplained."""
    told = [finding for finding in diagnosis.findings if finding.alternative_to is None]
    done = [(truth.fault, truth.account, truth.amount) for truth in truths]
    for finding in told:
        assert finding.certainty != "proven" or name(finding) in done, finding
    assert sorted(map(name, told), key=str) == sorted(done, key=str)
    assert diagnosis.unexplained == []
    for truth in truths:
        ids = next(each.event_ids for each in told if name(each) == (truth.fault, truth.account, truth.amount))
        assert truth.event_ids in (None, tuple(ids)), truth


def name(finding: Finding) -> tuple[str, str | None, int]:
    return finding.fault, finding.account, finding.amount


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda each: each.__name__)
def test_what_was_done_to_the_log_is_named_once_and_exactly(damage, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    bank = DamagedBank(tmp_path)
    truths = damage(bank)
    judged(diagnose(bank.captured()), truths)


@pytest.mark.sweep
@pytest.mark.parametrize("seed", range(2, 42))
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda each: each.__name__)
def test_over_many_seeds(damage, seed: int, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    bank = DamagedBank(tmp_path, seed)
    truths = damage(bank)
    judged(diagnose(bank.captured()), truths)


def test_a_hold_and_its_answer_that_change_places_leave_no_hold_open(tmp_path: Path) -> None:
    bank = DamagedBank(tmp_path)
    answers = bank.events("event_type IN ('WithdrawalSettled', 'WithdrawalCancelled')")
    answer = next(
        each for each in answers
        if bank.events("stream_id = ? AND version = ?", each.stream_id, each.version - 1)[0].event_type
        == "WithdrawalRequested"
    )  # fmt: skip
    [request] = bank.events("stream_id = ? AND version = ?", answer.stream_id, answer.version - 1)
    for event, version in ((request, 0), (answer, request.version), (request, answer.version)):
        bank.sql("UPDATE events SET version = ? WHERE event_id = ?", version, event.event_id)
    judged(diagnose(bank.captured()), [Truth("reordered", answer.account, 0)])


@pytest.mark.parametrize("hidden", [False, True])
def test_a_side_of_a_transfer_that_the_log_has_lost_makes_no_half_transfer(hidden: bool, tmp_path: Path) -> None:
    """One act: a row still names the event, so it was recorded once."""
    bank = DamagedBank(tmp_path)
    event = bank.any_event("TransferReceived")
    bank.delete(event)
    if hidden:
        bank.rehash(event.stream_id)
    judged(diagnose(bank.captured()), [Truth("event_deleted", event.account, event.amount, (event.event_id,))])


def test_a_healthy_bank_stays_silent(tmp_path: Path) -> None:
    diagnosis = diagnose(DamagedBank(tmp_path).captured())
    assert (diagnosis.findings, diagnosis.unexplained) == ([], [])


def rules_broken(bank: DamagedBank) -> list[tuple[str, int, str]]:
    diagnosis = diagnose(bank.captured())
    assert diagnosis.unexplained == []
    return [(each.fault, each.amount, ",".join(each.event_ids)) for each in diagnosis.findings]


def test_an_account_closed_while_it_holds_money_breaks_a_rule_of_the_ledger(tmp_path: Path) -> None:
    bank = DamagedBank(tmp_path)
    closed = bank.append("ACC-1004", AccountClosed(reason="the writer forgot the rule"), bank.healthy.now)
    assert rules_broken(bank) == [("invariant_broken", 0, closed)]


def test_what_is_booked_on_a_closed_account_breaks_a_rule_of_the_ledger(tmp_path: Path) -> None:
    bank = DamagedBank(tmp_path)
    now = bank.healthy.now
    [closed] = bank.events("event_type = 'AccountClosed'")
    late = bank.deposit(closed.account, 500, "TOO-LATE", now)
    bank.book(closed.account, 500, "TOO-LATE", now)
    assert rules_broken(bank) == [("invariant_broken", 0, late)]


@pytest.mark.parametrize(("decided", "fault"), [(True, "lost_update"), (False, "invariant_broken")])
def test_two_withdrawals_decided_on_one_version_are_a_lost_update(decided: bool, fault: str, tmp_path: Path) -> None:
    """Each alone was allowed. Without the version, all that can be said is that the limit was passed."""
    bank = DamagedBank(tmp_path)
    now = bank.healthy.now
    [(version,)] = bank.sql("SELECT max(version) FROM events WHERE stream_id = 'BankAccount-ACC-1002'")
    [(balance,)] = bank.sql("SELECT balance_minor FROM account_balances WHERE account_id = 'ACC-1002'")
    metadata = {"decided_on_version": version} if decided else {}
    events = []
    for reference in ("ONE", "TWO"):
        taken = MoneyWithdrawn(amount_minor=balance, currency="USD", reference=reference)
        events.append(bank.append("ACC-1002", taken, now, **metadata))
        bank.book("ACC-1002", -balance, reference, now)
    assert rules_broken(bank) == [(fault, 0, ",".join(events if decided else events[1:]))]


def test_a_snapshot_made_wrongly_from_a_right_one_of_an_older_shape_is_stale(tmp_path: Path) -> None:
    """Snapshots are kept, so the one that it was made from still shows that the migration went wrong."""
    bank = DamagedBank(tmp_path)
    newest = "stream_id = 'BankAccount-ACC-1001' AND version = (SELECT max(version) FROM snapshots)"
    bank.sql(
        "UPDATE snapshots SET state_version = state_version + 1, "
        f"state = json_set(state, '$.overdraft_limit_minor', 0) WHERE {newest}"
    )
    diagnosis = diagnose(bank.captured())
    assert [(each.fault, each.account, each.amount) for each in diagnosis.findings] == [
        ("stale_snapshot_shape", "ACC-1001", 0)
    ]


def test_a_serializer_that_nobody_knows_is_likely_and_says_what_else_it_may_be(tmp_path: Path) -> None:
    """No spelling of the stored text fits: an edit of all these events would look the same, and that is said."""
    bank = DamagedBank(tmp_path)
    bank.sql("UPDATE events SET payload = replace(payload, '\"currency\"', '\"Currency\"') WHERE global_position < 40")
    drift, other = (each for each in diagnose(bank.captured()).findings if each.account is None)
    assert (drift.fault, drift.certainty, drift.healthy) == ("serialization_drift", "likely", True)
    assert (other.fault, other.certainty, other.alternative_to) == ("payload_edited", "possible", drift.fault)


def test_events_that_no_rule_of_the_ledger_knows_are_counted_in_the_diagnosis(tmp_path: Path) -> None:
    bank = DamagedBank(tmp_path)
    bank.sql("UPDATE events SET schema_version = 9 WHERE event_type = 'FeeCharged' AND global_position < 60")
    evidence = bank.captured()
    assert diagnose(evidence).unposted == evidence.manifest.unposted != {}


def test_a_checkpoint_past_the_log_that_no_run_reached_proves_no_cut(tmp_path: Path) -> None:
    """The number itself may be what is false, and both are named."""
    bank = DamagedBank(tmp_path)
    bank.sql("UPDATE checkpoints SET position = position + 9 WHERE projection = 'account_balances'")
    told = {(each.fault, each.certainty) for each in diagnose(bank.captured()).findings}
    assert told == {("tail_truncated", "possible"), ("checkpoint_moved", "possible")}
