"""An event's hash by query, over the bytes that ``event_store.chain`` lays out.

SQL hashes a log several times as fast as Python, but an accusation is Python's: what SQL finds equal to the
stored hash is, what it doesn't is left to ``event_hash``.
"""

from esworkbench.event_store.chain import DOMAIN_TAG

FIELDS = (
    "stream_id", "version::VARCHAR", "event_id", "type", "schema_version::VARCHAR", "epoch_us(recorded_at)::VARCHAR",
    "epoch_us(valid_at)::VARCHAR", "payload", "metadata",
)  # fmt: skip


def _length(text: str) -> str:
    """Eight bytes, big-endian. A length below 128 is one ASCII character, which is much the quickest to make."""
    return (
        f"CASE WHEN strlen({text}) < 128 THEN unhex('{'00' * 7}') || encode(chr(strlen({text})::INTEGER)) "
        f"ELSE unhex(format('{{:016x}}', strlen({text}))) END"
    )


def _hashed() -> str:
    # Python reads blanks in hex and refuses odd digits, where DuckDB does otherwise: only plain hashes are read here.
    previous = "CASE WHEN regexp_full_match(prev_hash, '[0-9a-f]{64}') THEN unhex(prev_hash) END"
    framed = (f"{_length(text)} || encode({text})" for text in FIELDS)
    return f"sha256(unhex('{DOMAIN_TAG.hex()}') || {previous} || {' || '.join(framed)})"


HASHES_DIFFER = f"({_hashed()} IS DISTINCT FROM hash)"
"""A condition on the columns of ``events``: the event is not proved to be what was hashed."""
