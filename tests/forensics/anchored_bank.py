"""A small bank that is anchored while it is whole, and whose log somebody changes afterwards, with SQL alone.

What the intruder computes anew is computed here, by code that shares nothing with the package: SHA-256 over length-
prefixed fields, as DESIGN says it of the chain.
"""

import hashlib
import shutil
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from damaged_bank import DamagedBank, Event

from esworkbench.event_store import EventStore
from esworkbench.event_store.anchors.anchor import Anchor
from esworkbench.event_store.anchors.keys import SigningKey, create_key
from esworkbench.event_store.anchors.write import take_anchor
from esworkbench.event_store.sidecar import outside_folder
from esworkbench.evidence import Evidence
from esworkbench.evidence.adding import Additions, add_to
from esworkbench.forensics.diagnosis.findings import Diagnosis

ANCHORED_AT = datetime(2026, 11, 30, 12, tzinfo=UTC)
FIRST_HASH = "0" * 64


def content_hash(previous: str, event: Event) -> str:
    """The chain's hash of an event after that of the one before, worked out here."""

    def micros(text: str) -> str:
        return str((datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1))

    fields = (
        event.stream_id, str(event.version), event.event_id, event.event_type, str(event.schema_version),
        micros(event.recorded_at), micros(event.valid_at), event.payload, event.metadata,
    )  # fmt: skip
    framed = b"".join(struct.pack(">Q", len(each.encode())) + each.encode() for each in fields)
    return hashlib.sha256(b"esworkbench:event:v1\n" + bytes.fromhex(previous) + framed).hexdigest()


class AnchoredBank(DamagedBank):
    """``anchor`` signs what stands now; everything after it is the intruder's."""

    def __init__(self, folder: Path, seed: int = 1) -> None:
        super().__init__(folder, seed)
        self.key = create_key(folder / "signing" / "key.pem")
        self.outside = outside_folder(self.url)

    def anchor(self, key: SigningKey | None = None) -> Anchor:
        store = EventStore.open(self.url)
        try:
            taken = take_anchor(store, self.outside, key or self.key, clock=lambda: ANCHORED_AT).taken
        finally:
            store.engine.dispose()
        assert taken is not None
        return taken.anchor

    @property
    def public_key(self) -> Path:
        return self.outside / "keys" / f"{self.key.key_id}.pem"

    def kept_elsewhere(self) -> Path:
        """A copy of the anchors, as an auditor has it."""
        return Path(shutil.copytree(self.outside / "anchors", self.folder / "auditor" / "anchors"))

    def hash_again(self, stream_id: str, *, renumber: bool = False) -> None:
        previous, rows = FIRST_HASH, []
        for number, event in enumerate(self._stream(stream_id, by_version=not renumber), 1):
            version = number if renumber else event.version
            own = content_hash(previous, event._replace(version=version))
            rows.append((version, previous, own, event.event_id))
            previous = own
        self.change("UPDATE events SET version = ?, prev_hash = ?, hash = ? WHERE event_id = ?", rows)

    def _stream(self, stream_id: str, *, by_version: bool) -> list[Event]:
        found = self.events("stream_id = ?", stream_id)
        return sorted(found, key=lambda event: event.version) if by_version else found

    def evidence(self, additions: Additions | None = None, *, trusted: bool = True) -> Evidence:
        """Captured, with the key pinned as an investigator pins it, and with what arrived."""
        captured = self.captured()
        keys = [shutil.copy(self.public_key, self.folder / "brought.pem")] if trusted else []
        given = additions or Additions()
        if not keys and not any(given):
            return captured
        return add_to(captured, given._replace(keys=[*given.keys, *keys]))


class Told(NamedTuple):
    """A finding, as a test asks for it."""

    fault: str
    account: str | None
    amount: int
    certainty: str


def told(diagnosis: Diagnosis) -> set[Told]:
    """Every finding."""
    return {Told(each.fault, each.account, each.amount, each.certainty) for each in diagnosis.findings}
