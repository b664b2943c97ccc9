"""retry_duplicate: one intent was recorded twice, and a statement books it only once."""

from esworkbench.forensics.compare.holds import REPAIRS
from esworkbench.forensics.compare.records import NO_ROW, Key
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.unexplained import Explanation, Explanations, Left, NotTestable, whole
from esworkbench.forensics.diagnosis.wording import finding, places

_SHARED_KEY = f"""
    WITH {REPAIRS}, keyed AS (
        SELECT e.event_id, e.position, e.type, p.account, p.currency, p.amount_minor,
               json_extract_string(e.payload, $path) AS reference
        FROM events AS e JOIN postings AS p USING (event_id) WHERE json_valid(e.payload) AND p.amount_minor <> 0
    )
    SELECT account, currency, position, event_id, amount_minor, reference,
           min(position) OVER (PARTITION BY account, currency, reference, type) FROM keyed
    WHERE reference IS NOT NULL AND event_id NOT IN (SELECT original FROM made_good)
    QUALIFY count(*) OVER (PARTITION BY account, currency, reference, type) > 1 ORDER BY position
"""


def retry_duplicate(facts: Facts, left: Left) -> Explanations:
    """The later of two events with the same business key. A statement that booked only one of them proves it."""
    name = facts.evidence.ledger.business_key
    if name is None:
        return NotTestable("the ledger names no business key")
    path = "$" + "".join(f'."{part}"' for part in name.split("."))
    groups: dict[Key, list[tuple[int, str, int, str, int]]] = {}
    for account, currency, *event in facts.rows(_SHARED_KEY, path=path):
        if event[0] != event[4]:
            groups.setdefault((account, currency), []).append((event[0], event[1], event[2], event[3], event[4]))
    return [_double(facts, left, key, events) for key, events in groups.items()]


FAULT = Fault(
    name="retry_duplicate",
    meaning="one intent was recorded twice, as two events that share a business key",
    look_alikes=("twin_dropped", "double_repair", "statement_incomplete"),
    remedy="compensate one of the two events, and have clients send an idempotency key",
    repair="compensate",
    detector=retry_duplicate,
)


def _double(facts: Facts, left: Left, key: Key, events: list[tuple[int, str, int, str, int]]) -> Explanation:
    amount = -sum(event[2] for event in events)
    ids, firsts = {event[1] for event in events}, {event[4] for event in events}
    steps = [step for step in left.steps(key=key, kind="statement") if step.reason == NO_ROW and step.event_id in ids]
    proof = (
        f"the event{'s' * (len(events) > 1)} at {places([event[0] for event in events])} repeat the business key "
        f"{', '.join(event[3] for event in events[:5])} of {places(sorted(firsts))}"
    )
    if steps:
        proof += f"; {steps[0].source} booked one of the two and differs from the events by {facts.money(amount, key)}"
    else:
        proof += "; a statement would show whether it was booked once or twice"
    found = finding(
        FAULT, key, amount=amount, events=[(event[0], event[1]) for event in events],
        certainty="proven" if steps else "likely", source=steps[0].source if steps else None, proof=proof,
    )  # fmt: skip
    return Explanation(found, [whole(step) for step in steps])
