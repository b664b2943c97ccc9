"""The tables of evidence, their columns, and the buckets that the large ones are divided into.

The large tables are bucketed by the key they are asked for (stream or account), so that one account's rows lie in one
file and a cluster can take a bucket a task. The bucket is CRC-32 of the UTF-8 key modulo their number: a function with
a standard, where a database's own hash may change with its next release.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from esworkbench.errors import UnusableInput

TIME = pa.timestamp("us", tz="UTC")


def _schema(**columns: pa.DataType) -> pa.Schema:
    return pa.schema(list(columns.items()))


_TEXT, _WHOLE, _SMALL = pa.string(), pa.int64(), pa.int32()

SCHEMAS: dict[str, pa.Schema] = {
    "events": _schema(
        position=_WHOLE, stream_id=_TEXT, version=_WHOLE, event_id=_TEXT, type=_TEXT, schema_version=_WHOLE,
        recorded_at=TIME, valid_at=TIME, correlation_id=_TEXT, causation_id=_TEXT, idempotency_key=_TEXT, actor=_TEXT,
        decided_on_version=_WHOLE, payload=_TEXT, metadata=_TEXT, prev_hash=_TEXT, hash=_TEXT,
    ),
    "postings": _schema(
        position=_WHOLE, ordinal=_SMALL, stream_id=_TEXT, version=_WHOLE, event_id=_TEXT, account=_TEXT,
        currency=_TEXT, amount_minor=_WHOLE, kind=_TEXT, recorded_at=TIME, valid_at=TIME, correlation_id=_TEXT,
    ),
    "assertions": _schema(
        source=_TEXT, kind=_TEXT, account=_TEXT, currency=_TEXT, claimed_minor=_WHOLE, step_minor=_WHOLE,
        position=_WHOLE, version=_WHOLE, event_id=_TEXT, order_key=_WHOLE, day=pa.date32(), recorded_at=TIME,
        valid_at=TIME, type=_TEXT,
    ),
    "checkpoints": _schema(projection=_TEXT, position=_WHOLE, updated_at=TIME),
    "checkpoint_log": _schema(
        id=_WHOLE, projection=_TEXT, shard=_SMALL, from_position=_WHOLE, to_position=_WHOLE, run_id=_TEXT,
        code_version=_TEXT, saved_at=TIME,
    ),
    "snapshots": _schema(
        stream_id=_TEXT, version=_WHOLE, state_version=_WHOLE, state=_TEXT, based_on_version=_WHOLE, taken_at=TIME,
    ),
    "dead_letters": _schema(
        projection=_TEXT, position=_WHOLE, event_id=_TEXT, event_type=_TEXT, schema_version=_WHOLE, error=_TEXT,
        run_id=_TEXT, parked_at=TIME,
    ),
    "statements": _schema(
        file=_TEXT, line=_WHOLE, account=_TEXT, currency=_TEXT, booked_at=TIME, reference=_TEXT, amount_minor=_WHOLE,
        balance_minor=_WHOLE,
    ),
    "order_days": _schema(
        account=_TEXT, currency=_TEXT, day=pa.date32(), rows=_WHOLE, verdict=_TEXT, rounded_steps=_WHOLE,
        largest_residual_minor=_WHOLE,
    ),
    "anchors": _schema(
        origin=_TEXT, file=_TEXT, digest=_TEXT, log_id=_TEXT, position=_WHOLE, event_count=_WHOLE, root=_TEXT,
        anchored_at=TIME, previous=_TEXT, key_id=_TEXT, signature=_TEXT, token=_TEXT, leaves=_TEXT,
    ),
    "leaves": _schema(anchor=_TEXT, position=_WHOLE, stream_id=_TEXT, version=_WHOLE, hash=_TEXT),
    "public_keys": _schema(origin=_TEXT, key_id=_TEXT, public_key=_TEXT),
    "keys": _schema(key_id=_TEXT, destroyed_at=TIME),
    "oddities": _schema(
        source=_TEXT, position=_WHOLE, stream_id=_TEXT, version=_WHOLE, event_id=_TEXT, account=_TEXT,
        column_name=_TEXT, stored_as=_TEXT, value=_TEXT, in_hex=pa.bool_(), why=_TEXT,
    ),
}  # fmt: skip
"""The columns of every table. Amounts are integers in minor units; times are UTC, to the microsecond.

``anchors`` come from the store's own table, from its outside folder, or were given (``origin``); ``token`` is what a
timestamp authority answered, in hex. The table ``leaves`` holds what the leaves up to an ``anchor`` (its digest) say of
positions at which the log says otherwise, with nulls for one that has none: with the events at all other positions,
they are what the anchor's root is over. Which of them belong to an anchor, its column ``leaves`` says: those up to its
position under that digest; null where its leaves aren't known. ``public_keys`` are those that anchors may be signed
with; ``keys`` names people's keys and when they were destroyed, never a key. ``oddities`` holds every value of the
source that isn't stored as its writer writes it, as it is stored.
"""

ABSENT_BEFORE = frozenset({"anchors", "leaves", "public_keys", "keys"})
"""Tables that evidence of the format before this one lacks: read as empty."""

ADDED_LATER: dict[str, tuple[str, ...]] = {"assertions": ("type",)}
"""The last columns of a table that archives of earlier releases lack: read as null."""


def table_of(name: str, columns: Mapping[str, Sequence[Any]]) -> pa.Table:
    """An Arrow table with the schema of that name; columns left out are null, times may be RFC 3339 text.

    Raises KeyError for unknown columns, UnusableInput for values that the schema can't hold.
    """
    schema = SCHEMAS[name]
    unknown = sorted(set(columns) - set(schema.names))
    if unknown:
        raise KeyError(f"{name} has no columns {unknown}")
    count = max((len(values) for values in columns.values()), default=0)
    arrays = [_array(f"{name}.{field.name}", columns.get(field.name, [None] * count), field.type) for field in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def _array(column: str, values: Sequence[Any], kind: pa.DataType) -> "pa.Array[Any]":
    try:
        if kind in (TIME, pa.date32()) and any(isinstance(value, str) for value in values):
            return pa.array(values, pa.string()).cast(kind)
        return pa.array(values, kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
        raise UnusableInput(f"{column} holds a value that is no {kind}: {error}") from None
