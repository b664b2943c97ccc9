"""Promise 15: what was moved is told once. Times that go back where it stands now are no second fault."""

from collections.abc import Callable
from pathlib import Path

import pytest
from anchored_bank import AnchoredBank
from damaged_bank import DamagedBank, Truth, misfiled, swapped
from test_anchored import rebuild

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
