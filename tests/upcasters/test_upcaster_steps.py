"""A chain may rename an event type, split one event into several facts, or drop it; one that leads nowhere is refused.

Where one stops and goes on makes no difference, and no payload that is read is changed by reading it.
"""

import copy
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_upcasters import recorded

from esworkbench.domains.bank import BANK_UPCASTERS, bank_decoder
from esworkbench.domains.orders import ORDER_UPCASTERS, order_decoder
from esworkbench.errors import InvalidEvent, MissingUpcaster, UnknownEventType
from esworkbench.events import DomainEvent, EventTypes
from esworkbench.upcasters import EventDecoder, Payload, Shape, Shaped, Step, Upcaster, UpcasterChain
from esworkbench.upcasters.downcasters import Downcaster, Downcasters
from esworkbench.upcasters.one_payload import upcast
from esworkbench.upcasters.reshaping import Drop, Rename, Split
from esworkbench.upcasters.table import as_markdown, chain_table


class Joined(DomainEvent, frozen=True, kw_only=True):
    schema_version = 2
    name: str


class Greeted(DomainEvent, frozen=True, kw_only=True):
    name: str


TYPES = EventTypes(Joined, Greeted)
JOINED, GREETED = Shape("Joined", 1), Shape("Greeted", 1)


def as_it_is(payload: Payload) -> Payload:
    """The shape was called otherwise."""
    return payload


def trim(payload: Payload) -> Payload:
    """Blanks came from a form."""
    return {"name": str(payload["name"]).strip()}


def one_each(payload: Payload) -> list[Shaped]:
    """Everybody joined for themselves | and was greeted."""
    return [Shaped(*shape, {"name": name}) for name in payload["names"] for shape in (JOINED, GREETED)]


def nobody_reads_it(payload: Payload) -> None:
    """Nothing depends on pings."""
    raise AssertionError("a dropped event is never looked at")


STEPS: list[Step] = [
    Upcaster("Joined", 1, trim),
    Rename("Entered", 3, as_it_is, to=JOINED),
    Split("AllEntered", 1, one_each, into=(JOINED, GREETED)),
    Rename("Crowd", 1, as_it_is, to=Shape("AllEntered", 1)),
    Drop("Pinged", 1, nobody_reads_it),
]
CHAIN = UpcasterChain(STEPS)
DECODER = EventDecoder(TYPES, CHAIN)


@pytest.mark.parametrize(
    ("event_type", "version", "payload", "events"),
    [
        ("Entered", 3, b'{"name":" Ada "}', [Joined(name="Ada")]),
        ("Pinged", 1, b'{"at":1}', []),
        ("AllEntered", 1, b'{"names":[]}', []),
        (
            "Crowd",
            1,
            b'{"names":["Ada ","Bo"]}',
            [Joined(name="Ada"), Greeted(name="Ada "), Joined(name="Bo"), Greeted(name="Bo")],
        ),
    ],
)
def test_one_record_is_as_many_events_as_facts(
    event_type: str, version: int, payload: bytes, events: list[DomainEvent]
) -> None:
    stored = recorded(payload, event_type=event_type, schema_version=version)
    found = DECODER.events_in(stored)
    assert [event.data for event in found] == events
    assert [event.ordinal for event in found] == list(range(len(events)))
    assert all(event.recorded is stored for event in found)
    assert list(DECODER.decode_all([stored, stored])) == found + found


@pytest.mark.parametrize(
    ("event_type", "payload", "count"), [("Pinged", b"{}", 0), ("AllEntered", b'{"names":["Ada"]}', 2)]
)
def test_whoever_asks_for_the_one_event_of_none_or_several_is_told(event_type: str, payload: bytes, count: int) -> None:
    with pytest.raises(ValueError, match=f"stands for {count} events, not for one: ask for events_in"):
        DECODER.decode(recorded(payload, event_type=event_type, schema_version=1))


def test_a_fact_in_a_shape_never_named_is_refused() -> None:
    chain = UpcasterChain([Split("AllEntered", 1, one_each, into=(JOINED,)), Upcaster("Joined", 1, trim)])
    with pytest.raises(InvalidEvent, match=r"one_each can't take this AllEntered v1: .*it yields Greeted v1"):
        EventDecoder(TYPES, chain).events_in(recorded(b'{"names":["Ada"]}', event_type="AllEntered", schema_version=1))


