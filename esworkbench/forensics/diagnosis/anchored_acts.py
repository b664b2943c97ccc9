"""What an anchor proves of single events, told by account: the leaves say what was done, and claims by how much.

Events that were only hashed again, or numbered anew, are consequences of what was done before them in their stream, and
no acts. An event whose own hash fails is left to those who ask the chain: nobody hashed it again.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence

import msgspec

from esworkbench.evidence.capturing.poster import account_of
from esworkbench.forensics.anchored import AnchorContradiction, LeafDifference, in_words, range_in_words
from esworkbench.forensics.compare.records import NO_EVENT, NO_ROW, Key, Residual
from esworkbench.forensics.diagnosis.booked_elsewhere import booked_elsewhere
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.lines_without_event import (
    A_DAY,
    lines_nearest,
    lines_of_the_cut,
    lines_since_the_end,
)
from esworkbench.forensics.diagnosis.unexplained import Explanation, Left
from esworkbench.forensics.diagnosis.witnesses import rows_without_event, shares_of, witnessed
from esworkbench.forensics.diagnosis.wording import finding

SHOWN = 4


def contradicted(facts: Facts, *, split: bool = False) -> AnchorContradiction | None:
    """Where the log isn't what an anchor says; an anchor from elsewhere against the store's own (``split``) apart."""
    apart = facts.anchored.contradiction
    return apart if apart is not None and apart.split == split else None


def acts(facts: Facts, apart: AnchorContradiction) -> dict[str, list[LeafDifference]]:
    """What was done, by the name of the fault that it is."""
    failing = {event.position for event in facts.failing}
    again = {each.stream_then for each in apart.differences if each.kind in ("hashed_again", "edited")}
    gaps = {each.stream_id for each in facts.breaks if each.kind == "version_gap"}
    # Numbers that were closed up, over contents that hold with those of then, leave the gap to be seen.
    gaps |= {each.stream_id for each in facts.renumbered}
    pushed = apart.pushed
    found: dict[str, list[LeafDifference]] = {}
    for each in _misfiled_and_edited(facts, list(_without_what_stands_there_now(apart))):
        if each.event_id in pushed and each.kind == "moved":
            continue
        name = _name(each, apart, hidden=each.stream_then in again and each.stream_then not in gaps)
        if name is not None and each.position not in failing:
            found.setdefault(name, []).append(each)
    changed = {each.stream_then for events in found.values() for each in events}
    changed |= {each.stream_id for events in found.values() for each in events}
    alone = [each for each in apart.differences if each.kind == "hashed_again" and each.stream_then not in changed]
    if alone and not failing:
        found.setdefault("rehashed_history", []).extend(alone)
    return found


def _without_what_stands_there_now(apart: AnchorContradiction) -> Iterator[LeafDifference]:
    """The differences; where the log was cut off and went on, only what is gone."""
    for each in apart.differences:
        if not apart.is_written_over(each.position):
            yield each
        elif each.was is not None:
            was = each.was
            yield each._replace(kind="missing", stream_id=was.stream_id, version=was.version, event_id=None)


def _misfiled_and_edited(facts: Facts, differences: Sequence[LeafDifference]) -> Iterator[LeafDifference]:
    """The differences, with one for the two of an event that was moved to another stream and edited on the way, where a
    row of the account that it was taken from still names it: it is missing there and was put in here."""
    missing = {each.position: each for each in differences if each.kind == "missing"}
    put_in = [each for each in differences if each.kind == "inserted" and each.position in missing]
    known = set(facts.rows(_KNOWN, ids=[each.event_id for each in put_in])) if put_in else set()
    same = {
        each.position for each in put_in
        if (each.event_id, account_of(missing[each.position].stream_then)) in known
    }  # fmt: skip
    for each in differences:
        if each.position not in same or each.kind not in ("missing", "inserted"):
            yield each
        elif each.kind == "inserted":
            yield each._replace(kind="moved", was=missing[each.position].was)


_KNOWN = """
    SELECT DISTINCT event_id, account FROM assertions
    WHERE kind = 'running' AND event_id IN (SELECT unnest($ids::VARCHAR[]))
