"""A process that moves money in a SQLite file until it is ended: ``python torn_writers.py FILE MODE LOCKING LOAD``.

Each transaction adds an event, moves its amount between two accounts whose rows lie far apart, and moves the
checkpoint on. It prints a line for each commit it has made, and ``inside`` where it stays in one that isn't made.
"""

import sqlite3
import sys
import time
from pathlib import Path

ACCOUNTS = 400
ROW = 3000
"""Bytes of padding, so that each account has a page of its own and a copy takes a while."""


def make(path: Path) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("CREATE TABLE events (position INTEGER PRIMARY KEY, payer INT, payee INT, amount INT)")
    connection.execute("CREATE TABLE balances (account INTEGER PRIMARY KEY, balance INTEGER, padding BLOB)")
    connection.execute("CREATE TABLE checkpoints (position INTEGER)")
    connection.execute("INSERT INTO checkpoints VALUES (0)")
    connection.execute("BEGIN")
    rows = ((account, ROW) for account in range(ACCOUNTS))
    connection.executemany("INSERT INTO balances VALUES (?, 0, zeroblob(?))", rows)
    connection.execute("COMMIT")
    connection.close()


class Writer:
    def __init__(self, path: str, mode: str, locking: str) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None, timeout=60)
        self.connection.execute(f"PRAGMA locking_mode = {locking}")
        self.connection.execute(f"PRAGMA journal_mode = {mode}")
        self.connection.execute("PRAGMA synchronous = OFF")
        # What doesn't fit into the cache is written out long before the commit.
        self.connection.execute("PRAGMA cache_size = 10")
        self.connection.execute("PRAGMA wal_autocheckpoint = 20")
        self.position = self.connection.execute("SELECT position FROM checkpoints").fetchone()[0]

    def change(self, transfers: int) -> None:
        for _ in range(transfers):
            self.position += 1
            payer, payee, amount = self.position % ACCOUNTS, ACCOUNTS - 1 - self.position * 7 % ACCOUNTS, self.position
            execute = self.connection.execute
            execute("INSERT INTO events VALUES (?, ?, ?, ?)", (self.position, payer, payee, amount))
            execute("UPDATE balances SET balance = balance - ? WHERE account = ?", (amount, payer))
            execute("UPDATE balances SET balance = balance + ? WHERE account = ?", (amount, payee))
            execute("UPDATE checkpoints SET position = ?", (self.position,))

    def commit(self, transfers: int, seconds: float = 0.0) -> None:
        self.connection.execute("BEGIN IMMEDIATE")
        self.change(transfers)
        time.sleep(seconds)
        self.connection.execute("COMMIT")
        print("commit", flush=True)


def main(path: str, mode: str, locking: str, load: str) -> None:
    writer = Writer(path, mode, locking)
    for _ in range(5):
        writer.commit(3)
    if load == "closed":
        writer.connection.close()
        return
    if load in ("crashed", "crashed inside"):
        if load == "crashed inside":
            writer.connection.execute("BEGIN IMMEDIATE")
            writer.change(200)
        print("inside", flush=True)
        time.sleep(600)
    transfers, seconds = (1, 0.0) if load == "short" else (60, 0.02)
    while True:
        writer.commit(transfers, seconds)
        time.sleep(0.002)


if __name__ == "__main__":
    main(*sys.argv[1:])
