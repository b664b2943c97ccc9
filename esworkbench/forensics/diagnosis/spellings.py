"""Other bytes for the same JSON: what a serializer could have written before the bytes that stand there now.

A hash is over bytes. Where the stored content, spelled differently, hashes to what is stored beside it, nothing was
edited: it was written down again. That is a proof, where a pattern over many events is only a sign.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from typing import Any, NamedTuple

Keys = tuple[str, ...]
Orders = Mapping[frozenset[str], Iterable[Keys]]
"""Orders in which a set of keys is known to be written."""

_MARK = "\ue000"
"""Stands around a number while JSON is written, so that its digits come out as they went in."""

_MARKED = re.compile(r'"(?:\\ue000|\ue000)(.*?)(?:\\ue000|\ue000)"')
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


class Style(NamedTuple):
    """One way to write JSON. ``numbers``: as they stand, shortest, with two decimals, or out of their quotes.

    ``order`` of the keys: as it stands, as others have it, sorted; "by text" leaves all as it stands, and only takes
    back the spaces that a replacement of text put in, inside of texts too.
    """

    order: str
    separators: tuple[str, str]
    ascii: bool
    numbers: str


STYLES = [
    Style(*each)
    for each in product(
        ("by text", "as it stands", "as others", "sorted"),
        ((",", ":"), (", ", ": "), (",", ": "), (", ", ":")),
        (False, True),
        ("as they stand", "shortest", "two decimals", "unquoted"),
    )
]

PLAIN = [Style("as others", separators, False, "as they stand") for separators in ((",", ":"), (", ", ": "))]
"""What most serializers write, once the order of the keys is known."""


def keys_of(text: str) -> Keys:
    """The keys of a JSON object, as they stand; none for anything else."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return ()
    return tuple(content) if isinstance(content, dict) else ()


def spellings(text: str, style: Style, orders: Orders) -> Iterator[str]:
    """The text in that style; more than once where others are written in several orders. Nothing for what isn't JSON.

    ``orders`` are those seen elsewhere in the log.
    """
    if style.order == "by text":
        yield text.replace(": ", style.separators[1]).replace(", ", style.separators[0])
        return
    try:
        content = json.loads(text, parse_float=lambda raw: _MARK + _float(raw, style.numbers) + _MARK)
    except (ValueError, RecursionError):
        return
    if not isinstance(content, dict):
        return
    if style.numbers == "unquoted":
        content = {key: _unquoted(value) for key, value in content.items()}
    for arranged in _arranged(content, style.order, orders):
        written = json.dumps(
            arranged, separators=style.separators, ensure_ascii=style.ascii, sort_keys=style.order == "sorted"
        )
        spelled = _MARKED.sub(r"\1", written)
        if is_text(spelled):
            yield spelled


def is_text(text: str) -> bool:
    """Whether it can be written down: half of a surrogate pair, which JSON can escape, is no character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _float(raw: str, numbers: str) -> str:
    if numbers == "shortest":
        return repr(float(raw))
    return f"{float(raw):.2f}" if numbers == "two decimals" else raw


def _unquoted(value: Any) -> Any:
    return f"{_MARK}{value}{_MARK}" if isinstance(value, str) and _NUMBER.fullmatch(value) else value


def _arranged(content: dict[str, Any], order: str, orders: Orders) -> Iterator[dict[str, Any]]:
    if order != "as others":
        yield content
        return
    for keys in orders.get(frozenset(content), ()):
        yield {key: content[key] for key in keys}
