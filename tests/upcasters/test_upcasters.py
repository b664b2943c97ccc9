"""Old shapes stay as written, and reach today's shape only while being read."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from esworkbench.errors import InvalidEvent, MissingUpcaster, UnknownEventType
from esworkbench.events import DomainEvent, EventTypes, RecordedEvent
from esworkbench.upcasters import EventDecoder, Upcaster, UpcasterChain
from esworkbench.upcasters.one_payload import upcast


class Named(DomainEvent):
    schema_version = 3
    first: str
    last: str


def split_name(payload: dict[str, object]) -> dict[str, object]:
    """Letters are addressed by last name."""
    first, last = str(payload.pop("name")).split(" ")
    return {**payload, "first": first, "last": last}


def drop_title(payload: dict[str, object]) -> dict[str, object]:
    """Titles are kept elsewhere since the second release."""
    del payload["title"]
    return payload


CHAIN = UpcasterChain([Upcaster("Named", 2, split_name), Upcaster("Named", 1, drop_title)])


def recorded(payload: bytes, *, event_type: str = "Named", schema_version: int = 3) -> RecordedEvent:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    return RecordedEvent(
        global_position=17,
        stream_id="Person-1",
        version=2,
        event_id="e",
        event_type=event_type,
        schema_version=schema_version,
        payload=payload,
        metadata=b"{}",
        recorded_at=moment,
        valid_at=moment,
        prev_hash="0" * 64,
        hash="1" * 64,
    )


@pytest.mark.parametrize(
    ("version", "payload"),
    [
        (1, {"title": "Dr", "name": "Ada Lovelace"}),
        (2, {"name": "Ada Lovelace"}),
        (3, {"first": "Ada", "last": "Lovelace"}),
    ],
)
def test_every_version_ever_written_reaches_the_latest(version: int, payload: dict[str, object]) -> None:
    kept = dict(payload)
    assert upcast(CHAIN, "Named", version, payload, to_version=3) == {"first": "Ada", "last": "Lovelace"}
    assert payload == kept, "the stored payload was changed"


def test_a_missing_step_is_named() -> None:
    gappy = UpcasterChain([Upcaster("Named", 1, drop_title)])
    with pytest.raises(MissingUpcaster, match="no upcaster takes Named from v2 to v3"):
        upcast(gappy, "Named", 1, {"title": "Dr", "name": "Ada Lovelace"}, to_version=3)


def test_a_shape_newer_than_the_code_is_refused_and_not_guessed() -> None:
    with pytest.raises(MissingUpcaster, match="written as v4, but this code knows up to v3"):
        upcast(CHAIN, "Named", 4, {}, to_version=3)


def test_a_step_that_fails_names_itself_and_the_event() -> None:
    with pytest.raises(InvalidEvent, match=r"Named v1 at position 17 \(version 2 of 'Person-1'\).*drop_title"):
        EventDecoder(EventTypes(Named), CHAIN).decode(recorded(b"{}", schema_version=1))


def test_two_steps_from_one_version_are_refused() -> None:
    with pytest.raises(ValueError, match="two upcasters start at Named v1"):
        UpcasterChain([Upcaster("Named", 1, drop_title), Upcaster("Named", 1, drop_title)])


def test_a_step_without_a_reason_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a docstring"):
        UpcasterChain([Upcaster("Named", 1, lambda payload: payload)])


def test_the_reason_is_one_line() -> None:
    assert [step.reason for step in CHAIN] == [
        "Letters are addressed by last name.",
        "Titles are kept elsewhere since the second release.",
    ]


def test_the_decoder_gives_the_record_beside_the_event() -> None:
    old = recorded(b'{"name":"Ada Lovelace"}', schema_version=2)
    event = EventDecoder(EventTypes(Named), CHAIN).decode(old)
    assert event.data == Named(first="Ada", last="Lovelace")
    assert event.recorded is old


def test_the_short_way_for_the_latest_shape_reads_what_the_long_way_reads() -> None:
    decoder = EventDecoder(EventTypes(Named), CHAIN)
    latest = recorded(b'{"first":"Ad\\u00e4","last":"\xe6\x97\xa5"}')
    assert decoder.decode(latest).data == Named(first="Adä", last="日")


def test_fractions_reach_an_upcaster_exact() -> None:
    seen = []

    def look(payload: dict[str, object]) -> dict[str, object]:
        """To see what a step is given."""
        seen.append(payload["amount"])
        return {"first": "a", "last": "b"}

    chain = UpcasterChain([Upcaster("Named", 2, look)])
    EventDecoder(EventTypes(Named), chain).decode(recorded(b'{"amount":90071992547409.93}', schema_version=2))
    assert seen == [Decimal("90071992547409.93")]
    assert isinstance(seen[0], Decimal)


TOO_DEEP = b"[" * 5000 + b"]" * 5000
TOO_LARGE = b'{"first":1e99999999999999999999}'


@pytest.mark.parametrize(
    "payload", [b"not json", b"[1]", b'"x"', b"null", b"", b'{"first":"a"}', b"\xff\xfe", TOO_DEEP, TOO_LARGE]
)
@pytest.mark.parametrize("version", [1, 2, 3])
def test_an_unreadable_payload_is_one_sentence_that_says_where(payload: bytes, version: int) -> None:
    with pytest.raises(InvalidEvent, match=rf"^Named v{version} at position 17 \(version 2 of 'Person-1'\)"):
        EventDecoder(EventTypes(Named), CHAIN).decode(recorded(payload, schema_version=version))


@pytest.mark.parametrize("payload", [b'{"first":1,"last":"b"}', b'{"first":"a","last":"b","more":0}'])
def test_fields_of_the_wrong_type_or_name_are_refused(payload: bytes) -> None:
    with pytest.raises(InvalidEvent):
        EventDecoder(EventTypes(Named), CHAIN).decode(recorded(payload))


def test_an_unknown_type_is_named_beside_the_known_ones() -> None:
    with pytest.raises(UnknownEventType, match="'Renamed' has no class here; known are Named"):
        EventDecoder(EventTypes(Named), CHAIN).decode(recorded(b"{}", event_type="Renamed", schema_version=1))
