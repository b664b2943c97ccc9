"""One event changed in the log, or its hash, or its position: what it drags along is its consequence, and no other act.

Each act is done by direct means on a bank of one's own, with what is right to say of it written down first.
"""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from damaged_bank import STREAM, DamagedBank, Event
from statement_world import a_bank, later
from test_statement_verdicts import judged

from esworkbench.domains.bank import WithdrawalCancelled, WithdrawalRequested, WithdrawalSettled
from esworkbench.event_store.chain import GENESIS
from esworkbench.evidence import Evidence
from esworkbench.forensics.diagnosis.diagnose import diagnose
from esworkbench.forensics.diagnosis.findings import Diagnosis

ACCOUNT = "ACC-1001"

Told = list[tuple[str, str | None, str | None, int, str]]


def told(diagnosis: Diagnosis) -> Told:
    assert diagnosis.unexplained == []
    return [
        (each.fault, each.account, each.currency, each.amount, each.certainty)
        for each in diagnosis.findings if each.alternative_to is None
    ]  # fmt: skip


def of_events(diagnosis: Diagnosis) -> list[tuple[str, list[int]]]:
    return [(each.fault, each.positions) for each in diagnosis.findings]


def put(bank: DamagedBank, event: Event, **payload: Any) -> None:
    changed = json.dumps(json.loads(event.payload) | payload, separators=(",", ":"))
    bank.sql("UPDATE events SET payload = ? WHERE event_id = ?", changed, event.event_id)


def hashed_again(bank: DamagedBank, first: Event, *, count: int) -> None:
    """So many events of a stream, from this one on, and no more."""
    stream = bank.events("stream_id = ?", first.stream_id)
    previous = first.prev_hash
    for event in [each for each in stream if each.version >= first.version][:count]:
        own = event.hashed_after(previous)
        bank.sql("UPDATE events SET prev_hash = ?, hash = ? WHERE event_id = ?", previous, own, event.event_id)
        previous = own


def held(bank: DamagedBank, hold: str, amount: int, *, reference: str = "SHOP", after: float = 1) -> Event:
    """A hold, so many hours after the bank's last event."""
    asked = WithdrawalRequested(withdrawal_id=hold, amount_minor=amount, currency="USD", reference=reference)
    event_id = bank.append(ACCOUNT, asked, bank.healthy.now + timedelta(hours=after))
    return bank.events("event_id = ?", event_id)[0]


def settled(bank: DamagedBank, hold: str, amount: int, *, reference: str = "SHOP", after: float = 3) -> Event:
    at = bank.healthy.now + timedelta(hours=after)
    done = WithdrawalSettled(withdrawal_id=hold, amount_minor=amount, currency="USD")
    event_id = bank.append(ACCOUNT, done, at)
    bank.book(ACCOUNT, -amount, reference, at)
    return bank.events("event_id = ?", event_id)[0]


def days_pass(bank: DamagedBank) -> None:
    for hours in (24 * 4, 24 * 15):
        at = bank.healthy.now + timedelta(hours=hours)
        bank.deposit(ACCOUNT, 111, f"LATER-{hours}", at)
        bank.book(ACCOUNT, 111, f"LATER-{hours}", at)


# Hashed again, and not to the end


@pytest.mark.parametrize("count", [1, 3])
def test_a_chain_mended_for_a_few_events_is_cut_after_them_and_said_to_be(count: int, tmp_path: Path) -> None:
    bank = DamagedBank(tmp_path)
    event = bank.any_event("MoneyDeposited")
    bank.change_amount(event, 10_000)
    hashed_again(bank, bank.events("event_id = ?", event.event_id)[0], count=count)
    diagnosis = diagnose(bank.captured())
    assert told(diagnosis) == [("rehashed_history", event.account, "USD", -10_000, "proven")]
    [finding] = diagnosis.findings
    assert finding.event_ids == [event.event_id]
    assert "every hash of this account's stream holds" not in finding.proof
    assert f"version {event.version + count} of {event.stream_id}" in finding.proof


def test_a_chain_mended_to_the_end_leaves_no_record_of_it(tmp_path: Path) -> None:
    bank = DamagedBank(tmp_path)
    event = bank.any_event("MoneyDeposited")
    bank.change_amount(event, 10_000)
    bank.rehash(event.stream_id)
    diagnosis = diagnose(bank.captured())
    assert told(diagnosis) == [("rehashed_history", event.account, "USD", -10_000, "likely")]
    assert "every hash of this account's stream holds" in diagnosis.findings[0].proof


