"""event_misfiled: an event, or a whole stream, is in a different stream than the one it was hashed in.

Where both streams were hashed again the log knows nothing of it; a row that bears the event's id under the account that
it was taken from does, and so does a line of a statement, where the event is out of place in its stream.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from esworkbench.evidence.capturing.poster import account_of
from esworkbench.forensics.compare.records import NO_EVENT, TOTAL, Key
from esworkbench.forensics.diagnosis.anchored_acts import anchored
from esworkbench.forensics.diagnosis.booked_elsewhere import BookedElsewhere, booked_elsewhere, wrong_names
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.failing_hashes import FailingHash, Place
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.recorded_times import odd_times
from esworkbench.forensics.diagnosis.rows_elsewhere import RowsElsewhere, rows_elsewhere
from esworkbench.forensics.diagnosis.unexplained import (
    Explanation,
    Explanations,
    Left,
    LookAlike,
    NotTestable,
    Share,
    whole,
)
from esworkbench.forensics.diagnosis.witnesses import shares_of
from esworkbench.forensics.diagnosis.wording import finding, places

Moved = tuple[FailingHash, Place, int]
"""An event, the place that its hash gives it, and what its absence there, or its presence here, makes of the claims."""


def event_misfiled(facts: Facts, left: Left) -> Explanations:
    """Events whose content fails where they stand, and fits the chain of another stream: the hash names the place.

    A copy bears the hash of an event that still stands at its own place. Of what was hashed again, rows tell.
    """
    told = [each for rows in rows_elsewhere(facts, left) for each in _told_by_rows(facts, left, rows)]
    told += _told_by_lines(facts, left, {event_id for each in told for event_id in each.finding.event_ids})
    if not facts.hashed:
        return told or NotTestable("the events carry no hashes")
    moved = [
        (event, event.home) for event in facts.failing
        if event.home is not None and (event.is_copy or event.home[0] != event.stream_id)
    ]  # fmt: skip
    posted: dict[int, list[tuple[str, str, int]]] = {}
    for position, *posting in facts.rows(_POSTED, positions=[event.position for event, _ in moved]):
        posted.setdefault(position, []).append((posting[0], posting[1], posting[2]))
    groups: dict[Key | None, list[Moved]] = {}
    moves: dict[tuple[str, str], dict[Key | None, None]] = {}
    for event, home in moved:
        for key, amount in _accounts(event, home, posted.get(event.position, [])):
            groups.setdefault(key, []).append((event, home, amount))
            moves.setdefault((event.stream_id, home[0]), {})[key] = None
    for event, home in moved:
        if event.position not in posted:
            # Moved between the same two streams as others were: one act with them, though this one posts nothing.
            for alike in moves.get((event.stream_id, home[0]), [None]):
                groups.setdefault(alike, []).append((event, home, 0))
    return [*(_explanation(facts, left, key, sorted(moved)) for key, moved in groups.items()), *told]


def misfiled_since_anchored(facts: Facts, left: Left) -> Explanations:
    """What the leaves of an anchor prove."""
    return anchored(FAULT, facts, left)


FAULT = Fault(
    name="event_misfiled",
    meaning="an event stands under another account or currency than it belongs to: moved there, copied, or so written",
    look_alikes=("half_transfer", "event_deleted", "never_appended", "manual_edit"),
    remedy="restore the streams from a good backup",
    repair="restore",
    by_anchor=misfiled_since_anchored,
    detector=event_misfiled,
)


_POSTED = """
    SELECT position, account, currency, sum(amount_minor)::BIGINT FROM postings
    WHERE position IN (SELECT unnest($positions)) GROUP BY ALL ORDER BY ALL
"""

_DAYS = """
    SELECT position, timezone($zone, recorded_at)::DATE - DATE '1970-01-01' FROM events
    WHERE position IN (SELECT unnest($positions))
"""

_AS_IT_STANDS = """
    SELECT version, position, sum(amount_minor)::BIGINT FROM postings
    WHERE account = $account AND currency = $currency GROUP BY ALL
