"""statement_incomplete: a line is missing from the statement, and its own balances go on as though it were there."""

from esworkbench.forensics.compare.records import Key
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.holes import Hole, holes
from esworkbench.forensics.diagnosis.statement_balances import contradictions, statement_residuals
from esworkbench.forensics.diagnosis.unexplained import Answer, Claim, Left, NotTestable, whole
from esworkbench.forensics.diagnosis.wording import finding, places


def statement_incomplete(facts: Facts, left: Left) -> Answer:
    """The statement's own balances prove it: they step by a line that is not there, and an event has its amount."""
    if not facts.count("statements"):
        return NotTestable("no statement says what happened outside")
    jumps = contradictions(facts)
    claims = []
    for (file, key), steps in statement_residuals(left).items():
        own = jumps.get((file, key), [])
        lost = [hole for hole in holes(steps) if hole.heals.amount in own]
        if lost:
            claims.append(_claim(facts, file, key, lost))
    return claims


FAULT = Fault(
    name="statement_incomplete",
    meaning="a line is missing from the statement, whose own balances go on as though it were there",
    look_alikes=("statement_inconsistent", "retry_duplicate", "unresolved_pending"),
    remedy="ask for the line that is missing; events and read models stay as they are",
    repair="none",
    detector=statement_incomplete,
)


def _claim(facts: Facts, file: str, key: Key, lost: list[Hole]) -> Claim:
    steps = [step for hole in lost for step in hole.lost]
    amount = sum(hole.amount for hole in lost)
    where = places([step.position or 0 for step in steps])
    proof = (
        f"{file} has no line for the event{'s' * (len(steps) > 1)} at {where}, together {facts.money(-amount, key)}, "
        "and its own balances move by that amount where no line says so"
    )
    found = finding(
        FAULT, key, amount=amount, events=[(step.position or 0, step.event_id or "") for step in steps], source=file,
        proof=proof,
    )  # fmt: skip
    return Claim(found, [whole(step) for hole in lost for step in (*hole.lost, hole.heals)])
