"""The outbox: which events are still to be told to other systems, noted in the event's own transaction.

Telling a broker inside the transaction tells of events that a rollback then undoes; telling it afterwards loses those
of a process that dies in between. A row written with the event does neither, and a relay publishes it later
(Chris Richardson's *Transactional Outbox*). A trigger writes that row, so that no writer can forget it, in whatever
language. The queue needs no checkpoint and so knows no gap: a row that becomes visible late is unpublished still.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, Engine, delete, func, select, text

from esworkbench.event_store.database import retried, write_transaction
from esworkbench.event_store.guards import take_turns_making_tables
from esworkbench.event_store.schema import events
from esworkbench.event_store.triggers import OUTBOX
from esworkbench.outbox import tables
from esworkbench.outbox.tables import outbox, outbox_failures

TRIGGER = OUTBOX.name

UNPUBLISHED_INDEX = (
    "CREATE INDEX IF NOT EXISTS outbox_unpublished ON outbox (global_position) WHERE published_at IS NULL"
)


class Backlog(NamedTuple):
    """What is yet to be published, parked messages apart: how many, and when the oldest of the events was recorded."""

    queued: int
    oldest: datetime | None


@retried
def enable_outbox(
    engine: Engine, event_types: Sequence[str] | None = None, *, from_position: int | None = None
) -> None:
    """Queue every later event, or those of some types, in the transaction that writes it.

    May be called again, also with other types. Events already there are queued only where ``from_position`` says from
    which position on (inclusive), and only by the call that finds the outbox disabled: so it can stand in a program
    that starts every day. ``queue_again`` sends old events once more.
    """
    with write_transaction(engine) as connection:
        take_turns_making_tables(connection)
        tables.make_missing(connection)
        was_enabled = is_enabled(connection)
        # The table of events before the outbox, as writers take them, or the two would wait for each other.
        for statement in _trigger(connection, event_types):
            # Without parameters a driver leaves a percent sign in an event type alone.
            connection.execution_options(no_parameters=True).exec_driver_sql(statement)
        connection.exec_driver_sql(UNPUBLISHED_INDEX)
        if from_position is not None and not was_enabled:
            _queue(connection, from_position, event_types)


@retried
def disable_outbox(engine: Engine) -> None:
    """Queue no more events. What is queued already stays, and is published."""
    with write_transaction(engine) as connection:
        on_table = "" if engine.dialect.name == "sqlite" else " ON events"
        connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {TRIGGER}{on_table}")


def is_enabled(connection: Connection) -> bool:
    if connection.dialect.name == "sqlite":
        found = text("SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND name = :name")
    else:
        found = text("SELECT count(*) FROM pg_trigger WHERE tgname = :name AND tgrelid = 'events'::regclass")
    return bool(connection.scalar(found, {"name": TRIGGER}))


@retried
def queue_again(engine: Engine, from_position: int = 1, event_types: Sequence[str] | None = None) -> int:
    """Queue events that are not waiting already, published ones included. Returns how many.

    For a subscriber that begins at zero, or lost what it had confirmed. Every subscriber gets these messages again.
    """
    with write_transaction(engine) as connection:
        tables.make_missing(connection)
        return _queue(connection, from_position, event_types)


def backlog(engine: Engine) -> Backlog:
    parked = select(outbox_failures.c.global_position).where(outbox_failures.c.next_attempt_at.is_(None))
    unpublished = select(func.count(), func.min(outbox.c.queued_at)).where(
        outbox.c.published_at.is_(None), outbox.c.global_position.not_in(parked)
    )
    with engine.connect() as connection:
        if not tables.are_there(connection):
            return Backlog(0, None)
        return Backlog(*connection.execute(unpublished).one())


@retried
def prune(engine: Engine, *, published_before: datetime) -> int:
    """Delete the rows of messages published before a moment. Returns how many. The events stay, of course."""
    with write_transaction(engine) as connection:
        tables.make_missing(connection)
        return connection.execute(delete(outbox).where(outbox.c.published_at < published_before)).rowcount


def _queue(connection: Connection, from_position: int, event_types: Sequence[str] | None) -> int:
    waiting = select(outbox.c.id).where(
        outbox.c.global_position == events.c.global_position, outbox.c.published_at.is_(None)
    )
    wanted = (
        select(events.c.global_position, events.c.recorded_at)
        .where(events.c.global_position >= from_position, ~waiting.exists())
        .order_by(events.c.global_position)
    )
    if event_types is not None:
        wanted = wanted.where(events.c.event_type.in_(event_types))
    into_outbox = outbox.insert().from_select(["global_position", "queued_at"], wanted)
    return connection.execute(into_outbox.execution_options(preserve_rowcount=True)).rowcount


def _trigger(connection: Connection, event_types: Sequence[str] | None) -> list[str]:
    names = ", ".join("'" + name.replace("'", "''") + "'" for name in event_types or [])
    if connection.dialect.name == "sqlite":
        which = "" if event_types is None else f" WHEN NEW.event_type IN ({names})"
        return [
            f"DROP TRIGGER IF EXISTS {TRIGGER}",
            f"CREATE TRIGGER {TRIGGER} AFTER INSERT ON events{which} BEGIN"
            " INSERT INTO outbox (global_position, queued_at) VALUES (NEW.global_position, NEW.recorded_at); END",
        ]
    # Named with its schema, or a writer's own search_path or temporary table would take the place of the outbox.
    schema = connection.scalar(text("SELECT quote_ident(current_schema())"))
    which = "" if event_types is None else " WHERE event_type = ANY (TG_ARGV)"
    return [
        f"CREATE OR REPLACE FUNCTION {OUTBOX.function}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" INSERT INTO {schema}.outbox (global_position, queued_at)"
        f" SELECT global_position, recorded_at FROM appended{which} ORDER BY global_position; RETURN NULL;"
        " END $$",
        f"CREATE OR REPLACE TRIGGER {TRIGGER} AFTER INSERT ON events REFERENCING NEW TABLE AS appended"
        f" FOR EACH STATEMENT EXECUTE FUNCTION {OUTBOX.function}({names})",
        # Always, like the guards: posing as a replica must not write events that nobody is told of.
        f"ALTER TABLE events ENABLE ALWAYS TRIGGER {TRIGGER}",
    ]
