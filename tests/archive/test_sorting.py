"""Whatever memory a capture may hold rows in, the files of evidence have the same rows in the same order."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from esworkbench.archive import SCHEMAS, ArchiveWriter, Cut
from esworkbench.archive.sorting import BucketRows

CUT = Cut(high_water=1, checkpoints={}, server_time=datetime(2026, 1, 1, tzinfo=UTC))
NONE, LITTLE, PLENTY = 0, 20_000, 2**30
ACCOUNTS = ["", "a", "A", "é", "é", "💶", "z" * 300, "with\ttab", "a\0b", *(f"BankAccount-{n}" for n in range(40))]


def batches(rows: int) -> Iterator[pa.Table]:
    """Postings in no order; every row is another one, so there is but one order that is right."""
    random = Random(7)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    positions = random.sample(range(-5, rows * 10), rows)
    for first in range(0, rows, 100):
        yield pa.Table.from_pylist(
            [
                {
                    "position": position, "ordinal": random.choice([0, 1, None]), "account": random.choice(ACCOUNTS),
                    "currency": random.choice(["EUR", "USD", None]), "amount_minor": random.randrange(-(2**62), 2**62),
                    "recorded_at": start + timedelta(microseconds=position),
                }
                for position in positions[first : first + 100]
            ],
            SCHEMAS["postings"],
        )  # fmt: skip


def in_order(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """By account, currency, position, nulls last; texts by their UTF-8 bytes."""
    return sorted(rows, key=lambda row: (str(row["account"]).encode(), row["currency"] or "￿", row["position"]))


def captured(target: Path, buckets: int, memory: int, rows: int) -> list[list[dict[str, object]]]:
    with ArchiveWriter(target, buckets, memory) as writer:
        for batch in batches(rows):
            writer.write_table("postings", batch)
        manifest = writer.finish(ledger=b"name = 'x'\n", source="here", layout="test", cut=CUT)
    assert not [path for path in target.rglob("*") if path.suffix == ".arrow"]
    files = [target / name for name in manifest.files_of("postings")]
    return [pq.read_table(file, partitioning=None).to_pylist() for file in files]


@pytest.mark.parametrize("buckets", [1, 3])
@pytest.mark.parametrize("memory", [NONE, LITTLE, PLENTY])
def test_evidence_is_the_same_however_little_memory_its_capture_had(tmp_path: Path, memory: int, buckets: int) -> None:
    found = captured(tmp_path / "evidence", buckets, memory, 3_000)
    assert all(rows == in_order(rows) for rows in found)
    expected = [row for batch in batches(3_000) for row in batch.to_pylist()]
    assert in_order([row for rows in found for row in rows]) == in_order(expected)


def test_a_key_with_more_rows_than_memory_is_sorted_too(tmp_path: Path) -> None:
    rows = BucketRows("postings", tmp_path / "postings-0", ranges=4, most_bytes=1)
    [batch] = batches(100)
    one = batch.set_column(batch.schema.get_field_index("account"), "account", pa.array(["a"] * 100))
    for _ in range(3):
        rows.add(one)
        rows.spill()
    rows.write(tmp_path / "sorted.parquet")
    found = pq.read_table(tmp_path / "sorted.parquet")
    assert found.schema.types == SCHEMAS["postings"].types
    assert found.to_pylist() == in_order(one.to_pylist() * 3)
    assert [path.name for path in tmp_path.iterdir()] == ["sorted.parquet"]


def test_rows_that_do_not_fit_are_out_of_memory_once_they_are_spilled(tmp_path: Path) -> None:
    rows = BucketRows("postings", tmp_path / "postings-0", ranges=4, most_bytes=PLENTY)
    before = pa.total_allocated_bytes()
    for batch in batches(2_000):
        rows.add(batch)
    del batch
    held = pa.total_allocated_bytes() - before
    rows.spill()
    assert pa.total_allocated_bytes() - before < held / 2
    rows.write(tmp_path / "sorted.parquet")
    assert pq.ParquetFile(tmp_path / "sorted.parquet").metadata.num_rows == 2_000