def test_a_stored_hash_that_was_changed_is_one_finding(tmp_path: Path) -> None:
    """The next event still names what the content hashes to."""
    bank = DamagedBank(tmp_path)
    event = bank.any_event()
    bank.sql("UPDATE events SET hash = ? WHERE event_id = ?", GENESIS[:-1] + "f", event.event_id)
    diagnosis = diagnose(bank.captured())
    assert told(diagnosis) == [("payload_edited", event.account, "USD", 0, "proven")]
    assert diagnosis.findings[0].positions == [event.position]
    assert "the stored hash was changed" in diagnosis.findings[0].proof


# What an edited event was the answer to, or the request


@pytest.mark.parametrize("which", ["request", "answer"])
def test_a_hold_whose_id_was_edited_in_one_event_is_not_told_as_open_beside_it(which: str, tmp_path: Path) -> None:
    bank = DamagedBank(tmp_path)
    events = {"request": held(bank, "WX", 4_500), "answer": settled(bank, "WX", 4_500)}
    days_pass(bank)
    put(bank, events[which], withdrawal_id="WZ")
    diagnosis = diagnose(bank.captured())
    assert of_events(diagnosis) == [("payload_edited", [events[which].position])]
    assert told(diagnosis) == [("payload_edited", ACCOUNT, "USD", 0, "proven")]
    [finding] = diagnosis.findings
    assert finding.explains["pending_withdrawals"] == -4_500
    assert "pending_withdrawals" in finding.proof
    assert "all claims agree" not in finding.proof


def test_a_hold_whose_cancellation_was_edited_is_not_told_as_open_beside_it(tmp_path: Path) -> None:
    """The statement has neither the hold nor what gave it back."""
    bank = DamagedBank(tmp_path)
    held(bank, "WX", 4_500)
    back = WithdrawalCancelled(withdrawal_id="WX", amount_minor=4_500, currency="USD", reason="declined")
    answer = bank.append(ACCOUNT, back, bank.healthy.now + timedelta(hours=3))
    days_pass(bank)
    put(bank, bank.events("event_id = ?", answer)[0], withdrawal_id="WZ")
    diagnosis = diagnose(bank.captured())
    assert told(diagnosis) == [("payload_edited", ACCOUNT, "USD", 0, "proven")]


def test_an_edited_payment_beside_a_hold_that_is_open_leaves_the_hold_open(tmp_path: Path) -> None:
    bank = DamagedBank(tmp_path)
    held(bank, "WX", 4_500)
    days_pass(bank)
    put(bank, bank.any_event("MoneyDeposited"), reference="OTHER")
    faults = {each.fault: each.amount for each in diagnose(bank.captured()).findings if each.account == ACCOUNT}
    assert faults.get("unresolved_pending") == 4_500


@pytest.mark.parametrize(("edited_to", "booked"), [(9_000, False), (2_000, False), (9_000, True)])
def test_a_request_that_is_overdue_and_edited_counts_for_what_was_held(
    edited_to: int, booked: bool, tmp_path: Path
) -> None:
    """What the edit explains of the statement's difference, the hold doesn't."""
    bank = DamagedBank(tmp_path)
    request = held(bank, "WX", 4_500)
    if booked:
        bank.book(ACCOUNT, -4_500, "SHOP", bank.healthy.now + timedelta(hours=5))
    days_pass(bank)
    put(bank, request, amount_minor=edited_to)
    diagnosis = diagnose(bank.captured())
    [hold] = [each for each in diagnosis.findings if each.fault == "unresolved_pending"]
    assert told(diagnosis) == [
        ("payload_edited", ACCOUNT, "USD", edited_to - 4_500, "proven"),
        ("unresolved_pending", ACCOUNT, "USD", 0 if booked else 4_500, "possible"),
    ]  # fmt: skip
    assert hold.proof.startswith("45.00 USD requested")


def test_an_answer_that_a_read_model_knows_and_a_mended_log_lacks_is_no_proof_of_an_open_hold(tmp_path: Path) -> None:
    bank = DamagedBank(tmp_path)
    held(bank, "WX", 4_500)
    answer = settled(bank, "WX", 4_500)
    days_pass(bank)
    put(bank, answer, withdrawal_id="WZ")
    bank.rehash(STREAM + ACCOUNT)
    findings = diagnose(bank.captured()).findings
    assert {each.certainty for each in findings if each.fault == "unresolved_pending"} == {"possible"}
    assert [each.alternative_to for each in findings if each.fault == "rehashed_history"] == ["unresolved_pending"]


