"""An archive is the files that its format names, each as the manifest says, and nothing else (promise 13)."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from esworkbench.archive import Manifest, file_digest
from esworkbench.errors import EvidenceDamaged
from esworkbench.evidence import Evidence
from tests.forensics.small_ledger import SmallLedger

Edit = Callable[[dict[str, Any]], object]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    ledger = SmallLedger()
    for account in ("A", "B", "C"):
        ledger.event(account, 10)
        ledger.claim(account, 10)
    return ledger.write(tmp_path / "evidence").path


def rewrite(folder: Path, edit: Edit = lambda _: None) -> None:
    """As a forger would: the manifest is edited, and every file it lists is hashed anew."""
    path = folder / "manifest.json"
    content = json.loads(path.read_text("utf-8"))
    content["files"] = {name: file_digest(folder / name) for name in content["files"] if (folder / name).is_file()}
    edit(content)
    path.write_text(json.dumps(content), "utf-8")


def refused(folder: Path, words: str) -> None:
    with pytest.raises(EvidenceDamaged, match=words):
        Evidence.open(folder)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda it: it["files"].pop("postings/bucket=1/part-0.parquet"), "doesn't list postings/bucket=1"),
        (lambda it: it["files"].pop("ledger.toml"), r"doesn't list ledger\.toml"),
        (lambda it: it["files"].update({"postings/bucket=2/part-0.parquet": "0" * 64}), "no part of evidence"),
        (lambda it: it["files"].update({"../secret": "0" * 64}), "no part of evidence"),
        (lambda it: it["files"].update({"/etc/passwd": "0" * 64}), "no part of evidence"),
        (lambda it: it["files"].update({"ledger.toml": "short"}), "can't be read as a manifest"),
        (lambda it: it.update(buckets=3), "doesn't list assertions/bucket=2"),
        (lambda it: it.update(buckets=1), "is no part of evidence"),
        (lambda it: it.update(buckets=0), "can't be read as a manifest"),
        (lambda it: it.update(buckets=-2), "can't be read as a manifest"),
        (lambda it: it.update(buckets=10**30), "can't be read as a manifest"),
        (lambda it: it.update(buckets=2.5), "can't be read as a manifest"),
        (lambda it: it["rows"].update(events=2), "holds 3 rows where the manifest says 2"),
        (lambda it: it["rows"].update(assertions=4), "holds 3 rows where the manifest says 4"),
        (lambda it: it["rows"].update(events=-1), "can't be read as a manifest"),
        (lambda it: it["rows"].pop("statements"), "other tables than evidence has"),
        (lambda it: it["rows"].update(secrets=0), "other tables than evidence has"),
        (lambda it: it["cut"].update(high_water=10**40), "can't be read as a manifest"),
        (lambda it: it.update(decimals={"USD": 10**9}), "can't be read as a manifest"),
    ],
)
def test_a_manifest_that_no_capture_writes_is_refused(folder: Path, edit: Edit, words: str) -> None:
    rewrite(folder, edit)
    refused(folder, words)


@pytest.mark.parametrize("text", ['{"buckets": 2, "buckets": 2}', "[" * 100_000, '{"buckets": 1' + "0" * 5000 + "}"])
def test_a_manifest_that_two_readers_read_otherwise_is_refused(folder: Path, text: str) -> None:
    (folder / "manifest.json").write_text(text, "utf-8")
    refused(folder, "can't be read as a manifest")


@pytest.mark.parametrize("name", ["manifest.json", "ledger.toml", "events/bucket=0/part-0.parquet", "postings"])
def test_a_link_inside_evidence_is_refused(folder: Path, name: str) -> None:
    """What a link leads to may change, or be another case's."""
    elsewhere = folder.parent / "elsewhere"
    (folder / name).rename(elsewhere)
    (folder / name).symlink_to(elsewhere)
    refused(folder, "is a link")


