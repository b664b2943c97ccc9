"""statement_inconsistent: a statement's balances and amounts don't follow from each other, and events take one side."""

from collections.abc import Sequence
from itertools import chain

from esworkbench.forensics.compare.records import TOTAL, Residual
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.statement_balances import (
    Contradiction,
    Part,
    Stretch,
    contradictions,
    events_at,
    statement_residuals,
    stretches,
    told_at,
)
from esworkbench.forensics.diagnosis.unexplained import Explanation, Explanations, Left, NotTestable, whole
from esworkbench.forensics.diagnosis.wording import finding


def statement_inconsistent(facts: Facts, left: Left) -> Explanations:
    """Stretches of lines whose balances are all off by the same amount, while each line's own amount is its event's;
    and lines whose balance agrees with the events, while their own amount doesn't.
    """
    if not facts.count("statements"):
        return NotTestable("there is no statement to say what happened outside")
    steps = statement_residuals(left)
    explanations = []
    for part, own in contradictions(facts).items():
        jumps = [jump.amount for jump in own]
        # No line comes before the opening balance for it to contradict.
        off = [
            (first, last) for first, last in stretches(steps.get(part, []))
            if (first.reason == TOTAL or first.amount in jumps) and last.amount in jumps
        ]  # fmt: skip
        amounts = [jump for jump in own if jump.residual == 0]
        if off or amounts:
            told = left.steps(source=part[0], key=part[1], kind="amount")
            explanations.append(_explanation(facts, part, off, amounts, told))
    return explanations


FAULT = Fault(
    name="statement_inconsistent",
    meaning="the statement's balances don't follow from its own amounts, or lines are another account's or told twice",
    look_alikes=("statement_incomplete", "never_appended"),
    remedy="send the statement back, and leave events and read models as they are",
    repair="none",
    detector=statement_inconsistent,
)


def _explanation(
    facts: Facts, part: Part, off: Sequence[Stretch], amounts: Sequence[Contradiction], told: Sequence[Residual]
) -> Explanation:  # fmt: skip
    """Where both are there, the amount is that of the balances: what a line says of itself moves no money."""
    file, key = part
    words, events = [], []
    for first, last in off:
        events += events_at([first, last])
        words.append(
            f"the balances of {file} are off by {facts.money(first.amount, key)} from the line of "
            f"{told_at([first])} until that of {told_at([last])}, while every line's own amount agrees with its event"
        )
    for jump in amounts:
        events += [(jump.position, jump.event_id)] if jump.position is not None and jump.event_id is not None else []
        words.append(
            f"line {jump.line} of {file} says {facts.money(-jump.amount, key)} more than its own balance moves by, and "
            "the events agree with the balance"
        )
    amount = sum(first.amount for first, _ in off) if off else -sum(jump.amount for jump in amounts)
    found = finding(FAULT, key, amount=amount, events=events, source=file, proof="; ".join(words))
    return Explanation(found, [whole(step) for step in (*chain.from_iterable(off), *told)])
