"""Exercises of notebook 06: which process, from where, into what, by which query, and when to swap."""

import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import duckdb

from esworkbench.archive import bucket_of
from esworkbench.course.mechanism import Exercise, Exercises, Mistake, Wrong

# --- shard_of ---------------------------------------------------------------------------------------------------------

ShardOf = Callable[[str, int], int]

STREAMS = [f"BankAccount-{number}" for number in range(40)]


def examine_shard_of(shard_of: ShardOf) -> None:
    found = [shard_of(stream, 4) for stream in STREAMS]
    if len(set(found)) == 1:
        raise Wrong("all accounts are in one shard: take the whole name of the stream, not its category")
    if not set(found) <= {0, 1, 2, 3}:
        raise Wrong(f"4 shards are numbered 0, 1, 2 and 3; you name {sorted(set(found))}")
    expected = [bucket_of(stream, 4) for stream in STREAMS]
    if found == expected:
        return
    if found == [hash(stream) % 4 for stream in STREAMS]:
        raise Wrong("Python's hash of a text differs in each process: two of them would claim one stream")
    raise Wrong(f"{STREAMS[0]} belongs in shard {expected[0]} of 4, by its CRC-32; you say {found[0]}")


def by_hash(stream_id: str, count: int) -> int:
    return hash(stream_id) % count


def by_category(stream_id: str, count: int) -> int:
    return zlib.crc32(stream_id.partition("-")[0].encode()) % count


def from_one(stream_id: str, count: int) -> int:
    return bucket_of(stream_id, count) + 1


SHARD_OF = Exercise(
    name="shard_of",
    task=(
        "Write `my_shard(stream_id, count)`: the shard, from 0 on, that a stream belongs to, by the CRC-32 of its "
        "name. Every process must come to the same answer."
    ),
    examine=examine_shard_of,
    reference=bucket_of,
    hints=("`zlib.crc32` takes bytes.", "`zlib.crc32(stream_id.encode()) % count`"),
    mistakes={
        "hash()": Mistake(by_hash, "in each process"),
        "by category": Mistake(by_category, "not its category"),
        "counted from one": Mistake(from_one, "numbered 0, 1, 2 and 3"),
    },
)

# --- left_to_do -------------------------------------------------------------------------------------------------------


class Seen(NamedTuple):
    position: int
    shard: int


LeftToDo = Callable[[Sequence[Seen], Sequence[int]], list[int]]

LOG = [Seen(1, 0), Seen(2, 1), Seen(3, 1), Seen(4, 0), Seen(5, 0), Seen(6, 1)]
CHECKPOINTS = [4, 2]
"""Shard 0 has seen 1 and 4; shard 1 only 2."""


def examine_left_to_do(left_to_do: LeftToDo) -> None:
    found = list(left_to_do(LOG, CHECKPOINTS))
    if found == [3, 5, 6]:
        if list(left_to_do(LOG, [0, 0])) != [1, 2, 3, 4, 5, 6]:
            raise Wrong("with both checkpoints at 0 nothing has been done yet, and all six events are left")
        return
    if {2, 4} <= set(found):
        raise Wrong("2 and 4 are done again: a checkpoint is the last position that *was* seen")
    if 4 in found:
        raise Wrong("4 is done again, and its money counts twice: shard 0 was ahead of the slowest one")
    if 3 not in found:
        raise Wrong("3 is lost: shard 1 never saw it, whatever the fastest shard has seen")
    raise Wrong(f"3, 5 and 6 are left, in that order; you say {found}")


def left_to_do(log: Sequence[Seen], checkpoints: Sequence[int]) -> list[int]:
    return [event.position for event in log if event.position > checkpoints[event.shard]]


def after_the_slowest(log: Sequence[Seen], checkpoints: Sequence[int]) -> list[int]:
    return [event.position for event in log if event.position > min(checkpoints)]


def after_the_fastest(log: Sequence[Seen], checkpoints: Sequence[int]) -> list[int]:
    return [event.position for event in log if event.position > max(checkpoints)]


def from_the_checkpoint(log: Sequence[Seen], checkpoints: Sequence[int]) -> list[int]:
    return [event.position for event in log if event.position >= checkpoints[event.shard]]


LEFT_TO_DO = Exercise(
    name="left_to_do",
    task=(
        "All processes were killed. Write `my_rest(log, checkpoints)`: the positions of the events still to be "
        "handled, in order. Events have `position` and `shard`; `checkpoints[shard]` is what that shard committed."
    ),
    examine=examine_left_to_do,
    reference=left_to_do,
    hints=("Each shard has a checkpoint of its own.", "`event.position > checkpoints[event.shard]`"),
    mistakes={
        "double apply": Mistake(after_the_slowest, "counts twice"),
        "lost": Mistake(after_the_fastest, "3 is lost"),
        "off by one": Mistake(from_the_checkpoint, "that *was* seen"),
    },
)

