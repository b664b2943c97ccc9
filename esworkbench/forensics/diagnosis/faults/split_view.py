"""split_view: the store shows one history here and another one elsewhere, each with a valid signature.

Whoever holds the signing key, or both the log and the folder outside, can rewrite the log and anchor it again. Then all
that the store has agrees, and only an anchor that was fetched before, and kept elsewhere, doesn't.
"""

from esworkbench.evidence.origins import GIVEN, OUTSIDE, STORE
from esworkbench.forensics.diagnosis.anchored_acts import contradicted, somewhere, told, unusable
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.unexplained import Explanations, Left, NotTestable


def split_view(facts: Facts, left: Left) -> Explanations:
    """One account after the other, where the leaves of the anchor from elsewhere tell which events it is about."""
    given = [each for each in facts.anchored.asked if GIVEN in each.origins]
    if not given:
        return NotTestable(
            f"there is no anchor that was obtained elsewhere, with a valid signature{unusable(facts)}: "
            "`esworkbench evidence add --anchor`"
        )
    if not any({STORE, OUTSIDE} & {*each.origins} for each in facts.anchored.asked):
        return NotTestable("the store has no anchor of its own that one from elsewhere could contradict")
    apart = contradicted(facts, split=True)
    if apart is None:
        return []
    pushed = apart.pushed
    events = [each for each in apart.differences if each.kind != "hashed_again" and each.event_id not in pushed]
    return list(told(FAULT, facts, left, apart, events)) or [somewhere(FAULT, apart)]


FAULT = Fault(
    name="split_view",
    meaning="an anchor obtained elsewhere, with a valid signature, disagrees with the store",
    look_alikes=("rehashed_history",),
    remedy="restore the log from a backup that agrees with that anchor",
    repair="restore",
    by_anchor=split_view,
)
