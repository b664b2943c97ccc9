"""What DuckDB answers through our one door is right, also where its optimizer had it wrong."""

import re

from esworkbench.archive.duckdb_connection import connect_duckdb
from tests.ground.core import ROOT

POSTINGS = """
    CREATE TABLE postings AS SELECT 'A' || i % 5 AS account, i AS position, 'e' || i AS id, 1000 * (i - 300) AS amount,
        TIMESTAMPTZ '2024-01-01 00:00:00+00' + to_hours(i) AS made FROM range(1, 401) AS r(i)
"""
RUNS = """
    CREATE TABLE runs AS SELECT i AS id, ['balances', 'history'][1 + i % 2] AS reader,
        TIMESTAMPTZ '2024-01-16 00:00:00+00' AS made, 300 + i AS since, 400 AS up_to FROM range(1, 7) AS r(i)
"""
LATE = """
    WITH batches AS (
        SELECT * FROM runs WHERE reader = 'history' AND made IS NOT NULL
            AND id > coalesce((SELECT max(id) FROM runs WHERE reader = 'history' AND up_to = 0), -1)
    ), posted AS (
        SELECT account, position, id, sum(amount)::BIGINT AS amount, any_value(made) AS made FROM postings
        WHERE made > (SELECT min(made) FROM batches) GROUP BY ALL
    )
    SELECT p.position, p.amount FROM posted AS p JOIN batches AS r ON p.position BETWEEN r.since AND r.up_to
    GROUP BY ALL HAVING max(r.made) < any_value(p.made) ORDER BY p.position
"""
"""What `gap_skipped` asks: which events were made after the batch that had covered them."""


def test_an_amount_comes_back_as_it_went_in() -> None:
    with connect_duckdb() as connection:
        connection.execute(POSTINGS)
        connection.execute(RUNS)
        found = connection.execute(LATE).fetchall()
    assert found == [(position, 1000 * (position - 300)) for position in range(361, 401)]


def test_nothing_in_the_package_opens_duckdb_by_another_door() -> None:
    door = ROOT / "esworkbench" / "archive" / "duckdb_connection.py"
    opening = re.compile(r"\bduckdb\.(connect|sql|query|execute|default_connection|from_\w+|read_\w+)\(")
    others = [
        path
        for path in (ROOT / "esworkbench").rglob("*.py")
        if path != door and opening.search(path.read_text(encoding="utf-8"))
    ]
    assert opening.search(door.read_text(encoding="utf-8"))
    assert others == []
