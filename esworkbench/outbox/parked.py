"""Messages that could not be published after many attempts: what is known of them, and what an operator does.

Their rows in ``outbox_failures`` have no next attempt. Fix the cause, then ``retry``; or decide that the stream goes
on without the message, with ``let_stream_go_on``: the row stays, as the record of what was never sent.
"""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Engine, delete, select, update

from esworkbench.errors import UnusableInput
from esworkbench.event_store.database import write_transaction
from esworkbench.outbox import tables
from esworkbench.outbox.tables import outbox_failures

IS_PARKED = outbox_failures.c.next_attempt_at.is_(None)


class ParkedMessage(NamedTuple):
    """``holds_stream``: the later messages of its stream wait for it."""

    global_position: int
    stream_id: str
    attempts: int
    error: str
    failed_at: datetime
    holds_stream: bool


def parked_messages(engine: Engine) -> list[ParkedMessage]:
    """By position."""
    columns = [outbox_failures.c[name] for name in ParkedMessage._fields]
    with engine.connect() as connection:
        if not tables.are_there(connection):
            return []
        rows = connection.execute(select(*columns).where(IS_PARKED).order_by(outbox_failures.c.global_position))
        return [ParkedMessage(*row) for row in rows]


def retry(engine: Engine, global_position: int) -> None:
    """Let the relay try the parked message anew, as if for the first time. Raises UnusableInput if it isn't parked."""
    with write_transaction(engine) as connection:
        tables.make_missing(connection)
        found = connection.execute(
            delete(outbox_failures).where(outbox_failures.c.global_position == global_position, IS_PARKED)
        )
        _require(found.rowcount, global_position)


def let_stream_go_on(engine: Engine, global_position: int) -> None:
    """Publish the later messages of the parked one's stream without it. Raises UnusableInput if it isn't parked.

    For subscribers that can do without: an inbox that is to get every event refuses whatever comes after a missing one.
    """
    with write_transaction(engine) as connection:
        tables.make_missing(connection)
        found = connection.execute(
            update(outbox_failures)
            .where(outbox_failures.c.global_position == global_position, IS_PARKED)
            .values(holds_stream=False)
        )
        _require(found.rowcount, global_position)


def _require(found: int, global_position: int) -> None:
    if not found:
        raise UnusableInput(f"no parked message stands at position {global_position}: list those that are parked first")