# --- change_over ------------------------------------------------------------------------------------------------------


class Tables:
    """A live table with wrong rows, and the next one; a reader looks after each commit."""

    def __init__(self) -> None:
        self.live: str | None = "old"
        self.next: str | None = None
        self.seen: list[str | None] = []
        self._inside = False

    def build_next(self) -> None:
        """Takes six hours."""
        if self._inside:
            raise Wrong("the rows are built inside the transaction: its locks hold everybody up for six hours")
        self.next = "new"
        self._committed()

    def drop_live(self) -> None:
        self.live = None
        self._committed()

    def rename_next(self) -> None:
        if self.live is not None:
            raise Wrong("the name is still taken by the live table: drop that first, in the same transaction")
        self.live, self.next = self.next, None
        self._committed()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self._inside = True
        yield
        self._inside = False
        self._committed()

    def _committed(self) -> None:
        if not self._inside:
            self.seen.append(self.live)


ChangeOver = Callable[[Tables], None]


def examine_change_over(change_over: ChangeOver) -> None:
    tables = Tables()
    change_over(tables)
    if tables.live != "new":
        raise Wrong("at the end the live table isn't the new one: build, drop, rename")
    if None not in tables.seen:
        return
    if tables.seen[0] is None:
        raise Wrong("the live table is dropped before the next one is built: for six hours readers find nothing")
    raise Wrong("for a moment there is no table at all, and a reader came just then: make the two steps one")


def change_over(tables: Tables) -> None:
    tables.build_next()
    with tables.transaction():
        tables.drop_live()
        tables.rename_next()


def dropped_first(tables: Tables) -> None:
    tables.drop_live()
    tables.build_next()
    tables.rename_next()


def in_two_steps(tables: Tables) -> None:
    tables.build_next()
    tables.drop_live()
    tables.rename_next()


def all_in_one(tables: Tables) -> None:
    with tables.transaction():
        tables.drop_live()
        tables.build_next()
        tables.rename_next()


def never_renamed(tables: Tables) -> None:
    tables.build_next()


CHANGE_OVER = Exercise(
    name="change_over",
    task=(
        "Write `my_change_over(tables)` with `tables.build_next()` (six hours), `tables.drop_live()`, "
        "`tables.rename_next()` and `with tables.transaction():` so that readers always find a complete table."
    ),
    examine=examine_change_over,
    reference=change_over,
    hints=("What takes long comes first, beside the live table.", "Drop and rename together, in one transaction."),
    mistakes={
        "dropped first": Mistake(dropped_first, "for six hours readers"),
        "two transactions": Mistake(in_two_steps, "make the two steps one"),
        "one long transaction": Mistake(all_in_one, "hold everybody up"),
        "never renamed": Mistake(never_renamed, "isn't the new one"),
    },
)

# --- balances ---------------------------------------------------------------------------------------------------------

Balances = Callable[[duckdb.DuckDBPyConnection], list[tuple[str, int]]]

EVENTS = [
    (1, "AccountOpened", "ada", None, None),
    (2, "AccountOpened", "bob", None, None),
    (3, "AccountOpened", "cyd", None, None),
    (4, "MoneyDeposited", "ada", None, 16_777_217_00),
    (5, "MoneyWithdrawn", "ada", None, 1),
    (6, "MoneyTransferred", "ada", "bob", 500),
]
EXPECTED = [("ada", 16_777_217_00 - 501), ("bob", 500), ("cyd", 0)]


def examine_balances(balances: Balances) -> None:
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE events (position BIGINT, type TEXT, account TEXT, other TEXT, amount_minor BIGINT)"
        )
        connection.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?)", EVENTS)
        rows = balances(connection)
    found = dict(rows)
    if "cyd" not in found:
        raise Wrong("cyd has opened an account, and isn't in the table: a new account has a row, with 0 in it")
    if found.get("bob") != 500:
        raise Wrong("ada sent bob 5.00, and bob has nothing: a transfer has two sides")
    if any(isinstance(balance, float) for balance in found.values()):
        raise Wrong(f"ada's balance is {found['ada']!r}: minor units are whole numbers, and no float may touch them")
    if found["ada"] > EXPECTED[0][1]:
        raise Wrong("ada has too much: what she withdrew and what she sent leave her account")
    if [tuple(row) for row in rows] != EXPECTED:
        raise Wrong(f"the rows should be {EXPECTED}, by account; yours are {rows}")


