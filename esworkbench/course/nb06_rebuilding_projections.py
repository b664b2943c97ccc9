"""Exercises of notebook 06: which process, from where, into what, by which query, and when to swap."""

import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any, NamedTuple

import duckdb
from hypothesis import strategies as st

from esworkbench.archive.duckdb_connection import connect_duckdb
from esworkbench.course.grader.exercise import Exercise, Exercises, Mistake
from esworkbench.lab.models.crash import Killed

# --- shard_of ---------------------------------------------------------------------------------------------------------


def shard_of(stream_id: str, count: int) -> int:
    """As the archive's buckets: the same in each process, and as even as names of any kind."""
    return zlib.crc32(stream_id.encode()) % count


def _by_hash(stream_id: str, count: int) -> int:
    return hash(stream_id) % count


def _by_category(stream_id: str, count: int) -> int:
    return shard_of(stream_id.partition("-")[0], count)


def _from_one(stream_id: str, count: int) -> int:
    return shard_of(stream_id, count) + 1


def _by_bits(stream_id: str, count: int) -> int:
    return zlib.crc32(stream_id.encode()) & (count - 1)


def _by_length(stream_id: str, count: int) -> int:
    return len(stream_id) % count


NAMES = st.one_of(
    st.builds("{}-{}".format, st.sampled_from(["BankAccount", "Claim", "Pólizas"]), st.integers(1, 40)),
    st.builds(
        "{}-{}".format,
        st.sampled_from(["BankAccount" * 9, "Po\u0301lizas", " Claim", "\N{COW FACE}"]),
        st.integers(1, 9),
    ),
    st.sampled_from(["", "Claim-1 ", "claim", "CLAIM-1"]),
)
COUNTS = st.one_of(st.integers(1, 9), st.sampled_from([255, 256, 257, 300, 1_000, 1_024, 5_000, 2**32 - 1, 2**40]))

SHARD_OF = Exercise(
    name="shard_of",
    task=(
        "The shard that a stream belongs to: the CRC-32 of its name in UTF-8, modulo `count`. There are `count` "
        "shards, at least one and any number of them, counted from 0. Every process must come to the same answer."
    ),
    stub="import zlib\n\n\ndef my_shard_of(stream_id: str, count: int) -> int: ...",
    reference=shard_of,
    cases=st.tuples(NAMES, COUNTS),
    examples=[
        ("BankAccount-1", 3),
        ("BankAccount-2", 4),
        ("BankAccount-2", 7),
        ("Pólizas-12", 5),
        ("BankAccount-1", 300),
        ("BankAccount-1", 5_000),
        ("BankAccount-6f1c2f0e-3b1d-4c55-9a5e-0d9f5b1f7a10", 5),
    ],
    hints=("`zlib.crc32` takes bytes.", "`zlib.crc32(stream_id.encode()) % count`"),
    mistakes={
        "hash()": Mistake(
            _by_hash, "Python's `hash` of a text differs in each process: two of them would claim one stream"
        ),
        "by category": Mistake(
            _by_category, "all streams of one category come into one shard: take the whole name of the stream"
        ),
        "counted from one": Mistake(_from_one, "the shards are counted from 0 on, so none has the number `count`"),
        "by bits": Mistake(
            _by_bits, "`&` cuts bits off, which is a remainder only where `count` is a power of two: use `%`"
        ),
        "by length": Mistake(
            _by_length, "names of one length come into one shard, and nearly all have one length: take the CRC-32"
        ),
    },
)

# --- left_to_do -------------------------------------------------------------------------------------------------------


class Seen(NamedTuple):
    """An event of the log, and the shard that handles it."""

    position: int
    shard: int


def left_to_do(log: Sequence[Seen], checkpoints: Sequence[int]) -> list[int]:
    """Each shard goes on from its own checkpoint."""
    return [event.position for event in log if event.position > checkpoints[event.shard]]


def _after_the_slowest(log: Sequence[Seen], checkpoints: Sequence[int]) -> list[int]:
    return [event.position for event in log if event.position > min(checkpoints)]


