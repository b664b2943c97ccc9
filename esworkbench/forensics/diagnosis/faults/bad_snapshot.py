"""bad_snapshot: a snapshot's state isn't what the events up to its version add up to."""

from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.unexplained import Explanation, Explanations, Left, LookAlike, NotTestable, whole
from esworkbench.forensics.diagnosis.wording import finding
from esworkbench.forensics.diagnosis.wrong_snapshots import WrongSnapshots, wrong_snapshots

AGREEING = 2
"""So many snapshots that are wrong by one amount, up to the newest, may be right about a log that was changed."""


def bad_snapshot(facts: Facts, left: Left) -> Explanations:
    """Snapshots of which the balance, or a field that the ledger names, isn't what the events make of it."""
    if not any(source.kind == "snapshot" for source in facts.sources):
        return NotTestable("the evidence holds no snapshot that the ledger can read")
    return [
        Explanation(
            finding(
                FAULT, each.key, amount=each.balances[-1].amount if each.balances else 0, source="snapshots",
                positions=[snapshot.position for snapshot in each.wrong if snapshot.position], certainty="likely",
                proof=each.proof(facts),
            ),
            [whole(step) for step in each.balances],
            _changed_log(each),
        )
        for each in wrong_snapshots(facts, left)
        if each.migrated_from is None
    ]  # fmt: skip


FAULT = Fault(
    name="bad_snapshot",
    meaning="folding from the snapshot gives a different state than folding from the first event",
    look_alikes=("stale_snapshot_shape", "rehashed_history", "reordered"),
    remedy="drop the snapshot, so that the state is folded from the events again",
    repair="none",
    detector=bad_snapshot,
)


def _changed_log(found: WrongSnapshots) -> tuple[LookAlike, ...]:
    """Where all later snapshots are wrong alike, what they contradict may be the log."""
    wrong = found.wrong
    later = [each for each in found.taken if wrong and each.version >= wrong[0].version]
    alike = len({step.amount for step in found.balances}) == 1 and len(found.balances) == len(wrong)
    if not alike or len(wrong) < AGREEING or later != wrong:
        return ()
    proof = (
        f"{len(wrong)} snapshots, up to the newest, are off by one amount: a log changed and hashed again would look "
        "the same; an anchor or a statement would tell"
    )
    return (LookAlike("rehashed_history", proof),)
