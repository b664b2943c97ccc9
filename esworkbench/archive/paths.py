"""Where a row lies: the bucket of its key, the files of a table, and the one seam by which DuckDB is given a path.

DuckDB takes the path of a file to read for a pattern: ``case[1]`` is a class of characters to it, ``~`` somebody's
home, ``http:`` another machine. So nobody else writes SQL with a path in it.
"""

import os
import re
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from esworkbench.errors import UnusableInput


class Bucketing(NamedTuple):
    """The column a large table is bucketed by, and the columns each bucket is sorted by."""

    key: str
    order: tuple[str, ...]


BUCKETED = {
    "events": Bucketing("stream_id", ("stream_id", "version", "position")),
    "postings": Bucketing("account", ("account", "currency", "position", "ordinal")),
    "assertions": Bucketing("account", ("account", "currency", "position", "source", "kind", "order_key")),
}

MOST_BUCKETS = 4096
"""A bucket is a file of every large table, and one file a thousand streams is plenty."""


def bucket_of(key: str, buckets: int) -> int:
    """The bucket of a stream or account, 0 … buckets - 1."""
    return zlib.crc32(key.encode("utf-8")) % buckets


def files_of_table(table: str, buckets: int) -> list[str]:
    """The names of a table's files inside the archive, in order of bucket: these and no others."""
    if table not in BUCKETED:
        return [f"{table}/part-0.parquet"]
    return [f"{table}/bucket={number}/part-0.parquet" for number in range(buckets)]


def name_of_part(captured: str, addition: int) -> str:
    """Beside a file of the capture, the one that holds what the n-th addition put there. Files are never rewritten."""
    return f"{captured.removesuffix('part-0.parquet')}part-{addition}.parquet"


def part_of(name: str) -> tuple[str, int]:
    """The file of the capture that this one lies beside, and which addition put it there: 0 for the capture's own."""
    found = re.fullmatch(r"(.+/)part-([1-9][0-9]{0,6})\.parquet", name)
    return (f"{found[1]}part-0.parquet", int(found[2])) if found else (name, 0)


def quoted(value: object) -> str:
    """A SQL string literal; for a path take ``from_parquet``, ``about_parquet`` or ``to_parquet``."""
    return "'" + str(value).replace("'", "''") + "'"


def from_parquet(files: Iterable[Path]) -> str:
    """SQL to select the rows of exactly these Parquet files from. Raises UnusableInput for a name DuckDB can't take."""
    return f"read_parquet({_listed(files)}, hive_partitioning = false, union_by_name = true)"


def about_parquet(what: str, files: Iterable[Path]) -> str:
    """SQL to select what the files say of themselves from: ``what`` is schema, metadata or file_metadata."""
    return f"parquet_{what}({_listed(files)})"


def to_parquet(query: str, target: Path, compression: str) -> str:
    """SQL that writes the rows of the query to one Parquet file."""
    return f"COPY ({query}) TO {quoted(_absolute(target))} (FORMAT parquet, COMPRESSION {compression})"


def require_text(path: Path) -> None:
    """Raises UnusableInput for a path whose bytes are not UTF-8: DuckDB can't be told it."""
    try:
        _absolute(path).encode("utf-8")
    except UnicodeEncodeError:
        raise UnusableInput(
            f"the path {os.fsencode(path)!r} is not UTF-8 text, which DuckDB can't open: rename the folder"
        ) from None


def _listed(files: Iterable[Path]) -> str:
    return f"[{', '.join(quoted(_literally(path)) for path in files)}]"


def _literally(path: Path) -> str:
    """The pattern that matches this path alone: a class of one character stands for that character."""
    require_text(path)
    return re.sub(r"[*?\[]", lambda special: f"[{special[0]}]", _absolute(path))


def _absolute(path: Path) -> str:
    return os.path.abspath(path)  # noqa: PTH100 - Path.absolute keeps "..", and resolve would follow links