def balances(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, int]]:
    return connection.execute(
        """
        SELECT account, CAST(sum(minor) AS BIGINT) FROM (
            SELECT account, CASE type WHEN 'MoneyDeposited' THEN amount_minor
                                      WHEN 'AccountOpened' THEN 0 ELSE -amount_minor END AS minor FROM events
            UNION ALL
            SELECT other, amount_minor FROM events WHERE type = 'MoneyTransferred')
        GROUP BY account ORDER BY account
        """
    ).fetchall()


def without_new_accounts(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, int]]:
    return [row for row in balances(connection) if row[1]]


def one_side(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, int]]:
    return connection.execute(
        """
        SELECT account, CAST(sum(CASE type WHEN 'MoneyDeposited' THEN amount_minor
                                           WHEN 'AccountOpened' THEN 0 ELSE -amount_minor END) AS BIGINT)
        FROM events GROUP BY account ORDER BY account
        """
    ).fetchall()


def in_floats(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, int]]:
    connection.execute("ALTER TABLE events ALTER amount_minor TYPE DOUBLE")
    return connection.execute(
        """
        SELECT account, sum(minor) FROM (
            SELECT account, CASE type WHEN 'MoneyDeposited' THEN amount_minor
                                      WHEN 'AccountOpened' THEN 0 ELSE -amount_minor END AS minor FROM events
            UNION ALL
            SELECT other, amount_minor FROM events WHERE type = 'MoneyTransferred')
        GROUP BY account ORDER BY account
        """
    ).fetchall()


def all_added(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, int]]:
    connection.execute("UPDATE events SET type = 'MoneyDeposited' WHERE type = 'MoneyWithdrawn'")
    return balances(connection)


BALANCES = Exercise(
    name="balances",
    task=(
        "Write `my_balances(connection)`: one DuckDB query, `connection.execute(…).fetchall()`, that gives (account, "
        "balance in minor units) by account. `events` has `type` (AccountOpened, MoneyDeposited, MoneyWithdrawn, "
        "MoneyTransferred), `account`, `other` (who gets a transfer) and `amount_minor`. New accounts have 0."
    ),
    examine=examine_balances,
    reference=balances,
    hints=(
        "First list what each event adds to which account, with its sign; then sum by account.",
        "`UNION ALL` adds the other side of a transfer; an account that was opened adds 0.",
    ),
    mistakes={
        "no row for a new account": Mistake(without_new_accounts, "0 in it"),
        "one side": Mistake(one_side, "two sides"),
        "float money": Mistake(in_floats, "no float"),
        "withdrawals added": Mistake(all_added, "too much"),
    },
)

# --- ready ------------------------------------------------------------------------------------------------------------

Ready = Callable[[Sequence[int], int], bool]


def examine_ready(ready: Ready) -> None:
    if ready([70, 70], 90):
        raise Wrong("the shards are at 70 and readers have seen 90: after the swap, twenty events would be gone")
    if not ready([90, 90], 90):
        raise Wrong("the shards are at 90, like the live table: on a quiet day, waiting for more takes for ever")
    if ready([90, 70], 80):
        raise Wrong("one shard is at 90, but the other at 70, behind the live table: the slowest one counts")
    if ready([90, 95], 80):
        raise Wrong(
            "one shard is at 90, the other at 95: a transfer might be half there, so bring them all to one position"
        )
    if not ready([95, 95], 90):
        raise Wrong("all shards are at 95, past the live table's 90: what more is there to wait for?")


def ready(shards: Sequence[int], live: int) -> bool:
    return min(shards) == max(shards) >= live


def ready_without_looking(shards: Sequence[int], live: int) -> bool:
    return min(shards) == max(shards)


def ready_when_ahead(shards: Sequence[int], live: int) -> bool:
    return min(shards) == max(shards) > live


def ready_when_one_is(shards: Sequence[int], live: int) -> bool:
    return max(shards) >= live


def ready_when_mixed(shards: Sequence[int], live: int) -> bool:
    return min(shards) >= live


READY = Exercise(
    name="ready",
    task=(
        "Write `my_ready(shards, live)`: may the next rows go live? `shards` are the checkpoints of the shards, `live` "
        "is the live table's. Readers must see the rows of *one* position, and never an earlier one than before."
    ),
    examine=examine_ready,
    reference=ready,
    hints=("What does a reader see whose table is half at 90 and half at 95?", "All equal, and not below `live`."),
    mistakes={
        "without looking": Mistake(ready_without_looking, "would be gone"),
        "off by one": Mistake(ready_when_ahead, "quiet day"),
        "the fastest counts": Mistake(ready_when_one_is, "the slowest one counts"),
        "mixed positions": Mistake(ready_when_mixed, "half there"),
    },
)

exercises = Exercises(SHARD_OF, LEFT_TO_DO, CHANGE_OVER, BALANCES, READY)
