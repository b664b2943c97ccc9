"""Where a statement contradicts itself: a line's balance is not the one before it plus the line's own amount."""

from esworkbench.forensics.compare.records import Key, Residual
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.unexplained import Left

Part = tuple[str, Key]
"""A statement's file, and the account and currency that the lines are about."""

_CONTRADICTIONS = """
    SELECT file, account, currency, (balance_minor - before - amount_minor)::BIGINT FROM (
        SELECT *, lag(balance_minor) OVER (PARTITION BY file, account, currency ORDER BY line) AS before FROM statements
    ) WHERE balance_minor - before - amount_minor <> 0 ORDER BY file, line
"""


def contradictions(facts: Facts) -> dict[Part, list[int]]:
    """By how much the balances move otherwise than the lines say, in minor units and in the lines' order."""
    found: dict[Part, list[int]] = {}
    for file, account, currency, amount in facts.rows(_CONTRADICTIONS):
        found.setdefault((file, (account, currency)), []).append(amount)
    return found


def statement_steps(left: Left) -> dict[Part, list[Residual]]:
    """What is left of the statements' residuals, in their order."""
    found: dict[Part, list[Residual]] = {}
    for step in left.steps(kind="statement"):
        found.setdefault((step.source, step.key), []).append(step)
    return found
