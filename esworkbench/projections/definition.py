"""A projection's definition as one query: a fold told to a database, which may take all events at once.

SQL reads payloads with regular expressions that match what the encoder writes, byte for byte, and nothing else: JSON
functions take a number through a double, and would read past a field that the decoder refuses. A payload that matches
none is left to the decoder.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from esworkbench.events import DomainEvent

WHOLE_NUMBER = r"-?(?:0|[1-9][0-9]{0,15})"
DECIMAL_NUMBER = r"-?(?:0|[1-9][0-9]{0,13})(?:\.[0-9]{1,10})?"
TEXT = r'[^"\\\x00-\x1f]*'


class PayloadField(NamedTuple):
    """A field of a stored payload: its JSON name, the pattern of its value, and the column that it becomes.

    ``pattern`` has one group, the text to keep. ``sql`` turns that text, written ``{}``, into the column's value. A
    field with no column is only checked.
    """

    name: str
    pattern: str
    column: str | None = None
    sql: str = "{}"


class Shape(NamedTuple):
    """One stored shape of an event type, its payload's fields in the order they are written.

    ``constants`` are columns that the shape says nothing about, as SQL.
    """

    event_type: str
    schema_version: int
    fields: Sequence[PayloadField]
    constants: Mapping[str, str] = {}


class SetBased(NamedTuple):
    """``query`` gives the rows of the projection's one table from the relation ``events``.

    That has ``position, stream_id, version, event_id, event_type, recorded_at`` and ``columns`` (name to SQL type), one
    row for each event of the types it ``reads``, in today's shape; the query must leave none of them out before it
    groups or orders. ``shapes`` are all that the decoder knows; payloads name columns in the order of ``columns``.
    """

    shapes: Sequence[Shape]
    columns: Mapping[str, str]
    reads: Sequence[str]
    query: str


def number_field(name: str, column: str | None = None) -> PayloadField:
    return PayloadField(name, f"({WHOLE_NUMBER})", column, "CAST({} AS BIGINT)")


def text_field(name: str, column: str | None = None) -> PayloadField:
    return PayloadField(name, f'"({TEXT})"', column)


def todays_shape(event_class: type[DomainEvent], columns: Mapping[str, str]) -> Shape:
    """The shape that the code writes now, read off the class. Raises TypeError for a field neither int nor str."""
    kinds = {int: number_field, str: text_field}
    fields = []
    for name in event_class.__struct_fields__:
        kind = event_class.__annotations__[name]
        if kind not in kinds:
            raise TypeError(f"{event_class.__name__}.{name} is neither int nor str: write its shape by hand")
        fields.append(kinds[kind](name, name if name in columns else None))
    return Shape(event_class.__name__, event_class.schema_version, fields)


def pattern_of(shape: Shape, columns: Sequence[str]) -> str:
    """The whole payload as one RE2 pattern: a group for ``{``, then one for each column, empty where it has none."""
    pattern, waiting = r"^(\{)", list(columns)
    for number, field in enumerate(shape.fields):
        value = field.pattern
        if field.column is None:
            value = value.replace("(", "(?:", 1)
        else:
            pattern += "()" * waiting.index(field.column)
            waiting = waiting[waiting.index(field.column) + 1 :]
        pattern += f'{"," if number else ""}"{field.name}":{value}'
    return pattern + "()" * len(waiting) + r"\}$"