def _after_the_fastest(log: Sequence[Seen], checkpoints: Sequence[int]) -> list[int]:
    return [event.position for event in log if event.position > max(checkpoints)]


def _from_the_checkpoint(log: Sequence[Seen], checkpoints: Sequence[int]) -> list[int]:
    return [event.position for event in log if event.position >= checkpoints[event.shard]]


def _shard_by_shard(log: Sequence[Seen], checkpoints: Sequence[int]) -> list[int]:
    return [
        event.position
        for shard, checkpoint in enumerate(checkpoints)
        for event in log
        if event.shard == shard and event.position > checkpoint
    ]


def _whole_events(log: Sequence[Seen], checkpoints: Sequence[int]) -> list[Seen]:
    return [event for event in log if event.position > checkpoints[event.shard]]


@st.composite
def _logs_and_checkpoints(draw: st.DrawFn) -> tuple[list[Seen], list[int]]:
    """Positions with gaps, of one digit or two; two or three shards; checkpoints at, between and behind positions."""
    shards = draw(st.integers(2, 3))
    first = draw(st.sampled_from([1, 1, 5]))
    positions = sorted(draw(st.sets(st.integers(first, first + 8), max_size=6)))
    log = [Seen(position, draw(st.integers(0, shards - 1))) for position in positions]
    return log, draw(st.lists(st.sampled_from([0, *range(first, first + 9)]), min_size=shards, max_size=shards))


LEFT_TO_DO = Exercise(
    name="left_to_do",
    task=(
        "All processes were killed. Return the positions of the events that are still to be handled, in the order of "
        "the log. Each event of `log` has a `position` and a `shard`. `checkpoints` is a list: `checkpoints[shard]` is "
        "the last position up to which that shard has handled its events, and 0 if it has handled none."
    ),
    stub=(
        "from collections.abc import Sequence\n\n"
        "from esworkbench.course.nb06_rebuilding_projections import Seen  # position, shard\n\n\n"
        "def my_left_to_do(log: Sequence[Seen], checkpoints: Sequence[int]) -> list[int]: ..."
    ),
    reference=left_to_do,
    cases=_logs_and_checkpoints(),
    examples=[
        ([Seen(1, 0), Seen(2, 1), Seen(3, 1), Seen(4, 0), Seen(5, 0), Seen(6, 1)], [4, 2]),
        ([Seen(1, 1), Seen(2, 0)], [0, 0]),
        ([Seen(8, 0), Seen(9, 1), Seen(10, 0), Seen(100, 1)], [8, 0]),
    ],
    hints=("Each shard has a checkpoint of its own.", "`event.position > checkpoints[event.shard]`"),
    mistakes={
        "double apply": Mistake(
            _after_the_slowest, "what a shard ahead of the slowest one has done is done again, and counts twice"
        ),
        "lost": Mistake(
            _after_the_fastest, "events are lost: a slower shard never saw them, whatever the fastest one has seen"
        ),
        "off by one": Mistake(
            _from_the_checkpoint, "the event at a checkpoint is done again: a checkpoint is what *was* handled"
        ),
        "shard by shard": Mistake(
            _shard_by_shard, "these are the right positions, shard by shard: return them in the order of the log"
        ),
        "whole events": Mistake(_whole_events, "these are the right events: return their positions alone"),
    },
)

# --- change_over ------------------------------------------------------------------------------------------------------

OLD, HALF, NEW, NONE = "the old rows", "half of the new rows", "the new rows", "no table"


class BuildFailed(Exception):
    """The next table can't be built this time; what there is of it can't be used."""


WHY_IT_FAILS = "the next table can't be built"
FAILURES: list[BaseException] = [
    *(kind(WHY_IT_FAILS) for kind in (BuildFailed, OSError, RuntimeError, ValueError, KeyError, ZeroDivisionError)),
    TimeoutError(),
    MemoryError(),
    KeyboardInterrupt(),
    SystemExit(1),
]
"""A handler may raise anything, and so may the disk; whoever watches for six hours may stop it."""


