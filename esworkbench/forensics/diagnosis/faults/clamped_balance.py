"""clamped_balance: the read model stops at a limit that the events go beyond."""

from collections import Counter
from collections.abc import Iterator

from esworkbench.forensics.compare.records import Residual, Source
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.unexplained import (
    Explanation,
    Explanations,
    Left,
    LookAlike,
    NotTestable,
    Share,
    whole,
)
from esworkbench.forensics.diagnosis.wording import finding


def clamped_balance(facts: Facts, left: Left) -> Explanations:
    """Balances that stand at zero, at the ledger's minimum, or several at one value, while their events go on below."""
    if not any(source.kind in ("head", "running") for source in facts.sources) or facts.is_file:
        return NotTestable("there is no read model of balances")
    return [each for source in facts.sources for each in _clamped(facts, left, source)]


FAULT = Fault(
    name="clamped_balance",
    meaning="the read model stops at a limit that the events go beyond",
    look_alikes=("handler_bug", "manual_edit"),
    remedy="correct the handler, then rebuild the read model",
    repair="rebuild",
    detector=clamped_balance,
)


def _clamped(facts: Facts, left: Left, source: Source) -> Iterator[Explanation]:
    if source.kind == "head":
        wrong = [
            each for each in facts.residuals
            if each.kind == "head" and each.source == source.name and left.head(each.source, each.key) == each.amount
        ]  # fmt: skip
    elif source.kind == "running":
        wrong = left.steps(source=source.name, kind="running")
    else:
        return
    below = [each for each in wrong if each.claimed is not None and each.event_sum < each.claimed]
    limits = {0, facts.evidence.ledger.invariants.minimum_balance_minor}
    if source.kind == "head":
        limits |= {value for value, count in Counter(each.claimed for each in below).items() if count > 1}
    seen: dict[tuple[str, str], list[Residual]] = {}
    for each in below:
        if each.claimed in limits and each.amount > 0:
            seen.setdefault(each.key, []).append(each)
    for key, steps in seen.items():
        amount = sum(step.amount for step in steps)
        last = steps[-1]
        proof = (
            f"{source.name} stands at {facts.money(last.claimed or 0, key)}, where the events go on to "
            f"{facts.money(last.event_sum, key)}: it stops at a limit, by {facts.money(amount, key)}; the projection's "
            "code would show the limit"
        )
        events = [(step.position or 0, step.event_id) for step in steps if step.event_id]
        shares = [Share(source.name, key, amount)] if source.kind == "head" else [whole(step) for step in steps]
        found = finding(FAULT, key, amount=amount, events=events, source=source.name, certainty="likely", proof=proof)
        edited = "somebody may as well have set the figure to the limit by hand"
        yield Explanation(found, shares, (LookAlike("manual_edit", edited),))
