"""event_deleted: a version is missing inside a stream, and the event after the gap links to a hash that is gone."""

from collections.abc import Collection, Iterator
from typing import NamedTuple

from esworkbench.evidence.capturing.poster import account_of
from esworkbench.forensics.compare.records import Key
from esworkbench.forensics.diagnosis.anchored_acts import anchored
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.renumbered import as_written
from esworkbench.forensics.diagnosis.unexplained import Explanation, Explanations, Left, NotTestable
from esworkbench.forensics.diagnosis.witnesses import rows_without_event, shares_of, was_reset, witnessed
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

_LINKED = """
    SELECT after_it.position, named.position FROM events AS after_it JOIN events AS named
        ON named.stream_id = after_it.stream_id AND named.hash = after_it.prev_hash
    WHERE list_contains($positions, named.position) OR list_contains($positions, after_it.position)
"""

_UNUSED = """
    SELECT position FROM (SELECT unnest(range($first, least($last, $first + $most))) AS position) WHERE position NOT IN
        (SELECT position FROM events WHERE position BETWEEN $first AND $last) ORDER BY position
"""


MOST_POSITIONS = 1_000_000
"""How many positions of a gap are looked at: an odd event may stand at 2**62, and nobody counts up to that."""

Row = tuple[Key, int, str]
"""A read model's row for an event that is gone: account and currency, position, event id."""


class StreamGap(NamedTuple):
    """Versions ``first`` to ``last`` of a stream are gone, between two positions. ``broken``: the chain shows it.

    ``words`` say what became of the versions after it, where these were numbered anew.
    """

    stream_id: str
    first: int
    last: int
    after: int
    before: int
    broken: bool
    words: str = ""

    @property
    def size(self) -> int:
        return self.last - self.first + 1

    def covers(self, version: int) -> bool:
        return self.first <= version <= self.last


def gaps_of(facts: Facts) -> list[StreamGap]:
    """Missing versions with an event after them, but for those of events that stand in another stream now, for those
    before an event that was written in another stream, whose version is one of that stream, and for those that the
    chain runs across to an event that was edited, or that one which was edited has left: so was its version."""
    moved = [event.home for event in facts.failing if event.home is not None and not event.is_copy]
    anew = facts.renumbered
    placed = {event.position for stream in anew for event in stream.original}
    placed |= {event.position for event in facts.failing if event.home and event.home[0] != event.stream_id}
    edited = {event.position for event in facts.failing if event.home is None}
    whole = {after for after, _ in links_of(facts, edited)}
    gaps = [
        gap for gap in (StreamGap(*row) for row in facts.rows(_GAPS))
        if gap.before not in placed and (gap.broken or gap.before not in edited)
        and not (gap.before in whole and (gap.before in edited or gap.size == 1))
    ]  # fmt: skip
    gaps += [
        StreamGap(stream.stream_id, first, last, stream.at(first - 1), stream.at(last + 1), True, stream.words)
        for stream in anew for first, last in stream.missing
    ]  # fmt: skip

    def all_moved(gap: StreamGap) -> bool:
        inside = {version for stream_id, version in moved if stream_id == gap.stream_id and gap.covers(version)}
        return len(inside) == gap.size

    return [gap for gap in gaps if not all_moved(gap)]


def links_of(facts: Facts, positions: Collection[int]) -> list[tuple[int, int]]:
    """Events that name another one of their stream as the one before them, and that one, where one of the two stands at
    these positions."""
    return facts.rows(_LINKED, positions=sorted(positions)) if positions else []


def event_deleted(facts: Facts, left: Left) -> Explanations:
    """With hashes, a gap that the chain runs across unbroken was hashed over, or the writer skipped the version: then
    only claims that still count an event tell that there was one."""
    if facts.is_file:
        return NotTestable("the rows of a file carry no versions")
    kept = rows_without_event(facts)
    groups: dict[tuple[Key | None, str], list[StreamGap]] = {}
    for gap in gaps_of(facts):
        seen = [key for key in _keys(facts, gap, kept) if gap.broken or not facts.hashed or _missed(facts, left, key)]
        for key in seen:
            groups.setdefault((key, gap.stream_id), []).append(gap)
    return [_explanation(facts, left, key, gaps, kept) for (key, _), gaps in groups.items()]


def may_have_answered(facts: Facts, event_id: str, amount: int) -> bool:
    """Whether the answer to this hold may be an event that the log has lost: one of the hold's own stream, after it,
    of which no row says that it posted something else than a release of ``amount`` or than nothing."""
    [(stream_id, version, position)] = facts.rows(
        "SELECT stream_id, version, position FROM events WHERE event_id = $event_id", event_id=event_id
    )
    accounts = {account for account, _ in facts.accounts_of_stream(stream_id)}
    told = {step.event_id: step.amount for step in facts.residuals if step.kind == "running"}
    lost = [
        told.get(row_id, 0) for (account, _), at, row_id in rows_without_event(facts)
        if account in accounts and at > position
    ]  # fmt: skip
    if lost:
        return any(posted in (0, amount) for posted in lost)
    return any(gap.stream_id == stream_id and gap.first > version for gap in gaps_of(facts))


