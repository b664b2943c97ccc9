"""never_appended: a statement books what no event answers to, and no event of the account is missing."""

from esworkbench.forensics.compare.records import NO_EVENT, Key, Residual
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.unexplained import Answer, Claim, Left, NotTestable, whole
from esworkbench.forensics.diagnosis.wording import finding


def never_appended(facts: Facts, left: Left) -> Answer:
    """Lines of a statement that no event answers to, where no event of the account is missing."""
    if not facts.count("statements"):
        return NotTestable("no statement says what happened outside")
    groups: dict[tuple[str, Key], list[Residual]] = {}
    for step in left.steps(kind="statement"):
        if step.reason == NO_EVENT:
            groups.setdefault((step.source, step.key), []).append(step)
    return [_missing(facts, file, key, steps) for (file, key), steps in groups.items()]


FAULT = Fault(
    name="never_appended",
    meaning="something happened in the world and no event was ever written",
    look_alikes=("handler_bug", "wrong_upcaster", "unresolved_pending", "half_transfer", "valid_time_shift"),
    remedy="append the missing fact, dated when it was true",
    repair="none",
    detector=never_appended,
)


def _missing(facts: Facts, file: str, key: Key, steps: list[Residual]) -> Claim:
    amount = sum(step.amount for step in steps)
    references = ", ".join(step.type or "?" for step in steps[:5])
    proof = (
        f"{file} books {references}, together {facts.money(amount, key)}, and no event carries that business key, "
        "while no version of the account's stream is missing"
    )
    found = finding(FAULT, key, amount=amount, source=file, certainty="likely", proof=proof)
    return Claim(found, [whole(step) for step in steps])
