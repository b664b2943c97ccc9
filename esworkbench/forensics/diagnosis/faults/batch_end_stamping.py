"""batch_end_stamping: every row of a batch carries the batch's last running balance; the next batch begins right."""

from collections.abc import Iterator

from esworkbench.forensics.compare.records import DIFFERS, Key, Residual, Source
from esworkbench.forensics.diagnosis.context import Batch, Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.unexplained import Explanation, Explanations, Left, NotTestable, whole
from esworkbench.forensics.diagnosis.wording import finding


def batch_end_stamping(facts: Facts, left: Left) -> Explanations:
    """Rows that all claim one balance throughout a batch of the checkpoint log, which is right at the batch's end."""
    if not facts.count("checkpoint_log"):
        return NotTestable("there is no checkpoint log to say where batches end")
    running = [source for source in facts.sources if source.kind == "running"]
    return [each for source in running for each in _of_source(facts, left, source)]


FAULT = Fault(
    name="batch_end_stamping",
    meaning="every row of a batch carries the running balance of the end of the batch",
    look_alikes=("reordered",),
    remedy="stamp each row with its own running balance; the sum is right as it is",
    repair="none",
    detector=batch_end_stamping,
)


def _of_source(facts: Facts, left: Left, source: Source) -> Iterator[Explanation]:
    by_key: dict[Key, list[Residual]] = {}
    for step in left.steps(source=source.name, kind="running"):
        by_key.setdefault(step.key, []).append(step)
    stamped = {
        key: found for key, steps in by_key.items()
        if (found := [stamp for batch in facts.batches(source.name) if (stamp := _stamped(steps, batch))])
    }  # fmt: skip
    batches = sum(len(found) for found in stamped.values())
    for key, found in stamped.items():
        steps = [step for stamp in found for step in stamp]
        proof = (
            f"in {len(found)} batch(es) of the checkpoint log all rows of {source.name} claim the balance that the "
            f"account has at the batch's end; the same in {batches} batch(es) of {len(stamped)} account(s)"
        )
        events = [(step.position or 0, step.event_id or "") for step in steps]
        named = finding(
            FAULT, key, amount=steps[0].amount, events=events, source=source.name,
            certainty="likely" if batches > 1 else "possible", proof=proof,
        )  # fmt: skip
        yield Explanation(named, [whole(step) for step in steps])


def _stamped(steps: list[Residual], batch: Batch) -> list[Residual]:
    """The steps of one batch, where they all claim one balance and cancel; none where they don't."""
    mine = [step for step in steps if batch.from_position <= (step.position or 0) <= batch.to_position]
    one = len({step.claimed for step in mine}) == 1 and all(step.reason == DIFFERS for step in mine)
    return mine if len(mine) > 1 and one and sum(step.amount for step in mine) == 0 else []
