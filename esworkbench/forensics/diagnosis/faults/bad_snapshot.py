"""bad_snapshot: a snapshot's state isn't what the events up to its version add up to."""

from collections.abc import Iterator

from esworkbench.evidence.capturing.poster import account_of
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.numbered_otherwise import off_alike
from esworkbench.forensics.diagnosis.unexplained import Explanation, Explanations, Left, LookAlike, NotTestable, whole
from esworkbench.forensics.diagnosis.wording import finding
from esworkbench.forensics.diagnosis.wrong_snapshots import (
    UnreadSnapshot,
    WrongSnapshots,
    unread_snapshots,
    wrong_snapshots,
)

SHOWN = 5
"""So many snapshots are told one by one."""

AGREEING = 2
"""So many snapshots that are wrong by one amount, up to the newest, may be right about a log that was changed."""


def bad_snapshot(facts: Facts, left: Left) -> Explanations:
    """Snapshots of which the balance, or a field that the ledger names, isn't what the events make of it."""
    if not any(source.kind == "snapshot" for source in facts.sources):
        return NotTestable("the evidence holds no snapshot that the ledger can read")
    unread = unread_snapshots(facts)
    found = [_explanation(facts, left, each) for each in wrong_snapshots(facts, left) if each.migrated_from is None]
    found += _unreadable(facts, [each for each in unread if each.of_known_shape])
    if unread and not found:
        shapes = ", ".join(sorted({str(each.state_version) for each in unread}))
        return NotTestable(f"the ledger can read no snapshot of the shape {shapes}: {unread[0].reason}")
    return found


FAULT = Fault(
    name="bad_snapshot",
    meaning="folding from the snapshot gives a different state than folding from the first event",
    look_alikes=("stale_snapshot_shape", "rehashed_history", "reordered"),
    remedy="drop the snapshot, so that the state is folded from the events again",
    repair="none",
    detector=bad_snapshot,
)


def _unreadable(facts: Facts, unread: list[UnreadSnapshot]) -> Iterator[Explanation]:
    """Where the ledger reads other snapshots of that shape, one that it can't read is damaged. It claims no balance."""
    by_stream: dict[str, list[UnreadSnapshot]] = {}
    for each in unread:
        by_stream.setdefault(each.stream_id, []).append(each)
    for stream_id, mine in by_stream.items():
        each_one = [f"of version {each.version} ({each.reason})" for each in mine[:SHOWN]]
        proof = f"of {stream_id} the state can't be read of the snapshot " + ", ".join(each_one)
        own = [key for key in facts.accounts_of_stream(stream_id) if key[0] == account_of(stream_id)]
        found = finding(
            FAULT, own[0] if own else None, source="snapshots", certainty="likely",
            positions=[each.position for each in mine if each.position], proof=proof + " …" * (len(mine) > SHOWN),
        )  # fmt: skip
        yield Explanation(found, [])


def _explanation(facts: Facts, left: Left, wrong: WrongSnapshots) -> Explanation:
    others = _changed_log(facts, left, wrong)
    found = finding(
        FAULT, wrong.key, amount=wrong.amount, source="snapshots",
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
