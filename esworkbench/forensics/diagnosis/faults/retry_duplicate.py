"""What only a statement shows, once the log, the chain and the read models agree: doubles, and facts never written."""

from esworkbench.forensics.compare.records import NO_EVENT, NO_ROW, Key, Residual
from esworkbench.forensics.compare.statement_lines import REPAIRS
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.unexplained import Answer, Claim, Left, NotTestable, whole
from esworkbench.forensics.diagnosis.wording import finding, money, places

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


def retry_duplicate(facts: Facts, left: Left) -> Answer:
    """The later of two events with one business key. A statement that booked one line of the two proves it."""
    name = facts.evidence.ledger.business_key
    if name is None:
        return NotTestable("the ledger names no business key")
    path = "$" + "".join(f'."{part}"' for part in name.split("."))
    groups: dict[Key, list[tuple[int, str, int, str, int]]] = {}
    for account, currency, *event in facts.rows(_SHARED_KEY, path=path):
        if event[0] != event[4]:
            groups.setdefault((account, currency), []).append((event[0], event[1], event[2], event[3], event[4]))
    return [_double(left, key, events) for key, events in groups.items()]


def _double(left: Left, key: Key, events: list[tuple[int, str, int, str, int]]) -> Claim:
    amount = -sum(event[2] for event in events)
    ids, firsts = {event[1] for event in events}, {event[4] for event in events}
    steps = [step for step in left.steps(key=key, kind="statement") if step.reason == NO_ROW and step.event_id in ids]
    proof = (
        f"the event{'s' * (len(events) > 1)} at {places([event[0] for event in events])} repeat the business key "
        f"{', '.join(event[3] for event in events[:5])} of {places(sorted(firsts))}"
    )
    if steps:
        proof += f"; {steps[0].source} booked one of the two and parts from the events by {money(amount, key)}"
    else:
        proof += "; a statement would settle whether it was booked once or twice"
    found = finding(
        "retry_duplicate", key, amount=amount, events=[(event[0], event[1]) for event in events],
        certainty="proven" if steps else "likely", source=steps[0].source if steps else None, proof=proof,
    )  # fmt: skip
    return Claim(found, [whole(step) for step in steps])


def double_repair(facts: Facts, left: Left) -> Answer:
    """The second and later events that compensate one original."""
    if facts.is_file:
        return NotTestable("the rows of a file carry no metadata")
    groups: dict[Key, list[tuple[int, str, int, str]]] = {}
    for account, currency, *event in facts.rows(
        f"WITH {REPAIRS} SELECT account, currency, position, repair, amount, original FROM repairs WHERE nth > 1 "
        "ORDER BY position"
    ):
        groups.setdefault((account, currency), []).append((event[0], event[1], event[2], event[3]))
    return [_again(left, key, events) for key, events in groups.items()]


def _again(left: Left, key: Key, events: list[tuple[int, str, int, str]]) -> Claim:
    amount = -sum(event[2] for event in events)
    ids = {event[1] for event in events}
    steps = [step for step in left.steps(key=key, kind="statement") if step.event_id in ids]
    proof = (
        f"the event{'s' * (len(events) > 1)} at {places([event[0] for event in events])} compensate "
        f"{', '.join(event[3] for event in events[:5])}, which an earlier event compensates already: "
        f"{money(-amount, key)} too much"
    )
    found = finding(
        "double_repair", key, amount=amount, events=[(event[0], event[1]) for event in events],
        source=steps[0].source if steps else None, proof=proof,
    )  # fmt: skip
    return Claim(found, [whole(step) for step in steps])


def never_appended(facts: Facts, left: Left) -> Answer:
    """Lines of a statement that no event answers to, where no event of the account is missing."""
    if not facts.count("statements"):
        return NotTestable("no statement says what happened outside")
    groups: dict[tuple[str, Key], list[Residual]] = {}
    for step in left.steps(kind="statement"):
        if step.reason == NO_EVENT:
            groups.setdefault((step.source, step.key), []).append(step)
    return [_missing(file, key, steps) for (file, key), steps in groups.items()]


def _missing(file: str, key: Key, steps: list[Residual]) -> Claim:
    amount = sum(step.amount for step in steps)
    references = ", ".join(step.type or "?" for step in steps[:5])
    proof = (
        f"{file} books {references}, together {money(amount, key)}, and no event carries that business key, while no "
        "version of the account's stream is missing"
    )
    found = finding("never_appended", key, amount=amount, source=file, certainty="likely", proof=proof)
    return Claim(found, [whole(step) for step in steps])
