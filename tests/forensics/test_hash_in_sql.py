"""SQL and Python hash an event alike, or SQL leaves it to Python."""

from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esworkbench.archive import SCHEMAS
from esworkbench.event_store.chain import GENESIS, event_hash
from esworkbench.forensics.hash_in_sql import HASHES_DIFFER

NAMES = (
    "prev_hash", "stream_id", "version", "event_id", "type", "schema_version", "recorded_at", "valid_at", "payload",
    "metadata",
)  # fmt: skip
WHOLE = st.integers(-(2**63), 2**63 - 1)
LENGTHS = st.sampled_from([126, 127, 128, 129, 255, 256, 257, 65_535, 65_536])
TEXT = st.text(st.characters(codec="utf-8"), max_size=200) | LENGTHS.map("ä".__mul__) | LENGTHS.map("x".__mul__)
MOMENT = st.datetimes(timezones=st.just(UTC)) | st.sampled_from(
    [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC), datetime(1970, 1, 1, tzinfo=UTC)]
)
EVENTS = st.fixed_dictionaries(
    {
        "prev_hash": st.binary(min_size=32, max_size=32).map(bytes.hex), "stream_id": TEXT, "version": WHOLE,
        "event_id": TEXT, "type": TEXT, "schema_version": WHOLE, "recorded_at": MOMENT, "valid_at": MOMENT,
        "payload": TEXT, "metadata": TEXT,
    }
)  # fmt: skip
PLAIN: dict[str, Any] = {
    "prev_hash": GENESIS, "stream_id": "A-1", "version": 1, "event_id": "e1", "type": "T", "schema_version": 1,
    "recorded_at": datetime(2026, 1, 1, tzinfo=UTC), "valid_at": datetime(2026, 1, 1, tzinfo=UTC), "payload": "{}",
    "metadata": "{}",
}  # fmt: skip


def hash_of(event: dict[str, Any]) -> str:
    given = [event[name] for name in NAMES]
    return event_hash(*given[:-2], *(text.encode() for text in given[-2:]))


def left_to_python(events: list[dict[str, Any]]) -> list[bool]:
    """Of each event, whether SQL can't say that its hash is its own."""
    schema = pa.schema([SCHEMAS["events"].field(name) for name in (*NAMES, "hash")])
    with duckdb.connect() as connection:
        connection.register("events", pa.Table.from_pylist(events, schema))
        return [differs for (differs,) in connection.execute(f"SELECT {HASHES_DIFFER} FROM events").fetchall()]


@settings(deadline=None)
@given(st.lists(EVENTS, min_size=1, max_size=20))
def test_sql_finds_every_hash_that_python_makes(events: list[dict[str, Any]]) -> None:
    assert left_to_python([each | {"hash": hash_of(each)} for each in events]) == [False] * len(events)


@settings(deadline=None)
@given(EVENTS, EVENTS, st.sampled_from(NAMES))
def test_sql_passes_no_event_of_which_one_field_was_edited(
    event: dict[str, Any], other: dict[str, Any], field: str
) -> None:
    edited = event | {field: other[field], "hash": hash_of(event)}
    assert left_to_python([edited]) == [edited[field] != event[field]]


@pytest.mark.parametrize("field", [*NAMES, "hash"])
def test_an_event_that_lacks_a_field_is_left_to_python(field: str) -> None:
    assert left_to_python([PLAIN | {"hash": hash_of(PLAIN)} | {field: None}]) == [True]


@pytest.mark.parametrize("previous", ["", "0", "0" * 63, "x" * 64, "A" * 64, "00 " * 32, "0" * 64 + "\n", "0" * 66])
def test_a_previous_hash_that_is_not_written_plainly_is_left_to_python(previous: str) -> None:
    assert left_to_python([PLAIN | {"prev_hash": previous, "hash": "0" * 64}]) == [True]


def test_a_field_does_not_flow_into_the_next() -> None:
    event = PLAIN | {"hash": hash_of(PLAIN | {"payload": "{}{", "metadata": "}"})}
    assert left_to_python([event | {"payload": "{}", "metadata": "{}"}]) == [True]
    assert left_to_python([PLAIN | {"valid_at": PLAIN["valid_at"] + timedelta(microseconds=1), "hash": hash_of(PLAIN)}])
