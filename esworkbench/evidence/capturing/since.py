"""A capture of what came later: new events beside those that earlier evidence holds, all else as it is now."""

import os
import shutil
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import duckdb
import msgspec
import pyarrow.parquet as pq

from esworkbench.archive import (
    BUCKETED,
    GAPS_KEPT,
    LEDGER,
    MANIFEST,
    Manifest,
    file_digest,
    from_parquet,
    quoted,
    to_parquet,
)
from esworkbench.archive.duckdb_connection import connect_duckdb
from esworkbench.evidence.capturing.capture import capture
from esworkbench.evidence.capturing.poster import PROBLEMS_KEPT
from esworkbench.evidence.evidence import Evidence

APPENDED_TO = {
    "events": "true", "postings": "true", "oddities": "source = 'events'",
    **dict.fromkeys(("anchors", "leaves", "public_keys", "keys"), "true"),
    "statements": "file NOT IN ({files})", "assertions": "kind = 'statement' AND source NOT IN ({files})",
}  # fmt: skip
"""The tables that hold what no later capture holds again, and which of their earlier rows: the log's, what was anchored
of it, and those of statements that were added to the evidence and don't lie beside the store."""

ADDED = {
    "statements": "file NOT IN (SELECT DISTINCT file FROM {later})",
    "assertions": "kind = 'statement' AND source NOT IN (SELECT DISTINCT source FROM {later} WHERE kind = 'statement')",
    "anchors": "digest NOT IN (SELECT digest FROM {later})", "leaves": "anchor NOT IN (SELECT anchor FROM {later})",
    "public_keys": "key_id NOT IN (SELECT key_id FROM {later})",
}  # fmt: skip
"""The tables to whose rows ``evidence add`` adds, and which of the earlier rows a whole capture hasn't met again."""


def capture_again(source: str, earlier: Evidence, into: Path) -> Evidence:
    """Evidence of the store ``source`` as it is now, read whole, judged by the ledger of ``earlier`` and with the
    statements, anchors and public keys that were added to that."""
    later = capture(
        source, into, ledger=earlier.path / LEDGER, buckets=earlier.manifest.buckets, progress=False
    )  # fmt: skip
    old, new = earlier.manifest, later.manifest
    if not old.added:
        return later
    files, rows = dict(new.files), dict(new.rows)
    with closing(connect_duckdb()) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for table, kept in ADDED.items():
            everywhere = from_parquet([into / name for name in new.files_of(table)])
            for bucket, name in enumerate(new.files_of(table)):
                before = [earlier.path / each for each in old.files_of(table, bucket)]
                if before:
                    whole = (into / name).with_suffix(".both")
                    shutil.copyfile(into / name, whole)
                    _put_together(connection, table, kept.format(later=everywhere), before, whole)
                    files[name] = file_digest(whole)
            for name in new.files_of(table):
                both = (into / name).with_suffix(".both")
                if both.exists():
                    both.replace(into / name)
            rows[table] = sum(_count(into / name) for name in new.files_of(table))
    decimals = {**(old.decimals or {}), **(new.decimals or {})}
    manifest = msgspec.structs.replace(new, files=files, rows=rows, decimals=decimals)
    (into / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n")
    return Evidence.open(into, verify=False)


def capture_since(source: str, earlier: Evidence, into: Path) -> Evidence:
    """Evidence of the store ``source`` in the new folder ``into``, of whose log only the later events are read.

    For a store that was made from the evidence ``earlier``, or is behind it and can't have changed what it holds: the
    earlier events are that evidence's own files, and that the store still holds them as they were is not looked at.
    Read models, checkpoints, snapshots and the statements beside the store are read whole, and judged by the same
    ledger; statements that only the earlier evidence has are taken from there.
    """
    later = capture(
        source, into, ledger=earlier.path / LEDGER, buckets=earlier.manifest.buckets, progress=False,
        after=earlier.manifest.cut.high_water or 0,
    )  # fmt: skip
    old, new = earlier.manifest, later.manifest
    files, rows = dict(new.files), dict(new.rows)
    with closing(connect_duckdb()) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        names = later.rows("SELECT DISTINCT file FROM statements")
        there = ", ".join(["''", *(quoted(file) for (file,) in names)])
        for table, kept in APPENDED_TO.items():
            for bucket, name in enumerate(new.files_of(table)):
                files_before = [earlier.path / each for each in old.files_of(table, bucket)]
                if not files_before:
                    continue
                _put_together(connection, table, kept.format(files=there), files_before, into / name)
                files[name] = file_digest(into / name)
            rows[table] = sum(_count(into / name) for name in new.files_of(table))
    manifest = msgspec.structs.replace(_of_both(old, new), files=files, rows=rows)
    (into / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n")
    return Evidence.open(into, verify=False)


def _put_together(
    connection: duckdb.DuckDBPyConnection, table: str, kept: str, earlier: Sequence[Path], later: Path
) -> None:
    """In place of the later file one with the earlier rows as well, in the table's order."""
    if not _count(later) and kept == "true" and len(earlier) == 1:
        later.unlink()
        try:
            os.link(earlier[0], later)
        except OSError:
            shutil.copyfile(earlier[0], later)
        return
    if (
        kept != "true"
        and not connection.execute(f"SELECT 1 FROM {from_parquet(earlier)} WHERE {kept} LIMIT 1").fetchall()
    ):
        return
    order = f"ORDER BY {', '.join(BUCKETED[table].order)}" if table in BUCKETED else ""
    both = f"SELECT * FROM {from_parquet(earlier)} WHERE {kept} UNION ALL BY NAME SELECT * FROM {from_parquet([later])}"
    whole = later.with_suffix(".whole")
    connection.execute(to_parquet(f"SELECT * FROM ({both}) {order}", whole, "zstd"))
    whole.replace(later)


def _count(path: Path) -> int:
    return int(pq.read_metadata(path).num_rows)


def _of_both(old: Manifest, new: Manifest) -> Manifest:
    """What the earlier and the later manifest say of the log, together.

    A problem that both captures met, and neither lists, is counted twice.
    """
    gaps = [*old.cut.gaps, *new.cut.gaps]
    left_out = old.cut.gaps_left_out + new.cut.gaps_left_out + max(0, len(gaps) - GAPS_KEPT)
    cut = msgspec.structs.replace(new.cut, after=old.cut.after, gaps=gaps[:GAPS_KEPT], gaps_left_out=left_out)
    found = [each for each in new.problems if each not in old.problems]
    return msgspec.structs.replace(
        new,
        cut=cut,
        unposted=dict(Counter(old.unposted) + Counter(new.unposted)),
        problems=[*old.problems, *found][:PROBLEMS_KEPT],
        problem_count=old.problem_count + new.problem_count - (len(new.problems) - len(found)),
        decimals={**(old.decimals or {}), **(new.decimals or {})},
    )
