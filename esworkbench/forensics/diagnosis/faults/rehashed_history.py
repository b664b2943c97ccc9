"""rehashed_history: the log was changed and hashed again, so that only something outside it can tell.

A log whose hashes hold is one witness. Read models, snapshots and statements are others, each written by other code, at
another time or in another house. Where two of them tell the same story, and the log alone tells another, the log is
what is in doubt. Only an anchor proves it, or the chain itself, where whoever hashed again stopped before its end: the
next event still names the hash of then.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from esworkbench.forensics.anchored import AnchorContradiction, range_in_words
from esworkbench.forensics.compare.records import Key
from esworkbench.forensics.diagnosis.anchored_acts import anchored, contradicted, signed, somewhere, unusable
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.findings import Certainty
from esworkbench.forensics.diagnosis.links_cut import Link, links_cut
from esworkbench.forensics.diagnosis.misplaced_rows import MisplacedRow, misplaced_rows, shares_of_misplaced
from esworkbench.forensics.diagnosis.stories import READ_MODELS, Story, agreeing_with_the_log, told_against
from esworkbench.forensics.diagnosis.unexplained import (
    Explanation,
    Explanations,
    Left,
    LookAlike,
    NotTestable,
    Share,
    whole,
)
from esworkbench.forensics.diagnosis.witnesses import (
    rows_without_event,
    shares_of,
    vouched_by_rows,
    vouchers,
    witnessed,
)
from esworkbench.forensics.diagnosis.wording import finding, places
from esworkbench.forensics.diagnosis.written_over import WrittenOver, follows, written_over

SHOWN_BY_THE_CHAIN = ("event_deleted", "backdated_insert", "event_misfiled", "reordered", "chain_fork")
"""What changes leaves as well."""

CERTAINTIES: Sequence[Certainty] = ("possible", "likely", "proven")
SETTLED_BY_AN_ANCHOR = "; no other cause was found, and an anchor from before would settle it"


def rehashed_history(facts: Facts, left: Left) -> Explanations:
    """Accounts of which two kinds of claim, or more, contradict the log alike, and no fewer than agree with it.

    Rows of read models lie where whoever may write there can change them: they don't outvote a claim that tells of
    every event as the log does.
    """
    if facts.is_file:
        return NotTestable("the rows of a file are all there is of its events")
    apart = contradicted(facts)
    between = apart if apart is not None and not apart.exact and not _told_between(facts, left, apart) else None
    if len({source.kind for source in facts.sources}) < 2 and not facts.anchored.asked:
        return NotTestable(
            "it takes two kinds of claim, or an anchor from elsewhere, to doubt a log whose hashes hold"
            + unusable(facts)
        )
    gone = rows_without_event(facts)
    moved = _moved_rows(facts, left)
    found = []
    for key in left.accounts():
        told = [story for story in told_against(facts, left, key) if (story.source, key) not in moved]
        explanation = _explanation(facts, left, key, told, {event_id: place for _, place, event_id in gone})
        found += [explanation] if explanation else []
    if between is None:
        return found
    named = [each for each in found if _stands_between(between, each.finding.positions)]
    if named:
        return [*(each for each in found if each not in named), *(_with_anchor(each, between) for each in named)]
    return [*found, somewhere(FAULT, between), *_kept_between(facts, left, between)]


def rehashed_since_anchored(facts: Facts, left: Left) -> Explanations:
    """What the leaves of an anchor prove; and a stretch under new ids, of which no pattern may be told."""
    over = written_over(facts)
    if over is not None and over.went_on is False and contradicted(facts) is None:
        return list(_written_anew(facts, left, over))
    return anchored(FAULT, facts, left)


FAULT = Fault(
    name="rehashed_history",
    meaning="events were changed, and every later hash was computed again to match",
    look_alikes=("payload_edited", "split_view", "manual_edit", "bad_snapshot", "tail_truncated"),
    remedy="restore the log from a backup that agrees with the anchor, and rebuild nothing from this log until then",
    repair="restore",
    by_anchor=rehashed_since_anchored,
    detector=rehashed_history,
)


def _written_anew(facts: Facts, left: Left, over: WrittenOver) -> Iterator[Explanation]:
    """Other events in the place of those that were read, though the log was not cut off there."""
    for key in [*over.keys, *over.others]:
        shares = list(follows(facts, left, over, key))
        mine = [(row.position, row.event_id) for row in over.gone if row.key == key]
        amount = over.lost(key) - over.posted.get(key, 0)
        others = sorted({share.source for share in shares} - {over.source})
        proof = (
            f"{over.source} tells of other events than stand at positions {over.first} to {over.last}, and has no row "
            "for any of these; they are as old as what was read there, or older than what stands behind them, so the "
            f"log was not cut off: they were put in the place of others, and hashed again"
        )
        if others:
            proof += f"; {' and '.join(others)} tell{'s' * (len(others) == 1)} what was as well"
        found = finding(
            FAULT, key, amount=amount, events=mine, positions=[position for position, _ in mine] or [over.first],
            source=over.source, certainty="likely" if others else "possible",
            proof=f"{proof}: claimed − event sum = {facts.money(amount, key)}",
        )  # fmt: skip
        by_hand = LookAlike("manual_edit", f"nothing but {over.source} says so, and its rows may have been changed")
        yield Explanation(found, shares, () if others else (by_hand,))


def _told_between(facts: Facts, left: Left, apart: AnchorContradiction) -> bool:
    """Whether the log shows by itself what was done to it in that range. A content that was edited leaves its leaf as
    it was, unless the stored hash was changed with it."""
    changed = [event.position for event in facts.failing if event.named]
    shown = [each.positions for each in left.all_found() if each.fault in SHOWN_BY_THE_CHAIN]
    return any(_stands_between(apart, each) for each in [changed, *shown]) or bool(left.found("tail_truncated"))


def _stands_between(apart: AnchorContradiction, positions: Sequence[int]) -> bool:
    return any(apart.after < position <= apart.by for position in positions)


def _with_anchor(explanation: Explanation, apart: AnchorContradiction) -> Explanation:
    """Claims say which events it is, and an anchor that some of that range are."""
    found = explanation.finding
    proof = f"{found.proof.removesuffix(SETTLED_BY_AN_ANCHOR)}; {signed(apart)}: {range_in_words(apart)}"
    certainty = max(found.certainty, apart.strength, key=CERTAINTIES.index)
    return explanation._replace(finding=msgspec.structs.replace(found, certainty=certainty, proof=proof))


def _kept_between(facts: Facts, left: Left, apart: AnchorContradiction) -> Iterator[Explanation]:
    """What a single claim tells otherwise of events in that range: it kept the old figure, or is wrong by itself."""
    for key in left.accounts():
        steps = [
            step for step in left.steps(key=key)
            if step.event_id is not None and step.position is not None and apart.after < step.position <= apart.by
        ]  # fmt: skip
        if not steps:
            continue
        amount, witness = witnessed(facts, left, key, steps)
        events = sorted({(step.position or 0, step.event_id or "") for step in steps})
        proof = (
            f"{signed(apart)}: {range_in_words(apart)}; in that range {witness or steps[0].source} tells "
            f"{places([position for position, _ in events])} otherwise than the log does: claimed − event sum = "
            f"{facts.money(amount, key)}"
        )
        found = finding(
            FAULT, key, amount=amount, events=events, source=witness, proof=proof,
            certainty=min("likely", apart.strength, key=CERTAINTIES.index),
        )  # fmt: skip
        yield Explanation(found, list(shares_of(facts, left, key, amount, steps)))


def _moved_rows(facts: Facts, left: Left) -> set[tuple[str, Key]]:
    """Of which sources all that is wrong on an account is rows of another one, whose events a claim vouches for."""
    moved = set()
    for source in facts.sources:
        by_key: dict[Key, list[MisplacedRow]] = {}
        for row in misplaced_rows(facts, left, source):
            if row.belongs != row.stands and vouchers(facts, row.belongs):
                by_key.setdefault(row.stands, []).append(row)
        for key, rows in by_key.items():
            told = {share.number for share in shares_of_misplaced(left, rows, key)}
            if all(step.number in told for step in left.steps(source=source.name, key=key)):
                moved.add((source.name, key))
    return moved


def _explanation(facts: Facts, left: Left, key: Key, told: list[Story], gone: dict[str, int]) -> Explanation | None:
    alike, amount = _agreeing(told)
    if len({story.kind for story in alike}) < 2 or len(alike) < len(agreeing_with_the_log(facts, left, key, told)):
        return None
    if all(story.kind in READ_MODELS for story in alike) and vouchers(facts, key):
        return None
    # Nor do sums that come to the same outvote rows that were written event by event, and say nothing else.
    if not any(story.at for story in alike) and vouched_by_rows(facts, key):
        return None
    ids = {event_id for story in alike for event_id, off in story.at.items() if _shared(story, event_id, off, alike)}
    steps = [step for step in left.steps(key=key, kind="running") if step.event_id in ids]
    rows = facts.rows("SELECT position, event_id FROM events WHERE event_id IN (SELECT unnest($ids))", ids=list(ids))
    events = [*rows, *((gone[event_id], event_id) for event_id in ids if event_id in gone)]
    words = " and ".join(dict.fromkeys(story.source for story in alike))
    where = f"at {places([position for position, _ in events])}" if events else "somewhere up to their checkpoints"
    cut = links_cut(facts, left, key, [event_id for _, event_id in rows])
    proof = (
        f"{_hashes(facts, key, cut)}, {'and' if cut else 'but'} {words}, each by itself, say that the log is wrong "
        f"{where}: claimed − event sum = {facts.money(amount, key)}"
    )
    # A link to a hash that is gone is a record of the act, where all that the claims dispute stands before it.
    proven = bool(cut) and bool(rows) and len(rows) == len(events) and cut[-1].covers(rows)
    if not proven:
        proof += SETTLED_BY_AN_ANCHOR
    found = finding(
        FAULT, key, amount=amount, events=events, source=alike[0].source,
        certainty="proven" if proven else "likely", proof=proof,
    )  # fmt: skip
    shares = list(shares_of(facts, left, key, amount, steps))
    return Explanation(found, [*shares, *_shares_ahead(left, key, amount, alike, shares)])


def _hashes(facts: Facts, key: Key, cut: Sequence[Link]) -> str:
    """What the hashes of the account's events say of themselves."""
    if not facts.hashed:
        return "the events carry no hashes"
    if cut:
        shown = "; ".join(link.words for link in cut[:3])
        return f"{shown}, so what stands before was hashed again, and not to the end of the stream"
    streams = {each.stream_id for each in facts.breaks if each.source == "events"}
    mine = {stream for stream in streams if stream and key in facts.accounts_of_stream(stream)}
    return f"every {'other ' * bool(mine)}hash of this account's stream holds"


