"""Postings by query are those of the poster, to the row, whatever the payloads and the ledger are."""

import json
from collections import Counter
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esworkbench.evidence import LedgerDefinition
from esworkbench.evidence.capturing.poster import Poster
from esworkbench.evidence.capturing.set_based import NEEDED, SetBasedPoster
from esworkbench.evidence.ledger import PostingRule

TYPES = ["Paid", "Moved", "Noted", "Strange"]
FIELDS = ["amount", "to.amount", "to.who", "who", "currency", "to.currency", "Amount", "a b"]
CODES = ["USD", "JPY", "BTC", "XXX", "TND", "O'H"]

rules = st.builds(
    lambda field, currency, **given: PostingRule(kind="paid", **{field: currency}, **given),
    field=st.just("currency_field"),
    currency=st.sampled_from(["currency", "to.currency", "who"]),
    event=st.sampled_from(TYPES[:2]),
    versions=st.sampled_from([None, [1], [1, 2]]),
    amount=st.sampled_from(FIELDS),
    account=st.sampled_from(["stream", "who", "to.who"]),
    scale=st.sampled_from(["minor", "major"]),
    sign=st.sampled_from([-1, 0, 1, "signed"]),
)
fixed = st.builds(
    lambda **given: PostingRule(kind="fixed", **given),
    currency=st.sampled_from(["USD", "JPY", "BTC"]),
    event=st.sampled_from(TYPES[:2]),
    amount=st.sampled_from(FIELDS),
    scale=st.sampled_from(["minor", "major"]),
    sign=st.sampled_from([-1, 1, "signed"]),
)
ledgers = st.builds(
    LedgerDefinition,
    name=st.just("random"),
    decimals=st.just({"BTC": 8}),
    posting=st.lists(rules | fixed, min_size=1, max_size=3),
    without_posting=st.just(["Noted"]),
)

numbers = st.sampled_from(
    [
        "0", "5", "-5", "-0", "007", "12.5", "12.50", "0.005", "-0.005", "1.005", "2.5", "1e2", "1E-3", "5.0", "1.",
        ".5", "+3", "9007199254740991", "9007199254740992", "-9007199254740993", "999999999999999.995",
        "90071992547409.93", "4611686018427387905", "-9223372036854775808", "9223372036854775808", "1" * 40,
        "0.1234567890123456789", "NaN", "Infinity", "-Infinity",
    ]
)  # fmt: skip
texts = st.sampled_from([*CODES, "", "a, b", "a: b", "x, ", '": "', "é", "null", "ß\u2028", "account-7"])
written = st.one_of(
    numbers,
    numbers.map(lambda number: f'"{number}"'),
    texts.map(lambda text: json.dumps(text, ensure_ascii=False)),
    texts.map(json.dumps),
    st.sampled_from(
        ["true", "false", "null", "{}", "[]", '"\\ud800"', '"\\u0000"', '["a", 1]', "[1, 2]", '{"x":1,"x":2}']
    ),
)


@st.composite
def objects(draw: st.DrawFn, depth: int = 1) -> str:
    names = st.sampled_from(["amount", "who", "currency", "Amount", "a b", "q'", "é", "to"])
    keys = draw(st.lists(names, max_size=5, unique=draw(st.sampled_from([True, True, True, False]))))
    comma, colon = draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,", " :")]))
    values = written if depth == 0 else written | objects(depth - 1)
    inner = objects(depth - 1) if depth else values
    fields = [f"{json.dumps(key, ensure_ascii=False)}{colon}{draw(inner if key == 'to' else values)}" for key in keys]
    return "{" + comma.join(fields) + "}"


payloads = st.one_of(
    objects(), objects(), st.sampled_from(["", "[]", "junk", "{", '{"amount":1,}', "{} {}", "5", "null"])
)
plain = st.builds(
    lambda amount, currency, who: json.dumps(
        {
            "amount": amount,
            "currency": currency,
            "who": who,
            "to": {"amount": amount, "who": who, "currency": currency},
        },
        separators=(",", ":"),
    ),
    st.integers(-10, 10**16) | st.integers(0, 10**6).map(lambda cents: f"{cents / 1000:.3f}") | st.floats(0, 1e6),
    st.sampled_from(CODES),
    st.sampled_from(["ann", "bob"]),
)
Event = tuple[str, str, int, str]
events = st.lists(
    st.tuples(
        st.sampled_from(["account-a-1", "plain", "-x", "é-ü"]),
        st.sampled_from(TYPES),
        st.sampled_from([1, 2, 3]),
        plain | payloads,
    ),
    max_size=12,
)


