"""Answers to the exercises of notebook 06."""

import binascii
import unicodedata
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

import duckdb
import pandas as pd

from esworkbench.course.nb06_rebuilding_projections import BuildFailed, Seen, Tables


def shard_of_by_hand(stream_id: str, count: int) -> int:
    crc = 0xFFFFFFFF
    for byte in bytes(stream_id, "utf-8"):
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xEDB88320 if crc & 1 else 0)
    return divmod(crc ^ 0xFFFFFFFF, count)[1]


def shard_of_by_binascii(stream_id: str, count: int) -> int:
    crc = binascii.crc32(stream_id.encode("utf-8"))
    return crc - crc // count * count


def shard_of_masked(stream_id: str, count: int) -> int:
    return zlib.crc32(stream_id.encode()) & count - 1


def shard_of_and(stream_id: str, count: int) -> int:
    return zlib.crc32(stream_id.encode()) & count


def shard_of_by_adler(stream_id: str, count: int) -> int:
    return zlib.adler32(stream_id.encode()) % count


def shard_of_in_latin(stream_id: str, count: int) -> int:
    return zlib.crc32(stream_id.encode("latin-1")) % count


def shard_of_by_number(stream_id: str, count: int) -> int:
    return zlib.crc32(stream_id.rpartition("-")[2].encode()) % count


def shard_of_as_float(stream_id: str, count: int) -> float:
    return float(zlib.crc32(stream_id.encode()) % count)


def shard_of_few(stream_id: str, count: int) -> int:
    return zlib.crc32(stream_id.encode()) % min(count, 256)


def shard_of_a_thousand(stream_id: str, count: int) -> int:
    return zlib.crc32(stream_id.encode()) % min(count, 1024)


def shard_of_stripped(stream_id: str, count: int) -> int:
    return zlib.crc32(stream_id.strip().encode()) % count


def shard_of_cut(stream_id: str, count: int) -> int:
    return zlib.crc32(stream_id[:40].encode()) % count


def shard_of_normalized(stream_id: str, count: int) -> int:
    return zlib.crc32(unicodedata.normalize("NFC", stream_id).encode()) % count


def shard_of_something(stream_id: str, count: int) -> int:
    return zlib.crc32(stream_id.encode()) % count if stream_id else count - 1


def left_to_do_lazily(log: Sequence[Seen], checkpoints: Sequence[int]) -> Iterator[int]:
    for position, shard in log:
        if not position <= checkpoints[shard]:
            yield position


def left_to_do_by_shard(log: Sequence[Seen], checkpoints: Sequence[int]) -> list[int]:
    of_shard = defaultdict(list)
    for event in log:
        of_shard[event.shard].append(event.position)
    rest = [place for shard, places in of_shard.items() for place in places if place > checkpoints[shard]]
    return sorted(rest)


def left_to_do_after_the_mean(log: Sequence[Seen], checkpoints: Sequence[int]) -> list[int]:
    return [event.position for event in log if event.position > sum(checkpoints) / len(checkpoints)]


def left_to_do_counted(log: Sequence[Seen], checkpoints: Sequence[int]) -> list[int]:
    """Takes a checkpoint for a number of events."""
    return [event.position for number, event in enumerate(log, start=1) if number > checkpoints[event.shard]]


def left_to_do_of_shards_before_the_first(log: Sequence[Seen], checkpoints: Sequence[int]) -> list[int]:
    return [event.position for event in log if event.position > (checkpoints[event.shard - 1])]


def left_to_do_if_there_is_one(log: Sequence[Seen], checkpoints: Sequence[int]) -> list[int]:
    """Takes a checkpoint of 0 for none, and a shard that did nothing for one that has nothing to do."""
    return [e.position for e in log if checkpoints[e.shard] and e.position > checkpoints[e.shard]]


def left_to_do_as_text(log: Sequence[Seen], checkpoints: Sequence[int]) -> list[int]:
    return sorted(left_to_do_lazily(log, checkpoints), key=str)


def left_to_do_after_a_digit(log: Sequence[Seen], checkpoints: Sequence[int]) -> list[int]:
    return [event.position for event in log if str(event.position) > str(checkpoints[event.shard])]


def change_over_step_by_step(tables: Tables) -> None:
    tables.build_next()
    transaction = tables.transaction()
    with transaction:
        for step in (tables.drop_live, tables.rename_next):
            step()