def _shares_ahead(
    left: Left, key: Key, amount: int, alike: Iterable[Story], shares: Sequence[Share]
) -> Iterator[Share]:
    """What a claim says of events past its checkpoint: it was moved with the positions, and that is the same act."""
    taken = {(share.source, share.number) for share in shares}
    for story in alike:
        if not story.ahead:
            continue
        if story.kind == "head":
            if left.head(story.source, key) == amount + story.ahead:
                yield Share(story.source, key, story.ahead)
            continue
        steps = left.steps(source=story.source, key=key)
        if sum(step.amount for step in steps) == amount + story.ahead:
            yield from (whole(step) for step in steps if (step.source, step.number) not in taken)


def _agreeing(told: list[Story]) -> tuple[list[Story], int]:
    """The largest group of sources that are off by one amount, and that amount; (nothing, 0) without any."""
    votes = Counter(amount for story in told for amount in story.amounts)
    if not votes:
        return [], 0
    most = max(votes.values())
    amount = next(each for story in told for each in sorted(story.amounts) if votes[each] == most)
    return [story for story in told if amount in story.amounts], amount


def _shared(story: Story, event_id: str, off: int, alike: Iterable[Story]) -> bool:
    """Whether no other source that speaks of single events says otherwise of this one."""
    others = [other for other in alike if other is not story and other.at]
    return all(other.at.get(event_id, off) == off for other in others)
