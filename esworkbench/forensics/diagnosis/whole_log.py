"""Whether the log can prove that something is absent from it: all of it is there, and as it was written."""

from esworkbench.forensics.compare.records import Key
from esworkbench.forensics.diagnosis.context import Facts


def broken(facts: Facts, key: Key) -> bool:
    """True where the account's streams, or the end of the log, are not as they were written: what is missing may have
    been there.
    """
    streams = {
        stream
        for (stream,) in facts.rows("SELECT DISTINCT stream_id FROM postings WHERE account = $account", account=key[0])
    }
    return any(
        each.source == "events" and (each.stream_id is None or each.stream_id in streams) for each in facts.damage
    )


def is_whole(facts: Facts, key: Key) -> bool:
    """True where hashes, versions and checkpoints show that nothing of the account is missing up to the cut."""
    return facts.hashed and not broken(facts, key)