"""


def _told_by_rows(facts: Facts, left: Left, rows: RowsElsewhere) -> Iterator[Explanation]:
    """One explanation for the account that the rows stand under, and one for the event's."""
    ids = {event.event_id for event in rows.events}
    (told, _), (stands, _) = rows.told, rows.stands
    words = (
        f"{rows.source} has the event{'s' * (len(ids) > 1)} at {places([event.position for event in rows.events])} "
        f"under {told}, the log under {stands}, and "
        + ("the balances of both go on from there" if rows.read else "the balances of the first go on from there")
    )
    others = " and ".join(name for name, _ in rows.by if name != rows.source)
    if others:
        words += f"; {others} say{'s' * (len(rows.by) == 2)} what the rows say"
    if facts.hashed:
        words += "; the hashes hold, so both streams were hashed again, and an anchor from before would settle it"
    alone = (
        LookAlike("manual_edit", f"nothing but {rows.source} speaks: its rows and all balances after them may have "
                  "been put under the other account instead"),
    )  # fmt: skip
    for key, amount in ((rows.told, rows.amount), (rows.stands, -rows.amount)):
        steps = [step for step in left.steps(key=key, kind="running") if step.event_id in ids]
        shares = list(shares_of(facts, left, key, amount, steps))
        found = finding(
            FAULT, key, amount=amount if shares else 0, source=rows.source if shares else None,
            events=[(event.position, event.event_id) for event in rows.events],
            certainty="likely" if len(rows.kinds) > 1 else "possible",
            proof=f"{words}: claimed − event sum = {facts.money(amount, key)}" if shares else words,
        )  # fmt: skip
        yield Explanation(found, shares, () if len(rows.kinds) > 1 else alone)


# Events whose version and position put them in two orders beside the one before or after them in their stream.
_TWO_ORDERS = """
    SELECT event_id FROM (
        SELECT event_id, position, lag(position) OVER stream AS before, lead(position) OVER stream AS after
        FROM events WINDOW stream AS (PARTITION BY stream_id ORDER BY version)
    ) WHERE position < before OR position > after
"""


def _told_by_lines(facts: Facts, left: Left, known: set[str]) -> Iterator[Explanation]:
    """Events out of place in their stream, by version or by time, that no line of their own account books while one of
    another account has their reference and amount: nobody wrote them so, and no bank was wrong."""
    pairs = [
        pair for pair in booked_elsewhere(facts)
        if pair.same and pair.line.account != pair.key[0] and pair.event_id not in known
        and left.step(pair.line) and (pair.event is None or left.step(pair.event))
        and (pair.line.source, pair.line.key) not in wrong_names(facts)
    ]  # fmt: skip
    if not pairs:
        return
    failing = {event.event_id for event in facts.failing}
    odd = {event_id for (event_id,) in facts.rows(_TWO_ORDERS)}
    odd |= {event.event_id for event in odd_times(facts) or ()}
    moves: dict[tuple[Key, Key], list[BookedElsewhere]] = {}
    for pair in pairs:
        if pair.event_id in odd - failing:
            moves.setdefault((pair.line.key, pair.key), []).append(pair)
    for (told, stands), mine in moves.items():
        events = [(pair.position, pair.event_id) for pair in mine]
        words = (
            f"the event{'s' * (len(mine) > 1)} at {places([position for position, _ in events])}, out of order in the "
            f"stream of {stands[0]}, {'have' if len(mine) > 1 else 'has'} no line there, and {mine[0].line.source} has "
            f"reference and amount under {told[0]}"
        )
        if facts.hashed:
            words += "; the hashes hold, so both streams were hashed again, and an anchor from before would settle it"
        for key, steps in ((told, [pair.line for pair in mine]), (stands, [pair.event for pair in mine if pair.event])):
            amount = sum(step.amount for step in steps)
            found = finding(
                FAULT, key, amount=amount, source=steps[0].source if steps else None, events=events, certainty="likely",
                proof=f"{words}: claimed − event sum = {facts.money(amount, key)}" if steps else words,
            )  # fmt: skip
            yield Explanation(found, list(shares_of(facts, left, key, amount, steps)) if steps else [])


def _accounts(event: FailingHash, home: Place, posted: Iterable[tuple[str, str, int]]) -> Iterator[tuple[Key, int]]:
    """The account that it was taken from and the one that it was put on, and by how much claims from before differ."""
    here, there = account_of(event.stream_id), account_of(home[0])
    for account, currency, amount in posted:
        yield (account, currency), -amount if account == here else 0
        if account == here and not event.is_copy:
            yield (there, currency), amount