def change_over_tries_again(tables: Tables) -> None:
    try:
        tables.build_next()
    except BuildFailed as error:
        error.add_note("the live table is as it was")
        raise
    else:
        with tables.transaction():
            tables.drop_live()
            tables.rename_next()


def change_over_builds_inside(tables: Tables) -> None:
    with tables.transaction():
        tables.drop_live()
        tables.build_next()
        tables.rename_next()


def change_over_renames_outside(tables: Tables) -> None:
    tables.build_next()
    with tables.transaction():
        tables.drop_live()
    tables.rename_next()


def change_over_without_a_build(tables: Tables) -> None:
    with tables.transaction():
        tables.drop_live()
        tables.rename_next()


def change_over_in_any_case(tables: Tables) -> None:
    try:
        tables.build_next()
    finally:
        with tables.transaction():
            tables.drop_live()
            tables.rename_next()


def change_over_gives_up_silently(tables: Tables) -> None:
    with suppress(BuildFailed):
        tables.build_next()
        with tables.transaction():
            tables.drop_live()
            tables.rename_next()


def change_over_gives_up_on_some_errors(tables: Tables) -> None:
    try:
        tables.build_next()
    except (ValueError, RuntimeError, OSError):
        return
    with tables.transaction():
        tables.drop_live()
        tables.rename_next()


def change_over_without_a_value(tables: Tables) -> None:
    with suppress(ValueError):
        tables.build_next()
    with tables.transaction():
        tables.drop_live()
        tables.rename_next()


def change_over_with_another_error(tables: Tables) -> None:
    try:
        tables.build_next()
    except Exception as error:
        raise RuntimeError("the next table can't be built") from error
    with tables.transaction():
        tables.drop_live()
        tables.rename_next()


def change_over_with_a_copy_of_the_error(tables: Tables) -> None:
    try:
        tables.build_next()
    except Exception as error:  # noqa: BLE001 - this is the mistake
        raise type(error)(*error.args) from None
    with tables.transaction():
        tables.drop_live()
        tables.rename_next()


def change_over_silent_after(*kinds: type[BaseException]) -> Callable[[Tables], None]:
    def change_over(tables: Tables) -> None:
        try:
            tables.build_next()
        except kinds:
            return
        with tables.transaction():
            tables.drop_live()
            tables.rename_next()

    return change_over


def change_over_though_interrupted(tables: Tables) -> None:
    with suppress(KeyboardInterrupt):
        tables.build_next()
    with tables.transaction():
        tables.drop_live()
        tables.rename_next()


def change_over_silent_without_a_reason(tables: Tables) -> None:
    try:
        tables.build_next()
    except Exception as error:
        if error.args:
            raise
        return
    with tables.transaction():
        tables.drop_live()
        tables.rename_next()


POSTINGS = """
    SELECT account, 0 AS minor FROM events WHERE type = 'AccountOpened'
    UNION ALL SELECT account, amount_minor FROM events WHERE type = 'MoneyDeposited'
    UNION ALL SELECT account, -amount_minor FROM events WHERE type IN ('MoneyWithdrawn', 'MoneyTransferred')
    UNION ALL SELECT other, amount_minor FROM events WHERE type = 'MoneyTransferred'
"""


def balances_of_postings(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, int]]:
    return connection.execute(f"SELECT account, sum(minor) FROM ({POSTINGS}) GROUP BY ALL ORDER BY ALL").fetchall()


def balances_by_subqueries(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    return connection.execute(
        """
        WITH opened AS (SELECT DISTINCT account FROM events WHERE type = 'AccountOpened')
        SELECT account, (
            SELECT coalesce(sum(CASE WHEN e.type = 'MoneyDeposited' THEN e.amount_minor
                                     WHEN e.type = 'AccountOpened' THEN 0
                                     WHEN e.other = opened.account THEN e.amount_minor
                                     ELSE -e.amount_minor END), 0)
            FROM events e WHERE opened.account IN (e.account, e.other))::BIGINT AS balance
        FROM opened ORDER BY account
        """
    ).df()


def balances_in_python(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, int]]:
    totals: Counter[str] = Counter()
    for kind, account, other, amount in connection.execute(
        "SELECT type, account, other, amount_minor FROM events"
    ).fetchall():
        totals[account] += {"AccountOpened": 0, "MoneyDeposited": amount}.get(kind, -(amount or 0))
        if other:
            totals[other] += amount
    return sorted(totals.items())


def balances_of_distinct(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, int]]:
    postings = POSTINGS.replace("UNION ALL", "UNION")
    return connection.execute(f"SELECT account, sum(minor) FROM ({postings}) GROUP BY ALL ORDER BY ALL").fetchall()


