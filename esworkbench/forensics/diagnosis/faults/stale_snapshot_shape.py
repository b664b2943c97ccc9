"""stale_snapshot_shape: a snapshot of an older shape was migrated wrongly to a newer one."""

from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.unexplained import Explanation, Explanations, Left, NotTestable, Share
from esworkbench.forensics.diagnosis.wording import finding
from esworkbench.forensics.diagnosis.wrong_snapshots import wrong_snapshots


def stale_snapshot_shape(facts: Facts, left: Left) -> Explanations:
    """Accounts with a snapshot that is off by something else than the one of another shape that it was made from."""
    if facts.rows("SELECT count(DISTINCT state_version) FROM snapshots")[0][0] < 2:
        return NotTestable("all snapshots have one shape, so none was migrated")
    found = []
    for each in wrong_snapshots(facts, left):
        if each.migrated_from is not None:
            proof = (
                f"{each.proof(facts)}; the first of them was made from the "
                f"{'one' if each.before else 'right one'} of version {each.migrated_from}, in another shape"
            )
            at = [snapshot.position for snapshot in each.wrong]
            named = finding(FAULT, each.key, amount=each.amount, positions=at, source="snapshots", proof=proof)
            shares = [
                Share(step.source, each.key, step.amount - each.before, step.number) for step in each.balances
            ]  # fmt: skip
            found.append(Explanation(named, shares))
    return found


FAULT = Fault(
    name="stale_snapshot_shape",
    meaning="a snapshot of an older shape was migrated wrongly to a newer one",
    look_alikes=("bad_snapshot",),
    remedy="migrate the older snapshot correctly, or invalidate it",
    repair="none",
    detector=stale_snapshot_shape,
)
