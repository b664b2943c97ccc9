"""manual_edit: a figure that nothing explains: no event, no batch in the checkpoint log, no other fault."""

from collections.abc import Iterator

from esworkbench.forensics.compare.records import DIFFERS, NO_EVENT, Key, Residual, Source
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.unexplained import Explanation, Explanations, Left, NotTestable, Share, whole
from esworkbench.forensics.diagnosis.wording import finding, places


def manual_edit(facts: Facts, left: Left) -> Explanations:
    """What is left when log, hash chain and patterns have all been tried."""
    if not facts.count("checkpoint_log"):
        return NotTestable(
            "without a checkpoint log, a change without an event can't be told from a batch that was applied wrongly"
        )
    return [each for source in facts.sources for each in _edits(facts, left, source)]


FAULT = Fault(
    name="manual_edit",
    meaning="a row of the read model was changed outside the runner, with no event behind the change",
    look_alikes=(
        "double_apply", "gap_skipped", "row_lost", "twin_dropped", "restored_read_model", "handler_bug",
        "clamped_balance", "rounding", "rehashed_history",
    ),
    remedy="rebuild the read model, and revoke the grant that allowed the edit",
    repair="rebuild",
    by_exclusion=manual_edit,
)  # fmt: skip


def _edits(facts: Facts, left: Left, source: Source) -> Iterator[Explanation]:
    if not facts.batches(source.name):
        return
    if source.kind == "head":
        for key, amount in left.heads(source.name).items():
            yield _head_edited(facts, left, source, key, amount)
    if source.kind == "running":
        rows: dict[Key, list[Residual]] = {}
        for step in left.steps(source=source.name):
            if step.reason in (DIFFERS, NO_EVENT):
                rows.setdefault(step.key, []).append(step)
        for key, steps in rows.items():
            yield _rows_edited(facts, source, key, steps)


def _head_edited(facts: Facts, left: Left, source: Source, key: Key, amount: int) -> Explanation:
    others = [
        other.name for other in facts.sources
        if other.name != source.name and other.kind in ("head", "running") and other.cut >= source.cut
        and not left.head(other.name, key) and not left.steps(source=other.name, key=key)
    ]  # fmt: skip
    proof = (
        f"{source.name} is {facts.money(amount, key)} off the event sum at its checkpoint {source.cut}; no batch "
        "in the checkpoint log overlaps another, and no single event and no event type adds up to that amount"
    )
    if others:
        proof += f"; {' and '.join(others)}, fed by the same events, agrees with them"
    healed = facts.healed(source.name, key)
    proof += "; a rebuild with the projection's own code heals it" if healed else ""
    found = finding(FAULT, key, amount=amount, source=source.name,
                    certainty="proven" if others or healed else "likely", proof=proof)  # fmt: skip
    return Explanation(found, [Share(source.name, key, amount)])


def _rows_edited(facts: Facts, source: Source, key: Key, steps: list[Residual]) -> Explanation:
    """An edited row shifts one running balance, and the next shifts back: where the two cancel, the first counts."""
    amount = sum(step.amount for step in steps) or steps[0].amount
    at = [(step.position or 0, step.event_id or "") for step in steps]
    proof = (
        f"{source.name} doesn't follow the events at {places([position for position, _ in at])}, by "
        f"{facts.money(amount, key)}; no batch in the checkpoint log overlaps another, and no event "
        "type is wrong throughout"
    )
    found = finding(FAULT, key, amount=amount, events=at, source=source.name, certainty="likely", proof=proof)
    return Explanation(found, [whole(step) for step in steps])
