"""A log whose newest events were cut off, and that went on with others at the same positions: one act."""

import json
import shutil
import uuid
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from anchored_bank import AnchoredBank, Told, told
from damaged_bank import DamagedBank, Event
from test_anchored import rebuild

from esworkbench.domains.bank import bank_decoder
from esworkbench.domains.bank.read_models import BANK_PROJECTIONS
from esworkbench.event_store import EventStore
from esworkbench.forensics.diagnosis.diagnose import diagnose
from esworkbench.forensics.diagnosis.findings import Diagnosis
from esworkbench.forensics.verify import verify
from esworkbench.projections import ProjectionRunner

OTHERS = ("ACC-1001", "ACC-1003", "ACC-1001", "ACC-1002")
"""The accounts that the new events are of, in turn."""


def amounts(gone: Sequence[Event]) -> Counter[str]:
    found = Counter[str]()
    for event in gone:
        found[event.account] += event.amount
    return found


def go_on(bank: DamagedBank, count: int, *, booked: bool = True) -> None:
    """Deposits on several accounts, applied by runners whose checkpoints stayed where they were."""
    moment = bank.healthy.now + timedelta(hours=1)
    for number in range(count):
        bank.deposit(OTHERS[number % len(OTHERS)], 900 + number, f"NEW-{number}", moment + timedelta(minutes=number))
        if booked:
            bank.book(OTHERS[number % len(OTHERS)], 900 + number, f"NEW-{number}", moment + timedelta(minutes=number))


def of_the_cut(diagnosis: Diagnosis, gone: Sequence[Event]) -> None:
    """One finding for each account hit, which names just what was cut off."""
    assert {each.fault for each in diagnosis.unhealthy} == {"tail_truncated"}
    assert diagnosis.unexplained == []
    by_account = {each.account: each for each in diagnosis.unhealthy}
    assert set(by_account) == set(amounts(gone))
    for account, found in by_account.items():
        assert found.positions == [each.position for each in gone if each.account == account]


@pytest.mark.parametrize("more", [0, 4])
@pytest.mark.parametrize("rebuilt", [True, False])
def test_what_was_anchored_and_is_gone_to_the_end_was_cut_off_whatever_stands_there_now(
    rebuilt: bool, more: int, tmp_path: Path
) -> None:
    bank = AnchoredBank(tmp_path)
    bank.anchor()
    gone = bank.cut_off(8)
    go_on(bank, 8 + more, booked=not rebuilt)
    if rebuilt:
        rebuild(bank)
        shutil.rmtree(bank.outside / "statements")
    diagnosis = diagnose(bank.evidence())
    of_the_cut(diagnosis, gone)
    off = {account: 0 if rebuilt else amount for account, amount in amounts(gone).items()}
    assert told(diagnosis) == {Told("tail_truncated", account, amount, "proven") for account, amount in off.items()}


@pytest.mark.parametrize("more", [0, 4])
def test_a_statement_alone_tells_of_a_cut_what_the_anchor_covers_and_what_came_after_it(
    more: int, tmp_path: Path
) -> None:
    """Every read model is rebuilt; one account lost nothing but what came after the anchor."""
    bank = AnchoredBank(tmp_path)
    bank.anchor()
    moment = bank.healthy.now + timedelta(minutes=5)
    bank.deposit("ACC-1003", 4_321, "SINCE", moment)
    bank.book("ACC-1003", 4_321, "SINCE", moment)
    gone = bank.cut_off(5)
    go_on(bank, 4 + more)
    rebuild(bank)
    diagnosis = diagnose(bank.evidence())
    assert {each.fault for each in diagnosis.findings} == {"tail_truncated"}
    assert {each.account: each.amount for each in diagnosis.findings} == amounts(gone)
    assert diagnosis.unexplained == []


