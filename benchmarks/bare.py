"""The limit: the bare driver, the same table with the same columns and indexes, the same durability, nothing else.

No triggers, no lookups, no hashing, no encoding: the rows are made before the clock starts.
"""

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec
import psycopg
from sqlalchemy.engine import make_url

from benchmarks.rounds import Contender
from benchmarks.workload import CURRENCY, deposits, rows_of
from esworkbench.domains.bank.read_models.account_balances import account_balances
from esworkbench.event_store import open_database
from esworkbench.event_store.database import BUSY_SECONDS
from esworkbench.event_store.postgres.json_copy import add_payload_json
from esworkbench.event_store.postgres.sql import WRITTEN
from esworkbench.event_store.schema import events
from esworkbench.projections.tables import checkpoints

COLUMNS = ", ".join(WRITTEN)
ADD = (
    "INSERT INTO account_balances (account_id, currency, balance_minor, version, position) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (account_id, currency) DO UPDATE SET"
    " balance_minor = account_balances.balance_minor + excluded.balance_minor,"
    " version = excluded.version, position = excluded.position"
)
MOVE = "UPDATE checkpoints SET position = ? WHERE projection = 'bare'"
READ_AT_ONCE = 1000


class Bare:
    """One driver connection. Statements are written with ``?`` and end in a commit of their own unless in a batch."""

    engine: str

    def __init__(self, url: str, *, make_tables: bool = True) -> None:
        self.url = url
        self.engine = "sqlite" if url.startswith("sqlite") else "postgresql"
        if make_tables:
            make_bare_tables(url)
        self.connect()

    def connect(self) -> None:
        if self.engine == "sqlite":
            self.connection: Any = sqlite3.connect(
                str(make_url(self.url).database), timeout=BUSY_SECONDS, isolation_level=None
            )
            self.connection.execute("PRAGMA journal_mode = WAL")
            self.connection.execute("PRAGMA synchronous = FULL")
        else:
            self.connection = psycopg.connect(self.url, autocommit=True)

    def sql(self, statement: str) -> str:
        return statement if self.engine == "sqlite" else statement.replace("?", "%s")

    def insert_many(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Many rows in one transaction, the fastest way the database has."""
        if self.engine == "sqlite":
            self.connection.execute("BEGIN IMMEDIATE")
            self.connection.executemany(INSERT, rows)
            self.connection.execute("COMMIT")
        else:
            with self.connection.cursor().copy(f"COPY events ({COLUMNS}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)


INSERT = f"INSERT INTO events ({COLUMNS}) VALUES ({', '.join('?' * len(WRITTEN))})"


def make_bare_tables(url: str) -> None:
    """``events`` with its indexes and, on PostgreSQL, its JSONB copy; no trigger. And what a follower writes to."""
    engine = open_database(url)
    with engine.begin() as connection:
        for table in (events, checkpoints, account_balances):
            table.create(connection)
        add_payload_json(connection)
    engine.dispose()


class BareContender(Contender):
    def __init__(self, bare: Bare) -> None:
        self.bare = bare

    def done(self) -> int:
        return int(self.bare.connection.execute("SELECT coalesce(max(global_position), 0) FROM events").fetchone()[0])

    def close(self) -> None:
        self.bare.connection.close()


class BareInsert(BareContender):
    """One INSERT and its commit per event; or ``per_commit`` rows per transaction."""

    name = "bare insert"

    def __init__(self, bare: Bare, size: int, per_commit: int, writer: str = "one") -> None:
        super().__init__(bare)
        self.size = size
        self.per_commit = per_commit
        self.writer = writer
        self._rows: list[tuple[Any, ...]] = []

    def prepare(self, round_number: int) -> None:
        stream_id = f"BankAccount-{self.writer}-{round_number}"
        self._rows = rows_of(stream_id, deposits(self.size), engine=self.bare.engine)

    def work(self) -> None:
        if self.per_commit > 1:
            for at in range(0, self.size, self.per_commit):
                self.bare.insert_many(self._rows[at : at + self.per_commit])
            return
        execute, statement = self.bare.connection.execute, self.bare.sql(INSERT)
        for row in self._rows:
            execute(statement, row)


class BareRead(BareContender):
    """The stream's rows fetched into Python, and no more: nothing decoded, nothing folded."""

    name = "bare read"

    def __init__(self, bare: Bare, size: int) -> None:
        super().__init__(bare)
        bare.insert_many(rows_of("BankAccount-long", deposits(size), engine=bare.engine))
        self._read = 0

    def work(self) -> None:
        statement = self.bare.sql(f"SELECT global_position, {COLUMNS} FROM events WHERE stream_id = ? ORDER BY version")
        self._read += len(self.bare.connection.execute(statement, ("BankAccount-long",)).fetchall())

    def done(self) -> int:
        return self._read


class BareFollow(BareContender):
    """Rows and one checkpoint per transaction, with the two statements that takes."""

    def __init__(self, bare: Bare, size: int, batch_size: int, accounts: int = 10) -> None:
        super().__init__(bare)
        self.name = f"bare: commit per {batch_size}"
        self.batch_size = batch_size
        self._followed = 0
        for number in range(accounts):
            bare.insert_many(rows_of(f"{number}", deposits(size // accounts), engine=bare.engine))
        bare.connection.execute("INSERT INTO checkpoints VALUES ('bare', 0, '2026-01-01T00:00:00.000000Z')")

    def prepare(self, round_number: int) -> None:
        self.bare.connection.execute("DELETE FROM account_balances")
        self.bare.connection.execute(self.bare.sql(MOVE), (0,))

    def work(self) -> None:
        read = self.bare.sql(
            "SELECT global_position, stream_id, version, payload FROM events"
            " WHERE global_position > ? ORDER BY global_position LIMIT ?"
        )
        position = 0
        while rows := self.bare.connection.execute(read, (position, READ_AT_ONCE)).fetchall():
            for at in range(0, len(rows), self.batch_size):
                self._apply(rows[at : at + self.batch_size])
            position = rows[-1][0]
            self._followed += len(rows)

    def _apply(self, rows: Sequence[tuple[Any, ...]]) -> None:
        added = [
            (stream_id, CURRENCY, msgspec.json.decode(payload)["amount_minor"], version, position)
            for position, stream_id, version, payload in rows
        ]
        cursor = self.bare.connection.cursor()
        cursor.execute("BEGIN")
        if len(added) == 1:
            cursor.execute(self.bare.sql(ADD), added[0])
        else:
            cursor.executemany(self.bare.sql(ADD), added)
        cursor.execute(self.bare.sql(MOVE), (rows[-1][0],))
        cursor.execute("COMMIT")

    def done(self) -> int:
        return self._followed
