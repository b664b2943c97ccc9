"""A scratch copy is the store again, errors included, and the source is never written."""

from pathlib import Path

import pytest
from lab_incidents import FAULTS, captured, copy_of, incident, url_of
from support import new_event

from esworkbench.errors import UnusableInput
from esworkbench.event_store import EventStore
from esworkbench.evidence import capture
from esworkbench.forensics.compare.diff import diff
from esworkbench.forensics.diagnosis.diagnose import diagnose
from esworkbench.forensics.scratch_store import scratch_store
from esworkbench.forensics.verify import verify
from esworkbench.resources import data_path
from tests.support import swept


def test_the_events_are_copied_byte_for_byte(tmp_path: Path) -> None:
    """Same positions, versions, ids, bytes, times and hashes: the chain verifies as it did."""
    copy = copy_of(incident("none"), tmp_path)
    source = EventStore.open(url_of("none", 1), create=False)
    assert copy.read_all(limit=100_000) == source.read_all(limit=100_000)


@pytest.mark.parametrize("fault", swept(["none", *FAULTS], every=3))
def test_a_copy_shows_the_same_faults(fault: str, tmp_path: Path) -> None:
    """Read models, checkpoints, the log of runs and statements come along as they are claimed, errors included."""
    evidence = incident(fault)
    again = captured(copy_of(evidence, tmp_path / "copy"), tmp_path / "evidence")
    assert diagnose(again) == diagnose(evidence)
    assert diff(again).rows == diff(evidence).rows
    assert verify(again).breaks == verify(evidence).breaks


def test_new_events_never_take_a_lost_position(tmp_path: Path) -> None:
    """Positions that a checkpoint is past were used once; drawn again, no reader would ever see them."""
    evidence = incident("tail_truncated")
    copy = copy_of(evidence, tmp_path)
    last = copy.read_all(limit=100_000)[-1]
    written = copy.append("Note-1", [new_event()], expected_version=0).events[0]
    assert written.global_position > max(evidence.manifest.cut.checkpoints.values()) > last.global_position


def test_a_second_copy_in_one_folder_is_refused(tmp_path: Path) -> None:
    copy_of(incident("none"), tmp_path)
    with pytest.raises(UnusableInput, match="already exists"):
        copy_of(incident("none"), tmp_path)


def test_a_file_has_no_store_to_copy(tmp_path: Path) -> None:
    """Rows of a delimited file carry no hashes of ours."""
    rows = tmp_path / "rows.csv"
    rows.write_text('"trans_id";"account_id";"date";"type";"amount";"balance"\n1;7;930101;"PRIJEM";10.00;10.00\n',
                    encoding="utf-8")  # fmt: skip
    evidence = capture(str(rows), tmp_path / "evidence", ledger=data_path("ledgers", "berka.toml"), progress=False)
    with pytest.raises(UnusableInput, match="without our hashes"):
        scratch_store(evidence, tmp_path / "copy")
