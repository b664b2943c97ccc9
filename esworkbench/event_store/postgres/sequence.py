"""Whether positions are drawn in the order in which they are asked for, which gap-safe reading relies on.

A sequence with a cache gives each connection a store of positions of its own: one may commit 21 and another, later, 2.
The second was never missing while a writer held the lock, so a reader has passed it for ever. The same comes of a
sequence that counts down, that begins again at its end, or that was set back below what is there.
"""

from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine

from esworkbench.errors import UnusableInput
from esworkbench.event_store.columns import LAST_POSITION, out_of_reach
from esworkbench.event_store.database import described

if TYPE_CHECKING:
    import psycopg

DRAWN_FROM = """
    SELECT seq.oid, seq.oid::regclass::text, seqcache, seqincrement, seqcycle
    FROM pg_sequence JOIN pg_class seq ON seq.oid = seqrelid
    JOIN pg_attribute at ON at.attrelid = to_regclass(%(table)s) AND at.attname = %(column)s
    WHERE EXISTS (
        SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = seq.oid
        AND refclassid = 'pg_class'::regclass AND refobjid = attrelid AND refobjsubid = attnum
    ) OR EXISTS (
        SELECT FROM pg_attrdef def JOIN pg_depend ON classid = 'pg_attrdef'::regclass AND objid = def.oid
        WHERE adrelid = attrelid AND adnum = attnum AND refclassid = 'pg_class'::regclass AND refobjid = seq.oid
    )
"""
"""Of an identity, a serial, or a default that somebody wrote: whichever hands out the column's values."""

LAST = """
    SELECT (SELECT coalesce(max(global_position), 0) FROM events),
           CASE WHEN has_sequence_privilege(%s::oid, 'SELECT') THEN coalesce(pg_sequence_last_value(%s::oid), 0) END
"""
"""The last position seen, and the last drawn. In one statement, which sees its rows before it asks the sequence."""


LAST_EVENT = "SELECT global_position, stream_id, event_id FROM events ORDER BY global_position DESC LIMIT 1"
TAKEN_AWAY = (
    f"ALTER TABLE events DISABLE TRIGGER events_no_rewrite; DELETE FROM events WHERE global_position >= {LAST_POSITION}"
)


def out_of_order(
    connection: "psycopg.Connection[Any]", table: str = "events", column: str = "global_position"
) -> str | None:
    """What lets a column's values be drawn out of order, and the statement that ends it, in words; None if nothing.

    ``table`` as it stands in SQL, quoted where it needs to be.
    """
    drawn_from = connection.execute(DRAWN_FROM, {"table": table, "column": column}).fetchone()
    if drawn_from is None:
        return None
    _oid, name, cache, increment, cycles = drawn_from
    faults = {
        f"CACHE {cache}": "CACHE 1" if cache != 1 else None,
        f"INCREMENT BY {increment}": "INCREMENT BY 1" if increment < 1 else None,
        "CYCLE": "NO CYCLE" if cycles else None,
    }
    wrong = [fault for fault, remedy in faults.items() if remedy]
    if not wrong:
        return None
    remedies = " ".join(remedy for remedy in faults.values() if remedy)
    return (
        f"the sequence {name} has {' and '.join(wrong)}, so positions are committed below others that readers have "
        f"passed: end its connections and run ALTER SEQUENCE {name} {remedies}"
    )


def require_order(engine: Engine) -> None:
    """Raise UnusableInput for a PostgreSQL store whose positions would not be drawn in order."""
    if engine.dialect.name != "postgresql":
        return
    with engine.connect() as pooled:
        connection: Any = pooled.connection.driver_connection
        fault = out_of_order(connection) or _set_back(connection)
    if fault is not None:
        engine.dispose()
        raise UnusableInput(f"{described(engine.url)} can't be followed without skipping events: {fault}")


def _set_back(connection: "psycopg.Connection[Any]") -> str | None:
    drawn_from = connection.execute(DRAWN_FROM, {"table": "events", "column": "global_position"}).fetchone()
    if drawn_from is None:
        return None
    oid, name = drawn_from[:2]
    last, drawn = connection.execute(LAST, (oid, oid)).fetchall()[0]
    if last >= LAST_POSITION:
        position, stream_id, event_id = connection.execute(LAST_EVENT).fetchall()[0]
        return out_of_reach(position, stream_id, event_id, TAKEN_AWAY)
    if drawn is None or drawn >= last:
        return None
    return (
        f"the sequence {name} stands at {drawn}, below the last position {last}, so the next events would stand in "
        f"old gaps or be refused: with no writer connected, run SELECT setval('{name}', {last})"
    )
