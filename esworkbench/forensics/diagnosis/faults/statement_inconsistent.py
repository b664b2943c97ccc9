"""statement_inconsistent: a statement's balances don't follow from its amounts, though these agree with the events."""

from collections.abc import Iterator, Sequence

from esworkbench.forensics.compare.records import DIFFERS, Key, Residual
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.statement_balances import contradictions, statement_residuals
from esworkbench.forensics.diagnosis.unexplained import Explanation, Explanations, Left, NotTestable, whole
from esworkbench.forensics.diagnosis.wording import finding, places

Stretch = tuple[Residual, Residual]
"""The line from which the balances are off, and the line from which they are right again."""


def statement_inconsistent(facts: Facts, left: Left) -> Explanations:
    """Stretches of lines whose balances are all off by the same amount, while each line's own amount is its event's."""
    if not facts.count("statements"):
        return NotTestable("there is no statement to say what happened outside")
    jumps = contradictions(facts)
    explanations = []
    for (file, key), steps in statement_residuals(left).items():
        own = jumps.get((file, key), [])
        off = [each for each in _stretches(steps) if each[0].amount in own and each[1].amount in own]
        if off:
            explanations.append(_explanation(facts, file, key, off))
    return explanations


FAULT = Fault(
    name="statement_inconsistent",
    meaning="the statement's balances don't follow from its own amounts, though the amounts agree with the events",
    look_alikes=("statement_incomplete",),
    remedy="send the statement back, and leave events and read models as they are",
    repair="none",
    detector=statement_inconsistent,
)


def _stretches(steps: Sequence[Residual]) -> Iterator[Stretch]:
    opened: Residual | None = None
    for step in steps:
        if step.reason != DIFFERS:
            continue
        if opened is not None and step.amount == -opened.amount:
            yield opened, step
            opened = None
        else:
            opened = step


def _explanation(facts: Facts, file: str, key: Key, off: list[Stretch]) -> Explanation:
    amount = sum(first.amount for first, _ in off)
    steps = [step for stretch in off for step in stretch]
    at = "; ".join(
        f"by {facts.money(first.amount, key)} from the line of {places([first.position or 0])} until that of "
        f"{places([last.position or 0])}"
        for first, last in off
    )
    proof = f"the balances of {file} are off {at}, while every line's own amount agrees with its event"
    found = finding(
        FAULT, key, amount=amount, events=[(step.position or 0, step.event_id or "") for step in steps], source=file,
        proof=proof,
    )  # fmt: skip
    return Explanation(found, [whole(step) for step in steps])
