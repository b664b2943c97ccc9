"""unresolved_pending: a request that, past the limit, was neither settled nor cancelled. Younger ones are healthy."""

from esworkbench.evidence.ledger import Pending
from esworkbench.forensics.compare.records import NO_ROW, Key, Residual
from esworkbench.forensics.compare.statement_lines import OPEN, BookedMovement, movements
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.faults.event_deleted import may_have_answered
from esworkbench.forensics.diagnosis.findings import Certainty
from esworkbench.forensics.diagnosis.unexplained import Explanation, Explanations, Left, NotTestable, whole
from esworkbench.forensics.diagnosis.wording import finding, places


def unresolved_pending(facts: Facts, left: Left) -> Explanations:
    pending = facts.evidence.ledger.pending
    if pending is None:
        return NotTestable("the ledger names no pending events")
    overdue: dict[Key, list[BookedMovement]] = {}
    unbooked = {step.event_id for step in left.steps(kind="statement") if step.reason == NO_ROW}
    for movement in movements(facts.evidence):
        if movement.state == OPEN and (facts.now - movement.recorded_at).total_seconds() > facts.limit_seconds:
            if movement.event_id not in unbooked and may_have_answered(facts, movement.event_id, -movement.amount):
                continue  # what is missing is the answer, and the finding that says so is the log's
            overdue.setdefault(movement.key, []).append(movement)
    return [_explanation(facts, left, pending, key, requests) for key, requests in overdue.items()]


FAULT = Fault(
    name="unresolved_pending",
    meaning="money was held for a request that was neither settled nor cancelled within the limit",
    look_alikes=("never_appended", "statement_incomplete", "settled_otherwise"),
    remedy="append the missing cancellation or settlement, and watch for requests older than the limit",
    repair="compensate",
    notebook="14_the_47_23_case",
    detector=unresolved_pending,
)


def _explanation(facts: Facts, left: Left, pending: Pending, key: Key, requests: list[BookedMovement]) -> Explanation:
    """The statement decides: money that it never booked is still the customer's."""
    held = -sum(request.amount for request in requests)
    ids = {request.event_id for request in requests}
    steps = [step for step in left.steps(key=key, kind="statement") if step.event_id in ids and step.reason == NO_ROW]
    covered = _covered(facts, key, requests)
    positions = [request.position for request in requests]
    oldest = min(requests, key=lambda request: request.recorded_at)
    hours = int((facts.now - oldest.recorded_at).total_seconds() // 3600)
    proof = (
        f"{facts.money(held, key)} requested at {places(positions)}, {hours} hours before "
        f"{facts.now:%Y-%m-%d %H:%M} UTC, where "
        f"{facts.limit_seconds // 3600} are allowed, and no event settles or cancels it"
    )
    amount, certainty = held, _certainty(steps, covered, requests)
    answer = f"append the missing {pending.cancel}, or settle it"
    if steps:
        proof += (
            f"; {steps[0].source} never booked it and claims {facts.money(_of_one(steps), key)} more than the events"
        )
    elif covered:
        amount, answer = 0, f"append the missing settlement, {pending.settle}"
        proof += f"; {covered} has booked it, so the money has left, and only the settlement is missing"
    else:
        proof += "; a statement would show whether the money left"
    found = finding(
        FAULT, key, amount=amount, source=steps[0].source if steps else None, certainty=certainty,
        events=[(request.position, request.event_id) for request in requests], proof=proof,
        remedy=f"{answer}; watch for requests older than the limit",
    )  # fmt: skip
    return Explanation(found, [whole(step) for step in steps])


def _of_one(steps: list[Residual]) -> int:
    return sum(step.amount for step in steps if step.source == steps[0].source)


def _certainty(steps: list[Residual], covered: str | None, requests: list[BookedMovement]) -> Certainty:
    return "proven" if covered or len({step.event_id for step in steps}) == len(requests) else "likely"


def _covered(facts: Facts, key: Key, requests: list[BookedMovement]) -> str | None:
    """The statement that books every one of these requests, if one does."""
    references = [request.reference for request in requests]
    found = facts.rows(
        "SELECT file, count(DISTINCT reference) FROM statements WHERE account = $account AND currency = $currency "
        "AND list_contains($references, reference) GROUP BY file ORDER BY file",
        account=key[0], currency=key[1], references=references,
    )  # fmt: skip
    return next((file for file, count in found if count == len(set(references))), None)