"""


def _name(each: LeafDifference, apart: AnchorContradiction, *, hidden: bool) -> str | None:
    if each.kind == "missing":
        if apart.is_cut_off(each):
            return "tail_truncated"
        return "rehashed_history" if hidden else "event_deleted"
    if each.kind == "moved":
        return "reordered" if each.stream_then == each.stream_id else "event_misfiled"
    return {"edited": "rehashed_history", "inserted": "backdated_insert"}.get(each.kind)


def told(
    fault: Fault, facts: Facts, left: Left, apart: AnchorContradiction, events: Sequence[LeafDifference]
) -> Iterator[Explanation]:
    """One explanation an account and currency, with what the claims of then still show of it."""
    by_key: dict[tuple[Key | None, str], list[LeafDifference]] = {}
    for each in events:
        for key in _keys(facts, each):
            by_key.setdefault((key, "" if key else each.stream_then), []).append(each)
    for (key, _), mine in by_key.items():
        yield _explanation(fault, facts, left, apart, key, mine)


def somewhere(fault: Fault, apart: AnchorContradiction) -> Explanation:
    """The range between two anchors, where no leaves tell which events it is."""
    proof = f"{signed(apart)}; {range_in_words(apart)}"
    return Explanation(finding(fault, None, certainty=apart.strength, proof=proof), [])


def signed(apart: AnchorContradiction) -> str:
    """Whose word the log contradicts."""
    last = apart.anchors[-1]
    whose = {
        "proven": "the key that you brought",
        "likely": "a key that nobody vouched for, which both the database and its outside folder know",
        "possible": "a key that nobody vouched for, so whoever can write where it lies may have signed",
    }[apart.strength]
    return (
        f"the log contradicts what was anchored {last.anchored_at[:19]}Z up to position {last.position}, signed with "
        f"{whose} ({last.key_id[:16]}…)"
    )


def _explanation(
    fault: Fault, facts: Facts, left: Left, apart: AnchorContradiction, key: Key | None, mine: Sequence[LeafDifference]
) -> Explanation:
    rows = rows_without_event(facts)
    gone = {each.position for each in mine if each.event_id is None}
    if key and fault.name == "event_deleted" and key[0] in _without_stream(facts, mine):
        # What it held beyond the anchor's position went with it.
        gone |= {position for row_key, position, _ in rows if row_key == key}
    events = {(each.position, each.event_id) for each in mine if each.event_id is not None}
    events |= {(position, event_id) for row_key, position, event_id in rows if row_key == key and position in gone}
    ids = {event_id for _, event_id in events}
    steps = [step for step in left.steps(key=key) if _tells(step, ids, gone)] if key else []
    if key:
        steps += [line for line in _lines_of_gone(facts, left, apart, key, mine) if line not in steps]
        steps += [line for line in _lines_of_edited(facts, left, key, mine, steps) if line not in steps]
        steps += [line for line in _lines_of_misfiled(facts, left, key, mine) if line not in steps]
    amount, witness = witnessed(facts, left, key, steps) if steps or _only_heads(left, key) else (0, None)
    tells = "still tells what was"
    if key and witness is None:
        amount, witness, steps = _lacked(facts, key, mine, steps)
        tells = "has no line for it"
    shown = "; ".join(in_words(each) for each in mine[:SHOWN])
    more = f"; and {len(mine) - SHOWN} more" if len(mine) > SHOWN else ""
    proof = f"{signed(apart)}: {shown}{more}"
    lines = [step for step in steps if step.source == witness and step.kind == "statement"]
    if gone and len(lines) > len(gone):
        proof += f"; {witness} has {len(lines)} lines from then on, so more was cut off after the anchor"
    if witness and key:
        proof += f"; {witness} {tells}: claimed − event sum = {facts.money(amount, key)}"
    else:
        proof += "; no claim is left that still shows an amount, or all were rebuilt since"
    found = finding(
        fault, key, amount=amount, events=sorted(events), positions=sorted({*gone, *(each.position for each in mine)}),
        source=witness, certainty=apart.strength, proof=proof,
    )  # fmt: skip
    if key is None:
        # Of what no claim tells and no event posts on, the currency isn't known, and whose it is, is.
        found = msgspec.structs.replace(found, account=account_of(mine[0].stream_then))
    shares = list(shares_of(facts, left, key, amount, steps)) if key and witness else []
    return Explanation(found, shares)


def _lines_of_gone(
    facts: Facts, left: Left, apart: AnchorContradiction, key: Key, mine: Sequence[LeafDifference]
) -> list[Residual]:
    """The statement's lines for what is gone: those booked since the log's end, where its tail was cut off, and all
    that have no event, where a whole stream is gone; what was cut off after the last anchor has lines as well."""
    gone = [each for each in mine if each.kind == "missing"]
    moved = [each for each in mine if each.kind == "moved" and each.stream_then != each.stream_id]
    if key[0] in _without_stream(facts, (*gone, *moved)):
        lines = [step for step in left.steps(key=key, kind="statement") if step.reason == NO_EVENT]
        return lines if len(lines) <= len(gone) + len(moved) else []
    if apart.cut_after is not None and any(apart.is_written_over(each.position) for each in gone):
        return (
            [] if left.steps(key=key, kind="running") else lines_of_the_cut(facts, left, apart.cut_after).get(key, [])
        )
    cut_off = [each for each in gone if apart.is_cut_off(each) and not apart.is_written_over(each.position)]
    if not cut_off:
        lines = [] if left.steps(key=key, kind="running") else left.steps(key=key, kind="statement")
        lines = [step for step in lines if step.reason == NO_EVENT]
        return lines if len(lines) <= len(gone) else []
    lines = lines_since_the_end(facts, left, key, early=A_DAY)
    return lines if len(lines) <= len(cut_off) else lines_since_the_end(facts, left, key)


def _without_stream(facts: Facts, differences: Iterable[LeafDifference]) -> set[str]:
    """The accounts of streams that these stood in, and of which nothing is left."""
    streams = {each.stream_then for each in differences}
    return {account_of(stream) for stream in streams if not facts.has_events(stream)}


def streams_deleted(facts: Facts, left: Left) -> set[str]:
    """The accounts whose whole stream was deleted, as an anchor tells."""
    apart = contradicted(facts)
    gone = [each for each in apart.differences if each.kind == "missing"] if apart is not None and apart.exact else []
    deleted = {finding.account for finding in left.found("event_deleted")}
    return {account for account in _without_stream(facts, gone) if account in deleted}


def _lines_of_misfiled(facts: Facts, left: Left, key: Key, mine: Sequence[LeafDifference]) -> list[Residual]:
    """The statement's lines for events that stand under another account now, with their reference and amount."""
    ids = {each.event_id for each in mine if each.kind == "moved"}
    lines = {pair.line.number for pair in booked_elsewhere(facts) if pair.same and pair.event_id in ids}
    return [step for step in left.steps(key=key, kind="statement") if step.number in lines]


