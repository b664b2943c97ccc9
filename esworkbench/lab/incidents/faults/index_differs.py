"""A row that its table holds and the index of its key doesn't lead to, as a bad disk or a crashed server leave one.

The damage is done to the database's own structures: while the row is written, the database doesn't know that there is
an index to keep; then it is told again, and believes what the index says.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from sqlalchemy import and_, delete, insert, select, text

from esworkbench.domains.bank.read_models.account_balances import account_balances
from esworkbench.errors import UnusableInput
from esworkbench.event_store import write_transaction
from esworkbench.lab.incidents.faults.scene import CUTS_LOG, PlantableFault, Scene
from esworkbench.lab.incidents.sealed import PlantedFault

TABLE = account_balances.name


class IndexDiffers(PlantableFault):
    """The account's row of the balances is in the table and not in its index: asked by its key, there is no account.

    The table agrees with the events, so nothing is off by any amount. It happens last: a runner that came by would add
    a second row. On PostgreSQL it takes a superuser, as nobody else may write in the system's catalogue.
    """

    name = "index_differs"
    stage = CUTS_LOG
    shows_in = ()
    healed_by_rebuild = True

    def before(self, scene: Scene) -> None:
        if scene.engine.dialect.name == "sqlite":
            return
        with scene.engine.connect() as connection:
            if connection.scalar(text("SELECT current_setting('is_superuser')")) != "on":
                raise UnusableInput(
                    "index_differs is built by writing in PostgreSQL's system catalogue, which this role may not: "
                    "name a database as a superuser, or a SQLite file"
                )

    def after(self, scene: Scene) -> list[PlantedFault]:
        key = {"account_id": scene.account, "currency": scene.person.currency}
        mine = and_(*(account_balances.c[name] == value for name, value in key.items()))
        with write_transaction(scene.engine) as connection:
            row = dict(connection.execute(select(account_balances).where(mine)).mappings().one())
            connection.execute(delete(account_balances).where(mine))
        unseen = unseen_on_sqlite if scene.engine.dialect.name == "sqlite" else unseen_on_postgresql
        unseen(scene, row)
        return [PlantedFault(self.name, scene.account, [], [], 0, scene.person.currency)]


def unseen_on_postgresql(scene: Scene, row: dict[str, Any]) -> None:
    """An index that isn't ready is not written to; one that is valid is read all the same."""
    index = f"(SELECT indexrelid FROM pg_index WHERE indrelid = '{TABLE}'::regclass AND indisprimary)"
    for ready in (False, True):
        with write_transaction(scene.engine) as connection:
            connection.execute(text(f"UPDATE pg_index SET indisready = {ready} WHERE indexrelid = {index}"))
        if not ready:
            with write_transaction(scene.engine) as connection:
                connection.execute(insert(account_balances), row)


def unseen_on_sqlite(scene: Scene, row: dict[str, Any]) -> None:
    """A table whose definition names no key has no index to keep. Definition and index are put back as they were."""
    of_table = "FROM sqlite_schema WHERE tbl_name = ?"
    with on_sqlite(scene) as connection:
        [(index, root)] = connection.execute(f"SELECT name, rootpage {of_table} AND type = 'index'", [TABLE]).fetchall()
        [(made,)] = connection.execute(f"SELECT sql {of_table} AND type = 'table'", [TABLE]).fetchall()
    columns = ", ".join(f'"{name}"' for name in row)
    with on_sqlite(scene, edits_schema=True) as connection:
        connection.execute("DELETE FROM sqlite_schema WHERE name = ?", [index])
        define(connection, f"CREATE TABLE {TABLE} ({columns})")
    with on_sqlite(scene) as connection:
        connection.execute(f"INSERT INTO {TABLE} ({columns}) VALUES (?, ?, ?, ?, ?)", list(row.values()))
    with on_sqlite(scene, edits_schema=True) as connection:
        define(connection, made)
        connection.execute("INSERT INTO sqlite_schema VALUES ('index', ?, ?, ?, NULL)", [index, TABLE, root])


def define(connection: sqlite3.Connection, made: str) -> None:
    connection.execute("UPDATE sqlite_schema SET sql = ? WHERE type = 'table' AND name = ?", [made, TABLE])


@contextmanager
def on_sqlite(scene: Scene, *, edits_schema: bool = False) -> Iterator[sqlite3.Connection]:
    """A connection for one transaction, as each reads the schema when it is opened; it may be edited as a table is.

    The schema's version is raised then, so that all who have the file open read it anew.
    """
    with closing(sqlite3.connect(str(scene.engine.url.database), isolation_level=None)) as connection:
        if edits_schema:
            connection.execute("PRAGMA writable_schema = ON")
        connection.execute("BEGIN IMMEDIATE")
        yield connection
        if edits_schema:
            [(version,)] = connection.execute("PRAGMA schema_version").fetchall()
            connection.execute(f"PRAGMA schema_version = {version + 1}")
        connection.execute("COMMIT")
