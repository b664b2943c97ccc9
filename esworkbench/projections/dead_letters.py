"""Dead letters: the events that a projection could not handle, each kept with what went wrong, so that none is lost."""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.exc import DBAPIError

from esworkbench.errors import UnreadableEvent
from esworkbench.event_store.database import is_of_a_value, on_one_line
from esworkbench.events import RecordedEvent
from esworkbench.projections import checkpoints, tables
from esworkbench.projections.checkpoints import Run
from esworkbench.projections.projection import Projection
from esworkbench.projections.tables import dead_letters
from esworkbench.upcasters.decoder import EventDecoder

logger = logging.getLogger(__name__)


def handle_or_park(
    projection: Projection,
    decoder: EventDecoder,
    recorded: RecordedEvent,
    connection: Connection,
    run: Run,
    clock: Callable[[], datetime],
) -> None:
    """Decode and handle inside a savepoint. What is raised parks the event, save errors of the database: they pass."""
    try:
        with connection.begin_nested():
            for event in decoder.events_in(recorded):
                projection.handle(event, connection)
    except Exception as error:
        if stops_the_run(error):
            raise
        park(connection, run, recorded, error, clock())


def stops_the_run(error: Exception) -> bool:
    """Whether an error is the database's and no single event's; where it refuses a value, the event is to blame."""
    return isinstance(error, DBAPIError) and not is_of_a_value(error)


def park(
    connection: Connection, run: Run, recorded: RecordedEvent | UnreadableEvent, error: Exception, now: datetime
) -> None:
    """Keep a record of an event that could not be handled: where it stands, what it is, what went wrong."""
    letter = dead_letter(run, recorded, error, now)
    connection.execute(insert(dead_letters), letter)
    logger.info(
        "%s could not handle the event at position %d (%s, %s), which is parked: %s",
        run.projection, recorded.global_position, recorded.event_type, recorded.event_id, letter["error"],
    )  # fmt: skip


def dead_letter(run: Run, recorded: RecordedEvent | UnreadableEvent, error: Exception, now: datetime) -> dict[str, Any]:
    """The row that tells of an event that could not be handled."""
    # What SQLAlchemy makes of a driver's error has the whole statement in it.
    words = on_one_line(error.orig) if isinstance(error, DBAPIError) and error.orig is not None else str(error)
    return {
        "projection": run.projection,
        "position": recorded.global_position,
        "event_id": recorded.event_id,
        "event_type": recorded.event_type,
        # Where somebody widened the log's column, it may hold what this one can't: then 0, as for one that isn't known.
        "schema_version": recorded.schema_version if abs(recorded.schema_version) < 2**31 else 0,
        "error": f"{type(error).__name__}: {words}",
        "run_id": run.run_id,
        "parked_at": now,
    }


def reset(connection: Connection, run: Run, now: datetime) -> None:
    """Back to checkpoint 0: nothing seen, nothing parked, and a row in the log that says so."""
    tables.make_missing(connection)
    checkpoints.move(connection, run, 0, now)
    connection.execute(delete(dead_letters).where(dead_letters.c.projection == run.projection))
    checkpoints.log(connection, run, 0, 0, now)


def parked(connection: Connection, projection: str) -> list[dict[str, Any]]:
    """The projection's dead letters, without their ids, in order of position."""
    if not tables.can_hold_dead_letters(connection):
        return []
    columns = [column for column in dead_letters.c if column.name != "id"]
    mine = select(*columns).where(dead_letters.c.projection == projection)
    return [row._asdict() for row in connection.execute(mine.order_by(dead_letters.c.position))]
