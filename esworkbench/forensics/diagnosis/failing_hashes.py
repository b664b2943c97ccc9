"""Events whose content doesn't match the hash stored beside it: edited, or written differently than they were hashed.

One event, or a few, were edited. All of them, or all since some moment, were not: then the writer's serializer changed.
"""

from typing import NamedTuple

from esworkbench.forensics.compare.records import DIFFERS
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.unexplained import Left

DRIFT_AT_LEAST = 3


class FailingHash(NamedTuple):
    """An event whose content doesn't hash to what is stored; ``linked``: its successor still names the stored hash."""

    position: int
    stream_id: str
    version: int
    event_id: str
    linked: bool


def failing_hashes(facts: Facts) -> list[FailingHash]:
    """Every event whose hash can't be recomputed from its content, in order of position."""
    cut = {(each.stream_id, each.version) for each in facts.breaks if each.kind == "link"}
    return [
        FailingHash(each.position or 0, each.stream_id or "", each.version or 0, each.event_id or "",
                    (each.stream_id, (each.version or 0) + 1) not in cut)
        for each in facts.breaks if each.kind == "content"
    ]  # fmt: skip


def is_drift(facts: Facts, left: Left, failing: list[FailingHash]) -> bool:
    """Every event from the first failing one on fails, every link is intact, and no claim contradicts any of them."""
    if len(failing) < DRIFT_AT_LEAST or not all(event.linked for event in failing):
        return False
    ids = {event.event_id for event in failing}
    if any(step.event_id in ids and step.reason == DIFFERS for step in left.steps()):
        return False
    since = facts.rows("SELECT count(*) FROM events WHERE position >= $first", first=failing[0].position)
    return bool(since[0][0] == len(failing))
