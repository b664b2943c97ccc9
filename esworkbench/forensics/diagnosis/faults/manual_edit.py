"""manual_edit: a figure that neither the events nor the checkpoint log, nor any other fault, can account for."""

from collections.abc import Iterator

from esworkbench.forensics.compare.records import DIFFERS, NO_EVENT, Key, Residual, Source
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.unexplained import Answer, Claim, Left, NotTestable, Share, whole
from esworkbench.forensics.diagnosis.wording import finding, places


def manual_edit(facts: Facts, left: Left) -> Answer:
    """What is left once the log, the chain and every pattern have been asked."""
    if not facts.count("checkpoint_log"):
        return NotTestable("no checkpoint log, so a step without an event can't be told from a batch applied wrongly")
    return [claim for source in facts.sources for claim in _edits(facts, left, source)]


FAULT = Fault(
    name="manual_edit",
    meaning="a read-model row was changed outside the runner: it moved with no event",
    look_alikes=(
        "double_apply", "gap_skipped", "row_lost", "twin_dropped", "restored_read_model", "handler_bug",
        "clamped_balance", "rounding", "rehashed_history",
    ),
    remedy="rebuild the read model; revoke the grant that let it be edited",
    repair="rebuild",
    by_exclusion=manual_edit,
)  # fmt: skip


def _edits(facts: Facts, left: Left, source: Source) -> Iterator[Claim]:
    if not facts.runs(source.name):
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


def _head_edited(facts: Facts, left: Left, source: Source, key: Key, amount: int) -> Claim:
    others = [
        other.name for other in facts.sources
        if other.name != source.name and other.kind in ("head", "running") and other.cut >= source.cut
        and not left.head(other.name, key) and not left.steps(source=other.name, key=key)
    ]  # fmt: skip
    proof = (
        f"{source.name} stands {facts.money(amount, key)} from the event sum at its checkpoint {source.cut}; no batch "
        "in the checkpoint log overlaps another, no single event and no event type comes to that amount"
    )
    if others:
        proof += f"; {' and '.join(others)}, fed by the same events, agrees with them"
    healed = facts.healed(source.name, key)
    proof += "; a rebuild with the code handed over heals it" if healed else ""
    found = finding(FAULT, key, amount=amount, source=source.name,
                    certainty="proven" if others or healed else "likely", proof=proof)  # fmt: skip
    return Claim(found, [Share(source.name, key, amount)])


def _rows_edited(facts: Facts, source: Source, key: Key, steps: list[Residual]) -> Claim:
    """An edited row moves one running balance and its successor back: where they cancel, the first counts."""
    amount = sum(step.amount for step in steps) or steps[0].amount
    at = [(step.position or 0, step.event_id or "") for step in steps]
    proof = (
        f"{source.name} steps otherwise than the events at {places([position for position, _ in at])}, by "
        f"{facts.money(amount, key)}; no batch in the checkpoint log overlaps another and no event type is "
        "wrong throughout"
    )
    found = finding(FAULT, key, amount=amount, events=at, source=source.name, certainty="likely", proof=proof)
    return Claim(found, [whole(step) for step in steps])
