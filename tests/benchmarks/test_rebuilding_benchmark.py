"""What the rebuilding benchmark says can be believed: both sides of a ratio give the same rows, a line is a line."""

from pathlib import Path

import pytest

from benchmarks.rebuilding import logs, measures, prepared
from benchmarks.rebuilding.__main__ import main
from benchmarks.rebuilding.line import TWO_BILLION, through
from esworkbench.domains.bank import bank_decoder
from esworkbench.event_store import EventStore
from esworkbench.events import NewEvent


def test_bare_duckdb_and_the_set_based_rebuild_give_the_same_rows(tmp_path: Path) -> None:
    files = logs.write_parquet(tmp_path / "parquet", 30_000)
    _, _, ours = measures.by_query(files, 30_000, tmp_path / "query")
    _, _, bare = measures.by_bare_duckdb(files, tmp_path)
    assert ours == bare
    assert sum(row[2] for row in ours) == sum(amounts(30_000)), "a tenth is withdrawn, the rest paid in"


def amounts(events: int) -> list[int]:
    signed = [(n * 104729 % 100_000 + 1) * (-1 if n % 10 == 9 else 1) for n in range(1, events + 1)]
    return signed


def test_a_grown_log_is_what_a_store_would_have_written(
    store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "ACCOUNTS", 7)
    store = EventStore.open(store_url)
    for events in (20, 45):
        log = logs.GrowingLog(store_url)
        log.grow_to(events)
        log.close()
    grown = store.read_all()
    moments, ids = ((event.recorded_at for event in grown), (event.event_id for event in grown))
    twin = EventStore.open(str(tmp_path / "twin.db"), clock=lambda: next(moments), new_id=lambda: next(ids))
    for event in grown:
        deposit = NewEvent(
            event_type=event.event_type,
            schema_version=event.schema_version,
            payload=event.payload,
            metadata=event.metadata_dict(),
        )
        twin.append(event.stream_id, [deposit], expected_version=event.version - 1)
    assert len(grown) == 45
    assert twin.read_all() == grown
    assert [bank_decoder().events_in(event)[0].data.amount_minor for event in grown] == [1250] * 45


def test_a_straight_line_is_told_from_a_bent_one() -> None:
    straight = through([(1, 3.0), (10, 12.0), (100, 102.0)])
    assert straight is not None
    assert straight.bend == pytest.approx(0)
    assert straight.seconds == pytest.approx(TWO_BILLION + 2)
    assert straight.lowest == straight.highest == pytest.approx(TWO_BILLION + 2)
    nearly = through([(100_000, 0.86), (1_000_000, 8.39), (10_000_000, 77.7), (100_000_000, 849.1)])
    assert nearly is not None
    assert nearly.bend < 0.1, "a second at the largest size weighs less than one at the smallest"
    bent = through([(1, 1.0), (10, 11.0), (100, 500.0)])
    assert bent is not None
    assert bent.bend > 0.5
    assert bent.lowest < bent.seconds < bent.highest
    assert through([(1, 1.0), (2, 2.0)]) is None


@pytest.mark.sweep
def test_a_quick_run_writes_its_report(tmp_path: Path, postgres_server: str) -> None:
    main(["--quick", "--out", str(tmp_path)])
    report = (tmp_path / "REBUILD.md").read_text()
    for promised in ("largest miss of the line", "two billion events", "of bare DuckDB", "times the peer's follower"):
        assert promised in report
    (tmp_path / "grown").mkdir()
    EventStore.open(str(tmp_path / "grown" / "log.db")).engine.dispose()
    stopped = logs.GrowingLog(f"sqlite:///{tmp_path / 'grown' / 'log.db'}")
    stopped.grow_to(5_000)
    stopped.close()
    prepared.main([str(tmp_path / "grown"), "0.02"])
    main(["--grown", str(tmp_path / "grown"), "--out", str(tmp_path)])
    added = (tmp_path / "REBUILD.md").read_text().splitlines()
    assert [line for line in added if line.startswith("| set-based, cold | 20,000 |")]
    assert [line.partition(":")[0] for line in added[2:4]] == ["all", "SQLite, 20,000 events"]
    main(["--quick", "--only", "SQLite", "--out", str(tmp_path)])
    replaced = (tmp_path / "REBUILD.md").read_text().splitlines()
    assert [line.partition(":")[0] for line in replaced[2:4]] == ["all", "SQLite"]
    assert not [line for line in replaced if line.startswith("| set-based, cold | 20,000 |")]


def test_there_must_be_a_report_to_add_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        main(["--only", "SQLite", "--out", str(tmp_path)])
    assert refused.value.code == 2
    assert "holds no rebuild.json to add to" in capsys.readouterr().err
