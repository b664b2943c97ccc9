"""Whether what PostgreSQL calls committed survives a crash: a promise of the store, and a setting of others.

``synchronous_commit = off`` answers a commit before it is on disk: after a crash of the server, events that were
appended, published and acted on are gone. Anybody may set it, for a database, a role or the server; a session may set
it for itself, so the store's sessions do. ``fsync`` and ``full_page_writes`` are the server's alone, and can only be
told. (PostgreSQL's manual, *Asynchronous Commit* and *Write Ahead Log*.)
"""

from typing import TYPE_CHECKING

from sqlalchemy import Connection, text

if TYPE_CHECKING:
    import psycopg

NAME = "synchronous_commit"
FLUSHED = f"""
    SELECT set_config('{NAME}', CASE current_setting('{NAME}') WHEN 'off' THEN 'on' ELSE current_setting('{NAME}') END,
    false)
"""
"""Whatever else it may be waits for the disk, and for standbys as their owner wishes: that stays."""

NEEDED = {
    "fsync": "a crash of the machine may lose commits and damage tables",
    "full_page_writes": "a crash of the machine in the middle of a write may leave a page torn",
}


def commit_to_disk(connection: "psycopg.Connection[object]", _record: object) -> None:
    """Have the new connection's commits wait until they are on disk, and keep that for as long as it lives."""
    before = connection.autocommit
    connection.autocommit = True
    connection.execute(FLUSHED)
    connection.autocommit = before


def undurable(connection: Connection) -> list[str]:
    """What this server doesn't do for its commits to survive, each in words; empty for SQLite."""
    if connection.dialect.name != "postgresql":
        return []
    return [
        f"{name} = off on the server: {what}"
        for name, what in NEEDED.items()
        if connection.execute(text(f"SHOW {name}")).scalar_one() == "off"
    ]
