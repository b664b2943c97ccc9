"""Rows of any other table: what the columns of evidence can hold, and what is odd about the rest.

A read model may claim 12.5 cents, a checkpoint may stand at 'soon': neither ends the capture.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from esworkbench.archive import SCHEMAS
from esworkbench.archive.tables import TIME
from esworkbench.evidence.capturing.stored_form import Oddity, is_text, moment_of, shown

LARGEST = 2**62 - 1
"""Of a whole number: the difference of two is still a 64-bit one."""

EXPECTED: dict[Any, tuple[type, ...]] = {
    pa.string(): (str,), pa.int64(): (int, Decimal), pa.int32(): (int,), TIME: (str, datetime),
    pa.date32(): (str, date),
}  # fmt: skip
WORDS = {pa.string(): "text", pa.int64(): "a whole number", pa.int32(): "a whole number", TIME: "a moment",
         pa.date32(): "a day"}  # fmt: skip
REQUIRED = {
    "assertions": ("account", "currency"),
    "checkpoints": ("projection", "position"),
    "snapshots": ("stream_id",),
}
"""Columns without which a row can't be placed: it is kept among the oddities alone."""


def fitted(
    table: str,
    source: str,
    columns: Mapping[str, Sequence[Any]],
    stored: Mapping[str, str] = MappingProxyType({}),
    never_null: Collection[str] = (),
) -> tuple[dict[str, list[Any]], list[Oddity]]:
    """Columns for a table of evidence, of which every value fits; null where one doesn't, which is then an oddity.

    ``source`` names the table they come from, ``stored`` what that calls them where it isn't the same, ``never_null``
    the columns in which even null is odd.
    """
    fitting: dict[str, list[Any]] = {}
    odd: list[tuple[int, str, str]] = []
    for name, values in columns.items():
        kind = SCHEMAS[table].field(name).type if name in SCHEMAS[table].names else pa.int64()
        fitting[name], found = _column(values, kind)
        odd += [(row, name, why) for row, why in found]
    required = [fitting[name] for name in REQUIRED.get(table, ()) if name in fitting]
    lost = {row for values in required for row, value in enumerate(values) if value is None}
    odd += [
        (row, name, "of a row that can't be placed")
        for row in sorted(lost)
        for name in columns
        if (row, name) not in {(row, name) for row, name, _ in odd}
    ]
    odd += [
        (row, name, "is null")
        for name in never_null
        for row, value in enumerate(columns[name])
        if value is None and row not in lost
    ]
    oddities = [
        _oddity(source, stored.get(name, name), why, columns[name][row], _row(fitting, row))
        for row, name, why in sorted(odd)
    ]
    if lost:
        fitting = {name: [v for row, v in enumerate(values) if row not in lost] for name, values in fitting.items()}
    return fitting, oddities


def is_plain(engine: str, column: str, kind: Any) -> str:
    """SQL that holds where a value can be read in bulk: on SQLite, where every value has the column's storage class and
    is there; on PostgreSQL, where a number is a whole one, and a moment or a day none that Arrow can't hold."""
    if engine == "sqlite":
        return f"typeof({column}) = '{'integer' if kind == pa.int64() else 'text'}'"
    if kind == pa.int64():
        return f"pg_typeof({column})::text IN ('smallint', 'integer', 'bigint')"
    if kind in (TIME, pa.date32()):
        return f"({column} IS NULL OR {column}::text ~ '^[0-9]{{4}}-[^B]*$')"
    return "true"


def fitted_in_bulk(batch: pa.RecordBatch, kinds: Mapping[str, Any]) -> pa.Table | None:
    """A batch's columns, in the order of ``kinds``, with these types, as ``fitted`` makes them; None where a value is
    not as it should be, and has to be looked at by itself."""
    columns = {}
    for (name, kind), values in zip(kinds.items(), batch.columns, strict=True):
        texts, wanted = pa.types.is_string(values.type), TAKEN[kind]
        if not (wanted(values.type) or (texts and kind in (TIME, pa.date32()))) or (texts and not is_text(values)):
            return None
        if values.null_count and name in REQUIRED["assertions"]:
            return None
        try:
            columns[name] = values.cast(kind)
        except pa.ArrowInvalid:
            return None
        if kind == pa.int64() and len(batch):
            least, most = (bound(columns[name]).as_py() for bound in (pc.min, pc.max))
            if least is not None and not -LARGEST <= least <= most <= LARGEST:
                return None
    return pa.table(columns)


TAKEN: dict[Any, Any] = {
    pa.string(): pa.types.is_string, pa.int64(): pa.types.is_integer, pa.date32(): pa.types.is_date32,
    TIME: lambda kind: pa.types.is_timestamp(kind) and kind.tz is not None,
}  # fmt: skip
"""Which types of a database are read in bulk as one of evidence."""


def _column(values: Sequence[Any], kind: Any) -> tuple[list[Any], list[tuple[int, str]]]:
    expected = EXPECTED[kind]
    if set(map(type, values)) <= {*expected, type(None)}:
        try:
            as_text = str in map(type, values)
            array: Any = pa.array(values, pa.string()).cast(kind) if as_text else pa.array(values, kind)
            if kind != pa.int64() or all(value is None or -LARGEST <= value <= LARGEST for value in values):
                return (array.to_pylist() if kind in (TIME, pa.date32()) else list(values)), []
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, UnicodeEncodeError):
            return _one_by_one(values, kind)
    return _one_by_one(values, kind)


def _one_by_one(values: Sequence[Any], kind: Any) -> tuple[list[Any], list[tuple[int, str]]]:
    fitting, odd = [], []
    for row, value in enumerate(values):
        kept, why = _value(value, kind)
        fitting.append(kept)
        if why:
            odd.append((row, why))
    return fitting, odd


def _value(value: Any, kind: Any) -> tuple[Any, str | None]:
    """What fits, and what is odd about the value."""
    if value is None:
        return None, None
    text = value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)
    strange = None if isinstance(value, EXPECTED[kind]) else f"is stored as {_storage(value)}, not as {WORDS[kind]}"
    if kind == pa.string():
        return text.encode("utf-8", "backslashreplace").decode(), strange
    if kind == TIME:
        moment = moment_of(value.isoformat() if isinstance(value, datetime) else text)
        return moment, strange or (None if moment else "is no moment")
    if kind == pa.date32():
        day = value if isinstance(value, date) else _day(text)
        return day, strange or (None if day else "is no day")
    limit = LARGEST if kind == pa.int64() else 2**31 - 1
    number: Any = value if isinstance(value, int | float | Decimal) and -limit <= value <= limit else None
    whole = number is not None and number == int(number)
    return (int(value) if whole else None), strange or (None if whole else "is larger than can be kept")


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _storage(value: Any) -> str:
    return {float: "real", int: "integer", str: "text", bytes: "blob"}.get(type(value), type(value).__name__)


def _row(columns: Mapping[str, list[Any]], row: int) -> dict[str, Any]:
    return {name: values[row] for name, values in columns.items()}


def _oddity(source: str, name: str, why: str, value: Any, row: dict[str, Any]) -> Oddity:
    text, in_hex = shown(value)
    return Oddity(
        source, row.get("position"), row.get("stream_id"), row.get("version"), row.get("event_id"), row.get("account"),
        name, "null" if value is None else _storage(value), text, in_hex, f"{name} {why}",
    )  # fmt: skip
