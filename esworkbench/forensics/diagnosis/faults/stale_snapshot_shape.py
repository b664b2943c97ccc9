"""stale_snapshot_shape: a snapshot of an older shape was migrated wrongly to a newer one."""

from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.unexplained import Explanation, Explanations, Left, NotTestable, whole
from esworkbench.forensics.diagnosis.wording import finding
from esworkbench.forensics.diagnosis.wrong_snapshots import wrong_snapshots


def stale_snapshot_shape(facts: Facts, left: Left) -> Explanations:
    """Accounts whose first wrong snapshot was made from a right one of another shape."""
    if facts.rows("SELECT count(DISTINCT state_version) FROM snapshots")[0][0] < 2:
        return NotTestable("all snapshots have one shape, so none was migrated")
    found = []
    for each in wrong_snapshots(facts, left):
        if each.migrated_from is not None:
            proof = (
                f"{each.proof(facts)}; the first of them was made from the right one of version {each.migrated_from}, "
                "in another shape"
            )
            amount = each.balances[-1].amount if each.balances else 0
            at = [snapshot.position for snapshot in each.wrong]
            named = finding(FAULT, each.key, amount=amount, positions=at, source="snapshots", proof=proof)
            found.append(Explanation(named, [whole(step) for step in each.balances]))
    return found


FAULT = Fault(
    name="stale_snapshot_shape",
    meaning="a snapshot of an older shape was migrated wrongly to a newer one",
    look_alikes=("bad_snapshot",),
    remedy="migrate the older snapshot correctly, or invalidate it",
    repair="none",
    detector=stale_snapshot_shape,
)
