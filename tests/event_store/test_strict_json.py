"""Promise 8: the quick proof that JSON is read the same by everyone never accepts what the full check refuses."""

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from esworkbench.event_store import strict_json
from esworkbench.event_store.strict_json import check_json_object

EDGES = [2**53 - 1, 2**53, -(2**53) + 1, -(2**53), 2**63, 2**64, 10**15, 10**16, 10**17, 10**30]
NUMBERS = ["-0", "0.0", "1.0", "1e5", "1E400", "-1e20", "0.1", "90071992547409.93", "9007199254740992.0", "01", "+1"]
CONSTANTS = ["true", "false", "null", "NaN", "Infinity", "-Infinity", "True", "nul", ""]
PIECES = ["a", "b", "é", "🧾", " ", "/", "\x7f", "\x1f", "\0", "\u2028", "\ud83e", "\\n", "\\/", "\\u0000", "\\u0061"]
PIECES += ["\\ud83e", "\\ud83e\\uddfe", '\\"', "\\\\", "\\x", "9" * 20]

texts = st.lists(st.sampled_from(PIECES), max_size=3).map(lambda pieces: '"' + "".join(pieces) + '"')
integers = st.integers() | st.sampled_from(EDGES)
scalars = st.one_of(texts, integers.map(str), st.sampled_from(NUMBERS), st.sampled_from(CONSTANTS))
blanks = st.sampled_from(["", "", "", " ", "\n", "\ufeff", ","])


def containers(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    members = st.tuples(texts, blanks, inner).map(lambda member: f"{member[0]}:{member[1]}{member[2]}")
    objects = st.lists(members, max_size=3).map(lambda found: "{" + ",".join(found) + "}")
    return objects | st.lists(inner, max_size=3).map(lambda found: "[" + ",".join(found) + "]")


documents = st.tuples(containers(st.recursive(scalars, containers, max_leaves=6)), blanks).map("".join)
encoded_documents = documents.map(lambda text: text.encode("utf-8", "surrogatepass"))
mangled = st.tuples(encoded_documents, st.integers(0, 40), st.binary(max_size=2)).map(
    lambda found: found[0][: found[1]] + found[2] + found[0][found[1] :]
)
payloads = st.dictionaries(st.text(max_size=5), st.integers(-(2**54), 2**54) | st.text() | st.none() | st.booleans())


def refusal(check: Callable[[str, bytes], object], encoded: bytes) -> str | None:
    try:
        check("payload", encoded)
    except (ValueError, RecursionError) as error:
        return f"{type(error).__name__}: {error}"
    return None


def assert_refused_alike(encoded: bytes) -> None:
    assert refusal(check_json_object, encoded) == refusal(strict_json._check_in_full, encoded)


@settings(max_examples=1500, deadline=None)
@given(encoded_documents)
@example(b'{"a":1,"a":1}')
@example(b'{"a":"\\u0000"}')
@example(b'{"a":9007199254740992}')
@example(b'{"a":1e20}')
@example(b"[1]")
@example(b'{"a":[{"b":1,"b":1}]}')
def test_the_quick_proof_refuses_what_the_full_check_refuses(encoded: bytes) -> None:
    assert_refused_alike(encoded)


@settings(max_examples=500, deadline=None)
@given(mangled | st.binary(max_size=12))
def test_damaged_text_is_refused_alike(encoded: bytes) -> None:
    assert_refused_alike(encoded)


@settings(max_examples=300, deadline=None)
@given(payloads)
def test_what_our_own_encoder_writes_is_judged_alike(payload: dict[str, object]) -> None:
    assert_refused_alike(msgspec.json.encode(payload))


@pytest.mark.parametrize("depth", [1, 3, 50, 900, 1100, 5000])
def test_nesting_is_judged_alike(depth: int) -> None:
    assert_refused_alike(b'{"a":' + b"[" * depth + b"]" * depth + b"}")
    assert_refused_alike(b'{"a":' * depth + b"1" + b"}" * depth)


def test_an_ordinary_payload_is_proved_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the quick way would be dead code that all the tests above pass."""
    monkeypatch.setattr(strict_json, "_check_in_full", lambda _name, encoded: pytest.fail(f"slow for {encoded}"))
    for payload in (
        b'{"amount_minor":1250,"currency":"USD","reference":"r-1"}',
        b'{"lines":[{"sku":"\xc3\xa9","count":2}],"paid":true,"note":null,"ship_to":{"city":"Bern"}}',
        b'{"a":9007199254740991,"b":-9007199254740991}',
        b"{}",
    ):
        assert check_json_object("payload", payload) == payload
