"""Which fields a payload has: paths such as ``address.zip`` and ``lines[].sku``, each with its JSON type."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple

DEEPEST = 12
"""Objects nested deeper than this are named and not looked into."""


class FieldValue(NamedTuple):
    """One field of one payload. ``value`` is what stands there, for objects and arrays too."""

    path: str
    json_type: str
    value: Any


def json_type(value: Any) -> str:
    """JSON Schema's name for a decoded value's type; integers are numbers, as they are to JSON itself (RFC 8259, 6)."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float | Decimal):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def fields_of(payload: dict[str, Any], opaque: frozenset[str] = frozenset()) -> Iterator[FieldValue]:
    """Every field, objects before what is in them, the elements of an array as one field with ``[]``.

    ``opaque`` paths are named and not looked into: for objects whose keys are data.
    """
    for key, value in payload.items():
        yield from _fields_under(key, value, opaque, depth=1)


def parent_of(path: str) -> str:
    """The path of the object or array that holds the field; empty for a field at the top."""
    if path.endswith("[]"):
        return path[:-2]
    return path.rpartition(".")[0]


def _fields_under(path: str, value: Any, opaque: frozenset[str], depth: int) -> Iterator[FieldValue]:
    yield FieldValue(path, json_type(value), value)
    if path in opaque or depth == DEEPEST:
        return
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _fields_under(f"{path}.{key}", inner, opaque, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            yield from _fields_under(f"{path}[]", inner, opaque, depth + 1)
