"""The inherited log, and the way into an event store."""

import gzip
import json
from datetime import datetime
from itertools import groupby

from esworkbench.event_store import ANY_VERSION, EventStore, StreamAppend
from esworkbench.events import NewEvent
from esworkbench.resources import data_path

BATCH = 500


def inherited_lines() -> list[str]:
    """The log as shipped: one JSON object per line, in the order written."""
    return gzip.decompress(data_path("inherited", "log.jsonl.gz").read_bytes()).decode().splitlines()


def load_inherited(store: EventStore) -> int:
    """Append the whole log to an empty store. Returns the number of events.

    ``valid_at`` is when the old system wrote the event, ``recorded_at`` when this store learns of it, by its own clock.
    Payloads are the bytes as they were. Where the old metadata noted no ``schema_version``, the column says 1, which is
    what the inherited function takes a missing one for; the metadata stays as it was and shows which is which.
    """
    lines = inherited_lines()
    for start in range(0, len(lines), BATCH):
        events = [_stream_and_event(line) for line in lines[start : start + BATCH]]
        runs = groupby(events, key=lambda pair: pair[0])
        store.append_many([StreamAppend(stream, ANY_VERSION, [event for _, event in run]) for stream, run in runs])
    return len(lines)


def _stream_and_event(line: str) -> tuple[str, NewEvent]:
    kept = json.loads(line)
    payload = line[line.index('"data":') + len('"data":') : -1]
    event = NewEvent(
        event_type=kept["type"],
        payload=payload.encode(),
        schema_version=kept["meta"].get("schema_version", 1),
        metadata=kept["meta"],
        valid_at=datetime.fromisoformat(kept["at"]),
        event_id=kept["id"],
    )
    return kept["stream"], event
