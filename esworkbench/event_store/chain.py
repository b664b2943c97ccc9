"""The hash chain of one stream: each event's hash covers the one before it and the exact bytes written.

The layout, so that anybody can recompute it with ``sha256sum`` and patience::

    SHA-256( DOMAIN_TAG · previous hash (32 raw bytes; zeros at version 1)
             · field(stream id) · field(version) · field(event id) · field(event type) · field(schema version)
             · field(recorded at) · field(valid at) · field(payload) · field(metadata) )
    field(x) = length of x as 8 bytes, big-endian · x
    text is UTF-8; numbers are decimal ASCII; times are whole microseconds since 1970-01-01T00:00:00Z

The lengths keep neighbouring fields from flowing into each other, the tag keeps a hash made for another purpose from
standing in for one of these (RFC 6962, 2.1). The global position is left out: the database assigns it. One chain per
stream, because one chain over the whole log would make every writer wait for every other.
"""

from datetime import UTC, datetime, timedelta
from hashlib import sha256

DOMAIN_TAG = b"esworkbench:event:v1\n"
GENESIS = "0" * 64

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def microseconds(moment: datetime) -> int:
    """Whole microseconds from the epoch to a moment with an offset; exact, no float on the way."""
    return (moment - EPOCH) // MICROSECOND


def event_hash(
    prev_hash: str,
    stream_id: str,
    version: int,
    event_id: str,
    event_type: str,
    schema_version: int,
    recorded_at: datetime,
    valid_at: datetime,
    payload: bytes,
    metadata: bytes,
) -> str:
    """The event's hash as 64 hex digits. ``prev_hash`` is the previous event's, or GENESIS at version 1."""
    fields = (
        stream_id.encode(),
        b"%d" % version,
        event_id.encode(),
        event_type.encode(),
        b"%d" % schema_version,
        b"%d" % microseconds(recorded_at),
        b"%d" % microseconds(valid_at),
        payload,
        metadata,
    )
    framed = b"".join([len(field).to_bytes(8, "big") + field for field in fields])
    return sha256(DOMAIN_TAG + bytes.fromhex(prev_hash) + framed).hexdigest()
