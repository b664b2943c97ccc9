"""What claims still show of an event that was deleted, cut off or edited: they kept what the log has lost."""

from collections.abc import Iterator, Sequence
from itertools import accumulate

from esworkbench.forensics.compare.records import Key, Residual
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.unexplained import Left, Share, whole


def witnessed(facts: Facts, left: Left, key: Key | None, steps: Sequence[Residual]) -> tuple[int, str | None]:
    """By how much the claims differ from what is left of the log, and which source shows it; (0, None) if none does.

    Rows are asked first, because each speaks for one event; a head or a last statement line speaks for everything.
    """
    if key is None:
        return 0, None
    if steps:
        first = steps[0].source
        return sum(step.amount for step in steps if step.source == first), first
    for source in facts.sources:
        if source.kind == "head" and left.head(source.name, key):
            return left.head(source.name, key), source.name
    for kind in ("daily", "snapshot", "statement"):
        others = left.steps(key=key, kind=kind)
        if others:
            return others[0].amount, others[0].source
    return 0, None


def shares_of(facts: Facts, left: Left, key: Key, amount: int, steps: Sequence[Residual]) -> Iterator[Share]:
    """What this explains in every source. A head rebuilt since has seen only the log as it is now: it has no share."""
    numbers = {step.number for step in steps}
    for source in facts.sources:
        if source.kind == "head":
            stands = left.head(source.name, key)
            if stands and amount and (stands == amount or not was_reset(facts, source.name)):
                yield Share(source.name, key, amount)
    # A snapshot taken between two lost events counts only the first.
    lost = {amount, *(step.amount for step in steps), *accumulate(step.amount for step in steps)}
    for source in facts.sources:
        others = left.steps(source=source.name, key=key)
        together = source.kind != "running" and sum(step.amount for step in others) == amount
        for step in others:
            if step.number in numbers or together or (source.kind != "running" and step.amount in lost):
                yield whole(step)


def was_reset(facts: Facts, projection: str) -> bool:
    """True when the read model was ever dropped and rebuilt, as far as its checkpoint log shows."""
    found = facts.rows(
        "SELECT count(*) FROM checkpoint_log WHERE projection = $name AND to_position = 0",
        name=projection,
    )
    return bool(found[0][0])
