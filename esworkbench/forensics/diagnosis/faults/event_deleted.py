"""event_deleted: a version is missing inside a stream, and the event after the gap links to a hash that is gone."""

from collections.abc import Iterator
from typing import NamedTuple

from esworkbench.forensics.compare.records import NO_EVENT, Key, Residual
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.unexplained import Explanation, Explanations, Left, NotTestable
from esworkbench.forensics.diagnosis.witnesses import shares_of, witnessed
from esworkbench.forensics.diagnosis.wording import finding, places

_GAPS = """
    WITH ordered AS (
        SELECT stream_id, version, position, prev_hash, lag(version, 1, 0) OVER stream AS version_before,
               lag(position, 1, 0) OVER stream AS position_before,
               lag(hash, 1, repeat('0', 64)) OVER stream AS hash_before
        FROM events WINDOW stream AS (PARTITION BY stream_id ORDER BY version)
    )
    SELECT stream_id, version_before + 1, version - 1, position_before, position,
           prev_hash IS NOT NULL AND prev_hash <> hash_before
    FROM ordered WHERE version > version_before + 1 ORDER BY position
"""

_UNUSED = """
    SELECT position FROM (SELECT unnest(range($first, $last)) AS position) WHERE position NOT IN
        (SELECT position FROM events WHERE position BETWEEN $first AND $last) ORDER BY position
"""


class StreamGap(NamedTuple):
    """Versions ``first`` to ``last`` of a stream are gone, between two positions. ``broken``: the chain shows it."""

    stream_id: str
    first: int
    last: int
    after: int
    before: int
    broken: bool

    @property
    def size(self) -> int:
        return self.last - self.first + 1


def gaps_of(facts: Facts) -> list[StreamGap]:
    """Missing versions with an event after them."""
    return [StreamGap(*row) for row in facts.rows(_GAPS)]


def event_deleted(facts: Facts, left: Left) -> Explanations:
    """With hashes, a gap that the chain runs across unbroken was never filled: the writer skipped the version."""
    if facts.is_file:
        return NotTestable("the rows of a file carry no versions")
    groups: dict[tuple[Key | None, str], list[StreamGap]] = {}
    for gap in gaps_of(facts):
        if gap.broken or not facts.hashed:
            for key in _keys(facts, left, gap):
                groups.setdefault((key, gap.stream_id), []).append(gap)
    return [_explanation(facts, left, key, gaps) for (key, _), gaps in groups.items()]


FAULT = Fault(
    name="event_deleted",
    meaning="an event was removed from the middle of a stream",
    look_alikes=("tail_truncated", "twin_dropped", "event_misfiled"),
    remedy="restore the event from a good backup, and keep the read model as a witness until then",
    repair="restore",
    detector=event_deleted,
)


def _keys(facts: Facts, left: Left, gap: StreamGap) -> list[Key | None]:
    """The accounts that a witness says the missing event posted on; without one, those that the stream posts on."""
    seen: list[Key | None] = list(dict.fromkeys(step.key for step in _rows_kept(facts, left, gap)))
    return seen or [*facts.accounts_of_stream(gap.stream_id)] or [None]


def _rows_kept(facts: Facts, left: Left, gap: StreamGap) -> list[Residual]:
    """Rows of read models for events that are gone, at a position inside the gap."""
    streams = {account for account, _ in facts.accounts_of_stream(gap.stream_id)}
    return [
        step
        for step in left.steps(kind="running")
        if step.reason == NO_EVENT and step.account in streams
        and step.position is not None and gap.after < step.position < gap.before
    ]  # fmt: skip


def _explanation(facts: Facts, left: Left, key: Key | None, gaps: list[StreamGap]) -> Explanation:
    stream, broken = gaps[0].stream_id, all(gap.broken for gap in gaps)
    versions = ", ".join(f"{gap.first}" if gap.size == 1 else f"{gap.first}–{gap.last}" for gap in gaps)
    successors = [gap.before for gap in gaps]
    proof = f"stream {stream} has no version {versions}"
    if broken:
        proof += f", and the hash chain breaks at the event after it ({places(successors)})"
    kept = [step for gap in gaps for step in _rows_kept(facts, left, gap) if step.key == key]
    amount, witness = witnessed(facts, left, key, kept)
    events = sorted({(step.position or 0, step.event_id or "") for step in kept})
    positions = [position for position, _ in events] or [place for gap in gaps for place in _unused(facts, gap)]
    if witness and key:
        proof += f"; {witness} still counts it: claimed − event sum = {facts.money(amount, key)}"
    else:
        proof += "; no claim is left that still shows its amount"
    found = finding(
        FAULT, key, amount=amount, events=events, positions=positions, source=witness,
        certainty="proven" if broken else "likely", proof=proof,
    )  # fmt: skip
    return Explanation(found, list(shares_of(facts, left, key, amount, kept)) if witness and key else [])


def _unused(facts: Facts, gap: StreamGap) -> Iterator[int]:
    """The positions of the missing events, if the log has no other holes between their neighbours."""
    found = facts.rows(_UNUSED, first=gap.after + 1, last=gap.before)
    if len(found) == gap.size:
        yield from (position for (position,) in found)
