"""double_repair: one event was compensated twice: two events name it in their metadata."""

from esworkbench.forensics.compare.holds import REPAIRS
from esworkbench.forensics.compare.records import Key
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.unexplained import Explanation, Explanations, Left, NotTestable, whole
from esworkbench.forensics.diagnosis.wording import finding, places

# A repair that was taken back counts for none. What an original that posts nothing here takes, its first repair says.
_TOO_MUCH = f"""
    WITH {REPAIRS}, counted AS (
        SELECT repairs.*, -of_repairs.amount AS owed
        FROM repairs LEFT JOIN of_repairs ON of_repairs.event_id = repairs.original
            AND of_repairs.account = repairs.account AND of_repairs.currency = repairs.currency
        WHERE repair NOT IN (SELECT original FROM made_good)
    ), summed AS (
        SELECT *, coalesce(nullif(owed, 0), first_value(amount) OVER same) AS enough,
            coalesce(sum(amount) OVER (same ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before
        FROM counted WINDOW same AS (PARTITION BY original, account, currency ORDER BY position)
    )
    SELECT account, currency, position, repair, amount, original FROM summed
    WHERE sign(amount) = sign(enough) AND sign(before) = sign(enough) AND abs(before) >= abs(enough)
    ORDER BY position
"""


def double_repair(facts: Facts, left: Left) -> Explanations:
    """Events that compensate an original of which earlier ones, alone or in parts, had left nothing to compensate."""
    if facts.is_file:
        return NotTestable("the rows of a file carry no metadata")
    groups: dict[Key, list[tuple[int, str, int, str]]] = {}
    for account, currency, *event in facts.rows(_TOO_MUCH):
        groups.setdefault((account, currency), []).append((event[0], event[1], event[2], event[3]))
    return [_again(facts, left, key, events) for key, events in groups.items()]


FAULT = Fault(
    name="double_repair",
    meaning="one fault was compensated twice",
    look_alikes=("retry_duplicate",),
    remedy="compensate the second repair",
    repair="compensate",
    detector=double_repair,
)


def _again(facts: Facts, left: Left, key: Key, events: list[tuple[int, str, int, str]]) -> Explanation:
    amount = -sum(event[2] for event in events)
    ids = {event[1] for event in events}
    steps = [step for step in left.steps(key=key, kind="statement") if step.event_id in ids]
    proof = (
        f"the event{'s' * (len(events) > 1)} at {places([event[0] for event in events])} compensate "
        f"{', '.join(event[3] for event in events[:5])}, which earlier events had compensated already: "
        f"{facts.money(-amount, key)} too much"
    )
    found = finding(
        FAULT, key, amount=amount, events=[(event[0], event[1]) for event in events],
        source=steps[0].source if steps else None, proof=proof,
    )  # fmt: skip
    return Explanation(found, [whole(step) for step in steps])
