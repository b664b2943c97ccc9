"""Links to a hash that no event bears any more, while every content holds: events before them were hashed again.

Whoever changes an event and makes its hash anew has to do so for every later one. Where that was not done to the end,
the first event that was left alone still names the hash that its predecessor had.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from esworkbench.forensics.compare.records import Key
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.faults.event_deleted import gaps_of
from esworkbench.forensics.diagnosis.unexplained import Left


class Link(NamedTuple):
    """The event at ``position``, which doesn't name the hash of the version before it."""

    stream_id: str
    version: int
    position: int

    @property
    def words(self) -> str:
        return (
            f"version {self.version} of {self.stream_id} at position {self.position} doesn't name the hash of version "
            f"{self.version - 1}, whose content holds"
        )

    def covers(self, events: Collection[tuple[int, str]]) -> bool:
        """Whether all these events, as position and id, stand before it."""
        return all(position < self.position for position, _ in events)


def links_cut(facts: Facts, left: Left, key: Key, event_ids: Sequence[str]) -> list[Link]:
    """Such links of the account's streams, in order, that no finding tells of yet; of streams in which one of these
    events stands before it, if any are given."""
    if not any(each.kind == "link" for each in facts.breaks):
        return []
    told = {position for each in left.all_found() for position in each.positions}
    told |= {gap.before for gap in gaps_of(facts)}
    failing = {(event.stream_id, event.version) for event in facts.failing}
    first = dict(
        facts.rows(
            "SELECT stream_id, min(version) FROM events WHERE event_id IN (SELECT unnest($ids)) GROUP BY ALL",
            ids=list(event_ids),
        )
    )
    found = []
    for each in facts.breaks:
        if each.kind != "link" or each.stream_id is None or each.version is None or each.position in told:
            continue
        near = {(each.stream_id, each.version), (each.stream_id, each.version - 1)}
        if each.version < 2 or not near.isdisjoint(failing) or key not in facts.accounts_of_stream(each.stream_id):
            continue
        if not first or first.get(each.stream_id, each.version) < each.version:
            found.append(Link(each.stream_id, each.version, each.position or 0))
    return sorted(found, key=lambda link: link.position)