def table_of(events: list[Event]) -> pa.Table:
    count = len(events)
    streams, types, versions, texts = zip(*events, strict=True) if events else ((), (), (), ())
    columns = {
        "position": list(range(1, count + 1)), "stream_id": list(streams), "version": [1] * count,
        "event_id": [f"e{number}" for number in range(count)], "type": list(types), "schema_version": list(versions),
        "payload": list(texts), "recorded_at": [None] * count, "valid_at": [None] * count,
        "correlation_id": [f"c{number}" for number in range(count)],
    }  # fmt: skip
    kinds = {"position": pa.int64(), "version": pa.int64(), "schema_version": pa.int64()}
    moment = pa.timestamp("us", "UTC")
    kinds |= {"recorded_at": moment, "valid_at": moment}
    return pa.table({name: pa.array(columns[name], kinds.get(name, pa.string())) for name in NEEDED})


def by_poster(ledger: LedgerDefinition, events: list[Event]) -> tuple[list[Any], Poster]:
    poster = Poster(ledger)
    rows = [
        (position, ordinal, *posted)
        for position, (stream, kind, version, payload) in enumerate(events, 1)
        for ordinal, posted in enumerate(poster.post(stream, 1, f"e{position - 1}", kind, version, payload))
    ]
    return rows, poster


def by_query(poster: SetBasedPoster, events: list[Event]) -> list[Any]:
    posted = poster.post(table_of(events))
    names = ["position", "ordinal", "account", "currency", "amount_minor", "kind"]
    return sorted(zip(*(posted[name].to_pylist() for name in names), strict=True))


@settings(deadline=None, max_examples=150)
@given(ledgers, events, st.booleans())
def test_the_query_posts_what_the_poster_posts(ledger: LedgerDefinition, events: list[Event], warm: bool) -> None:
    found = SetBasedPoster(ledger)
    if warm:  # shapes learnt from one batch are tried on the next
        by_query(found, events[::-1])
        found.poster = Poster(ledger)
    rows, poster = by_poster(ledger, events)
    assert by_query(found, events) == rows
    assert found.poster.unposted == poster.unposted
    assert found.poster.problem_count == poster.problem_count
    assert Counter(found.poster.problems) == Counter(poster.problems)


@pytest.mark.sweep
@settings(deadline=None, max_examples=20_000)
@given(ledgers, events)
def test_the_query_posts_what_the_poster_posts_over_many(ledger: LedgerDefinition, events: list[Event]) -> None:
    rows, _ = by_poster(ledger, events)
    assert by_query(SetBasedPoster(ledger), events) == rows


def test_plain_events_never_reach_the_poster(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = LedgerDefinition(
        name="plain",
        posting=[
            PostingRule(
                event="Paid", amount="to.amount", currency_field="currency", scale="major", sign=-1, kind="paid"
            )
        ],
        without_posting=["Noted"],
    )
    events: list[Event] = [
        ("account-1", "Paid", 1, '{"to":{"amount":12.50},"currency":"USD"}'),
        ("account-1", "Paid", 1, '{"to": {"amount": 2.5}, "currency": "TND"}'),
        ("account-2", "Paid", 2, '{"to":{"amount":"0.005"},"currency":"USD"}'),
        ("account-2", "Noted", 1, '{"lines":[{"a":"x"},{"a":"y, z"}]}'),
        ("account-2", "Strange", 7, '{"n":null}'),
    ]
    found = SetBasedPoster(ledger)
    monkeypatch.delattr(Poster, "post")
    assert by_query(found, events) == [
        (1, 0, "1", "USD", -1250, "paid"),
        (2, 0, "1", "TND", -2500, "paid"),
        (3, 0, "2", "USD", -1, "paid"),
    ]
    assert found.poster.unposted == {"Strange v7": 1}
