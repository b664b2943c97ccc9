"""chain_fork and bad_snapshot: what can be seen in the tables themselves."""

from esworkbench.forensics.compare.records import Key, Residual
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.unexplained import Answer, Claim, Left, NotTestable, whole
from esworkbench.forensics.diagnosis.wording import finding, money, places

_FORKS = """
    SELECT stream_id, prev_hash, list(position ORDER BY position), list(event_id ORDER BY position) FROM events
    WHERE prev_hash IS NOT NULL AND prev_hash <> '' GROUP BY stream_id, prev_hash HAVING count(*) > 1 ORDER BY 3
"""


def chain_fork(facts: Facts, left: Left) -> Answer:
    """Two events of one stream that name one predecessor."""
    if not facts.hashed:
        return NotTestable("the events carry no hashes")
    claims = []
    for stream_id, _, positions, event_ids in facts.rows(_FORKS):
        keys: list[Key | None] = [*facts.accounts_of_stream(stream_id)] or [None]
        proof = f"in stream {stream_id} the events at {places(positions)} name one predecessor's hash"
        events = list(zip(positions, event_ids, strict=True))
        claims += [Claim(finding("chain_fork", key, events=events, proof=proof), []) for key in keys]
    return claims


def bad_snapshot(facts: Facts, left: Left) -> Answer:
    """Snapshots whose balance isn't the sum of the events up to their version."""
    if not any(source.kind == "snapshot" for source in facts.sources):
        return NotTestable("no snapshot that the ledger can read")
    groups: dict[Key, list[Residual]] = {}
    for step in left.steps(kind="snapshot"):
        groups.setdefault(step.key, []).append(step)
    claims = []
    for key, steps in groups.items():
        proof = (
            f"{len(steps)} snapshot(s), the newest at {places([steps[-1].position or 0])}, say "
            f"{money(steps[-1].amount, key)} more than the events up to there come to"
        )
        found = finding("bad_snapshot", key, amount=steps[-1].amount, source=steps[0].source,
                        certainty="likely", proof=proof)  # fmt: skip
        claims.append(Claim(found, [whole(step) for step in steps]))
    return claims
