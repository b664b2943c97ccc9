"""chain_fork: two events of one stream name the same predecessor, which can't happen if writers check the version."""

from esworkbench.forensics.compare.records import Key
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.unexplained import Explanation, Explanations, Left, NotTestable
from esworkbench.forensics.diagnosis.wording import finding, places

_FORKS = """
    SELECT stream_id, prev_hash, list(position ORDER BY position), list(event_id ORDER BY position) FROM events
    WHERE prev_hash IS NOT NULL AND prev_hash <> '' GROUP BY stream_id, prev_hash HAVING count(*) > 1 ORDER BY 3
"""


def chain_fork(facts: Facts, left: Left) -> Explanations:
    """Two events of one stream that name the same predecessor."""
    if not facts.hashed:
        return NotTestable("the events carry no hashes")
    if not any(each.kind == "fork" for each in facts.breaks):
        return []
    explanations = []
    # Whoever puts an event between two others, copies one, or writes over the hash before it, forks the chain too, and
    # no writer did: what an event names as its predecessor is only what was written where its content holds.
    by_hand = {event.position for event in facts.changed}
    for stream_id, _, positions, event_ids in facts.rows(_FORKS):
        if not by_hand.isdisjoint(positions):
            continue
        keys: list[Key | None] = [*_posted_by(facts, event_ids)] or [*facts.accounts_of_stream(stream_id)[:1]] or [None]
        proof = f"in stream {stream_id} the events at {places(positions)} name the same predecessor's hash"
        events = list(zip(positions, event_ids, strict=True))
        explanations += [Explanation(finding(FAULT, key, events=events, proof=proof), []) for key in keys]
    return explanations


def _posted_by(facts: Facts, event_ids: list[str]) -> list[Key]:
    rows = facts.rows(
        "SELECT DISTINCT account, currency FROM postings WHERE event_id IN (SELECT unnest($ids)) ORDER BY 1, 2",
        ids=event_ids,
    )
    return [(account, currency) for account, currency in rows]


FAULT = Fault(
    name="chain_fork",
    meaning="two events of one stream name the same predecessor",
    look_alikes=("lost_update",),
    remedy="find the writer that appends without checking the version, and correct it",
    repair="restore",
    detector=chain_fork,
)
