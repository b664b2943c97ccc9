"""statement_incomplete: a line is missing from the statement, and its own balances go on as if it were there."""

from collections.abc import Iterator, Sequence

from esworkbench.forensics.compare.records import NO_ROW, Residual
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.holes import Hole, holes
from esworkbench.forensics.diagnosis.statement_balances import (
    Contradiction,
    Part,
    contradictions,
    statement_residuals,
    stretches,
    told_at,
)
from esworkbench.forensics.diagnosis.unexplained import (
    Explanation,
    Explanations,
    Left,
    LookAlike,
    NotTestable,
    whole,
)
from esworkbench.forensics.diagnosis.wording import finding, places

_TOLD_ELSEWHERE = """
    SELECT DISTINCT pairs.file, event_id FROM pairs JOIN statement_lines AS l USING (file, account, currency, place)
        JOIN movements AS m USING (event_id, account, currency)
    WHERE pairs.account = $account AND pairs.currency = $currency AND pairs.file <> $file AND l.amount = m.amount
      AND l.reference = m.reference ORDER BY 1, 2
"""


def statement_incomplete(facts: Facts, left: Left) -> Explanations:
    """The statement's own balances prove it: they include a line that isn't there, and an event has its amount."""
    if not facts.count("statements"):
        return NotTestable("there is no statement to say what happened outside")
    jumps = contradictions(facts)
    explanations = []
    for part, steps in statement_residuals(left).items():
        own = jumps.get(part, [])
        lost = [hole for hole in holes(steps) if hole.heals.amount in [jump.amount for jump in own]]
        if lost:
            explanations.append(_counted(facts, part, lost))
            continue
        told = _told_elsewhere(facts, part, steps)
        if told:
            explanations.append(_in_another_file(facts, part, told))
            continue
        explanations += _with_no_event(facts, part, steps, own)
    return explanations


FAULT = Fault(
    name="statement_incomplete",
    meaning="the statement lacks a line that its own later balances count",
    look_alikes=("statement_inconsistent", "retry_duplicate", "unresolved_pending"),
    remedy="ask for the missing line, and leave events and read models as they are",
    repair="none",
    detector=statement_incomplete,
)


def _counted(facts: Facts, part: Part, lost: list[Hole]) -> Explanation:
    file, key = part
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


def _told_elsewhere(facts: Facts, part: Part, steps: Sequence[Residual]) -> list[tuple[Residual, str]]:
    """Events without a line here that another file has a line for, with that file: two statements that disagree."""
    file, (account, currency) = part
    missing = [step for step in steps if step.reason == NO_ROW]
    if not missing:
        return []
    other = {
        event_id: name for name, event_id in facts.rows(_TOLD_ELSEWHERE, account=account, currency=currency, file=file)
    }
    return [(step, other[step.event_id]) for step in missing if step.event_id in other]


def _in_another_file(facts: Facts, part: Part, told: list[tuple[Residual, str]]) -> Explanation:
    file, key = part
    amount = sum(step.amount for step, _ in told)
    where = places([step.position or 0 for step, _ in told])
    proof = (
        f"{file} has no line for the event{'s' * (len(told) > 1)} at {where}, and its balances don't count "
        f"{facts.money(-amount, key)}, but {told[0][1]} has: the two statements disagree, and the events agree with "
        "the second"
    )
    found = finding(
        FAULT, key, amount=amount, events=[(step.position or 0, step.event_id or "") for step, _ in told], source=file,
        certainty="likely", proof=proof,
    )  # fmt: skip
    return Explanation(found, [whole(step) for step, _ in told])


def _with_no_event(
    facts: Facts, part: Part, steps: Sequence[Residual], own: Sequence[Contradiction]
) -> Iterator[Explanation]:
    """Balances that jump for good at a line whose own amount is its event's: something was booked that neither the
    statement's lines nor the log tell of, or the balances are wrong from there on.
    """
    file, key = part
    back = {step.number for stretch in stretches(steps) for step in stretch}
    at = {(jump.event_id, jump.residual) for jump in own if jump.residual == jump.amount}
    jumped = [step for step in steps if step.number not in back and (step.event_id, step.amount) in at]
    if jumped:
        amount = sum(step.amount for step in jumped)
        where = told_at(jumped)
        proof = (
            f"the balances of {file} move by {facts.money(amount, key)} more than its lines say at {where}, and no "
            "event has that amount"
        )
        found = finding(FAULT, key, amount=amount, source=file, certainty="possible", proof=proof)
        words = f"nothing shows whether the balances of {file} are right, and a line is missing, or wrong from there on"
        yield Explanation(
            found, [whole(step) for step in jumped], (LookAlike("statement_inconsistent", words),)
        )  # fmt: skip
