"""bad_snapshot: a snapshot's state isn't what the events up to its version add up to."""

from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.numbered_otherwise import off_alike
from esworkbench.forensics.diagnosis.unexplained import Explanation, Explanations, Left, LookAlike, NotTestable, whole
from esworkbench.forensics.diagnosis.wording import finding
from esworkbench.forensics.diagnosis.wrong_snapshots import WrongSnapshots, wrong_snapshots

AGREEING = 2
"""So many snapshots that are wrong by one amount, up to the newest, may be right about a log that was changed."""


def bad_snapshot(facts: Facts, left: Left) -> Explanations:
    """Snapshots of which the balance, or a field that the ledger names, isn't what the events make of it."""
    if not any(source.kind == "snapshot" for source in facts.sources):
        return NotTestable("the evidence holds no snapshot that the ledger can read")
    return [_explanation(facts, left, each) for each in wrong_snapshots(facts, left) if each.migrated_from is None]


FAULT = Fault(
    name="bad_snapshot",
    meaning="folding from the snapshot gives a different state than folding from the first event",
    look_alikes=("stale_snapshot_shape", "rehashed_history", "reordered"),
    remedy="drop the snapshot, so that the state is folded from the events again",
    repair="none",
    detector=bad_snapshot,
)


def _explanation(facts: Facts, left: Left, wrong: WrongSnapshots) -> Explanation:
    others = _changed_log(facts, left, wrong)
    found = finding(
        FAULT, wrong.key, amount=wrong.balances[-1].amount if wrong.balances else 0, source="snapshots",
        positions=[snapshot.position for snapshot in wrong.wrong if snapshot.position],
        certainty="possible" if others else "likely", proof=wrong.proof(facts),
    )  # fmt: skip
    return Explanation(found, [whole(step) for step in wrong.balances], others)


def _changed_log(facts: Facts, left: Left, found: WrongSnapshots) -> tuple[LookAlike, ...]:
    """Where all later snapshots are wrong alike, or the log is in doubt, what they contradict may be the log."""
    if any((each.account, each.currency) == found.key for each in left.found("rehashed_history")):
        return (LookAlike("rehashed_history", "the history of this account was rewritten, as other claims say"),)
    wrong = found.wrong
    later = [each.version for each in found.taken if wrong and each.version >= wrong[0].version]
    alike = off_alike(facts, found.key, later)
    if not found.balances or len(later) < AGREEING or not alike:
        return ()
    shift, amount = next(iter(alike.items()))
    proof = (
        f"{len(later)} snapshots, up to the newest, are off by one amount{_numbered(shift)}, "
        f"{facts.money(amount, found.key)}: a log changed and hashed again would look the same; an anchor or a "
        "statement would tell"
    )
    return (LookAlike("rehashed_history", proof),)


def _numbered(shift: int) -> str:
    """What it says of the stream that its versions were numbered otherwise by so many."""
    if not shift:
        return ""
    change = f"{abs(shift)} event(s) more" if shift < 0 else f"{shift} event(s) fewer"
    return f" if there were {change} before them"