def test_a_file_that_is_a_folder_is_refused(folder: Path) -> None:
    (folder / "ledger.toml").unlink()
    (folder / "ledger.toml").mkdir()
    with pytest.raises(EvidenceDamaged, match="is not a file"):
        Manifest.load(folder).verify(folder)


def test_a_file_that_is_not_listed_is_not_read(folder: Path) -> None:
    extra = folder / "postings" / "bucket=2" / "part-0.parquet"
    extra.parent.mkdir()
    extra.write_bytes((folder / "postings" / "bucket=1" / "part-0.parquet").read_bytes())
    (folder / "postings" / "bucket=1" / "part-1.parquet").write_bytes(extra.read_bytes())
    assert Evidence.open(folder).rows("SELECT count(*) FROM postings") == [(3,)]


def with_column(table: pa.Table, name: str, kind: pa.DataType) -> pa.Table:
    place = table.schema.get_field_index(name)
    return table.set_column(place, name, table.column(name).cast(kind))


@pytest.mark.parametrize(
    "edit",
    [
        lambda table: with_column(table, "amount_minor", pa.float64()),
        lambda table: with_column(table, "amount_minor", pa.string()),
        lambda table: with_column(table, "ordinal", pa.int64()),
        lambda table: with_column(table, "recorded_at", pa.timestamp("ns", tz="UTC")),
        lambda table: with_column(table, "recorded_at", pa.timestamp("us")),
        lambda table: with_column(table, "account", pa.binary()),
        lambda table: table.drop_columns(["kind"]),
        lambda table: table.append_column("kinds", table.column("kind")),
        lambda table: table.select(table.column_names[::-1]),
    ],
)
def test_a_column_of_another_type_is_refused(folder: Path, edit: Callable[[pa.Table], pa.Table]) -> None:
    """DuckDB would read the file all the same, and take an amount through a double."""
    path = folder / "postings" / "bucket=0" / "part-0.parquet"
    pq.write_table(edit(pq.read_table(path, partitioning=None)), path)
    rewrite(folder)
    refused(folder, "has other columns than postings of evidence has")


def without_type(folder: Path, buckets: tuple[int, ...]) -> None:
    for bucket in buckets:
        path = folder / "assertions" / f"bucket={bucket}" / "part-0.parquet"
        pq.write_table(pq.read_table(path, partitioning=None).drop_columns(["type"]), path)
    rewrite(folder)


def test_evidence_of_an_earlier_release_lacks_the_last_column_and_is_read(folder: Path) -> None:
    without_type(folder, (0, 1))
    evidence = Evidence.open(folder)
    assert evidence.rows("SELECT count(*), count(type) FROM assertions") == [(3, 0)]
    assert [each.type for each in evidence.assertions("A")] == [None]


def test_a_column_that_only_some_files_lack_is_damage(folder: Path) -> None:
    without_type(folder, (1,))
    refused(folder, "has other columns than assertions of evidence has")


def test_rows_taken_away_are_missed(folder: Path) -> None:
    path = folder / "assertions" / "bucket=1" / "part-0.parquet"
    pq.write_table(pq.read_table(path, partitioning=None).slice(0, 0), path)
    rewrite(folder)
    refused(folder, "rows where the manifest says 3: the evidence is not whole")


def test_what_duckdb_can_not_read_is_damage_and_no_defect_of_ours(folder: Path) -> None:
    path = folder / "events" / "bucket=1" / "part-0.parquet"
    content = path.read_bytes()
    path.write_bytes(content[:4] + bytes(200) + content[204:])
    rewrite(folder)
    with pytest.raises(EvidenceDamaged, match="can't be read"):
        Evidence.open(folder).connection().execute("SELECT * FROM events").fetchall()


def test_a_sum_beyond_64_bits_is_damage(folder: Path) -> None:
    with pytest.raises(EvidenceDamaged, match="beyond what is counted with"):
        Evidence.open(folder).rows("SELECT sum(9223372036854775807::HUGEINT)::BIGINT FROM events")
