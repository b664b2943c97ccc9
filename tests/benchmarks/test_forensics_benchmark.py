"""The forensics benchmark runs from end to end, and its two sides take the same rows."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from benchmarks import forensics
from esworkbench.event_store import EventStore
from esworkbench.evidence import Evidence
from esworkbench.forensics.diagnosis.diagnose import diagnose
from esworkbench.forensics.repair.plan import plan


def test_bare_and_capture_take_the_same_events(store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESWORKBENCH_HOME", str(tmp_path / "home"))
    EventStore.open(store_url).engine.dispose()
    forensics._grow(store_url, 2_000)
    forensics.by_bare(store_url, tmp_path)
    forensics.by_capture(store_url, tmp_path)
    bare = pq.read_table(tmp_path / "bare-events.parquet").sort_by("global_position")
    evidence = Evidence.open(tmp_path / "evidence")
    ours = evidence.rows("SELECT event_id, payload, hash FROM events ORDER BY position")
    assert ours == list(zip(*(bare[name].to_pylist() for name in ("event_id", "payload", "hash")), strict=True))
    assert evidence.manifest.problem_count == 0
    [rows] = evidence.rows("SELECT count(*) FROM assertions WHERE kind = 'running'")
    assert rows == (pq.read_metadata(tmp_path / "bare-transaction_history.parquet").num_rows,)
    found = diagnose(evidence)
    [finding] = found.unhealthy
    assert (finding.fault, finding.account, finding.amount) == ("manual_edit", "7", 4_723)
    assert not found.unexplained
    assert [step.on_trial for step in plan(evidence, found, operator="nobody").steps if step.state == "planned"] == [
        True
    ]


def test_a_run_is_written_or_added_with_its_command_and_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ESWORKBENCH_HOME", str(tmp_path / "home"))
    out = tmp_path / "FORENSICS.md"
    given = ["--sizes", "1000", "--engines", "sqlite", "--only", "bare,capture", "--out", str(out)]
    forensics.main([*given, "--rounds", "2"])
    forensics.main([*given, "--rounds", "1", "--append"])
    written = out.read_text(encoding="utf-8")
    assert written.count("# Forensics: ") == 1
    assert written.count("\n## `python -m benchmarks.forensics ") == 2
    assert written.count("| sqlite | 1,000 | capture | ") == written.count("\n- load_at_start: ") == 2
    with pytest.raises(SystemExit):
        forensics.main([*given, "--only", "bare,diagnose"])
