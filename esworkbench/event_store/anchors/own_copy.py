"""The store's own copy of its anchors, in the table ``anchors``: append-only, and no proof by itself.

Whoever can rewrite events can rewrite these rows as well. They show an intruder who forgot them, and an outside folder
that was lost or emptied.
"""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, Engine, inspect, select, text
from sqlalchemy.exc import DBAPIError

from esworkbench.errors import EsworkbenchError, UnusableInput
from esworkbench.event_store.anchors.anchor import Anchor
from esworkbench.event_store.anchors.files import KeptAnchor
from esworkbench.event_store.columns import columns_of
from esworkbench.event_store.database import driver_error, on_one_line, write_transaction
from esworkbench.event_store.guards import create_guards, make_tables, put_back_guards
from esworkbench.event_store.schema import anchors

ADDED = ("log_id", "previous")
"""Columns that the table of an earlier release lacks; none was ever written to there."""


class OwnCopy(NamedTuple):
    """What the store's own table says of the log up to a position."""

    position: int
    root: str


def own_copies(connection: Connection) -> list[OwnCopy]:
    """What the table holds, by position; nothing where there is no table. Raises UnusableInput for an odd row."""
    if not inspect(connection).has_table(anchors.name):
        return []
    rows = connection.execute(select(anchors.c.position, anchors.c.root).order_by(anchors.c.position))
    copies = [OwnCopy(position, root) for position, root in rows]
    if not all(type(each.position) is int for each in copies):
        raise UnusableInput(
            "the store's table 'anchors' holds a position that is no number, so somebody else wrote it: capture the "
            "store as evidence, and let its owner move that row away"
        )
    return copies


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
