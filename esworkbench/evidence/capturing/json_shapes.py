"""Proof that SQL read a JSON text as Python would: it comes back as it was, key by key.

A shape is learnt from a sample and read by ``from_json``. Where what was read, written as JSON again, is the text
itself, no key was repeated, left out or added, no number lost a digit and nothing was escaped. Every other text
is left to Python, whatever is odd about it.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from esworkbench.archive import quoted

Shape = str | dict[str, "Shape"] | list["Shape"]
"""A DuckDB type for a value; for an object its fields', for a list its one element's."""

SHAPES_TRIED = 8
"""Of the texts of one kind: beyond that they follow no shape worth a query of its own."""

_NAME = re.compile(r"[^\x00-\x1f\"\\\x7f\ud800-\udfff]+")
_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_FRACTION = re.compile(r"-?(0|[1-9][0-9]{0,17})\.([0-9]{1,18})")


class _Number(str):
    """A number as it is written."""


def shape_of(text: str) -> dict[str, Shape] | None:
    """The shape of a JSON object; None for anything that SQL can't give back as it was."""
    try:
        found = _typed(json.loads(text, parse_int=_Number, parse_float=_Number, parse_constant=_refuse))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def read_as(shape: dict[str, Shape], column: str) -> str:
    """SQL for the value in a column of JSON text; null, or what doesn't come back, where it isn't of this shape."""
    return f"TRY(from_json({column}, {quoted(json.dumps(shape, ensure_ascii=False))}))"


def came_back(found: str, column: str) -> str:
    """SQL that holds where ``found`` is all of the text in the column. Blanks after ``:`` and ``,`` are no difference.

    A blank inside a string is in ``found`` too, so taking it from the text alone makes the two unequal.
    """
    written = f"TRY(CAST(to_json({found}) AS VARCHAR))"
    tight = f"replace(replace({column}, ', ', ','), ': ', ':')"
    return rf"coalesce(NOT contains({column}, '\') AND ({written} = {column} OR {written} = {tight}), false)"


def at(shape: dict[str, Shape], path: str, found: str) -> tuple[str, str] | None:
    """The DuckDB type and the SQL of the plain value at a dotted path; None where the shape has none there."""
    inner: Shape = shape
    for name in path.split("."):
        if not isinstance(inner, dict) or name not in inner:
            return None
        inner, found = inner[name], f"struct_extract({found}, {quoted(name)})"
    return (inner, found) if isinstance(inner, str) else None


def _typed(value: Any) -> Shape:
    """Raises ValueError where there is no such type."""
    if isinstance(value, dict):
        names = {name.lower() for name in value}
        # DuckDB's fields are the same whatever their case, and it has no object without fields.
        if not value or len(names) < len(value) or not all(_NAME.fullmatch(name) for name in value):
            raise ValueError("no struct")
        return {name: _typed(inner) for name, inner in value.items()}
    if isinstance(value, list):
        inner = [_typed(each) for each in value]
        if any(each != inner[0] for each in inner):
            raise ValueError("a list of more than one type")
        return inner[:1] or ["VARCHAR"]
    if isinstance(value, _Number):
        return _number(value)
    return "BOOLEAN" if isinstance(value, bool) else "VARCHAR"


def _number(written: str) -> str:
    if _WHOLE.fullmatch(written):
        return "BIGINT"
    if fraction := _FRACTION.fullmatch(written):
        return f"DECIMAL(38, {len(fraction[2])})"
    raise ValueError("no plain number")


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


class Shapes:
    """The shapes learnt so far, by kind of text."""

    def __init__(self) -> None:
        self._known: dict[Any, list[dict[str, Shape]]] = {}

    def of(self, kind: Any) -> list[dict[str, Shape]]:
        return list(self._known.get(kind, ()))

    def learn(self, kind: Any, samples: list[str]) -> Iterator[dict[str, Shape]]:
        """Shapes of the samples that are new; none past ``SHAPES_TRIED``."""
        known = self._known.setdefault(kind, [])
        for text in samples:
            if len(known) >= SHAPES_TRIED:
                return
            shape = shape_of(text)
            # Equal dicts may still list their fields in another order, which comes back as another text.
            if shape is not None and all(json.dumps(shape) != json.dumps(each) for each in known):
                known.append(shape)
                yield shape
