"""lag: what looks like an error and is only a matter of time."""

from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.moved_positions import moved_positions
from esworkbench.forensics.diagnosis.unexplained import Explanation, Explanations, Left, NotTestable
from esworkbench.forensics.diagnosis.wording import finding

MOVED, RESTORED = "checkpoint_moved", "restored_read_model"


def lag(facts: Facts, left: Left) -> Explanations:
    """Projections whose checkpoint is below the head, and which are right about all they have read, but for what other
    findings explain: being behind adds nothing to that, and heals nothing of it.

    Its events are those that the slowest of them has still to read.
    """
    behind = facts.rows(
        "SELECT projection, position FROM checkpoints WHERE position >= 0 AND position < $head ORDER BY 1",
        head=facts.head,
    )
    if not facts.count("checkpoints"):
        return NotTestable("there is no checkpoint to say how far a read model had got")
    wrong = {step.source for step in (*left.steps(), *left.columns())}
    wrong |= {source.name for source in facts.sources if left.heads(source.name)}
    # Where rows were put back, that a checkpoint is behind has this cause; where it was moved, how far it was.
    wrong |= {source for each in left.found(RESTORED) for source in each.sources or [name for name, _ in behind]}
    reached = dict(behind)
    for each in left.found(MOVED):
        for name in reached.keys() & set(each.sources or reached):
            reached[name] = max(reached[name], *each.positions)
    right = [(name, position) for name, position in reached.items() if name not in wrong and position < facts.head]
    if not right:
        return []
    moved = {event.event_id for event in moved_positions(facts) if event.then <= min(position for _, position in right)}
    words = " and ".join(f"{name} has read up to position {position}" for name, position in right)
    others = sorted({each.source for each in facts.residuals} & {name for name, _ in right})
    but = f"; what {' and '.join(others)} differs by up to there has other causes" if others else ""
    agree = but or "; up to there all claims agree with the events"
    proof = f"{words}, and the log ends at {facts.head}{agree}"
    unread = facts.rows(
        "SELECT position, event_id FROM events WHERE position > $after ORDER BY position",
        after=min(position for _, position in right),
    )
    if moved and moved.issuperset(event_id for _, event_id in unread):
        return []  # it was read, at the position that it had then
    return [Explanation(finding(FAULT, None, events=unread, proof=proof), [])]


FAULT = Fault(
    name="lag",
    meaning="the read model is right up to its checkpoint, and still has newer events to read",
    look_alikes=("gap_skipped", "tail_truncated", "restored_read_model", "checkpoint_moved"),
    remedy="none: let the projection catch up",
    repair="none",
    notebook="12_diff_projection_against_events",
    healthy=True,
    by_exclusion=lag,
)