def test_a_type_that_no_step_knows_is_still_unknown() -> None:
    with pytest.raises(UnknownEventType, match="'Entered' has no class here"):
        DECODER.events_in(recorded(b"{}", event_type="Entered", schema_version=2))


@pytest.mark.parametrize(
    ("event_type", "became"),
    [("Entered", "Joined v2"), ("Pinged", "nothing"), ("AllEntered", "Joined v2 and Greeted v1")],
)
def test_upcasting_to_a_version_is_for_events_that_stay_one(event_type: str, became: str) -> None:
    version = 3 if event_type == "Entered" else 1
    with pytest.raises(MissingUpcaster, match=f"{event_type} v{version} becomes {became}, not one {event_type} v9"):
        upcast(CHAIN, event_type, version, {"name": "Ada", "names": ["Ada"]}, to_version=9)


def back(payload: Payload) -> Payload:
    """Back to where it came from."""
    return payload


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        (
            [
                Upcaster("A", 1, trim),
                Rename("A", 2, as_it_is, to=Shape("B", 1)),
                Rename("B", 1, back, to=Shape("A", 1)),
            ],
            r"circle: A v1 → A v2 → B v1 → A v1 \(trim, as_it_is, back\)",
        ),
        ([Rename("A", 1, back, to=Shape("A", 1))], r"circle: A v1 → A v1 \(back\)"),
        (
            [Split("A", 1, one_each, into=(GREETED, Shape("B", 1))), Rename("B", 1, back, to=Shape("A", 1))],
            r"circle: A v1 → B v1 → A v1 \(one_each, back\)",
        ),
        (
            [Upcaster("A", 1, trim), Drop("A", 1, nobody_reads_it)],
            "two upcasters start at A v1: trim and nobody_reads_it",
        ),
        ([Upcaster("A", 0, trim)], "trim starts at A v0, and schema versions count from 1"),
        ([Drop("A", 1, lambda payload: None)], "<lambda> needs a docstring that says why it exists"),
    ],
)
def test_a_chain_that_can_not_be_is_refused_when_it_is_made(steps: Sequence[Step], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        UpcasterChain(steps)


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (
            Upcaster("Joined", 3, trim),
            "trim leads from Joined v3 to Joined v4, and the latest version is v2: no step goes on from there",
        ),
        (Upcaster("Joined", 2, trim), "trim starts at Joined v2, which is the latest shape of its class: raise the"),
        (Upcaster("Greeted", 1, trim), "trim starts at Greeted v1, which is the latest shape of its class"),
        (
            Rename("Met", 1, as_it_is, to=Shape("Seen", 1)),
            "as_it_is leads from Met v1 to Seen v1, a type no class stands for: no step goes on from there",
        ),
        (
            Rename("Met", 1, as_it_is, to=Shape("Joined", 7)),
            "as_it_is leads from Met v1 to Joined v7, and the latest version is v2",
        ),
        (
            Split("Met", 1, one_each, into=(JOINED, Shape("Seen", 1))),
            "one_each leads from Met v1 to Seen v1, a type no class stands for",
        ),
    ],
)
def test_a_chain_that_ends_in_a_gap_is_refused_by_the_decoder(step: Step, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        EventDecoder(TYPES, UpcasterChain([*STEPS, step]))


class Late(DomainEvent, frozen=True, kw_only=True):
    schema_version = 4
    name: str


def test_a_gap_in_the_middle_is_refused_and_older_steps_that_are_gone_are_not() -> None:
    first, last = Upcaster("Late", 1, trim), Upcaster("Late", 3, trim)
    with pytest.raises(ValueError, match="trim leads from Late v1 to Late v2, and the latest version is v4"):
        EventDecoder(EventTypes(Late), UpcasterChain([first, last]))
    EventDecoder(EventTypes(Late), UpcasterChain([last]))
    EventDecoder(EventTypes(Late), UpcasterChain())


def test_the_chain_is_documented_from_its_docstrings() -> None:
    rows = chain_table(CHAIN, TYPES)
    assert [row[:5] for row in rows] == [
        ("AllEntered", 1, "Joined v1, Greeted v1", "split", "one_each"),
        ("Crowd", 1, "AllEntered v1", "rename", "as_it_is"),
        ("Entered", 3, "Joined v1", "rename", "as_it_is"),
        ("Joined", 1, "Joined v2", "upcast", "trim"),
        ("Pinged", 1, "", "drop", "nobody_reads_it"),
    ]
    assert [row.today for row in rows] == [
        "Joined v2, Greeted v1", "Joined v2, Greeted v1", "Joined v2", "Joined v2", "",
    ]  # fmt: skip
    lines = as_markdown(rows).splitlines()
    assert len(lines) == len(rows) + 2
    assert lines[2] == (
        "| AllEntered | v1 | Joined v1, Greeted v1 | split | one_each "
        "| Everybody joined for themselves \\| and was greeted. | Joined v2, Greeted v1 |"
    )


def test_a_chain_that_does_not_reach_the_types_is_not_documented_as_if_it_did() -> None:
    with pytest.raises(ValueError, match="no step goes on from there"):
        chain_table(CHAIN, EventTypes(Greeted))


dollars = st.decimals(min_value=0, max_value=10**13, allow_nan=False, allow_infinity=False)
placed = st.fixed_dictionaries({"order_id": st.text(), "customer": st.text(), "total": dollars})
deposited = st.fixed_dictionaries({"amount": dollars | dollars.map(str), "reference": st.text()})


@given(payload=placed)
def test_it_makes_no_difference_where_an_order_stops_on_its_way(payload: dict[str, Any]) -> None:
    assert_stopping_makes_no_difference(ORDER_UPCASTERS, "OrderPlaced", payload)


@given(payload=deposited)
def test_it_makes_no_difference_where_a_deposit_stops_on_its_way(payload: dict[str, Any]) -> None:
    assert_stopping_makes_no_difference(BANK_UPCASTERS, "MoneyDeposited", payload)


def assert_stopping_makes_no_difference(chain: UpcasterChain, event_type: str, payload: dict[str, Any]) -> None:
    kept = copy.deepcopy(payload)
    whole = upcast(chain, event_type, 1, payload, to_version=3)
    halfway = upcast(chain, event_type, 1, payload, to_version=2)
    kept_halfway = copy.deepcopy(halfway)
    assert upcast(chain, event_type, 2, halfway, to_version=3) == whole
    assert chain.follow(Shaped(event_type, 1, payload), {event_type: 3}) == [Shaped(event_type, 3, whole)]
    assert (payload, halfway) == (kept, kept_halfway)


@given(total=dollars, names=st.lists(st.text(max_size=5), max_size=4))
def test_decoding_is_deterministic_and_leaves_the_record_as_it_was(total: Decimal, names: list[str]) -> None:
    encode = msgspec.json.Encoder(decimal_format="number").encode
    for decoder, event_type, payload in (
        (order_decoder(), "OrderPlaced", {"order_id": "o", "customer": "c", "total": total}),
        (order_decoder(), "OrderDispatched", {"order_id": "o", "tracking_numbers": names}),
        (bank_decoder(), "MoneyDeposited", {"amount": total, "reference": "r"}),
    ):
        written = encode(payload)
        stored = recorded(written, event_type=event_type, schema_version=1)
        first = decoder.events_in(stored)
        assert first == decoder.events_in(stored) == list(decoder.decode_all([stored]))
        assert stored == recorded(written, event_type=event_type, schema_version=1)


@given(total=dollars)
def test_a_total_in_cents_is_never_half_a_cent_away(total: Decimal) -> None:
    cents = upcast(ORDER_UPCASTERS, "OrderPlaced", 1, {"total": total}, to_version=3)["total_cents"]
    assert isinstance(cents, int)
    away = Decimal(cents) - total.scaleb(2)
    assert Decimal("-0.5") < away <= Decimal("0.5")


def _greedy(payload: Payload) -> Payload:
    """A step that takes what it is given to pieces, at every depth."""
    name = payload["deep"].pop().pop("name")
    payload.clear()
    return {"name": name}


@pytest.mark.parametrize("way", ["up", "down"])
def test_a_step_may_take_its_payload_to_pieces_and_what_was_read_stays(way: str) -> None:
    payload: Payload = {"deep": [{"name": "Ada"}]}
    if way == "up":
        (reached,) = UpcasterChain([Upcaster("Joined", 1, _greedy)]).follow(Shaped("Joined", 1, payload), {"Joined": 2})
    else:
        reached = Downcasters([Downcaster("Joined", 2, _greedy)]).downcast(Shaped("Joined", 2, payload), to_version=1)
    assert reached.payload == {"name": "Ada"}
    assert payload == {"deep": [{"name": "Ada"}]}
