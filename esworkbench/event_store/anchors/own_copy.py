"""The store's own copy of its anchors, in the table ``anchors``: append-only, and no proof by itself.

Whoever can rewrite events can rewrite these rows as well. They show an intruder who forgot them, and an outside folder
that was lost or emptied.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import DBAPIError

from esworkbench.errors import EsworkbenchError
from esworkbench.event_store.anchors.anchor import Anchor, AnchorRefused, check_signature
from esworkbench.event_store.anchors.files import MOST_ANCHORS, KeptAnchor
from esworkbench.event_store.columns import columns_of
from esworkbench.event_store.database import driver_error, on_one_line, write_transaction
from esworkbench.event_store.guards import create_guards, make_tables, put_back_guards
from esworkbench.event_store.schema import anchors
from esworkbench.shown import printable

ADDED = ("log_id", "previous")
"""Columns that the table of an earlier release lacks; none was ever written to there."""


COPIED = ("event_count", "root", "anchored_at", "key_id", "signature", *ADDED)
POSTGRES_MOMENT = """to_char(anchored_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
"""As it is signed. What is no moment of ours, infinity say, comes out otherwise, and is no error of the driver's."""


class OwnCopy(NamedTuple):
    """A row of the store's own table: its position as it stands there, and the anchor that it is, if it is one."""

    position: object
    anchor: Anchor | None


def own_copies(connection: Connection) -> list[OwnCopy]:
    """What the table holds; nothing where there is no table. Whatever stands in a row, it is read, and isn't judged."""
    if not inspect(connection).has_table(anchors.name):
        return []
    there = columns_of(connection, anchors.name)
    return copies_in(map(tuple, connection.execute(text(copies_query(there, connection.dialect.name)))))


def copies_query(there: Collection[str], engine: str) -> str:
    """What reads the table, by the columns that it has, on ``sqlite`` or ``postgresql``."""
    named = {name: name if name in there else "NULL" for name in ("position", *COPIED)}
    if engine == "postgresql":
        named["anchored_at"] = POSTGRES_MOMENT
    else:  # the driver would refuse what is no UTF-8
        named = {name: f"CASE typeof({each}) WHEN 'text' THEN CAST({each} AS BLOB) ELSE {each} END"
                 for name, each in named.items()}  # fmt: skip
    return f"SELECT {', '.join(named.values())} FROM anchors LIMIT {MOST_ANCHORS}"


def copies_in(rows: Iterable[Sequence[object]]) -> list[OwnCopy]:
    """The rows of ``copies_query``, as they are."""
    return [_read([_text(value) for value in row]) for row in rows]


def _text(value: object) -> object:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value


def _read(row: Sequence[object]) -> OwnCopy:
    names = ("position", "count", *COPIED[1:])
    try:
        return OwnCopy(row[0], msgspec.convert(dict(zip(names, row, strict=True)), Anchor))
    except (ValueError, TypeError):
        return OwnCopy(row[0], None)


def trusted_copies(
    copies: Sequence[OwnCopy], public_keys: Mapping[str, bytes], log_id: str | None
) -> tuple[list[Anchor], list[str]]:
    """The rows that one of these keys signed, by position, and a sentence on each other one: it is nobody's word.

    With ``log_id``, those of another log are none either. So whoever writes a row here ends no anchoring.
    """
    found, told = [], []
    for position, anchor in sorted(copies, key=lambda each: str(each.position)):
        why = "it is no whole anchor"
        if anchor is not None:
            try:
                check_signature(anchor, public_keys)
                why = "" if log_id in (None, anchor.log_id) else "it is of another log"
            except AnchorRefused as refused:
                unknown = refused.failure == "unknown_key"
                why = "no key that is known here signed it" if unknown else "its key didn't sign it"
        if anchor is not None and not why:
            found.append(anchor)
        else:
            shown = printable(str(position))[:40]
            told.append(f"the row at position {shown} of the store's own table of anchors proves nothing: {why}")
    return sorted(found, key=lambda each: each.position), told


def copy_into_store(engine: Engine, kept: Sequence[KeptAnchor]) -> str | None:
    """Add to the table those anchors that it lacks. Where that may not be, a sentence that says so; else None."""
    try:
        with write_transaction(engine) as connection:
            make_tables(connection, [anchors], append_only=[anchors.name])
            there = {each.position for each in own_copies(connection)}
            lacking = [each for each in kept if each.anchor.position not in there]
            if lacking:
                _add_columns(connection)
                if there:
                    put_back_guards(connection, anchors)
                else:  # an earlier release made the table without any, and never wrote to it
                    create_guards(connection, [anchors.name])
                connection.execute(anchors.insert(), [_row(each) for each in lacking])
    except (DBAPIError, EsworkbenchError) as error:
        why = on_one_line(driver_error(error))
        return f"the store's own copy was not written ({why}): the anchor outside is what counts"
    return None


def _add_columns(connection: Connection) -> None:
    for column in ADDED:
        if column not in columns_of(connection, anchors.name):
            connection.execute(text(f"ALTER TABLE anchors ADD COLUMN {column} TEXT"))


def _row(kept: KeptAnchor) -> dict[str, object]:
    anchor: Anchor = kept.anchor
    return {
        "position": anchor.position, "event_count": anchor.count, "root": anchor.root, "anchored_at": anchor.moment(),
        "key_id": anchor.key_id, "signature": anchor.signature, "leaves": kept.leaves_path.name,
        "log_id": anchor.log_id, "previous": anchor.previous,
    }  # fmt: skip
