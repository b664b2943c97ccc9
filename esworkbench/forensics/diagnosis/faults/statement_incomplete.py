"""statement_incomplete: a line is missing from the statement, and its own balances go on as if it were there."""

from esworkbench.forensics.compare.records import Key
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.holes import Hole, holes
from esworkbench.forensics.diagnosis.statement_balances import contradictions, statement_residuals
from esworkbench.forensics.diagnosis.unexplained import Explanation, Explanations, Left, NotTestable, whole
from esworkbench.forensics.diagnosis.wording import finding, places


def statement_incomplete(facts: Facts, left: Left) -> Explanations:
    """The statement's own balances prove it: they include a line that isn't there, and an event has its amount."""
    if not facts.count("statements"):
        return NotTestable("there is no statement to say what happened outside")
    jumps = contradictions(facts)
    explanations = []
    for (file, key), steps in statement_residuals(left).items():
        own = jumps.get((file, key), [])
        lost = [hole for hole in holes(steps) if hole.heals.amount in own]
        if lost:
            explanations.append(_explanation(facts, file, key, lost))
    return explanations


FAULT = Fault(
    name="statement_incomplete",
    meaning="the statement lacks a line that its own later balances count",
    look_alikes=("statement_inconsistent", "retry_duplicate", "unresolved_pending"),
    remedy="ask for the missing line, and leave events and read models as they are",
    repair="none",
    detector=statement_incomplete,
)


def _explanation(facts: Facts, file: str, key: Key, lost: list[Hole]) -> Explanation:
    steps = [step for hole in lost for step in hole.lost]
    amount = sum(hole.amount for hole in lost)
    where = places([step.position or 0 for step in steps])
    proof = (
        f"{file} has no line for the event{'s' * (len(steps) > 1)} at {where}, {facts.money(-amount, key)} in all, "
        "but its own balances move by that amount"
    )
    found = finding(
        FAULT, key, amount=amount, events=[(step.position or 0, step.event_id or "") for step in steps], source=file,
        proof=proof,
    )  # fmt: skip
    return Explanation(found, [whole(step) for hole in lost for step in (*hole.lost, hole.heals)])
