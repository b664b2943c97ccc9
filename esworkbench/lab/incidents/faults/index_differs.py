"""A row that its table holds and the index of its key doesn't lead to, as a bad disk or a crashed server leave one.

The damage is done to the database's own structures: while the row is written, the database doesn't know that there is
an index to keep; then it is told again, and believes what the index says.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, and_, delete, insert, select, text

from esworkbench.domains.bank.read_models.account_balances import account_balances
from esworkbench.errors import UnusableInput
from esworkbench.event_store import write_transaction
from esworkbench.lab.incidents.faults.scene import PlantableFault, Scene
from esworkbench.lab.incidents.sealed import PlantedFault

TABLE = account_balances.name


class IndexDiffers(PlantableFault):
    """The account's row of the balances is in the table and not in its index: asked by its key, there is no account.

    The table agrees with the events, so nothing is off by any amount. It happens last: a runner that came by would add
    a second row. On PostgreSQL it takes a superuser, as nobody else may write in the system's catalogue.
    """

    name = "index_differs"

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
    """A table whose definition says nothing of a key has no index; both are put back as they were, root page and all."""
    with schema_open(scene) as connection:
        [(index, root)] = connection.execute(
            text("SELECT name, rootpage FROM sqlite_schema WHERE type = 'index' AND tbl_name = :table"),
            {"table": TABLE},
        ).all()
        made = connection.scalar(text("SELECT sql FROM sqlite_schema WHERE name = :table"), {"table": TABLE})
        columns = ", ".join(f'"{column.name}"' for column in account_balances.columns)
        connection.execute(text("DELETE FROM sqlite_schema WHERE name = :index"), {"index": index})
        connection.execute(
            text("UPDATE sqlite_schema SET sql = :sql WHERE name = :table"),
            {"table": TABLE, "sql": f"CREATE TABLE {TABLE} ({columns})"},
        )
    with write_transaction(scene.engine) as connection:
        connection.execute(insert(account_balances), row)
    with schema_open(scene) as connection:
        connection.execute(
            text("UPDATE sqlite_schema SET sql = :sql WHERE name = :table"), {"table": TABLE, "sql": made}
        )
        connection.execute(
            text("INSERT INTO sqlite_schema (type, name, tbl_name, rootpage, sql) VALUES ('index', :n, :t, :r, NULL)"),
            {"n": index, "t": TABLE, "r": root},
        )


@contextmanager
def schema_open(scene: Scene) -> Iterator[Connection]:
    """One transaction in which SQLite lets its schema be edited as a table; afterwards every connection reads it anew."""
    with scene.engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.execute("PRAGMA writable_schema = ON")
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection
            version = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
            connection.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
            connection.commit()
        finally:
            driver.execute("PRAGMA writable_schema = OFF")
    scene.engine.dispose()
