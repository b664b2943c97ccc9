"""What other systems are told of an event: the contract between the store and whoever follows it from outside.

As JSON, one object without a line break. Payload and metadata are text inside it, not objects, because that text is
what was hashed: a reader that parses and writes JSON anew would change it. ``hash`` and ``prev_hash`` are as in the
store, so that a subscriber can check what it got (see ``chain``) and where it stands in its stream.
"""

from datetime import datetime
from typing import Self

import msgspec

from esworkbench.errors import MessageRefused
from esworkbench.events import RecordedEvent


class OutboxMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One event, on its way. The names are those of the table ``events``; the times are in UTC.

    Fields may be added later, so a reader ignores those it doesn't know.
    """

    global_position: int
    stream_id: str
    version: int
    event_id: str
    event_type: str
    schema_version: int
    payload: str
    metadata: str
    recorded_at: datetime
    valid_at: datetime
    prev_hash: str
    hash: str

    @classmethod
    def of(cls, recorded: RecordedEvent) -> Self:
        fields = msgspec.structs.asdict(recorded)
        return cls(**fields | {"payload": recorded.payload.decode(), "metadata": recorded.metadata.decode()})

    def recorded(self) -> RecordedEvent:
        """The event as the store holds it, to the byte."""
        fields = msgspec.structs.asdict(self)
        return RecordedEvent(**fields | {"payload": self.payload.encode(), "metadata": self.metadata.encode()})

    def to_json(self) -> bytes:
        return msgspec.json.encode(self)

    @classmethod
    def from_json(cls, text: bytes) -> Self:
        """Raises MessageRefused for what is no such message."""
        try:
            return msgspec.json.decode(text, type=cls)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise MessageRefused(f"what arrived is no message of an outbox: {error}") from error
