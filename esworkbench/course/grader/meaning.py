"""Whether two replies mean the same, whatever their style: a list is a tuple, a moment is a moment in any zone.

One thing is no style: a whole number that comes back as a float, a bool or a Decimal. Cents get lost so.
"""

import math
import numbers
from collections.abc import Collection, Iterator, Mapping, Set
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from itertools import islice
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from rich.pretty import pretty_repr

LONGEST = 10_000
"""So much of what a reply yields is looked at: it may never end."""


class Raised(NamedTuple):
    """That a call raised, as a reply among others."""

    error: type[BaseException]
    message: str = ""

    def __repr__(self) -> str:
        return f"raises {self.error.__name__}" + (f": {self.message}" if self.message else "")


def plain(value: Any) -> Any:
    """The value with every sequence as a tuple, every set as a frozenset, every table as its rows, to any depth."""
    if isinstance(value, str | bytes | int | float | type(None) | Raised):
        return value
    if type(value).__module__.partition(".")[0] == "pandas":
        return _rows(value)
    if isinstance(value, Mapping):
        return {_hashable(key): plain(each) for key, each in value.items()}
    if isinstance(value, Set):
        return frozenset(map(_hashable, value))
    if isinstance(value, msgspec.Struct):
        return type(value).__name__, plain({name: getattr(value, name) for name in value.__struct_fields__})
    if is_dataclass(value) and not isinstance(value, type):
        return type(value).__name__, plain({field.name: getattr(value, field.name) for field in fields(value)})
    if isinstance(value, Iterator):
        return tuple(plain(each) for each in islice(value, LONGEST))
    if isinstance(value, Collection):
        return tuple(plain(each) for each in value)
    return value


def alike(right: Any, said: Any) -> bool:
    """Whether a plain value means what the right one does.

    A float is right as near as rounding puts it, a whole number exactly; where an error is right, any of its class is.
    """
    if isinstance(right, Raised) or isinstance(said, Raised):
        return isinstance(right, Raised) and isinstance(said, Raised) and issubclass(said.error, right.error)
    if isinstance(right, Mapping) and isinstance(said, Mapping):
        return right.keys() == said.keys() and all(alike(right[key], said[key]) for key in right)
    if isinstance(right, tuple) and isinstance(said, tuple):
        return len(right) == len(said) and all(map(alike, right, said))
    if isinstance(right, bool):
        return _is_bool(said) and bool(said) == right
    if isinstance(right, numbers.Integral):
        return not is_not_whole(right, said) and bool(said == right)
    if isinstance(right, float):
        if not isinstance(said, numbers.Real) or _is_bool(said):
            return False
        return math.isclose(right, said, rel_tol=1e-9) or (math.isnan(right) and math.isnan(said))
    return bool(right == said)


def readable(value: Any) -> str:
    """The value as a learner reads it: like ``repr``, broken into lines, moments as people write them."""
    try:
        return pretty_repr(_with_moments(value), max_width=110)
    except Exception:  # noqa: BLE001 - a class of the learner's own may fail to show itself
        return f"<{type(value).__name__}>"


class _Written(str):
    """A text that is its own ``repr``."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _with_moments(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return _Written(value)
    if isinstance(value, ZoneInfo):
        return _Written(value.key)
    if isinstance(value, dict):
        return {_with_moments(key): _with_moments(each) for key, each in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_make") and not isinstance(value, Raised):
        return value._make(map(_with_moments, value))
    if type(value) in (list, tuple):
        return type(value)(map(_with_moments, value))
    return value


def is_not_whole(right: Any, said: Any) -> bool:
    """Whether somewhere in it a float, a bool or a Decimal stands where the right value has a whole number."""
    if isinstance(right, Mapping) and isinstance(said, Mapping):
        return any(is_not_whole(right[key], said[key]) for key in right.keys() & said.keys())
    if isinstance(right, tuple) and isinstance(said, tuple):
        return any(map(is_not_whole, right, said))
    if _is_bool(right) or not isinstance(right, numbers.Integral):
        return False
    return _is_bool(said) or (isinstance(said, numbers.Number) and not isinstance(said, numbers.Rational))


def _hashable(value: Any) -> Any:
    """Of an object that is hashed as it is, itself: made plain, it could no longer stand in a set."""
    made = plain(value)
    try:
        hash(made)
    except TypeError:
        return value
    return made


def _is_bool(value: Any) -> bool:
    return type(value).__name__ in ("bool", "bool_")


def _rows(table: Any) -> Any:
    """Of a frame its rows, of a series or an index its values; of anything else, a moment say, itself."""
    if hasattr(table, "itertuples"):
        return tuple(tuple(plain(each) for each in row) for row in table.itertuples(index=False, name=None))
    return tuple(plain(each) for each in table) if hasattr(table, "tolist") else table
