"""row_lost: the read model lacks a row that its own later rows take into account."""

from esworkbench.forensics.compare.records import Key, Residual, Source
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.holes import Hole, holes
from esworkbench.forensics.diagnosis.misplaced_rows import misplaced_rows
from esworkbench.forensics.diagnosis.unexplained import Explanation, Explanations, Left, LookAlike, NotTestable, whole
from esworkbench.forensics.diagnosis.wording import finding, places


def row_lost(facts: Facts, left: Left) -> Explanations:
    if facts.is_file:
        return NotTestable("the rows of a file are its events, so neither can lack the other")
    sources = [source for source in facts.sources if source.kind in ("running", "daily")]
    if not sources:
        return NotTestable("there is no read model with a row for each event or each day")
    explanations = []
    changed = {
        event.event_id for event in facts.failing
        if event.home is None and event.id_then is None and not event.respelled
    }  # fmt: skip
    for source in sources:
        groups: dict[Key, list[Residual]] = {}
        for step in left.steps(source=source.name, kind=source.kind):
            groups.setdefault(step.key, []).append(step)
        disputed = _accounts_of_broken_streams(facts) if source.kind == "daily" else set()
        moved = {(row.belongs, row.place) for row in misplaced_rows(facts, left, source)}
        for key, steps in groups.items():
            if key in disputed:
                continue
            gone = [step for step in steps if (key, step.place) not in moved]
            if gone == steps and _has_no_row(facts, source, key):
                if all(step.event_id in changed for step in steps):
                    continue  # the event was written to another account or currency, and the row stands there
                explanations.append(_all_rows(facts, source, key, steps))
                continue
            lost = [hole for hole in holes(gone) if source.kind == "daily" or _heals_at_once(facts, key, hole)]
            if lost:
                explanations.append(_explanation(facts, source, key, lost))
    return explanations


FAULT = Fault(
    name="row_lost",
    meaning="the read model lacks a row that its own later rows count",
    look_alikes=("gap_skipped", "manual_edit", "index_differs"),
    remedy="rebuild the read model",
    repair="rebuild",
    detector=row_lost,
)


def _accounts_of_broken_streams(facts: Facts) -> set[Key]:
    """An event whose time was changed in the log moves to another day, and its row seems lost."""
    streams = {each.stream_id for each in facts.damage if each.stream_id}
    return {key for stream_id in streams for key in facts.accounts_of_stream(stream_id)}


def _has_no_row(facts: Facts, source: Source, key: Key) -> bool:
    found = facts.rows(
        "SELECT count(*) FROM assertions WHERE source = $source AND kind = $kind AND account = $account "
        "AND currency = $currency",
        source=source.name, kind=source.kind, account=key[0], currency=key[1],
    )  # fmt: skip
    return not found[0][0]


def _all_rows(facts: Facts, source: Source, key: Key, steps: list[Residual]) -> Explanation:
    """An account with events and without a single row: no reader passes all of them and none of its neighbours'."""
    amount = sum(step.amount for step in steps)
    proof = (
        f"{source.name} has no row at all for the account, though it has read all {len(steps)} "
        f"{'days' if source.kind == 'daily' else 'events'} that post on it, {facts.money(-amount, key)} in all"
    )
    events = [(step.position or 0, step.event_id or "") for step in steps] if source.kind == "running" else []
    found = finding(FAULT, key, amount=amount, events=events, source=source.name,
                    certainty="likely" if len(steps) > 1 else "possible", proof=proof)  # fmt: skip
    others = (
        LookAlike("manual_edit", f"the rows may never have been written: a {source.name} without them was put there"),
    )
    return Explanation(found, [whole(step) for step in steps], others)


_BETWEEN = """
    SELECT count(*) FROM postings WHERE account = $account AND currency = $currency AND amount_minor <> 0
      AND position > $first AND position < $heals AND NOT list_contains($lost, event_id)
"""


def _heals_at_once(facts: Facts, key: Key, hole: Hole) -> bool:
    """True where the very next row counts what is lost. If a row in between
    doesn't, the event was never seen and no row is lost: the balance is put right later by something else."""
    between = facts.rows(
        _BETWEEN, account=key[0], currency=key[1], first=hole.lost[0].position, heals=hole.heals.position,
        lost=[step.event_id for step in hole.lost],
    )  # fmt: skip
    return bool(between[0][0] == 0)


def _explanation(facts: Facts, source: Source, key: Key, lost: list[Hole]) -> Explanation:
    steps = [step for hole in lost for step in hole.lost]
    amount = sum(hole.amount for hole in lost)
    healing = [hole.heals.position or 0 for hole in lost]
    events = [(step.position or 0, step.event_id or "") for step in steps] if source.kind == "running" else []
    proof = (
        f"{source.name} has no row for the event{'s' * (len(steps) > 1)} at "
        f"{places([step.position or 0 for step in steps])}"
        f", {facts.money(-amount, key)} in all, but the row{'s' * (len(healing) > 1)} at {places(healing)} count"
        f"{'s' * (len(healing) == 1)} it all the same, so it was read and its row is gone"
    )
    broken = {each.position for each in facts.damage}
    whole_log = source.kind == "running" and facts.hashed and broken.isdisjoint(step.position for step in steps)
    if not whole_log:
        proof += "; only an intact hash chain, and rows that each name their event, would prove it"
    found = finding(
        FAULT, key, amount=amount, events=events, source=source.name,
        certainty="proven" if whole_log else "likely", proof=proof,
    )  # fmt: skip
    return Explanation(found, [whole(step) for hole in lost for step in (*hole.lost, hole.heals)])