def deleted_since_anchored(facts: Facts, left: Left) -> Explanations:
    """What the leaves of an anchor prove."""
    return anchored(FAULT, facts, left)


FAULT = Fault(
    name="event_deleted",
    meaning="an event was removed from the middle of a stream",
    look_alikes=("tail_truncated", "twin_dropped", "event_misfiled", "never_appended"),
    remedy="restore the event from a good backup, and keep the read model as a witness until then",
    repair="restore",
    by_anchor=deleted_since_anchored,
    detector=event_deleted,
)


def _keys(facts: Facts, gap: StreamGap, kept: list[Row]) -> list[Key | None]:
    """The accounts that a witness says the missing event posted on; without one, those that the stream posts on."""
    seen: list[Key | None] = list(dict.fromkeys(key for key, _, _ in _rows_kept(facts, gap, kept)))
    return seen or [*facts.accounts_of_stream(gap.stream_id)] or [None]


def _rows_kept(facts: Facts, gap: StreamGap, kept: list[Row]) -> list[Row]:
    """Rows of read models for events that are gone, at a position inside the gap."""
    accounts = {account for account, _ in facts.accounts_of_stream(gap.stream_id)}
    accounts.add(account_of(gap.stream_id))
    return [row for row in kept if row[0][0] in accounts and gap.after < row[1] < gap.before]


def _missed(facts: Facts, left: Left, key: Key | None) -> bool:
    """Whether two kinds of claim differ from the log here, or a row names an event that is gone."""
    kinds = {step.kind for step in left.steps(key=key)} if key else set()
    heads = [source for source in facts.sources if source.kind == "head" and key and left.head(source.name, key)]
    return len(kinds) + bool(heads) > 1 or any(row[0] == key for row in rows_without_event(facts))


def _explanation(
    facts: Facts, left: Left, key: Key | None, gaps: list[StreamGap], without_event: list[Row]
) -> Explanation:
    stream, broken = gaps[0].stream_id, all(gap.broken for gap in gaps)
    versions = ", ".join(f"{gap.first}" if gap.size == 1 else f"{gap.first}–{gap.last}" for gap in gaps)
    proof = f"stream {stream} has no version {versions}"
    if gaps[0].words:
        proof = f"{gaps[0].words}; what was written as version {versions} is gone"
    elif broken:
        proof += f", and the hash chain breaks at the event after it ({places([gap.before for gap in gaps])})"
    rows = [row for gap in gaps for row in _rows_kept(facts, gap, without_event) if row[0] == key]
    ids = {event_id for _, _, event_id in rows}
    kept = [step for step in left.steps(key=key, kind="running") if step.event_id in ids] if key else []
    amount, witness = (0, None) if rows and not kept else witnessed(facts, left, key, kept)
    events = sorted({(position, event_id) for _, position, event_id in rows})
    positions = [position for position, _ in events] or [place for gap in gaps for place in _unused(facts, gap)]
    if witness and key:
        proof += f"; {witness} still counts it: claimed − event sum = {facts.money(amount, key)}"
    elif rows:
        proof += f"; a row for it is left, at {places(positions)}, and it posted nothing"
    else:
        proof += "; no claim is left that still shows its amount"
    for name in _changed_to_match(facts, key, [position for position, _ in events]) if key and amount else ():
        proof += (
            f"; {name} had read up to there, was never rebuilt, and agrees with the log as it now is: its figure was "
            "changed outside the runner to match, or is another state of it put back"
        )
    found = finding(
        FAULT, key, amount=amount, events=events, positions=positions, source=witness,
        certainty="proven" if broken else "likely", proof=proof,
    )  # fmt: skip
    shares = list(shares_of(facts, left, key, amount, kept)) if witness and key else []
    known = {share.number for share in shares}
    of_then = [
        share for each in facts.renumbered if each.stream_id == stream for share in as_written(facts, left, each)
    ]
    return Explanation(found, [*shares, *(share for share in of_then if share.number not in known)])


def _changed_to_match(facts: Facts, key: Key, positions: list[int]) -> Iterator[str]:
    """Read models of one figure that counted the events while they were there, and don't any more."""
    wrong = {each.source for each in facts.residuals if each.key == key}
    for source in facts.sources:
        if source.kind != "head" or source.name in wrong or was_reset(facts, source.name) or not positions:
            continue
        batches = facts.batches(source.name)
        if all(any(each.from_position <= place <= each.to_position for each in batches) for place in positions):
            yield source.name


def _unused(facts: Facts, gap: StreamGap) -> Iterator[int]:
    """The positions of the missing events, if the log has no other holes between their neighbours."""
    found = facts.rows(_UNUSED, first=gap.after + 1, last=gap.before, most=MOST_POSITIONS)
    if len(found) == gap.size:
        yield from (position for (position,) in found)