class Tables:
    """A live table with wrong rows, and the next one. Readers look after each commit; any step may be the last.

    ``steps_left`` is how many more steps (a statement, a commit) the process lives; None: for ever.
    """

    def __init__(self, *, steps_left: int | None = None, build_fails: BaseException | None = None) -> None:
        self.readers_found = [OLD]
        self.found_while_building: set[str] = set()
        self.built_in_a_transaction = False
        self.steps_left = steps_left
        self.build_fails = build_fails
        self._live, self._next = OLD, NONE
        self._before: tuple[str, str] | None = None

    def build_next(self) -> None:
        """Build the next table from all events, from nothing. It takes six hours."""
        self.built_in_a_transaction |= self._before is not None
        self.found_while_building.add(self._before[0] if self._before else self._live)
        self._next = HALF
        self._step()
        if self.build_fails:
            error, self.build_fails = self.build_fails, None
            raise error
        self._next = NEW

    def drop_live(self) -> None:
        """Drop the live table, if there is one."""
        self._step()
        self._live = NONE
        self._look()

    def rename_next(self) -> None:
        """Give the next table the live table's name. Raises RuntimeError if that is taken, or if there is no next."""
        self._step()
        if self._live != NONE:
            raise RuntimeError("the name is still taken by the live table: drop that first, in the same transaction")
        if self._next == NONE:
            raise RuntimeError("there is no next table to rename: build it first")
        self._live, self._next = self._next, NONE
        self._look()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Readers see nothing of it before its commit, which is at its end; an error in it undoes all of it."""
        if self._before is not None:
            raise RuntimeError("a transaction is open already")
        self._before = self._live, self._next
        try:
            yield
            self._step()
        except BaseException:
            self._live, self._next = self._before
            raise
        finally:
            self._before = None
        self._look()

    def _step(self) -> None:
        if self.steps_left == 0:
            raise Killed
        if self.steps_left is not None:
            self.steps_left -= 1

    def _look(self) -> None:
        if self._before is None and self.readers_found[-1] != self._live:
            self.readers_found.append(self._live)


def change_over(tables: Tables) -> None:
    """As ``projections.rebuilding``: six hours beside the live table, one instant to take its place."""
    tables.build_next()
    with tables.transaction():
        tables.drop_live()
        tables.rename_next()


def _dropped_first(tables: Tables) -> None:
    tables.drop_live()
    tables.build_next()
    tables.rename_next()


def _in_two_steps(tables: Tables) -> None:
    tables.build_next()
    tables.drop_live()
    tables.rename_next()


def _in_two_transactions(tables: Tables) -> None:
    tables.build_next()
    with tables.transaction():
        tables.drop_live()
    with tables.transaction():
        tables.rename_next()


def _all_in_one(tables: Tables) -> None:
    with tables.transaction():
        tables.build_next()
        tables.drop_live()
        tables.rename_next()


def _never_renamed(tables: Tables) -> None:
    tables.build_next()


def _renamed_onto_the_live_table(tables: Tables) -> None:
    tables.build_next()
    with tables.transaction():
        tables.rename_next()
        tables.drop_live()


def _whatever_was_built(tables: Tables) -> None:
    with suppress(Exception):
        tables.build_next()
    with tables.transaction():
        tables.drop_live()
        tables.rename_next()


def _gives_up(tables: Tables) -> None:
    with suppress(Exception):
        tables.build_next()
        with tables.transaction():
            tables.drop_live()
            tables.rename_next()


def _play_change_over(answer: Any, killed_after: int | None, build_fails: BaseException | None) -> dict[str, Any]:
    """Whoever is killed, or fails, is started again."""
    tables = Tables(steps_left=killed_after, build_fails=build_fails)
    failed = []
    for _ in range(3):
        try:
            answer(tables)
            break
        except Killed:
            tables.steps_left = None
        except BaseException as error:
            if repr(error) != repr(build_fails):
                raise
            failed.append(repr(error) if error is build_fails else f"a copy of {error!r}")
    return {
        "readers found, in turn": tables.readers_found,
        "while the next was built": sorted(tables.found_while_building),
        "built inside a transaction": tables.built_in_a_transaction,
        "errors let out": failed,
    }


def _given_change_over(killed_after: int | None, build_fails: BaseException | None) -> str:
    killed = "nobody is killed" if killed_after is None else f"killed after {killed_after} steps, and started again"
    return f"{killed}; {f'the first build raises {build_fails!r}' if build_fails else 'no build fails'}"


CHANGE_OVER = Exercise(
    name="change_over",
    task=(
        "Build the next table and put it in the live table's place, so that readers find a complete table at any time, "
        "even if the process is killed on the way. `tables.build_next()` takes six hours, in which no transaction may "
        "be open, for its locks would hold everybody up. If it raises an error, of whatever class, half of the rows "
        "are there: let that very error out, not one of your own, and leave the live table as it is. "
        "`tables.drop_live()` drops the live table, `tables.rename_next()` gives its name to the next one, and `with "
        "tables.transaction():` shows readers nothing before its end."
    ),
    stub=(
        "from esworkbench.course.nb06_rebuilding_projections import Tables\n\n\n"
        "def my_change_over(tables: Tables) -> None: ..."
    ),
    reference=change_over,
    cases=st.tuples(st.none() | st.integers(0, 4), st.none() | st.sampled_from(FAILURES)),
    examples=[(None, None), (2, None), *((None, failure) for failure in FAILURES)],
    play=_play_change_over,
    given=_given_change_over,
    hints=("What takes long comes first, beside the live table.", "Drop and rename together, in one transaction."),
    mistakes={
        "dropped first": Mistake(
            _dropped_first, "the live table is dropped before the next one is built: for six hours readers find nothing"
        ),
        "two steps": Mistake(
            _in_two_steps,
            "between dropping and renaming there is no table at all, and a reader comes just then: make the two one",
        ),
        "two transactions": Mistake(
            _in_two_transactions,
            "readers look after each commit, and find no table between the two: one transaction for both",
        ),
        "one long transaction": Mistake(
            _all_in_one, "the rows are built inside the transaction: its locks hold everybody up for six hours"
        ),
        "never renamed": Mistake(
            _never_renamed, "the next table is built and never shown: drop the live one, and rename it"
        ),
        "renamed first": Mistake(
            _renamed_onto_the_live_table, "the name is still taken by the live table when you rename: drop that first"
        ),
        "whatever was built": Mistake(
            _whatever_was_built, "when the build fails its error is swallowed, and readers are given half of the rows"
        ),
        "gives up": Mistake(
            _gives_up, "when the build fails its error is swallowed, and whoever started it takes it for done"
        ),
    },
)

# --- balances ---------------------------------------------------------------------------------------------------------


class LogLine(NamedTuple):
    """A row of ``events`` in the archive."""

    position: int
    type: str
    account: str
    other: str | None
    amount_minor: int | None


def balances(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, int]]:
    """What each event adds to which account, then the sum of it: a transfer is on two lines."""
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


def _without_new_accounts(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, int]]:
    moves = "FROM events WHERE type != 'AccountOpened'"
    used = connection.execute(f"SELECT account {moves} UNION SELECT other {moves}").fetchall()
    return [row for row in balances(connection) if row[:1] in used]


def _one_side(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, int]]:
    return connection.execute(
        """
        SELECT account, CAST(sum(CASE type WHEN 'MoneyDeposited' THEN amount_minor
                                           WHEN 'AccountOpened' THEN 0 ELSE -amount_minor END) AS BIGINT)
        FROM events GROUP BY account ORDER BY account
        """
    ).fetchall()


def _in_floats(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, float]]:
    return [(account, float(balance)) for account, balance in balances(connection)]


def _in_dollars(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, float]]:
    return [(account, balance / 100) for account, balance in balances(connection)]


def _all_added(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, int]]:
    return connection.execute(
        """
        SELECT account, CAST(sum(minor) AS BIGINT) FROM (
            SELECT account, CASE type WHEN 'MoneyTransferred' THEN -amount_minor
                                      WHEN 'AccountOpened' THEN 0 ELSE amount_minor END AS minor FROM events
            UNION ALL
            SELECT other, amount_minor FROM events WHERE type = 'MoneyTransferred')
        GROUP BY account ORDER BY account
        """
    ).fetchall()


def _alike_once(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, int]]:
    return connection.execute(
        """
        SELECT account, CAST(sum(minor) AS BIGINT) FROM (
            SELECT account, CASE type WHEN 'MoneyDeposited' THEN amount_minor
                                      WHEN 'AccountOpened' THEN 0 ELSE -amount_minor END AS minor FROM events
            UNION
            SELECT other, amount_minor FROM events WHERE type = 'MoneyTransferred')
        GROUP BY account ORDER BY account
        """
    ).fetchall()


def _in_any_order(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, int]]:
    return balances(connection)[::-1]


@cache
def _archive() -> duckdb.DuckDBPyConnection:
    """In memory, and one for all cases: to open one for each would take most of the time."""
    return connect_duckdb(threads="1")


CREATE = "CREATE OR REPLACE TABLE events (position BIGINT, type TEXT, account TEXT, other TEXT, amount_minor BIGINT);"


def _play_balances(answer: Any, lines: list[LogLine]) -> Any:
    """A question changes nothing. The values stand in the statement, which is faster than binding; all are ours."""
    rows = [", ".join("NULL" if field is None else repr(field) for field in line) for line in lines]
    with _archive().cursor() as connection:
        connection.execute(CREATE + (f"INSERT INTO events VALUES ({'), ('.join(rows)});" if rows else ""))
        connection.execute("BEGIN TRANSACTION READ ONLY")
        return answer(connection)


LARGE = 2**53 + 1
"""So much that a float would lose a cent of it."""


MONEY_MOVES = [
    ("MoneyDeposited", "ada", None, 500),
    ("MoneyDeposited", "bob", None, LARGE),
    ("MoneyWithdrawn", "ada", None, 500),
    ("MoneyWithdrawn", "bob", None, 1),
    ("MoneyTransferred", "ada", "bob", 500),
    ("MoneyTransferred", "bob", "ada", 7),
]


@st.composite
def _lines(draw: st.DrawFn) -> tuple[list[LogLine]]:
    """No more than some dozens of cases in all, as a query takes its time: accounts, and no, one or two moves."""
    names = draw(st.sampled_from([("ada", "bob"), ("cyd", "bob", "ada")]))
    lines = [LogLine(number, "AccountOpened", name, None, None) for number, name in enumerate(names, start=1)]
    for move in draw(st.lists(st.sampled_from(MONEY_MOVES), max_size=2)):
        lines.append(LogLine(len(lines) + 1, *move))
    return (lines,)


EVERYTHING = [
    LogLine(1, "AccountOpened", "cyd", None, None),
    LogLine(2, "AccountOpened", "bob", None, None),
    LogLine(3, "AccountOpened", "ada", None, None),
    LogLine(4, "MoneyDeposited", "ada", None, 500),
    LogLine(5, "MoneyDeposited", "ada", None, 500),
    LogLine(6, "MoneyWithdrawn", "ada", None, 1),
    LogLine(7, "MoneyTransferred", "ada", "bob", 70),
]
IN_ANOTHER_ORDER = [
    LogLine(number, "AccountOpened", name, None, None) for number, name in enumerate(("bob", "ada", "alice", "Zoe"), 1)
]
"""By length, by letter whatever its case, and as they were opened."""


def _given_balances(lines: list[LogLine]) -> str:
    told = [f"{line.type} {line.account}{f' → {line.other}' if line.other else ''} {line.amount_minor or ''}"
            for line in lines]  # fmt: skip
    return "; ".join(map(str.strip, told)) or "no events"


BALANCES = Exercise(
    name="balances",
    task=(
        "One DuckDB query, `connection.execute(…).fetchall()`, that gives (account, balance) for every account that "
        "was opened, in the order of `account`. A balance is a whole number of minor units; a new account has 0. The "
        "table `events` has a row per event, with `position`, `type` (AccountOpened, MoneyDeposited, MoneyWithdrawn, "
        "MoneyTransferred), `account`, `other` (another account, opened too, that gets a transfer; otherwise NULL) and "
        "`amount_minor` (NULL where an account is opened). Without events there are no rows. The query changes nothing "
        "in the archive."
    ),
    stub=("import duckdb\n\n\ndef my_balances(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, int]]: ..."),
    reference=balances,
    cases=_lines(),
    examples=[(EVERYTHING,), (EVERYTHING[:4],), ([],), (IN_ANOTHER_ORDER,)],
    play=_play_balances,
    given=_given_balances,
    hints=(
        "First list what each event adds to which account, with its sign; then sum by account.",
        "`UNION ALL` adds the other side of a transfer; an account that was opened adds 0.",
    ),
    mistakes={
        "no row for a new account": Mistake(
            _without_new_accounts, "an account that was opened and never used is missing: it has a row, with 0 in it"
        ),
        "one side": Mistake(
            _one_side, "what was transferred has left one account and reached none: a transfer has two sides"
        ),
        "float money": Mistake(
            _in_floats, "the balances are floats: minor units are whole numbers, and no float may touch them"
        ),
        "in dollars": Mistake(_in_dollars, "the balances are divided by 100: leave them in minor units"),
        "withdrawals added": Mistake(_all_added, "withdrawals are added: what is withdrawn leaves the account"),
        "alike once": Mistake(
            _alike_once, "`UNION` leaves out rows that are alike: two deposits of one amount count once, so `UNION ALL`"
        ),
        "the wrong order": Mistake(_in_any_order, "the balances are right, but not in the order of `account`"),
    },
)

# --- ready ------------------------------------------------------------------------------------------------------------


def ready(shards: Sequence[int], live: int) -> bool:
    """All shards at one position, and that not before what readers have seen already."""
    return min(shards) == max(shards) >= live


def _without_looking(shards: Sequence[int], live: int) -> bool:
    return min(shards) == max(shards)


def _when_ahead(shards: Sequence[int], live: int) -> bool:
    return min(shards) == max(shards) > live


def _when_one_is(shards: Sequence[int], live: int) -> bool:
    return max(shards) >= live


def _when_mixed(shards: Sequence[int], live: int) -> bool:
    return min(shards) >= live


def _when_equal(shards: Sequence[int], live: int) -> bool:
    return all(shard == live for shard in shards)


READY = Exercise(
    name="ready",
    task=(
        "May the next rows go live? `shards` are the checkpoints of the shards that build them, at least one; `live` "
        "is the checkpoint of the table that readers see now. Readers must see the rows of *one* position, and never "
        "of an earlier one than before; the same one as before will do."
    ),
    stub=("from collections.abc import Sequence\n\n\ndef my_ready(shards: Sequence[int], live: int) -> bool: ..."),
    reference=ready,
    cases=st.one_of(
        st.tuples(st.lists(st.integers(88, 92), min_size=1, max_size=3), st.integers(89, 91)),
        st.tuples(st.lists(st.integers(0, 1), min_size=1, max_size=5), st.integers(0, 1)),
    ),
    examples=[
        ([90, 90], 90),
        ([0, 0], 0),
        ([95, 95], 90),
        ([70, 70], 90),
        ([90, 70], 80),
        ([90, 95], 80),
        ([92, 91, 93], 90),
        (list(map(int, ["1000"] * 3)), 1_000),  # equal, and not one object
        ([2**53, 2**53 + 1], 2**53),
    ],
    hints=("What does a reader see whose table is half at 90 and half at 95?", "All equal, and not below `live`."),
    mistakes={
        "without looking": Mistake(
            _without_looking, "the shards are behind what readers have seen: after the swap, events would be gone"
        ),
        "off by one": Mistake(
            _when_ahead, "the shards are where the live table is: on a quiet day, waiting for more takes for ever"
        ),
        "the fastest counts": Mistake(
            _when_one_is, "one shard has got far enough, and another hasn't: the slowest one counts"
        ),
        "mixed positions": Mistake(
            _when_mixed, "the shards are at different positions: a transfer may be half there, so bring them to one"
        ),
        "exactly there": Mistake(
            _when_equal, "all shards are at one position past the live table's: what more is there to wait for?"
        ),
    },
)

exercises = Exercises(__name__, CHANGE_OVER, SHARD_OF, LEFT_TO_DO, READY, BALANCES)
