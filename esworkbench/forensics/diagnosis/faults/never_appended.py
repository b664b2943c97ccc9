"""never_appended: a statement has a line with no event to match, and no event of the account is missing."""

from esworkbench.forensics.compare.records import NO_EVENT, Key, Residual
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.unexplained import Explanation, Explanations, Left, NotTestable, whole
from esworkbench.forensics.diagnosis.wording import finding


def never_appended(facts: Facts, left: Left) -> Explanations:
    """Lines of a statement with no event to match, where no event of the account is missing."""
    if not facts.count("statements"):
        return NotTestable("there is no statement to say what happened outside")
    groups: dict[tuple[str, Key], list[Residual]] = {}
    for step in left.steps(kind="statement"):
        if step.reason == NO_EVENT:
            groups.setdefault((step.source, step.key), []).append(step)
    return [_missing(facts, file, key, steps) for (file, key), steps in groups.items()]


FAULT = Fault(
    name="never_appended",
    meaning="something happened in the world, but no event was ever written for it",
    look_alikes=("handler_bug", "wrong_upcaster", "unresolved_pending", "half_transfer", "valid_time_shift"),
    remedy="append the missing event, dated when it was true",
    repair="none",
    detector=never_appended,
)


def _missing(facts: Facts, file: str, key: Key, steps: list[Residual]) -> Explanation:
    amount = sum(step.amount for step in steps)
    references = ", ".join(step.type or "?" for step in steps[:5])
    proof = (
        f"{file} books {references}, {facts.money(amount, key)} in all, but no event carries that business key, and "
        "no version of the account's stream is missing"
    )
    found = finding(FAULT, key, amount=amount, source=file, certainty="likely", proof=proof)
    return Explanation(found, [whole(step) for step in steps])
