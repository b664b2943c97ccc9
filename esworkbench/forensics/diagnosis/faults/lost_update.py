"""lost_update: two writers decided on the same version of a stream, and both were let in."""

from esworkbench.forensics.compare.records import Key
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.invariants import Violation, least_certain, names_invariants, violations
from esworkbench.forensics.diagnosis.unexplained import Explanation, Explanations, Left, NotTestable
from esworkbench.forensics.diagnosis.wording import finding, places


def lost_update(facts: Facts, left: Left) -> Explanations:
    """Events decided on one version, of which the later breaks a rule that it would have kept alone."""
    if not names_invariants(facts):
        return NotTestable("the ledger names no invariants, so two decisions on one version harm nothing that it knows")
    if not facts.rows("SELECT 1 FROM events WHERE decided_on_version IS NOT NULL LIMIT 1"):
        return NotTestable("no event says which version it was decided on")
    groups: dict[Key, list[Violation]] = {}
    for violation in violations(facts, left):
        if violation.rivals:
            groups.setdefault(violation.key, []).append(violation)
    return [_named(key, broken) for key, broken in groups.items()]


def _named(key: Key, broken: list[Violation]) -> Explanation:
    events = {
        position: event_id for each in broken for position, event_id in ((each.position, each.event_id), *each.rivals)
    }
    proof = f"the events at {places(list(events))} were decided on the same version of the stream, and "
    proof += "; ".join(each.words for each in broken[:5])
    return Explanation(
        finding(FAULT, key, events=list(events.items()), certainty=least_certain(broken), proof=proof), []
    )  # fmt: skip


FAULT = Fault(
    name="lost_update",
    meaning="two writers decided on the same version, and both were let in",
    look_alikes=("chain_fork", "invariant_broken"),
    remedy="compensate the event that should have been refused, and restore the version check",
    repair="none",
    detector=lost_update,
)
