"""bad_snapshot: a snapshot's balance isn't what the events up to its version add up to."""

from esworkbench.forensics.compare.records import Key, Residual
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.unexplained import Explanation, Explanations, Left, NotTestable, whole
from esworkbench.forensics.diagnosis.wording import finding, places


def bad_snapshot(facts: Facts, left: Left) -> Explanations:
    """Snapshots whose balance isn't the sum of the events up to their version."""
    if not any(source.kind == "snapshot" for source in facts.sources):
        return NotTestable("the evidence holds no snapshot that the ledger can read")
    groups: dict[Key, list[Residual]] = {}
    for step in left.steps(kind="snapshot"):
        groups.setdefault(step.key, []).append(step)
    explanations = []
    for key, steps in groups.items():
        proof = (
            f"{len(steps)} snapshot(s), the newest at {places([steps[-1].position or 0])}, say "
            f"{facts.money(steps[-1].amount, key)} more than the events up to there add up to"
        )
        found = finding(FAULT, key, amount=steps[-1].amount, source=steps[0].source,
                        certainty="likely", proof=proof)  # fmt: skip
        explanations.append(Explanation(found, [whole(step) for step in steps]))
    return explanations


FAULT = Fault(
    name="bad_snapshot",
    meaning="folding from the snapshot gives a different state than folding from the first event",
    look_alikes=("stale_snapshot_shape", "rehashed_history", "reordered"),
    remedy="drop the snapshot, so that the state is folded from the events again",
    repair="none",
    detector=bad_snapshot,
)
