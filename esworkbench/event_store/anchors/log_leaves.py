"""The leaves of a live store: place and hash of its events, read at one cut without their payloads."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from esworkbench.errors import UnusableInput
from esworkbench.event_store.anchors.tree import Leaf
from esworkbench.event_store.columns import LAST_POSITION
from esworkbench.event_store.database import driver_error

ROWS_AT_ONCE = 10_000
HEX = frozenset("0123456789abcdef")

BETWEEN = text(
    "SELECT global_position, stream_id, version, hash FROM events"
    " WHERE global_position > :after AND global_position <= :up_to ORDER BY global_position"
)
OUT_OF_REACH = text(
    "SELECT global_position, stream_id FROM events"
    f" WHERE global_position < 1 OR global_position >= {LAST_POSITION} ORDER BY global_position LIMIT 1"
)


@contextmanager
def one_cut(engine: Engine) -> Iterator[Connection]:
    """A connection that sees the database as it is now, whoever writes meanwhile, and that writes nothing."""
    options = (
        {} if engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    )
    with engine.connect() as connection:
        yield connection.execution_options(**options)


def log_leaves(connection: Connection, *, after: int = 0, up_to: int) -> Iterator[Leaf]:
    """The leaves of the events after one position, up to another (inclusive), in bounded memory.

    Raises UnusableInput for a row that no leaf can be made of, or one below or past all positions that are drawn: an
    anchor can't cover it, and nobody should sign a log that holds it.
    """
    astray = connection.execute(OUT_OF_REACH).first()
    if astray is not None:
        raise UnusableInput(
            f"an event of stream {astray[1]!r} stands at position {astray[0]}, where none is ever drawn, so somebody "
            "put it there by hand: capture the store as evidence and diagnose it, then anchor what is put right"
        )
    try:
        rows = connection.execution_options(yield_per=ROWS_AT_ONCE).execute(BETWEEN, {"after": after, "up_to": up_to})
        for position, stream_id, version, event_hash in rows:
            if type(stream_id) is not str or type(version) is not int or not _is_hash(event_hash):
                raise _no_leaf(f"the event at position {position}")
            yield Leaf(position, stream_id, version, event_hash)
    except DBAPIError as error:
        if "decode" not in str(driver_error(error)):
            raise
        raise _no_leaf(f"an event after position {after}") from None


def _is_hash(found: object) -> bool:
    return type(found) is str and len(found) == 64 and HEX.issuperset(found)


def _no_leaf(which: str) -> UnusableInput:
    return UnusableInput(
        f"{which} has no stream id, version or hash as the store writes them, so somebody else wrote it: capture the "
        "store as evidence and diagnose it, then anchor what is put right"
    )
