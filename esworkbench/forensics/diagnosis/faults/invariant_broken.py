"""invariant_broken: after an event, a rule that the ledger names no longer holds."""

from esworkbench.forensics.compare.records import Key
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.invariants import Violation, least_certain, names_invariants, violations
from esworkbench.forensics.diagnosis.unexplained import Explanation, Explanations, Left, NotTestable
from esworkbench.forensics.diagnosis.wording import finding


def invariant_broken(facts: Facts, left: Left) -> Explanations:
    """Events that break a rule and were decided on the newest version: no rival, so it is the command's own check."""
    if not names_invariants(facts):
        return NotTestable("the ledger names no invariants")
    groups: dict[Key, list[Violation]] = {}
    for violation in violations(facts, left):
        if not violation.rivals:
            groups.setdefault(violation.key, []).append(violation)
    return [
        Explanation(
            finding(
                FAULT, key, events=[(each.position, each.event_id) for each in broken],
                certainty=least_certain(broken),
                proof="; ".join(each.words for each in broken[:5]) + "; what is told of these events is the same",
            ),
            [],
        )
        for key, broken in groups.items()
    ]  # fmt: skip


FAULT = Fault(
    name="invariant_broken",
    meaning="an event was accepted that breaks a rule of the ledger, such as closing an account that holds money",
    look_alikes=("lost_update",),
    remedy="compensate the event, and put the rule back into the command",
    repair="none",
    detector=invariant_broken,
)
