"""Snapshots as witnesses of a stream that was numbered otherwise: events were taken out, or put in, since.

A snapshot is kept under a version. Where a stream has lost an event and the rest were numbered anew, that version names
a later event than the one the snapshot ends with, and no difference is simply that of the lost event. Compared with the
version before, every one of them is.
"""

from collections.abc import Sequence

from esworkbench.forensics.compare.records import Key
from esworkbench.forensics.diagnosis.context import Facts

REACH = 5
"""So many events more, or fewer, may have stood before a snapshot."""

_READINGS = """
    WITH sums AS (
        SELECT version, sum(sum(amount_minor)) OVER (ORDER BY version ROWS UNBOUNDED PRECEDING) AS total
        FROM postings WHERE stream_id = $stream AND account = $account AND currency = $currency GROUP BY version
    ), compared AS (
        SELECT version, claimed_minor, shift, version + shift AS place
        FROM assertions, (SELECT unnest(range(-$reach, $reach + 1)) AS shift)
        WHERE kind = 'snapshot' AND account = $account AND currency = $currency AND claimed_minor IS NOT NULL
            AND version IS NOT NULL
    )
    SELECT c.version, c.shift, (c.claimed_minor - coalesce(s.total, 0))::BIGINT
    FROM compared AS c ASOF LEFT JOIN sums AS s ON c.place >= s.version
"""


def readings(facts: Facts, key: Key) -> dict[int, dict[int, int]]:
    """By version of a snapshot: by how much it differs from the events up to so many versions later, or earlier."""

    def answer() -> dict[int, dict[int, int]]:
        claims = facts.evidence.ledger.snapshot
        stream = f"{claims.category if claims else ''}-{key[0]}"
        found: dict[int, dict[int, int]] = {}
        for version, shift, amount in facts.rows(
            _READINGS, stream=stream, account=key[0], currency=key[1], reach=REACH
        ):
            found.setdefault(version, {})[shift] = amount
        return found

    known: dict[int, dict[int, int]] = facts.once(("readings", key), answer)
    return known


def off_alike(facts: Facts, key: Key, versions: Sequence[int]) -> dict[int, int]:
    """By how many versions the stream was numbered otherwise, and by how much all these snapshots then differ from it.

    The nearest first; as numbered now, they must differ.
    """
    told = readings(facts, key)
    found = {}
    for shift in sorted(range(-REACH, REACH + 1), key=abs) if versions else ():
        amounts = {told[version][shift] for version in versions if version in told}
        if len(amounts) == 1 and (shift or amounts != {0}):
            [found[shift]] = amounts
    return found