@pytest.mark.parametrize("apart", [False, True])
def test_which_of_two_holds_under_one_reference_was_booked_is_said_only_where_something_tells(
    apart: bool, tmp_path: Path
) -> None:
    """A line of the days before the second was asked for means the first."""
    world = a_bank()
    world.hold("A", 4_500, "SHOP")
    if apart:
        world.book("A", -4_500, "SHOP")
        world.wait(days=3)
    world.hold("A", 4_500, "SHOP")
    if not apart:
        world.book("A", -4_500, "SHOP")
    later(world)
    diagnosis = judged(world, tmp_path)
    [finding] = diagnosis.findings
    assert (finding.fault, finding.amount) == ("unresolved_pending", 4_500)
    assert ("nothing tells which" in finding.proof) is not apart
    assert ("has booked that of" in finding.proof) is apart


# Other columns of one event


def test_a_currency_that_was_edited_is_no_row_lost_in_the_new_one(tmp_path: Path) -> None:
    bank = DamagedBank(tmp_path)
    event = bank.any_event("MoneyDeposited")
    put(bank, event, currency="EUR")
    amount = event.amount
    assert told(diagnose(bank.captured())) == [
        ("payload_edited", event.account, "EUR", -amount, "proven"),
        ("payload_edited", event.account, "USD", amount, "proven"),
    ]


def test_a_position_that_was_changed_is_named_by_what_was_noted_of_the_old_one(tmp_path: Path) -> None:
    bank = DamagedBank(tmp_path)
    last = bank.events()[-1]
    bank.sql("UPDATE events SET global_position = global_position + 5 WHERE event_id = ?", last.event_id)
    evidence = bank.captured()
    [finding] = diagnose(evidence).findings
    assert (finding.fault, finding.certainty, finding.event_ids) == ("payload_edited", "likely", [last.event_id])
    assert f"says that it stands at {last.position}" in finding.proof
    assert diagnose(evidence).unexplained == []


def test_a_row_that_tells_another_position_is_not_taken_for_the_event(tmp_path: Path) -> None:
    bank = DamagedBank(tmp_path)
    last = bank.events()[-1]
    bank.sql("UPDATE transaction_history SET position = position + 5 WHERE event_id = ?", last.event_id)
    assert "payload_edited" not in {each.fault for each in diagnose(bank.captured()).findings}


# Ages


def dated(bank: DamagedBank, event: Event, days: float) -> Evidence:
    """That event, recorded so many days after the bank's last moment."""
    at = bank.healthy.now + timedelta(days=days)
    bank.sql("UPDATE events SET recorded_at = ? WHERE event_id = ?", f"{at:%Y-%m-%dT%H:%M:%S.%fZ}", event.event_id)
    return bank.captured()


@pytest.mark.parametrize("which", ["one before", "the hold"])
def test_an_age_is_not_measured_by_a_time_that_was_edited(which: str, tmp_path: Path) -> None:
    bank = DamagedBank(tmp_path)
    hold = held(bank, "WY", 3_300)
    event = bank.any_event("MoneyDeposited") if which == "one before" else hold
    evidence = dated(bank, event, 700)
    assert evidence.now <= bank.healthy.now + timedelta(hours=1)
    diagnosis = diagnose(evidence)
    assert told(diagnosis) == [("payload_edited", event.account, "USD", 0, "proven")]
    assert "all claims agree" not in diagnosis.findings[0].proof
    assert "daily_summaries" in diagnosis.findings[0].proof


def test_a_last_event_that_was_edited_otherwise_still_tells_the_time(tmp_path: Path) -> None:
    """A read model's row says when it was recorded."""
    bank = DamagedBank(tmp_path)
    held(bank, "WY", 3_300)
    days_pass(bank)
    last = bank.events()[-1]
    put(bank, last, reference="OTHER")
    assert bank.captured().now == bank.healthy.now + timedelta(days=15)


def test_a_log_that_another_serializer_wrote_keeps_its_time(tmp_path: Path) -> None:
    bank = DamagedBank(tmp_path)
    bank.sql("UPDATE events SET payload = replace(payload, ':', ': ')")
    bank.sql("DELETE FROM transaction_history")
    assert bank.captured().now == bank.healthy.now
