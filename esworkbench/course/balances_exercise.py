"""An exercise of notebook 06: all balances as one query over the events."""

from collections.abc import Callable

import duckdb

from esworkbench.course.mechanism import Exercise, Mistake, Wrong

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
        raise Wrong("cyd has opened an account, and isn't in the table: a new account has a row, and 0 in it")
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
        "First make each event its signed effects on accounts; then sum them by account.",
        "`UNION ALL` adds the other side of a transfer; an account that was opened adds 0.",
    ),
    mistakes={
        "no row for a new account": Mistake(without_new_accounts, "0 in it"),
        "one side": Mistake(one_side, "two sides"),
        "float money": Mistake(in_floats, "no float"),
        "withdrawals added": Mistake(all_added, "too much"),
    },
)
