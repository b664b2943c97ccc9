"""Two projections in parallel, diffed: the old one and the one that is to replace it, over one log.

Whatever differs is a mistake in one of them, unless it was expected and said so beforehand. (GitHub's Scientist runs
old and new code side by side in the same way.)
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, Select, and_, select

from esworkbench.errors import UnusableInput
from esworkbench.projections import checkpoints

DIFFERENCES_KEPT = 1000
ROWS_FETCHED = 1000

Key = tuple[Any, ...]


class Side(NamedTuple):
    """What one projection says. ``rows`` selects the columns of a unique key and, last, the value.

    ``as_number`` makes the stored value an exact number in the unit of the comparison.
    """

    projection: str
    rows: Select[Any]
    as_number: Callable[[Any], Decimal] = Decimal


class Difference(NamedTuple):
    """A key on which the two part otherwise than expected. None stands for a row that one side doesn't have.

    ``difference`` is new − old, a row that is missing counting as 0.
    """

    key: Key
    old: Decimal | None
    new: Decimal | None
    difference: Decimal
    expected: Decimal


class Comparison(NamedTuple):
    """``rows`` keys compared, both sides at ``position``; ``differing`` of them part, of which the first 1,000 kept."""

    position: int
    rows: int
    differing: int
    differences: list[Difference]


def compare_projections(
    engine: Engine, old: Side, new: Side, *, expected: Mapping[Key, Decimal] | None = None
) -> Comparison:
    """Compare row by row, in one snapshot of the database and in bounded memory.

    ``expected`` says by key how much new is to exceed old; a key it names must differ by exactly that, any other not at
    all. Raises UnusableInput when the two stand at different positions of the log: what they differ by then is lag.
    """
    foreseen = dict(expected or {})
    snapshot = {"isolation_level": "REPEATABLE READ"} if engine.dialect.name == "postgresql" else {}
    with engine.connect().execution_options(**snapshot) as connection, connection.begin():
        position = _same_position(connection, old.projection, new.projection)
        keys = len(old.rows.selected_columns) - 1
        found = connection.execution_options(yield_per=ROWS_FETCHED).execute(_side_by_side(old.rows, new.rows))
        rows = differing = 0
        differences: list[Difference] = []
        for row in found:
            rows += 1
            difference = _difference(tuple(row), keys, old, new, foreseen)
            if difference is not None:
                differing += 1
                if len(differences) < DIFFERENCES_KEPT:
                    differences.append(difference)
    for key, amount in sorted(foreseen.items()):
        differing += 1
        differences.append(Difference(key, None, None, Decimal(0), amount))
    return Comparison(position, rows, differing, sorted(differences, key=lambda each: each.key))


def _same_position(connection: Connection, old: str, new: str) -> int:
    reached = {name: checkpoints.position_of(connection, name) for name in (old, new)}
    if reached[old] != reached[new]:
        raise UnusableInput(
            f"{old} has seen the log up to position {reached[old]} and {new} up to {reached[new]}: run both up to one "
            "position, then compare"
        )
    return reached[old]


def _side_by_side(old: Select[Any], new: Select[Any]) -> Select[Any]:
    """A full outer join on the key: the old side's columns, then the new side's."""
    left, right = old.subquery("old_side"), new.subquery("new_side")
    pairs = list(zip(left.c, right.c, strict=True))[:-1]
    return select(*left.c, *right.c).select_from(left.join(right, and_(*(a == b for a, b in pairs)), full=True))


def _difference(row: Key, keys: int, old: Side, new: Side, foreseen: dict[Key, Decimal]) -> Difference | None:
    left, right = row[: keys + 1], row[keys + 1 :]
    # A missing row comes from the join as nulls all through, the key too.
    before = None if left[0] is None else old.as_number(left[-1])
    after = None if right[0] is None else new.as_number(right[-1])
    key = right[:keys] if before is None else left[:keys]
    expected = foreseen.pop(key, Decimal(0))
    difference = (after or Decimal(0)) - (before or Decimal(0))
    if difference == expected and before is not None and after is not None:
        return None
    return Difference(key, before, after, difference, expected)