@pytest.mark.parametrize("more", [0, 2])
def test_of_a_tail_that_a_run_had_read_the_lines_are_told_as_one_act(more: int, tmp_path: Path) -> None:
    """Nothing was anchored, and every read model rebuilt: their log of runs still says how far they had got."""
    bank = DamagedBank(tmp_path)
    moment = bank.healthy.now + timedelta(minutes=5)
    for number, account in enumerate(("ACC-1001", "ACC-1002", "ACC-1003")):
        bank.deposit(account, 4_000 + number, f"LATE-{number}", moment)
        bank.book(account, 4_000 + number, f"LATE-{number}", moment)
    gone = bank.cut_off(3)
    go_on(bank, more)
    for projection in BANK_PROJECTIONS.values():
        store = EventStore.open(bank.url)
        ProjectionRunner(store, projection(), bank_decoder(), run_id="again").rebuild()
        store.engine.dispose()
    bank.sql("DELETE FROM snapshots")
    diagnosis = diagnose(bank.captured())
    assert told(diagnosis) == {
        Told("tail_truncated", account, amount, "likely") for account, amount in amounts(gone).items()
    }
    assert diagnosis.unexplained == []


@pytest.mark.parametrize("count", [3, 9])
@pytest.mark.parametrize("more", [0, 6])
def test_rows_of_events_at_whose_positions_others_stand_tell_the_cut(count: int, more: int, tmp_path: Path) -> None:
    bank = DamagedBank(tmp_path)
    gone = bank.cut_off(count)
    go_on(bank, count + more)
    evidence = bank.captured()
    diagnosis = diagnose(evidence)
    of_the_cut(diagnosis, gone)
    assert told(diagnosis) == {
        Told("tail_truncated", account, amount, "likely") for account, amount in amounts(gone).items()
    }
    said = [each for each in verify(evidence).unprovable if "where the log holds others" in each]
    assert len(said) == 1
    assert "transaction_history" in said[0]


def written_anew(bank: DamagedBank, first: int, count: int) -> list[Event]:
    """A stretch in the middle under new ids, each amount 1.00 more, and hashed again; returns what was there."""
    events = [each for each in bank.events() if first <= each.position < first + count]
    for number, event in enumerate(events, 1):
        bank.change_amount(event, 100)
        bank.sql("UPDATE events SET event_id = ? WHERE event_id = ?", str(uuid.UUID(int=number)), event.event_id)
    for stream_id in sorted({event.stream_id for event in events}):
        bank.rehash(stream_id)
    return events


def test_a_stretch_in_the_middle_under_new_ids_is_history_rewritten_and_no_tail_cut_off(tmp_path: Path) -> None:
    bank = DamagedBank(tmp_path)
    events = [each for each in written_anew(bank, 200, 6) if "amount_minor" in json.loads(each.payload)]
    off = Counter[str]()
    for event in events:
        off[event.account] -= 100 if event.amount > 0 else -100
    evidence = bank.captured()
    diagnosis = diagnose(evidence)
    assert diagnosis.unexplained == []
    assert told(diagnosis) == {Told("rehashed_history", account, amount, "likely") for account, amount in off.items()}
    found = {each.account: each.event_ids for each in diagnosis.unhealthy}
    assert found == {account: [each.event_id for each in events if each.account == account] for account in off}


def test_where_no_time_tells_a_cut_off_tail_from_a_stretch_written_anew_both_are_named(tmp_path: Path) -> None:
    bank = DamagedBank(tmp_path)
    gone = bank.cut_off(3)
    go_on(bank, 3)
    bank.sql("DELETE FROM checkpoint_log")
    found = diagnose(bank.captured()).unhealthy
    named = {(each.fault, each.account, each.certainty) for each in found if each.positions}
    assert named >= {
        (fault, account, "possible") for fault in ("tail_truncated", "rehashed_history") for account in amounts(gone)
    }


@pytest.mark.parametrize(("places", "hashed_again"), [([-9], True), ([-9, -5], True), ([-9, -8], False)])
def test_events_that_were_edited_with_their_ids_are_no_log_that_went_on(
    places: list[int], hashed_again: bool, tmp_path: Path
) -> None:
    """Rows tell of other events than stand there. But one may be an edit, what lies between two was read as it is, and
    what was written after a cut fits its hash."""
    bank = DamagedBank(tmp_path)
    events = [event for event in bank.events() if event.amount]
    for event in [events[place] for place in places]:
        bank.change_amount(event, 700)
        other = event.event_id[::-1].replace("-", "")
        bank.sql("UPDATE events SET event_id = ? WHERE event_id = ?", other, event.event_id)
        if hashed_again:
            bank.rehash(event.stream_id)
    assert "tail_truncated" not in {each.fault for each in diagnose(bank.captured()).unhealthy}
