"""The exercise ``balances``: one query of the archive for the balances of all accounts."""

from functools import cache
from typing import Any, NamedTuple

import duckdb
from hypothesis import strategies as st

from esworkbench.archive.duckdb_connection import connect_duckdb
from esworkbench.course.grader.exercise import Exercise, Mistake

TASK = (
    "One DuckDB query, `connection.execute(…).fetchall()`, that gives (account, balance) for every account that "
    "was opened, in the order of `account`. A balance is a whole number of minor units; a new account has 0. The "
    "table `events` has a row per event, with `position`, `type` (AccountOpened, MoneyDeposited, MoneyWithdrawn, "
    "MoneyTransferred), `account`, `other` (another account, opened too, that gets a transfer; otherwise NULL) and "
    "`amount_minor` (NULL where an account is opened). Without events there are no rows. The query changes nothing "
    "in the archive."
)


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
BOTH_WAYS = [
    *EVERYTHING[:4],
    LogLine(5, "MoneyDeposited", "bob", None, 10),
    LogLine(6, "MoneyDeposited", "bob", None, 20),
    LogLine(7, "MoneyTransferred", "ada", "bob", 5),
    LogLine(8, "MoneyTransferred", "ada", "bob", 6),
]
"""Two moves of its own, and two transfers that reach it: a join of the ones to the others has four rows."""
IN_ANOTHER_ORDER = [
    LogLine(number, "AccountOpened", name, None, None) for number, name in enumerate(("bob", "ada", "alice", "Zoe"), 1)
]
"""By length, by letter whatever its case, and as they were opened."""


def _given_balances(lines: list[LogLine]) -> str:
    told = [f"{line.type} {line.account}{f' → {line.other}' if line.other else ''} {line.amount_minor or ''}"
            for line in lines]  # fmt: skip
    return "; ".join(map(str.strip, told)) or "no events"


# --- mistakes ---------------------------------------------------------------------------------------------------------


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


# --- the exercise -----------------------------------------------------------------------------------------------------

BALANCES = Exercise(
    name="balances",
    task=TASK,
    stub=("import duckdb\n\n\ndef my_balances(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, int]]: ..."),
    reference=balances,
    cases=_lines(),
    examples=[(EVERYTHING,), (EVERYTHING[:4],), (BOTH_WAYS,), ([],), (IN_ANOTHER_ORDER,)],
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
