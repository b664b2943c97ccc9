"""Where a statement contradicts itself: a line's balance is not the one before it plus the line's own amount."""

from esworkbench.forensics.compare.records import Key, Residual
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.unexplained import Left

Part = tuple[str, Key]
"""A statement's file, and the account and currency that the lines are about."""

# A statement may list its newest line first.
_CONTRADICTIONS = """
    WITH written AS (
        SELECT *, first_value(booked_at) OVER part > last_value(booked_at) OVER part AS newest_first FROM statements
        WINDOW part AS (PARTITION BY file, account, currency ORDER BY line
                        ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
    ), stepped AS (
        SELECT *, lag(balance_minor) OVER (
            PARTITION BY file, account, currency ORDER BY CASE WHEN newest_first THEN -line ELSE line END
        ) AS before FROM written
    )
    SELECT file, account, currency, balance_minor::HUGEINT - before - amount_minor AS amount FROM stepped
    WHERE amount <> 0 ORDER BY file, line
"""


def contradictions(facts: Facts) -> dict[Part, list[int]]:
    """How far the balances depart from the lines' own amounts, in minor units."""
    found: dict[Part, list[int]] = {}
    for file, account, currency, amount in facts.rows(_CONTRADICTIONS):
        found.setdefault((file, (account, currency)), []).append(amount)
    return found


def statement_residuals(left: Left) -> dict[Part, list[Residual]]:
    """What is left of the statements' residuals, in their order."""
    found: dict[Part, list[Residual]] = {}
    for step in left.steps(kind="statement"):
        found.setdefault((step.source, step.key), []).append(step)
    return found
