"""The database server's clock, for whoever measures ages: the machines of writers and readers may disagree."""

from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy import Engine, text

from esworkbench.events import utc_now


def server_clock(engine: Engine) -> Callable[[], datetime]:
    """A clock that asks PostgreSQL what time it is, in UTC; SQLite has no server, so there it is this machine's."""
    if engine.dialect.name == "sqlite":
        return utc_now

    def now() -> datetime:
        with engine.connect() as connection:
            # now() would be when the transaction began.
            moment: datetime = connection.scalars(text("SELECT clock_timestamp()")).one()
        return moment.astimezone(UTC)

    return now
