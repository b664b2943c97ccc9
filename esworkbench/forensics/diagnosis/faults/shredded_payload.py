"""shredded_payload: personal fields were erased by destroying their key.

A sealed text says which key it was sealed with (the envelope's shape is that of ``esworkbench.personal_data``), and the
evidence says which keys were destroyed, and when. The log is as it was written: its hashes cover the sealed text.
"""

from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.findings import Certainty
from esworkbench.forensics.diagnosis.unexplained import Explanation, Explanations, Left, NotTestable
from esworkbench.forensics.diagnosis.wording import finding, places

SHOWN = 3

_SEALED = """
    CREATE OR REPLACE TEMP TABLE sealed_texts AS
    SELECT DISTINCT position, event_id, unnest(regexp_extract_all(
        payload, 'personal:v1:([0-9a-f]{32}):[0-9a-f]{24}:[A-Za-z0-9_-]{22,}', 1)) AS key_id
    FROM events WHERE contains(payload, 'personal:v1:')
"""

_DESTROYED = """
    SELECT s.position, s.event_id, s.key_id, strftime(k.destroyed_at, '%Y-%m-%d %H:%M')
    FROM sealed_texts AS s JOIN keys AS k USING (key_id) WHERE k.destroyed_at IS NOT NULL ORDER BY s.position, s.key_id
"""

_UNKNOWN = "SELECT count(DISTINCT key_id) FROM sealed_texts WHERE key_id NOT IN (SELECT key_id FROM keys)"


def shredded_payload(facts: Facts, left: Left) -> Explanations:
    """Events with texts whose key is destroyed, and whose content is what was hashed."""
    facts.rows(_SEALED)
    found = facts.rows(_DESTROYED)
    if not found and (unknown := facts.rows(_UNKNOWN)[0][0]):
        return NotTestable(f"nothing says whether {unknown} key(s) of sealed texts in the log still exist")
    changed = {event.position for event in facts.changed}
    mine = [row for row in found if row[0] not in changed]
    if not mine:
        return []
    events = sorted({(position, event_id) for position, event_id, _, _ in mine})
    keys = dict.fromkeys(f"{key_id} at {when} UTC" for _, _, key_id, when in mine)
    told = ", ".join([*keys][:SHOWN]) + (f" and {len(keys) - SHOWN} more" if len(keys) > SHOWN else "")
    proof = (
        f"texts in the events at {places([position for position, _ in events])} are sealed with keys destroyed: {told}"
    )
    proof += (
        "; the sealed texts are what was hashed" if facts.hashed else "; the log has no hashes to say it is as written"
    )
    certainty: Certainty = "proven" if facts.hashed else "likely"
    return [Explanation(finding(FAULT, None, events=events, certainty=certainty, proof=proof), [])]


FAULT = Fault(
    name="shredded_payload",
    meaning="personal fields were erased by destroying their key, while amounts and links are intact",
    look_alikes=("payload_edited",),
    remedy="none: this is as intended",
    repair="none",
    healthy=True,
    detector=shredded_payload,
)
