"""Promise 6, tampering shows: the hash covers the exact bytes and every field."""

from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from esworkbench.event_store import EventStore
from esworkbench.event_store.chain import DOMAIN_TAG, GENESIS, event_hash, microseconds
from tests.support import new_event

RECORDED = datetime(2026, 11, 23, 13, 48, 3, 123456, tzinfo=UTC)
KNOWN = {
    "prev_hash": GENESIS,
    "stream_id": "BankAccount-zürich",
    "version": 1,
    "event_id": "e-1",
    "event_type": "MoneyDeposited",
    "schema_version": 3,
    "recorded_at": RECORDED,
    "valid_at": RECORDED - timedelta(days=1),
    "payload": b'{"amount_minor":4723}',
    "metadata": b"{}",
}
FIELDS = st.fixed_dictionaries(
    {
        "prev_hash": st.binary(min_size=32, max_size=32).map(bytes.hex),
        "stream_id": st.text(),
        "version": st.integers(1, 2**62),
        "event_id": st.text(),
        "event_type": st.text(),
        "schema_version": st.integers(1, 2**31),
        "recorded_at": st.datetimes(timezones=st.just(UTC)),
        "valid_at": st.datetimes(timezones=st.just(UTC)),
        "payload": st.binary(),
        "metadata": st.binary(),
    }
)


def test_known_answer() -> None:
    """Written out by hand from the layout in the docstring, so that a change of layout can't pass unseen."""
    framed = (
        b"esworkbench:event:v1\n"
        + bytes(32)
        + b"\0\0\0\0\0\0\0\x13BankAccount-z\xc3\xbcrich"
        + b"\0\0\0\0\0\0\0\x011"
        + b"\0\0\0\0\0\0\0\x03e-1"
        + b"\0\0\0\0\0\0\0\x0eMoneyDeposited"
        + b"\0\0\0\0\0\0\0\x013"
        + b"\0\0\0\0\0\0\0\x101795441683123456"
        + b"\0\0\0\0\0\0\0\x101795355283123456"
        + b'\0\0\0\0\0\0\0\x15{"amount_minor":4723}'
        + b"\0\0\0\0\0\0\0\x02{}"
    )
    assert event_hash(**KNOWN) == sha256(framed).hexdigest()
    assert event_hash(**KNOWN) == "a2d104c54132e30c9b69c830d76052eff5fd0fe5a34a57d4490fb7027741f1ea"
    assert framed.startswith(DOMAIN_TAG)


@given(FIELDS, FIELDS)
def test_any_change_of_any_field_changes_the_hash(one: dict[str, object], other: dict[str, object]) -> None:
    before = event_hash(**one)
    for field, value in other.items():
        changed = {**one, field: value}
        assert (event_hash(**changed) == before) == (one[field] == value)


@given(st.text(), st.text(), st.text())
def test_text_cannot_move_from_one_field_to_the_next(left: str, moved: str, right: str) -> None:
    one = {**KNOWN, "event_id": left + moved, "event_type": right}
    other = {**KNOWN, "event_id": left, "event_type": moved + right}
    assert (event_hash(**one) == event_hash(**other)) == (moved == "")


def test_the_same_moment_in_another_zone_is_the_same_moment() -> None:
    elsewhere = RECORDED.astimezone(timezone(timedelta(hours=5, minutes=45)))
    assert event_hash(**{**KNOWN, "recorded_at": elsewhere}) == event_hash(**KNOWN)
    assert microseconds(datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)) == -1
    assert microseconds(datetime.max.replace(tzinfo=UTC)) == 253402300799999999


def test_what_lies_on_disk_is_what_was_hashed(store_url: str) -> None:
    """Read past the store's own code: no JSON library, no driver's idea of a time, came in between."""
    payload = '{ "b": 1.10, "a":1E2,\n"aa":-0.0, "ü":"\\u00fc\U0001f9fe" }'.encode()
    store = EventStore.open(store_url)
    recorded = store.append(
        'it\'s "quoted"', [new_event("Noted", payload, metadata={"actor": "é"})] * 1, expected_version=0
    ).events[0]
    with store.engine.connect() as connection:
        moment = "recorded_at" if connection.dialect.name == "sqlite" else "extract(epoch FROM recorded_at) * 1000000"
        row = connection.exec_driver_sql(
            f"SELECT stream_id, version, event_id, event_type, schema_version, payload, metadata, {moment} FROM events"
        ).one()
    stream_id, version, event_id, event_type, schema_version, stored_payload, stored_metadata, stored_moment = row
    if isinstance(stored_moment, str):
        stored_moment = microseconds(datetime.fromisoformat(stored_moment))
    fields = [
        stream_id, str(version), event_id, event_type, str(schema_version), str(int(stored_moment)),
        str(int(stored_moment)), stored_payload, stored_metadata,
    ]  # fmt: skip
    framed = b"".join(len(field.encode()).to_bytes(8, "big") + field.encode() for field in fields)
    assert sha256(DOMAIN_TAG + bytes(32) + framed).hexdigest() == recorded.hash
    assert stored_payload.encode() == payload


def test_postgres_keeps_a_queryable_copy_beside_the_text(postgres_url: str) -> None:
    store = EventStore.open(postgres_url)
    store.append("s", [new_event(payload={"amount_minor": 4723})], expected_version=0)
    with store.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT payload_json->>'amount_minor' FROM events").scalar() == "4723"
