"""JSON that every reader reads the same.

What is refused here could be written, but not read back the same by everyone: a duplicate key is kept by one JSON
reader and dropped by the next, an integer past 2**53 - 1 changes its last digits in a double, NaN isn't JSON, and
NUL can't stand in PostgreSQL's text.
"""

import json
from typing import Annotated, Any, NoReturn

import msgspec

from esworkbench.events import MAX_AMOUNT_MINOR

_Scalar = str | Annotated[int, msgspec.Meta(ge=-MAX_AMOUNT_MINOR, le=MAX_AMOUNT_MINOR)] | bool | None
_Flat = dict[str, _Scalar]
_plain = msgspec.json.Decoder(dict[str, _Scalar | _Flat | list[_Scalar | _Flat]])


def check_json_object(name: str, encoded: bytes) -> bytes:
    """The bytes as they are, if every JSON reader gets the same object from them. Raises ValueError or RecursionError.

    Nearly all payloads are plain, which is quick to prove; all others are checked in full.
    """
    if not _is_plain(encoded):
        _check_in_full(name, encoded)
    return encoded


def _is_plain(encoded: bytes) -> bool:
    """Whether this is a shallow object of texts, exact integers and the like, written without blanks or escapes.

    Bytes that come out of decoding and encoding as they went in repeat no key. The full check takes four times as
    long, because Python is called back for every key and number: an eighth of what a batch costs.
    """
    try:
        value = _plain.decode(encoded)
    except ValueError:
        return False
    return b"\\" not in encoded and msgspec.json.encode(value) == encoded


def _check_in_full(name: str, encoded: bytes) -> None:
    value = _strict.decode(encoded.decode())
    if type(value) is not dict:
        raise ValueError(f"its {name} is not a JSON object")
    if b"\\u" in encoded:
        # An escape can smuggle in what raw UTF-8 can't hold: half of a surrogate pair, which can't be encoded, or NUL.
        unescaped = json.dumps(value, ensure_ascii=False)
        unescaped.encode()
        if "\\u0000" in unescaped.replace("\\\\", ""):
            raise ValueError("a JSON string holds a NUL character")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r} stands twice in one JSON object")
    return found


def _bounded(digits: str) -> float:
    number = float(digits)
    if abs(number) > MAX_AMOUNT_MINOR:
        raise ValueError(f"the number {digits[:24]} lies beyond ±(2**53 - 1), where a double is no longer exact")
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


_strict = json.JSONDecoder(
    object_pairs_hook=_unique_keys,
    parse_int=_bounded,
    parse_float=_bounded,
    parse_constant=_refuse_constant,
)
