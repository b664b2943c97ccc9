"""What an event's metadata says: by query where SQL provably reads it as Python would, else in Python."""

from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from esworkbench.archive.duckdb_connection import connect_duckdb
from esworkbench.evidence.capturing.json_shapes import Shape, Shapes, at, came_back, read_as

TEXTS = ("correlation_id", "causation_id", "idempotency_key", "actor")
NUMBER = "decided_on_version"
_KINDS: dict[str, pa.DataType] = {**dict.fromkeys(TEXTS, pa.string()), NUMBER: pa.int64()}
SCHEMA = pa.schema(_KINDS)
SAMPLES = 20
compute: Any = pc
"""Its stubs know no chunked columns."""

NOTHING = "{}"


class Envelope:
    """Reads batches of metadata."""

    def __init__(self) -> None:
        self._shapes = Shapes()
        self._connection = connect_duckdb(threads="1")

    def read(self, metadata: "pa.ChunkedArray[Any]") -> tuple[pa.Table, list[tuple[int, str]]]:
        """The columns ``SCHEMA``, null where the metadata has none such; and which rows are odd, and why."""
        numbers = np.arange(len(metadata))
        empty = compute.equal(metadata, NOTHING).to_numpy()
        left = numbers[~empty]
        parts = [_with_rows(pa.Table.from_pylist([{}] * int(empty.sum()), SCHEMA), numbers[empty])]
        tried = 0
        while left.size:
            shapes = self._shapes.of(None)
            if tried == len(shapes):
                samples = _texts(metadata, left[:SAMPLES])
                if not list(self._shapes.learn(None, samples)):
                    break
                continue
            found = self._by_query(metadata.take(pa.array(left)), shapes[tried])
            rows = found["row"].to_numpy()
            parts.append(_with_rows(found.drop_columns(["row"]), left[rows]))
            left = np.delete(left, rows)
            tried += 1
        read = [_in_python(text) for text in _texts(metadata, left)]
        parts.append(_with_rows(pa.Table.from_pylist([values for values, _ in read], SCHEMA), left))
        complaints = [(int(row), what) for row, (_, said) in zip(left, read, strict=True) for what in said]
        return pa.concat_tables(parts).sort_by("row").drop_columns(["row"]), complaints

    def _by_query(self, metadata: "pa.ChunkedArray[Any]", shape: dict[str, Shape]) -> pa.Table:
        columns, conditions = [], [came_back("found", "metadata")]
        for name in (*TEXTS, NUMBER):
            wanted = "BIGINT" if name == NUMBER else "VARCHAR"
            kind, value = at(shape, name, "found") or (None, "NULL")
            if kind == "VARCHAR" and name == NUMBER:
                # Null, where the sample was; a text is for Python to complain of.
                conditions.append(f"{value} IS NULL")
            elif name in shape and kind not in ("VARCHAR", "BIGINT"):
                conditions.append("false")
                value = "NULL"
            columns.append(f"TRY_CAST({value} AS {wanted}) AS {name}")
        part = pa.Table.from_arrays([pa.array(np.arange(len(metadata))), metadata], ["row", "metadata"])
        self._connection.register("part", part)
        found: pa.Table = self._connection.sql(
            f"SELECT row, {', '.join(columns)} FROM (SELECT *, {read_as(shape, 'metadata')} AS found FROM part) "
            f"WHERE {' AND '.join(conditions)}"
        ).to_arrow_table()
        return found


def _texts(metadata: "pa.ChunkedArray[Any]", rows: "np.ndarray[Any, Any]") -> list[str]:
    texts: list[Any] = metadata.take(pa.array(rows)).to_pylist()
    return texts


def _with_rows(table: pa.Table, rows: "np.ndarray[Any, Any]") -> pa.Table:
    return table.cast(SCHEMA).append_column("row", pa.array(rows, pa.int64()))


def _in_python(text: str) -> tuple[dict[str, Any], list[str]]:
    """What the metadata says, and what is odd about it. Metadata that is no JSON object says nothing."""
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return {}, ["the metadata is not JSON"]
    if not isinstance(found, dict):
        return {}, ["the metadata is JSON, but not an object"]
    texts = {name: found[name] for name in TEXTS if found.get(name) is not None}
    odd = [f"{name} in the metadata is not text" for name, value in texts.items() if type(value) not in (str, int)]
    values: dict[str, Any] = {name: str(value) for name, value in texts.items()}
    number = found.get(NUMBER)
    if type(number) is int and -(2**63) <= number < 2**63:
        values[NUMBER] = number
    elif number is not None:
        odd.append(f"{NUMBER} in the metadata is not a whole number")
    return values, odd