def balances_by_doubles(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, int]]:
    postings = f"SELECT account, sum(minor::DOUBLE)::BIGINT FROM ({POSTINGS}) GROUP BY ALL ORDER BY ALL"
    return connection.execute(postings).fetchall()


def balances_not_ordered(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, int]]:
    return connection.execute(f"SELECT account, sum(minor) FROM ({POSTINGS}) GROUP BY account ORDER BY 2").fetchall()


def balances_of_one_kind_of_withdrawal(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, int]]:
    postings = POSTINGS.replace("'MoneyWithdrawn', ", "")
    return connection.execute(f"SELECT account, sum(minor) FROM ({postings}) GROUP BY ALL ORDER BY ALL").fetchall()


def balances_with_nulls(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, int]]:
    """A new account has NULL."""
    postings = POSTINGS.replace("0 AS minor", "amount_minor AS minor")
    return connection.execute(f"SELECT account, sum(minor) FROM ({postings}) GROUP BY ALL ORDER BY ALL").fetchall()


def balances_by_a_view(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, int]]:
    """Leaves a view in the archive."""
    connection.execute(f"CREATE OR REPLACE VIEW postings AS {POSTINGS}")
    return connection.execute("SELECT account, sum(minor) FROM postings GROUP BY ALL ORDER BY ALL").fetchall()


def balances_by_a_passing_view(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, int]]:
    connection.execute(f"CREATE OR REPLACE TEMP VIEW postings AS {POSTINGS}")
    return connection.execute("SELECT account, sum(minor) FROM postings GROUP BY ALL ORDER BY ALL").fetchall()


def balances_in_the_order_of(key: str) -> Callable[[duckdb.DuckDBPyConnection], list[tuple[str, int]]]:
    query = f"SELECT account, sum(minor) FROM ({POSTINGS}) GROUP BY account ORDER BY {key}, account"
    return lambda connection: connection.execute(query).fetchall()


def balances_with_a_slip(right: str, wrong: str) -> Callable[[duckdb.DuckDBPyConnection], list[tuple[str, int]]]:
    """The query with one slip of the pen, as ``mutants`` makes them of Python."""
    query = f"SELECT account, sum(minor) FROM ({POSTINGS}) GROUP BY account ORDER BY account"
    assert right in query
    return lambda connection: connection.execute(query.replace(right, wrong, 1)).fetchall()


SLIPS = [
    ("-amount_minor", "amount_minor"),
    ("0 AS minor", "1 AS minor"),
    ("UNION ALL SELECT account, amount_minor", "UNION SELECT account, amount_minor"),
    ("UNION ALL SELECT account, -amount_minor", "UNION SELECT account, -amount_minor"),
    ("UNION ALL SELECT other", "UNION SELECT other"),
    ("SELECT other", "SELECT account"),
    ("'MoneyWithdrawn', 'MoneyTransferred'", "'MoneyTransferred'"),
    ("'MoneyWithdrawn', 'MoneyTransferred'", "'MoneyWithdrawn'"),
    ("type = 'MoneyDeposited'", "type != 'MoneyDeposited'"),
    ("WHERE type = 'AccountOpened'", "WHERE type = 'AccountClosed'"),
    ("sum(minor)", "max(minor)"),
    ("sum(minor)", "count(minor)"),
    ("sum(minor)", "sum(DISTINCT minor)"),
    ("ORDER BY account", "ORDER BY account DESC"),
]


def balances_where_something_is_left(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, int]]:
    return [row for row in balances_of_postings(connection) if row[1]]


def ready_by_set(shards: Sequence[int], live: int) -> bool:
    return len(set(shards)) == 1 and not shards[0] < live


def ready_by_loop(shards: Sequence[int], live: int) -> bool:
    first, *others = shards
    for other in others:
        if other != first:
            return False
    return first >= live


def ready_by_mean(shards: Sequence[int], live: int) -> bool:
    return sum(shards) / len(shards) >= live


def ready_by_ends(shards: Sequence[int], live: int) -> bool:
    return shards[0] == shards[-1] >= live


def ready_by_sum(shards: Sequence[int], live: int) -> bool:
    return sum(shards) == len(shards) * shards[0] and shards[0] >= live


def ready_by_identity(shards: Sequence[int], live: int) -> bool:
    return all(shard is shards[0] for shard in shards) and shards[0] >= live


