"""Tampering shows, each kind by its own name and at its own event; and what can't be proven is said."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from esworkbench.event_store.chain import GENESIS
from esworkbench.forensics.verify import Verification, verify
from tests.forensics.small_ledger import SmallLedger, hash_of

Events = list[dict[str, Any]]


def ledger_of(count: int = 5) -> SmallLedger:
    ledger = SmallLedger()
    for _ in range(count):
        ledger.event("A", 10)
        ledger.event("B", 1)
    return ledger


def kinds(found: Verification) -> list[tuple[str, int | None]]:
    return [(each.kind, each.position) for each in found.breaks]


def test_a_whole_log_has_no_break_and_says_what_it_can_not_prove(tmp_path: Path) -> None:
    found = verify(ledger_of().captured(tmp_path / "ev"))
    assert (found.events, found.streams, found.hashed, found.breaks, found.gaps) == (10, 2, 10, [], [])
    assert ["no anchor" in said for said in found.unprovable] == [True, False]


@pytest.mark.parametrize(
    ("field", "value"),
    [("payload", '{"amount":1}'), ("metadata", '{"trace":"x"}'), ("type", "Other"), ("event_id", "e99"),
     ("schema_version", 2), ("hash", "0" * 64), ("hash", None)],
)  # fmt: skip
def test_an_edited_event_breaks_its_own_content(tmp_path: Path, field: str, value: Any) -> None:
    ledger = ledger_of()
    ledger.events[4][field] = value
    found = kinds(verify(ledger.captured(tmp_path / "ev")))
    # An edited hash is also not the one that the next event names.
    assert found == [("content", 5), ("link", 7)] if field == "hash" else found == [("content", 5)]


def test_an_edited_time_breaks_its_own_content(tmp_path: Path) -> None:
    ledger = ledger_of()
    ledger.events[4]["valid_at"] = ledger.events[0]["valid_at"]
    assert kinds(verify(ledger.captured(tmp_path / "ev"))) == [("content", 5)]


def test_a_deleted_event_leaves_a_version_gap_and_a_cut_link(tmp_path: Path) -> None:
    ledger = ledger_of()
    del ledger.events[4]
    found = verify(ledger.captured(tmp_path / "ev"))
    assert kinds(found) == [("link", 7), ("version_gap", 7)]
    assert "Account-A has no version 3: it goes from 2 to 4" in found.breaks[1].words


def test_a_deleted_beginning_is_a_gap_too(tmp_path: Path) -> None:
    ledger = ledger_of()
    del ledger.events[0]
    assert kinds(verify(ledger.captured(tmp_path / "ev"))) == [("link", 3), ("version_gap", 3)]


def rehash(events: Events, stream_id: str) -> None:
    previous = GENESIS
    for event in events:
        if event["stream_id"] == stream_id:
            event["prev_hash"] = previous
            previous = event["hash"] = hash_of(event)


def replace_and_rehash_one(events: Events) -> None:
    events[4]["payload"] = "{ }"
    events[4]["hash"] = hash_of(events[4])


def swap(events: Events) -> None:
    """The contents of two versions change places, each rehashed where it stands."""
    for name in ("payload", "event_id", "hash", "prev_hash"):
        events[2][name], events[4][name] = events[4][name], events[2][name]


def same_predecessor(events: Events) -> None:
    events[6]["prev_hash"] = events[4]["prev_hash"]
    events[6]["hash"] = hash_of(events[6])
    events[8]["prev_hash"] = events[6]["hash"]
    events[8]["hash"] = hash_of(events[8])


def positions_turned(events: Events) -> None:
    events[2]["position"], events[4]["position"] = 5, 3


def same_version(events: Events) -> None:
    events[4]["version"] = 2
    rehash(events, "Account-A")


def same_id(events: Events) -> None:
    events[5]["event_id"] = "e1"
    rehash(events, "Account-B")


def no_hex(events: Events) -> None:
    events[8]["prev_hash"] = "not a hash"


@pytest.mark.parametrize(
    ("damage", "breaks"),
    [
        (replace_and_rehash_one, [("link", 7)]),
        (swap, [("content", 3), ("link", 3), ("content", 5), ("link", 5), ("link", 7)]),
        (same_predecessor, [("fork", 7), ("link", 7)]),
        (positions_turned, [("order", 3)]),
        (same_version, [("duplicate_version", 5), ("version_gap", 7)]),
        (same_id, [("duplicate_id", 6)]),
        (no_hex, [("content", 9), ("link", 9)]),
    ],
)
def test_each_damage_shows_by_its_name(
    tmp_path: Path, damage: Callable[[Events], None], breaks: list[tuple[str, int]]
) -> None:
    ledger = ledger_of()
    damage(ledger.events)
    assert kinds(verify(ledger.captured(tmp_path / "ev"))) == breaks


def test_history_rehashed_as_a_whole_can_not_be_seen_and_that_is_said(tmp_path: Path) -> None:
    ledger = ledger_of()
    ledger.events[4]["payload"] = '{"amount":1}'
    rehash(ledger.events, "Account-A")
    found = verify(ledger.captured(tmp_path / "ev"))
    assert found.breaks == []
    assert "rewritten and rehashed as a whole" in found.unprovable[0]


def test_a_checkpoint_beyond_the_end_shows_a_cut_off_tail(tmp_path: Path) -> None:
    ledger = ledger_of()
    ledger.checkpoints = {"balances": 12, "history": 10}
    found = verify(ledger.captured(tmp_path / "ev"))
    assert kinds(found) == [("checkpoint_ahead", 12)]
    assert found.breaks[0].words == "projection balances has seen position 12, but the log ends at 10"


@pytest.mark.parametrize(
    ("source", "checkpoint", "dead"),
    [("sqlite:///x.db", 0, True), ("postgresql://host/db", 3, False), ("postgresql://host/db", 4, True)],
)
def test_a_gap_is_dead_with_one_writer_or_once_a_reader_has_passed_it(
    tmp_path: Path, source: str, checkpoint: int, dead: bool
) -> None:
    ledger = SmallLedger()
    ledger.event("A", 10)
    ledger.event("A", 10, position=5)
    ledger.source = source
    ledger.checkpoints = {"balances": checkpoint}
    found = verify(ledger.captured(tmp_path / "ev"))
    assert found.breaks == []
    assert found.gaps == [(2, 4, dead)]
    assert any("3 positions hold no event" in said for said in found.unprovable)


def test_a_log_without_our_hashes_is_checked_for_structure_only(tmp_path: Path) -> None:
    ledger = ledger_of()
    ledger.layout = "delimited"
    for event in ledger.events:
        event["hash"] = event["prev_hash"] = None
    del ledger.events[4]
    found = verify(ledger.captured(tmp_path / "ev"))
    assert (kinds(found), found.hashed) == ([("version_gap", 7)], 0)
    assert "no hash chain" in found.unprovable[0]
