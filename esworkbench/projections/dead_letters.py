"""One record, handled or parked: what the runner and the inbox do alike."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from esworkbench.events import RecordedEvent
from esworkbench.projections import checkpoints
from esworkbench.projections.projection import Projection
from esworkbench.upcasters import EventDecoder


def handle_or_park(
    projection: Projection,
    decoder: EventDecoder,
    recorded: RecordedEvent,
    connection: Connection,
    run: checkpoints.Run,
    clock: Callable[[], datetime],
) -> None:
    """Decode and handle inside a savepoint. What is raised parks the event, save errors of the database: they pass."""
    try:
        with connection.begin_nested():
            for event in decoder.events_in(recorded):
                projection.handle(event, connection)
    except DBAPIError:
        raise
    except Exception as error:  # noqa: BLE001 - parked with its error: nothing is skipped without a record
        checkpoints.park(connection, run, recorded, error, clock())
