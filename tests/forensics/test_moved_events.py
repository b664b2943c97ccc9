"""Promise 15: what was moved is told once. Times that go back where it stands now are no second fault."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from anchored_bank import AnchoredBank
from damaged_bank import STREAM, DamagedBank, Event, Truth, misfiled, swapped
from test_anchored import rebuild

from esworkbench.event_store.chain import GENESIS
from esworkbench.event_store.sidecar import outside_folder
from esworkbench.forensics.diagnosis.diagnose import diagnose


def swapped_in_place(bank: DamagedBank) -> list[Truth]:
    """Two events of a stream, their positions and versions exchanged."""
    first = bank.any_event()
    later = bank.events("stream_id = ? AND version > ?", first.stream_id, first.version)[:3][-1]
    for event, position, version in (
        (first, 1_000_000, 0), (later, first.position, first.version), (first, later.position, later.version)
    ):  # fmt: skip
        bank.sql("UPDATE events SET global_position = ?, version = ? WHERE event_id = ?", position, version,
                 event.event_id)  # fmt: skip
    return [Truth("reordered", first.account, 0)]


@pytest.mark.parametrize("act", [swapped, swapped_in_place, misfiled])
def test_the_times_of_what_was_moved_are_no_clock_that_was_wrong(
    act: Callable[[DamagedBank], list[Truth]], tmp_path: Path
) -> None:
    bank = DamagedBank(tmp_path)
    truths = act(bank)
    found = diagnose(bank.captured()).unhealthy
    assert {each.fault for each in found} == {truth.fault for truth in truths}


def put_elsewhere(bank: AnchoredBank) -> str:
    """An event becomes the last one of another stream; both are hashed again, and the read models rebuilt."""
    [event, *_] = bank.events("event_type = 'MoneyDeposited'")
    [*_, other] = [each.stream_id for each in bank.events("payload LIKE '%USD%'") if each.stream_id != event.stream_id]
    version = bank.events("stream_id = ?", other)[-1].version + 1
    bank.sql("UPDATE events SET stream_id = ?, version = ? WHERE event_id = ?", other, version, event.event_id)
    bank.hash_again(event.stream_id)
    bank.hash_again(other)
    rebuild(bank)
    return "event_misfiled"


def exchanged(bank: AnchoredBank) -> str:
    """Two events of a stream, and the stream hashed again: no content fails its hash."""
    [truth] = swapped_in_place(bank)
    bank.hash_again(f"BankAccount-{truth.account}")
    return truth.fault


@pytest.mark.parametrize("act", [put_elsewhere, exchanged])
def test_nor_are_those_of_what_was_moved_and_hashed_again(act: Callable[[AnchoredBank], str], tmp_path: Path) -> None:
    bank = AnchoredBank(tmp_path)
    bank.anchor()
    fault = act(bank)
    found = {each.fault for each in diagnose(bank.evidence()).unhealthy}
    assert fault in found
    assert "clock_skew" not in found


def moved_and_rehashed(bank: DamagedBank, to: str) -> tuple[Event, str]:
    """An event taken to another stream, at its own position or behind all; nothing in the log shows it."""
    event = bank.any_event("MoneyDeposited", "MoneyWithdrawn", "FeeCharged")
    others = sorted({each.stream_id for each in bank.events("payload LIKE '%USD%'")} - {event.stream_id})
    stream_id = bank.draw.choice(others)
    last = bank.events("stream_id = ?", stream_id)[-1].version
    bank.sql("UPDATE events SET stream_id = ?, version = ? WHERE event_id = ?", stream_id, last + 1, event.event_id)
    if to == "the end":
        bank.sql("UPDATE events SET global_position = (SELECT max(global_position) + 1 FROM events) "
                 "WHERE event_id = ?", event.event_id)  # fmt: skip
    bank.sql("UPDATE events SET version = version + 100000 WHERE stream_id = ?", stream_id)
    for each in (stream_id, event.stream_id):
        bank.rehash(each, renumber=True)
    return event, stream_id.removeprefix(STREAM)


@pytest.mark.parametrize("to", ["its place", "the end"])
@pytest.mark.parametrize("has_statement", [True, False])
@pytest.mark.parametrize("seed", [1, 3, 5, 6])
def test_a_row_tells_from_where_an_event_was_moved_though_both_streams_were_hashed_again(
    seed: int, has_statement: bool, to: str, tmp_path: Path
) -> None:
    bank = DamagedBank(tmp_path, seed)
    event, other = moved_and_rehashed(bank, to)
    if not has_statement:
        shutil.rmtree(outside_folder(bank.url) / "statements")
    diagnosis = diagnose(bank.captured())
    assert diagnosis.unexplained == []
    assert {each.fault for each in diagnosis.unhealthy} == {"event_misfiled"}
    found = {each.account: each for each in diagnosis.unhealthy}
    assert set(found) == {event.account, other}
    assert {each.certainty for each in found.values()} == {"likely"}
    assert all(each.event_ids == [event.event_id] for each in found.values())
    assert found[event.account].amount == event.amount
    assert found[other].amount in (-event.amount, 0 if to == "the end" else -event.amount)


@pytest.mark.parametrize("to", ["its place", "the end"])
@pytest.mark.parametrize("seed", [1, 3])
def test_a_line_tells_from_where_an_event_was_moved_that_is_out_of_place_though_all_else_was_rebuilt(
    seed: int, to: str, tmp_path: Path
) -> None:
    """At its own position it bears the newest version; behind all, its time goes back."""
    bank = DamagedBank(tmp_path, seed)
    event = bank.any_event("MoneyDeposited", "MoneyWithdrawn", "FeeCharged")
    stream_id = min({each.stream_id for each in bank.events("payload LIKE '%USD%'")} - {event.stream_id})
    version = bank.events("stream_id = ?", stream_id)[-1].version + 1
    bank.sql("UPDATE events SET stream_id = ?, version = ? WHERE event_id = ?", stream_id, version, event.event_id)
    if to == "the end":
        bank.sql("UPDATE events SET global_position = (SELECT max(global_position) + 1 FROM events) "
                 "WHERE event_id = ?", event.event_id)  # fmt: skip
    bank.rehash(event.stream_id, renumber=True)
    hash_in_order_of_versions(bank, stream_id)
    rebuild(bank)
    diagnosis = diagnose(bank.captured())
    other = stream_id.removeprefix(STREAM)
    found = {each.account: each for each in diagnosis.unhealthy}
    assert [(each.fault, each.certainty, each.event_ids) for each in diagnosis.unhealthy] == [
        ("event_misfiled", "likely", [event.event_id])
    ] * 2
    assert found[event.account].amount == event.amount
    # A statement that ends days after it may book it yet, and lacks nothing.
    assert found[other].amount == (0 if seed == 3 else -event.amount)
    assert diagnosis.unexplained == []


def hash_in_order_of_versions(bank: DamagedBank, stream_id: str) -> None:
    previous, rows = GENESIS, []
    for each in sorted(bank.events("stream_id = ?", stream_id), key=lambda event: event.version):
        rows.append((previous, own := each.hashed_after(previous), each.event_id))
        previous = own
    bank.change("UPDATE events SET prev_hash = ?, hash = ? WHERE event_id = ?", rows)


def test_where_nothing_but_the_rows_speaks_the_event_or_the_rows_were_moved(tmp_path: Path) -> None:
    bank = DamagedBank(tmp_path)
    event, other = moved_and_rehashed(bank, "its place")
    shutil.rmtree(outside_folder(bank.url) / "statements")
    for table in ("account_balances", "daily_summaries", "snapshots"):
        bank.sql(f"DELETE FROM {table}")
    for table in ("checkpoints", "checkpoint_log"):
        bank.sql(f"DELETE FROM {table} WHERE projection <> 'transaction_history'")
    found = diagnose(bank.captured()).unhealthy
    assert {(each.fault, each.account, each.amount, each.certainty) for each in found} == {
        (fault, account, amount, "possible")
        for fault in ("event_misfiled", "manual_edit")
        for account, amount in ((event.account, event.amount), (other, -event.amount))
    }


@pytest.mark.parametrize("heads_too", [True, False])
def test_rows_and_balances_that_were_moved_by_hand_are_no_event_moved_where_a_statement_agrees_with_the_log(
    heads_too: bool, tmp_path: Path
) -> None:
    bank = DamagedBank(tmp_path)
    event = bank.any_event("MoneyDeposited")
    moves = ((event.account, -event.amount), ("ACC-1001", event.amount))
    [(before,)] = bank.sql(
        "SELECT balance_after_minor FROM transaction_history WHERE account_id = 'ACC-1001' AND position < ? "
        "ORDER BY position DESC LIMIT 1", event.position,
    )  # fmt: skip
    for account, by in moves:
        bank.sql("UPDATE transaction_history SET balance_after_minor = balance_after_minor + ? "
                 "WHERE account_id = ? AND position > ?", by, account, event.position)  # fmt: skip
        if heads_too:
            bank.sql("UPDATE account_balances SET balance_minor = balance_minor + ? WHERE account_id = ?", by, account)
    bank.sql("UPDATE transaction_history SET account_id = 'ACC-1001', balance_after_minor = ? WHERE event_id = ?",
             before + event.amount, event.event_id)  # fmt: skip
    faults = {each.fault for each in diagnose(bank.captured()).unhealthy}
    assert "manual_edit" in faults
    assert not faults & {"event_misfiled", "rehashed_history"}
