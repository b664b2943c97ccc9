"""payload_edited and serialization_drift: contents that don't give the hash stored beside them, in a chain that holds.

One event, or a few, were edited. All of them, or all since some moment, were not: then the writer's serializer changed.
"""

from typing import NamedTuple

from esworkbench.forensics.compare.records import DIFFERS, Key, Residual
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.unexplained import Answer, Claim, Left, NotTestable
from esworkbench.forensics.diagnosis.witnesses import shares_of, witnessed
from esworkbench.forensics.diagnosis.wording import finding, money, places

DRIFT_AT_LEAST = 3


class Failing(NamedTuple):
    """An event whose content doesn't hash to what is stored; ``linked``: its successor still names the stored hash."""

    position: int
    stream_id: str
    version: int
    event_id: str
    linked: bool


def failing_contents(facts: Facts) -> list[Failing]:
    """Every event whose hash can't be recomputed from its content, in order of position."""
    cut = {(each.stream_id, each.version) for each in facts.breaks if each.kind == "link"}
    return [
        Failing(each.position or 0, each.stream_id or "", each.version or 0, each.event_id or "",
                (each.stream_id, (each.version or 0) + 1) not in cut)
        for each in facts.breaks if each.kind == "content"
    ]  # fmt: skip


def serialization_drift(facts: Facts, left: Left) -> Answer:
    if not facts.hashed:
        return NotTestable("the events carry no hashes")
    failing = failing_contents(facts)
    if not _is_drift(facts, left, failing):
        return []
    proof = (
        f"all {len(failing)} events from {places([failing[0].position])} on fail their content hash and every link "
        "still holds: their bytes are written another way than they were hashed, which no editor of single events does"
    )
    events = [(event.position, event.event_id) for event in failing]
    return [Claim(finding("serialization_drift", None, events=events, healthy=True, proof=proof), [])]


def payload_edited(facts: Facts, left: Left) -> Answer:
    if not facts.hashed:
        return NotTestable("the events carry no hashes")
    failing = failing_contents(facts)
    if _is_drift(facts, left, failing):
        return []
    groups: dict[Key | None, list[Failing]] = {}
    for event in failing:
        if event.linked:
            for key in _keys(facts, event):
                groups.setdefault(key, []).append(event)
    return [_claim(facts, left, key, events) for key, events in groups.items()]


def _is_drift(facts: Facts, left: Left, failing: list[Failing]) -> bool:
    """Every event since the first one fails, every link holds, and no claim tells any of them otherwise."""
    if len(failing) < DRIFT_AT_LEAST or not all(event.linked for event in failing):
        return False
    ids = {event.event_id for event in failing}
    if any(step.event_id in ids and step.reason == DIFFERS for step in left.steps()):
        return False
    since = facts.rows("SELECT count(*) FROM events WHERE position >= $first", first=failing[0].position)
    return bool(since[0][0] == len(failing))


def _keys(facts: Facts, event: Failing) -> list[Key | None]:
    found = facts.rows(
        "SELECT DISTINCT account, currency FROM postings WHERE event_id = $event_id ORDER BY 1, 2",
        event_id=event.event_id,
    )
    return [*found] or [*facts.accounts_of_stream(event.stream_id)] or [None]


def _claim(facts: Facts, left: Left, key: Key | None, edited: list[Failing]) -> Claim:
    ids = {event.event_id for event in edited}
    steps: list[Residual] = [
        step for step in left.steps(key=key) if step.event_id in ids and step.reason == DIFFERS
    ] if key else []  # fmt: skip
    amount, witness = witnessed(facts, left, key, steps)
    many = len(edited) > 1
    versions = ", ".join(f"{event.stream_id} version {event.version}" for event in edited[:5])
    proof = (
        f"the content of the event{'s' * many} at {places([event.position for event in edited])} ({versions}) doesn't "
        f"give the hash stored with {'them' if many else 'it'}, while every link before and after holds"
    )
    if witness and key:
        proof += f"; {witness} still counts what it said before: claimed − event sum = {money(amount, key)}"
    else:
        proof += "; no claim parts from the events, so the amount was not touched, or all claims were rebuilt since"
    events = [(event.position, event.event_id) for event in edited]
    found = finding("payload_edited", key, amount=amount, events=events, source=witness, proof=proof)
    return Claim(found, list(shares_of(facts, left, key, amount, steps)) if witness and key else [])