_RECORDED = """
    SELECT recorded_at FROM events WHERE recorded_at IS NOT NULL AND event_id IN (SELECT unnest($ids)) ORDER BY 1
"""


def _lines_of_edited(
    facts: Facts, left: Left, key: Key, mine: Sequence[LeafDifference], steps: Sequence[Residual]
) -> list[Residual]:
    """The statement's lines for what edited events were, where it has none for what they are: by both the log differs,
    by what was and by what is."""
    ids = {each.event_id for each in mine if each.kind == "edited"}
    lacking = [step for step in steps if step.kind == "statement" and step.reason == NO_ROW and step.event_id in ids]
    found = []
    for source in dict.fromkeys(step.source for step in lacking):
        moments = facts.rows(_RECORDED, ids=[step.event_id for step in lacking if step.source == source])
        lines = [step for step in left.steps(source=source, key=key) if step.reason == NO_EVENT]
        found += lines_nearest(facts, lines, [moment for (moment,) in moments])
    return found


def _tells(step: Residual, ids: Collection[str], gone: Collection[int]) -> bool:
    is_gone = step.reason == NO_EVENT and step.position is not None and step.position in gone
    return is_gone or (step.event_id is not None and step.event_id in ids)


_POSTS = """
    SELECT event_id, sum(amount_minor)::BIGINT FROM postings
    WHERE account = $account AND currency = $currency AND event_id IN (SELECT unnest($ids)) GROUP BY ALL
"""


