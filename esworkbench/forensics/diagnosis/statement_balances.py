"""Where a statement contradicts itself: a line's balance is not the one before it plus the line's own amount."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from esworkbench.forensics.compare.records import DIFFERS, TOTAL, Key, Residual
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.unexplained import Left
from esworkbench.forensics.diagnosis.wording import places

Part = tuple[str, Key]
"""A statement's file, and the account and currency that the lines are about."""

Stretch = tuple[Residual, Residual]
"""The line, or the opening balance, from which the balances are off, and the line from which they are right again."""

_CONTRADICTIONS = """
    SELECT file, account, currency, line, position, event_id, residual, contradiction FROM statement_steps
    WHERE contradiction <> 0 ORDER BY file, account, currency, place
"""


class Contradiction(NamedTuple):
    """A line whose balance moves by ``amount`` minor units more than the line says.

    ``residual`` is what the balance moves by beyond what was posted: 0 where balance and event agree, and the line's
    own amount with neither. The event is the one that the line means; without one, position and id are None.
    """

    line: int
    position: int | None
    event_id: str | None
    residual: int
    amount: int


def contradictions(facts: Facts) -> dict[Part, list[Contradiction]]:
    """The lines that don't follow from the lines before them, in their order."""
    found: dict[Part, list[Contradiction]] = {}
    for file, account, currency, *line in facts.rows(_CONTRADICTIONS):
        found.setdefault((file, (account, currency)), []).append(Contradiction(*line))
    return found


def statement_residuals(left: Left) -> dict[Part, list[Residual]]:
    """What is left of the statements' residuals, in their order."""
    found: dict[Part, list[Residual]] = {}
    for step in left.steps(kind="statement"):
        found.setdefault((step.source, step.key), []).append(step)
    return found


def stretches(steps: Sequence[Residual]) -> Iterator[Stretch]:
    """Where the balances part from the events at one line, or are off from the opening balance on, and come back at a
    later one, by the same amount.
    """
    opened: Residual | None = None
    for step in steps:
        if step.reason not in (DIFFERS, TOTAL):
            continue
        if opened is not None and step.amount == -opened.amount:
            yield opened, step
            opened = None
        else:
            opened = step


def events_at(steps: Sequence[Residual]) -> list[tuple[int, str]]:
    """The events that lines mean; a balance that the bank states for itself means none."""
    return [(step.position, step.event_id) for step in steps if step.position is not None and step.event_id is not None]


def told_at(steps: Sequence[Residual]) -> str:
    """Where lines stand: the positions of their events, and the balances that the bank states for themselves."""
    positions = [step.position for step in steps if step.position is not None]
    stated = [
        "its opening balance" if step.reason == TOTAL else f"its {step.type}" for step in steps if step.position is None
    ]
    return " and ".join([*([places(positions)] if positions else []), *dict.fromkeys(stated)])