def _explanation(facts: Facts, left: Left, key: Key | None, moved: list[Moved]) -> Explanation:
    ids = {event.event_id for event, _, _ in moved}
    steps = [step for step in left.steps(key=key) if step.event_id in ids] if key else []
    amount = sum(amount for _, _, amount in moved)
    posts = any(by for _, _, by in moved)
    shares = list(shares_of(facts, left, key, amount, steps)) if key and posts else []
    if key:
        known = {share.number for share in shares}
        others = [*_right_as_written(facts, left, key, moved), *_by_day(facts, left, key, moved)]
        shares += [share for share in others if share.number not in known]
    words = _words(moved)
    if amount and shares and key:
        words += f"; {shares[0].source} still counts it there: claimed − event sum = {facts.money(amount, key)}"
    events = [(event.position, event.event_id) for event, _, _ in moved]
    source = shares[0].source if shares else None
    return Explanation(finding(FAULT, key, amount=amount if shares else 0, events=events, source=source, proof=words),
                       shares)  # fmt: skip


SHOWN = 3


def _words(moved: Sequence[Moved]) -> str:
    """What was hashed where: one by one where they are few, else stream by stream."""
    streams: dict[tuple[str, str, bool], list[Moved]] = {}
    for each in moved:
        streams.setdefault((each[0].stream_id, each[1][0], each[0].is_copy), []).append(each)
    return "; ".join(
        _moved_words(here, there, is_copy, each) for (here, there, is_copy), each in list(streams.items())[:SHOWN]
    )


def _moved_words(here: str, there: str, is_copy: bool, moved: Sequence[Moved]) -> str:
    stands = ", which still stands there" * is_copy
    if len(moved) <= SHOWN:
        return "; ".join(
            f"the event at {places([event.position])} is version {event.version} of {here}, and its content is "
            f"what was hashed as version {home[1]} of {there}{stands}"
            for event, home, _ in moved
        )
    return (
        f"the {len(moved)} events at {places([event.position for event, _, _ in moved])} are in {here}, and their "
        f"contents are what was hashed in {there}{stands}: version {moved[0][0].version} as version {moved[0][1][1]}, "
        "and so on"
    )


def _by_day(facts: Facts, left: Left, key: Key, moved: Sequence[Moved]) -> Iterator[Share]:
    """What each day differs by because of what was moved; what else is wrong with a day is left to others.

    A read model that was rebuilt since has no day that differs by just that, and no share.
    """
    positions = [event.position for event, _, _ in moved]
    days = dict(facts.rows(_DAYS, zone=facts.evidence.ledger.time_zone, positions=positions))
    by: Counter[int] = Counter()
    for event, _, amount in moved:
        by[days[event.position]] += amount
    for source in facts.sources:
        steps = [step for step in left.steps(source=source.name, key=key, kind="daily") if by[step.place]]
        if any(step.amount == by[step.place] for step in steps):
            yield from (Share(step.source, key, by[step.place], step.number) for step in steps)


def _right_as_written(facts: Facts, left: Left, key: Key, moved: Sequence[Moved]) -> Iterator[Share]:
    """Snapshots, and lines and openings of statements, that are right about the account with every event where it was
    hashed."""
    here = {event.position for event, _, _ in moved if account_of(event.stream_id) == key[0]}
    came = [(home[1], event.position, amount) for event, home, amount in moved
            if account_of(home[0]) == key[0] and not event.is_copy]  # fmt: skip
    stands = facts.rows(_AS_IT_STANDS, account=key[0], currency=key[1])
    written = sorted([*(row for row in stands if row[1] not in here), *came])
    lines = Counter(amount for _, _, amount in came)
    balances = list(accumulate((amount for _, _, amount in written), initial=0))
    for step in left.steps(key=key, kind="snapshot"):
        if step.claimed == balances[bisect_right(written, step.place, key=lambda row: row[0])]:
            yield whole(step)
    for step in left.steps(key=key, kind="statement"):
        if step.reason == NO_EVENT and lines[step.amount] > 0:
            lines[step.amount] -= 1
            yield whole(step)
        elif step.reason == TOTAL and step.claimed in balances:
            yield whole(step)