def _lacked(
    facts: Facts, key: Key, mine: Sequence[LeafDifference], steps: list[Residual]
) -> tuple[int, str | None, list[Residual]]:
    """By how much a statement differs that has no line for just what was put in, or moved here: the amount, the file
    and its steps."""
    ids = [each.event_id for each in mine if each.kind == "inserted" or each.stream_then != each.stream_id]
    posts = dict(facts.rows(_POSTS, account=key[0], currency=key[1], ids=ids))
    lacking = [step for step in steps if step.reason == NO_ROW and step.amount == -posts.get(step.event_id, 0)]
    if not lacking:
        return 0, None, steps
    first = lacking[0].source
    return sum(step.amount for step in lacking if step.source == first), first, lacking


def _only_heads(left: Left, key: Key | None) -> bool:
    """Whether a figure of the account is all that differs: then what was done to its events is what it shows."""
    return key is not None and not left.steps(key=key) and bool(left.heads_of(key))


def _keys(facts: Facts, each: LeafDifference) -> Sequence[Key | None]:
    """What the event posts on now, and what claims say that it posted on."""
    if each.event_id is not None:
        now = facts.rows(
            "SELECT DISTINCT account, currency FROM postings WHERE event_id = $event_id ORDER BY 1, 2",
            event_id=each.event_id,
        )
        then = [step.key for step in facts.residuals if step.event_id == each.event_id]
        if each.stream_then != each.stream_id:
            left_by = facts.accounts_of_stream(each.stream_then) or _claimed(facts, each.stream_then)
            then += [key for key in left_by if key[1] in {currency for _, currency in now}]
        if now or then:
            return list(dict.fromkeys([*((account, currency) for account, currency in now), *then]))
    kept = [key for key, position, _ in rows_without_event(facts) if position == each.position]
    if each.event_id is None and kept:
        return list(dict.fromkeys(kept))
    return facts.accounts_of_stream(each.stream_then) or _claimed(facts, each.stream_then) or [None]


def _claimed(facts: Facts, stream_id: str) -> list[Key]:
    """The account that a stream is called after, where a claim names it: of a stream that is gone nothing is posted."""
    account = account_of(stream_id)
    named = facts.rows("SELECT DISTINCT account, currency FROM assertions WHERE account = $account", account=account)
    return sorted({*named, *(step.key for step in facts.residuals if step.account == account)})


def anchored(fault: Fault, facts: Facts, left: Left) -> list[Explanation]:
    """What the anchors' leaves tell under the name of this fault."""
    apart = contradicted(facts)
    if apart is None or not apart.exact:
        return []
    return list(told(fault, facts, left, apart, acts(facts, apart).get(fault.name, [])))


def unusable(facts: Facts) -> str:
    """Why the anchors that are here prove nothing, as what a sentence goes on with; empty where there is none, or where
    one could be asked."""
    if facts.anchored.asked or not facts.anchored.anchors:
        return ""
    why = {
        "bad": "doesn't bear the signature of its key",
        "unknown_key": "is signed with a key whose public half isn't here",
        "good": "is of a log that begins with another event",
    }[facts.anchored.anchors[0].signature]
    return f"; the anchor here {why}, so it proves nothing"
