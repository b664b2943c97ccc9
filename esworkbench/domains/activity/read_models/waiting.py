"""The waiting table: what happened, as far as its own event tells it, until the event that completes it arrives."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Date,
    Index,
    MetaData,
    Table,
    Text,
    case,
    delete,
    func,
    insert,
    select,
)

from esworkbench.event_store.columns import UtcMoment

activity_waiting = Table(
    "activity_waiting",
    MetaData(),
    Column("event_id", Text, primary_key=True),
    Column("event_type", Text, nullable=False),
    Column("correlation_id", Text, nullable=False),
    Column("waits_for", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("profile_version", BigInteger, nullable=False),
    Column("day", Date, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("occurred_at", UtcMoment, nullable=False),
    Index("activity_waiting_correlation", "correlation_id"),
    Index("activity_waiting_profile", "user_id", "profile_version"),
)

AGES = {"under an hour": timedelta(hours=1), "under a day": timedelta(days=1)}
OLDER = "a day or more"


class Happening(NamedTuple):
    """One login, purchase or referral, in what will be counted of it; a row of the waiting table but ``waits_for``.

    ``profile_version`` is a login's, 0 for the others. ``currency`` is that of ``amount_minor``, NO_CURRENCY and 0 for
    what isn't bought.
    """

    event_id: str
    event_type: str
    correlation_id: str
    user_id: str
    profile_version: int
    day: date
    amount_minor: int
    currency: str
    occurred_at: datetime


class StillWaiting(NamedTuple):
    """``events`` of ``event_type`` wait for a ``waits_for`` since they happened, which is ``age`` ago."""

    event_type: str
    waits_for: str
    age: str
    events: int


def wait(connection: Connection, happening: Happening, waits_for: str) -> None:
    connection.execute(insert(activity_waiting), happening._asdict() | {"waits_for": waits_for})


def waiting(connection: Connection, *conditions: ColumnElement[bool]) -> Sequence[Happening]:
    """What waits under these conditions."""
    columns = [activity_waiting.c[name] for name in Happening._fields]
    rows = connection.execute(select(*columns).where(*conditions).order_by(activity_waiting.c.event_id))
    return [Happening(*row) for row in rows]


def take(connection: Connection, *conditions: ColumnElement[bool]) -> Sequence[Happening]:
    """What waited under these conditions and does so no more."""
    taken = waiting(connection, *conditions)
    if taken:
        connection.execute(delete(activity_waiting).where(*conditions))
    return taken


def still_waiting(connection: Connection, now: datetime) -> list[StillWaiting]:
    """How much waits, for what and how long, longest wait last. Nothing of it is lost, and nothing of it is counted.

    What is young is on its way; what is old had a partner that was never written, and somebody should ask why.
    """
    columns = activity_waiting.c
    age = case(*[(columns.occurred_at > now - limit, name) for name, limit in AGES.items()], else_=OLDER).label("age")
    groups = select(columns.event_type, columns.waits_for, age, func.count())
    rows = connection.execute(groups.group_by(columns.event_type, columns.waits_for, "age"))
    found = [StillWaiting(*row) for row in rows]
    order = [*AGES, OLDER]
    return sorted(found, key=lambda each: (order.index(each.age), each.event_type))
