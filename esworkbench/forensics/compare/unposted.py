"""Events that move no money because nobody said what they mean: counted aloud, or a mistyped event type hides a sum."""

from collections.abc import Mapping

from esworkbench.compaction.record import RECORD_CATEGORY
from esworkbench.events import LOG_RECORDS
from esworkbench.evidence import Evidence
from esworkbench.forensics.compare.records import RESTORATION_CATEGORY

MISPLACED = f"""
    SELECT type || ' v' || coalesce(schema_version::VARCHAR, '?'), count(*) FROM events
    WHERE type IN (SELECT unnest($records)) AND NOT starts_with(stream_id,
        CASE type WHEN 'LogRestored' THEN '{RESTORATION_CATEGORY}-' ELSE '{RECORD_CATEGORY}-' END)
    GROUP BY ALL ORDER BY ALL
"""


def unposted_events(evidence: Evidence) -> dict[str, int]:
    """Events that no rule of the ledger knows, by type and schema version, as ``MoneyDeposited v9``.

    Types that the ledger lists in ``without_posting`` are known. A record of the log's own is known in the log's own
    stream alone: an account has no business with one.
    """
    ledger = evidence.ledger
    listed = {*ledger.without_posting, *(rule.event for rule in ledger.posting)}
    misplaced = evidence.connection().execute(MISPLACED, {"records": sorted(LOG_RECORDS - listed)})
    return {**evidence.manifest.unposted, **dict(misplaced.fetchall())}


def unposted_in_words(unposted: Mapping[str, int]) -> list[str]:
    """One sentence for each type."""
    return [
        f"{count:,} event{'s' * (count != 1)} of type {kind} post nothing: no rule of the ledger knows them"
        for kind, count in unposted.items()
    ]
