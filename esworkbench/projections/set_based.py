"""A projection's definition as one query: a fold told to a database, which may take all events at once.

A database reads payloads more freely than the decoder: a text passes for a number, half a cent is rounded off, a field
too many is overlooked. So what it read is written again, and trusted only where that is the payload byte for byte.
Payloads that don't come back are left to the decoder.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from esworkbench.events import DomainEvent

JSON_TYPES: Mapping[type, str] = {int: "BIGINT", str: "VARCHAR"}


class StoredShape(NamedTuple):
    """One stored shape of an event type.

    ``fields`` are the payload's, in the order they are written, with the DuckDB type to read each as. ``columns`` say
    in SQL, over the struct ``$found`` of the fields, what today's shape holds; a column left out is the field of that
    name, or null. ``check`` is one more condition, for fields that SQL can't take as they come.
    """

    event_type: str
    schema_version: int
    fields: Mapping[str, str]
    columns: Mapping[str, str] = {}
    check: str = "true"

    def same_but_for_its_name(self, other: "StoredShape") -> bool:
        return self[2:] == other[2:]


class SetBased(NamedTuple):
    """``query`` gives the rows of the projection's one table from the relation ``events``.

    That has ``position, stream_id, version, event_id, event_type, recorded_at`` and ``columns`` (name to SQL type), one
    row for each event of the types it ``reads``, in today's shape; the query must leave none of them out before it
    groups or orders. ``shapes`` are all that the decoder knows.
    """

    shapes: Sequence[StoredShape]
    columns: Mapping[str, str]
    reads: Sequence[str]
    query: str


def todays_shape(event_class: type[DomainEvent]) -> StoredShape:
    """The shape that the code writes now, read off the class. Raises TypeError for a field neither int nor str."""
    fields = {}
    for name in event_class.__struct_fields__:
        kind = event_class.__annotations__[name]
        if kind not in JSON_TYPES:
            raise TypeError(f"{event_class.__name__}.{name} is neither int nor str: write its shape by hand")
        fields[name] = JSON_TYPES[kind]
    return StoredShape(event_class.__name__, event_class.schema_version, fields)