def ready_in_floats(shards: Sequence[int], live: int) -> bool:
    return len(set(map(float, shards))) == 1 and shards[0] >= live


def ready_by_any(shards: Sequence[int], live: int) -> bool:
    return any(shard >= live for shard in shards)


def ready_by_position(shards: Sequence[int], live: int) -> int:
    """The position, where a yes or no is asked for."""
    return shards[0] if len(set(shards)) == 1 and shards[0] >= live else 0


def ready_if_there_is_something(shards: Sequence[int], live: int) -> bool:
    return bool(shards[0]) and len(set(shards)) == 1 and shards[0] >= live


def ready_with_a_live_table(shards: Sequence[int], live: int) -> bool:
    return bool(live) and len(set(shards)) == 1 and shards[0] >= live


def balances_by_two_joins(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, int]]:
    """Each move of its own counts as often as a transfer reaches the account, and the other way round."""
    return connection.execute(
        """
        SELECT o.account, CAST(coalesce(sum(CASE WHEN e.type = 'MoneyDeposited' THEN e.amount_minor
            ELSE -e.amount_minor END), 0) + coalesce(sum(t.amount_minor), 0) AS BIGINT)
        FROM events o LEFT JOIN events e ON e.account = o.account AND e.type <> 'AccountOpened'
        LEFT JOIN events t ON t.other = o.account WHERE o.type = 'AccountOpened' GROUP BY ALL ORDER BY 1
        """
    ).fetchall()


def balances_joined_to_what_was_got(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, int]]:
    return connection.execute(
        """
        WITH own AS (SELECT account, sum(CASE type WHEN 'MoneyDeposited' THEN amount_minor
            WHEN 'AccountOpened' THEN 0 ELSE -amount_minor END) AS minor FROM events GROUP BY account)
        SELECT own.account, CAST(sum(own.minor) + coalesce(sum(got.amount_minor), 0) AS BIGINT)
        FROM own LEFT JOIN events got ON got.other = own.account GROUP BY own.account, own.minor ORDER BY 1
        """
    ).fetchall()


RIGHT = {
    "shard_of": [shard_of_by_hand, shard_of_by_binascii],
    "left_to_do": [left_to_do_lazily, left_to_do_by_shard],
    "change_over": [change_over_step_by_step, change_over_tries_again],
    "balances": [balances_of_postings, balances_by_subqueries, balances_in_python, balances_by_a_passing_view],
    "ready": [ready_by_set, ready_by_loop],
}
WRONG = {
    "shard_of": [
        shard_of_masked,
        shard_of_and,
        shard_of_by_adler,
        shard_of_in_latin,
        shard_of_by_number,
        shard_of_as_float,
        shard_of_few,
        shard_of_a_thousand,
        shard_of_stripped,
        shard_of_cut,
        shard_of_normalized,
        shard_of_something,
    ],
    "left_to_do": [
        left_to_do_after_the_mean,
        left_to_do_counted,
        left_to_do_of_shards_before_the_first,
        left_to_do_if_there_is_one,
        left_to_do_as_text,
        left_to_do_after_a_digit,
    ],
    "change_over": [
        change_over_builds_inside,
        change_over_renames_outside,
        change_over_without_a_build,
        change_over_in_any_case,
        change_over_gives_up_silently,
        change_over_gives_up_on_some_errors,
        change_over_without_a_value,
        change_over_with_another_error,
        change_over_with_a_copy_of_the_error,
        change_over_silent_after(TimeoutError),
        change_over_silent_after(LookupError),
        change_over_silent_after(ArithmeticError),
        change_over_silent_after(MemoryError),
        change_over_silent_after(SystemExit),
        change_over_though_interrupted,
        change_over_silent_without_a_reason,
    ],
    "balances": [
        balances_by_two_joins,
        balances_joined_to_what_was_got,
        balances_of_distinct,
        balances_by_doubles,
        balances_not_ordered,
        balances_of_one_kind_of_withdrawal,
        balances_with_nulls,
        balances_where_something_is_left,
        balances_by_a_view,
        *map(balances_in_the_order_of, ["length(account)", "lower(account)"]),
        *(balances_with_a_slip(right, wrong) for right, wrong in SLIPS),
    ],
    "ready": [
        ready_by_mean,
        ready_by_ends,
        ready_by_any,
        ready_by_sum,
        ready_by_identity,
        ready_in_floats,
        ready_by_position,
        ready_if_there_is_something,
        ready_with_a_live_table,
    ],
}
EQUIVALENT: dict[str, dict[str, str]] = {}
