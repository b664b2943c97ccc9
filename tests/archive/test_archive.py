"""Evidence on disk: all of it or none, pinned to the byte, and the same bucket everywhere."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from esworkbench.archive import BUCKETED, SCHEMAS, ArchiveWriter, Cut, Manifest, bucket_of
from esworkbench.errors import EvidenceDamaged, UnusableInput

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
CUT = Cut(high_water=3, checkpoints={"balances": 2}, server_time=MOMENT)


def postings(count: int) -> dict[str, list[Any]]:
    numbers = range(count, 0, -1)
    return {
        "position": list(numbers),
        "ordinal": [0] * count,
        "account": [f"a{number % 5}" for number in numbers],
        "currency": ["USD"] * count,
        "amount_minor": list(numbers),
        "recorded_at": [MOMENT] * count,
    }


def written(target: Path, buckets: int = 4, count: int = 20) -> Manifest:
    with ArchiveWriter(target, buckets) as writer:
        writer.write("postings", postings(count))
        writer.write(
            "checkpoints", {"projection": ["balances"], "position": [2], "updated_at": ["2026-01-01T00:00:00Z"]}
        )
        return writer.finish(ledger=b"name = 'x'\n", source="here", layout="test", cut=CUT)


def test_buckets_are_crc32_of_utf8_and_never_change() -> None:
    check_value_of_the_standard = 0xCBF43926
    assert bucket_of("123456789", 2**32) == check_value_of_the_standard
    assert [bucket_of(key, 8) for key in ("BankAccount-a1", "Zürich", "", "💶")] == [3, 6, 0, 7]


def test_every_row_is_in_its_bucket_and_every_bucket_is_sorted(tmp_path: Path) -> None:
    manifest = written(tmp_path / "evidence")
    found = 0
    for bucket in range(4):
        table = pq.read_table(
            tmp_path / "evidence" / "postings" / f"bucket={bucket}" / "part-0.parquet", partitioning=None
        )
        assert table.schema.names == SCHEMAS["postings"].names
        assert table.schema.types == SCHEMAS["postings"].types
        rows = table.to_pylist()
        assert all(bucket_of(row["account"], 4) == bucket for row in rows)
        keys = [tuple(row[name] for name in BUCKETED["postings"].order) for row in rows]
        assert keys == sorted(keys)
        found += len(rows)
    assert found == manifest.rows["postings"] == 20


def test_the_manifest_pins_every_file_and_reads_back(tmp_path: Path) -> None:
    manifest = written(tmp_path / "evidence")
    files = {path.relative_to(tmp_path / "evidence").as_posix() for path in (tmp_path / "evidence").rglob("*.*")}
    assert files == {*manifest.files, "manifest.json"}
    loaded = Manifest.load(tmp_path / "evidence")
    assert loaded == manifest
    loaded.verify(tmp_path / "evidence")


@pytest.mark.parametrize("damage", ["truncated", "edited", "missing", "ledger"])
def test_a_changed_file_is_named(tmp_path: Path, damage: str) -> None:
    manifest = written(tmp_path / "evidence")
    name = "ledger.toml" if damage == "ledger" else "postings/bucket=1/part-0.parquet"
    path = tmp_path / "evidence" / name
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(content[:-7] if damage == "truncated" else bytes([content[0] ^ 1]) + content[1:])
    with pytest.raises(EvidenceDamaged) as caught:
        manifest.verify(tmp_path / "evidence")
    assert str(path) in str(caught.value)


def test_a_manifest_that_says_another_hash_is_caught(tmp_path: Path) -> None:
    written(tmp_path / "evidence")
    path = tmp_path / "evidence" / "manifest.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["files"]["ledger.toml"] = "0" * 64
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(EvidenceDamaged, match=r"ledger\.toml has changed"):
        Manifest.load(tmp_path / "evidence").verify(tmp_path / "evidence")


@pytest.mark.parametrize("content", [b"", b'{"source": "x"', b"{}", b"\xff\xfe"])
def test_a_damaged_manifest_is_no_evidence(tmp_path: Path, content: bytes) -> None:
    written(tmp_path / "evidence")
    (tmp_path / "evidence" / "manifest.json").write_bytes(content)
    with pytest.raises(EvidenceDamaged, match=r"manifest\.json can't be read as a manifest"):
        Manifest.load(tmp_path / "evidence")


def test_a_folder_without_a_manifest_is_no_evidence(tmp_path: Path) -> None:
    with pytest.raises(EvidenceDamaged, match=r"is not evidence: it has no manifest\.json"):
        Manifest.load(tmp_path)


def stopped_in_the_middle(target: Path) -> None:
    with ArchiveWriter(target, 4) as writer:
        writer.write("postings", postings(20))
        raise RuntimeError("in the middle")


def test_any_error_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="in the middle"):
        stopped_in_the_middle(tmp_path / "evidence")
    assert list(tmp_path.iterdir()) == []


def test_a_value_that_no_column_can_hold_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(UnusableInput, match=r"postings\.position holds a value"),
        ArchiveWriter(tmp_path / "e", 1) as writer,
    ):
        writer.write("postings", {"position": ["seven"], "account": ["a"]})


def test_evidence_is_never_overwritten(tmp_path: Path) -> None:
    manifest = written(tmp_path / "evidence")
    with pytest.raises(UnusableInput, match="never overwritten"):
        written(tmp_path / "evidence")
    manifest.verify(tmp_path / "evidence")


FULL_DISK = """
import os, resource, sys
from pathlib import Path
sys.path[:0] = sys.argv[1:]
from test_archive import postings, written
from esworkbench.errors import UnusableInput
# A file that may not grow fails like a full disk does, in the middle of a write, and needs no privileges.
for limit in (0, 1_000, 2_000, 10_000, 15_000, 20_000):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        written(Path("evidence"), count=20_000)
    except UnusableInput as error:
        print(limit, error, os.listdir())
"""


def test_a_full_disk_leaves_nothing_that_looks_like_evidence(tmp_path: Path) -> None:
    pytest.importorskip("resource", reason="file size limits are POSIX's")
    here = Path(__file__).parent
    run = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(here), str(here.parents[1])],
        cwd=tmp_path, capture_output=True, encoding="utf-8", check=True, timeout=60,
    )  # fmt: skip
    failures = run.stdout.splitlines()
    assert len(failures) == 6
    for failure in failures:
        assert "evidence could not be written to evidence and nothing was left there" in failure
        assert failure.endswith(" []")
