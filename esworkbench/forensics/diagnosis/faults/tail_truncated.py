"""tail_truncated: a checkpoint or a read model has seen more of the log than there is."""

from collections.abc import Iterator

import msgspec

from esworkbench.forensics.anchored import AnchorContradiction
from esworkbench.forensics.compare.records import NO_EVENT, Key, Residual
from esworkbench.forensics.diagnosis.anchored_acts import (
    acts,
    contradicted,
    signed,
    somewhere,
    streams_deleted,
    told,
    unusable,
)
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.findings import Certainty
from esworkbench.forensics.diagnosis.lines_without_event import lines_of_the_cut
from esworkbench.forensics.diagnosis.moved_positions import head_then
from esworkbench.forensics.diagnosis.unexplained import Explanation, Explanations, Left, LookAlike, NotTestable
from esworkbench.forensics.diagnosis.witnesses import shares_of, witnessed
from esworkbench.forensics.diagnosis.wording import finding, places
from esworkbench.forensics.diagnosis.written_over import WrittenOver, follows, written_over

# A head row whose position is past its account's last event, where the log holds nothing.
_HEADS_AHEAD = """
    WITH last AS (SELECT account, max(position) AS position FROM postings GROUP BY account)
    SELECT a.account, a.currency, a.position, a.source FROM assertions AS a LEFT JOIN last USING (account)
    WHERE a.kind = 'head' AND a.position > coalesce(last.position, 0) AND (a.position > $then OR $then = $head)
      AND a.position NOT IN (SELECT position FROM events) ORDER BY 1, 2
"""

_LAST = "SELECT account, max(position) FROM postings GROUP BY account"


def cut_off_since_anchored(facts: Facts, left: Left) -> Explanations:
    """An anchor that covers more than there is: what it covers is told by its leaves, by how much by the claims.

    Where the log went on since, others stand at these positions, and what the claims tell of both is one act's work.
    """
    over = written_over(facts)
    apart = contradicted(facts)
    if apart is None or not (apart.is_ahead or apart.cut_after is not None):
        went_on = over is not None and over.went_on is not False  # else it is history rewritten
        return list(_written_over(facts, left, over)) if over and went_on and apart is None else []
    gone = [each for each in acts(facts, apart).get(FAULT.name, []) if apart.exact]
    beyond = _ran_beyond(facts, apart)
    explanations = [
        each._replace(finding=msgspec.structs.replace(each.finding, proof=each.finding.proof + beyond))
        for each in told(FAULT, facts, left, apart, gone)
    ]
    if over and apart.cut_after is not None:
        return list(_with_rows(facts, left, over, apart.strength, explanations))
    known = {(explanation.finding.account, explanation.finding.currency) for explanation in explanations}
    words = f"{signed(apart)}, and the log ends at {apart.head}"
    others = [
        each._replace(finding=msgspec.structs.replace(each.finding, certainty=apart.strength))
        for each in _claimed_ahead(facts, left, words) if _key(each) not in known and apart.is_ahead
    ]  # fmt: skip
    if apart.cut_after is not None:
        others += _told_by_lines(facts, left, apart, known)
    # Where every event that differs is told, and none was cut off, the log only ends earlier since others are gone.
    told_all = apart.exact and apart.all_told and not gone
    return [*explanations, *others] or ([] if told_all else [somewhere(FAULT, apart)])


def _told_by_lines(
    facts: Facts, left: Left, apart: AnchorContradiction, known: set[tuple[str | None, str | None]]
) -> Iterator[Explanation]:
    """Accounts of which nothing that was anchored is gone, and lines of a statement tell what came after the anchor."""
    assert apart.cut_after is not None
    words = f"{signed(apart)}, and the log was cut off after position {apart.cut_after} and went on"
    for key, lines in lines_of_the_cut(facts, left, apart.cut_after).items():
        if key not in known and not left.steps(key=key, kind="running"):
            certainty: Certainty = "possible" if apart.strength == "possible" else "likely"
            yield _of_lines(facts, left, key, lines, [apart.by + 1], words, certainty)


def _of_lines(
    facts: Facts, left: Left, key: Key, lines: list[Residual], positions: list[int], seen: str, certainty: Certainty
) -> Explanation:
    """What was cut off, of which nothing but the statement's lines is left."""
    source = lines[0].source
    mine = [line for line in lines if line.source == source]
    amount = sum(line.amount for line in mine)
    shown = ", ".join(line.type or "?" for line in mine[:SHOWN]) + ", …" * (len(mine) > SHOWN)
    proof = (
        f"{seen}; {source} books {shown}, {facts.money(amount, key)} in all, in the time of which the log has no event "
        "any more"
    )
    found = finding(FAULT, key, amount=amount, positions=positions, source=source, certainty=certainty, proof=proof)
    return Explanation(found, list(shares_of(facts, left, key, amount, lines)))


SHOWN = 5

_RAN_TO = """
    SELECT to_position, min(saved_at) FROM checkpoint_log
    WHERE to_position > $then AND from_position IS NOT NULL AND coalesce(shard, 0) >= 0
    GROUP BY 1 ORDER BY 1 DESC LIMIT 1
"""

_STOOD = """
    SELECT coalesce((SELECT min(position) - 1 FROM events WHERE recorded_at >= $saved_at AND position > (
        SELECT coalesce(max(position), 0) FROM events WHERE recorded_at < $saved_at)), $head)
"""


def _lines_a_run_had_read(facts: Facts, left: Left, seen: str) -> list[Explanation]:
    """By account, the statement's lines for what was cut off: a run had read past the log's end, and what stands since
    that moment was written after it. Nothing where there are more lines than events that are gone."""
    runs = facts.rows(_RAN_TO, then=head_then(facts))
    if not runs or runs[0][1] is None:
        return []
    [(reached, saved_at)] = runs
    [(after,)] = facts.rows(_STOOD, saved_at=saved_at, head=facts.head)
    by_key = lines_of_the_cut(facts, left, after)
    if sum(map(len, by_key.values())) > reached - after:
        return []
    seen += f", and of what the log holds now, nothing behind position {after} was there when it had read that far"
    return [
        _of_lines(facts, left, key, lines, [*range(after + 1, reached + 1)], seen, "likely")
        for key, lines in by_key.items() if not left.steps(key=key, kind="running")
    ]  # fmt: skip


def _ran_beyond(facts: Facts, apart: AnchorContradiction) -> str:
    """What runs have read past the last event that an anchor covers, where the log ends before that."""
    [(last,)] = facts.rows("SELECT max(to_position) FROM checkpoint_log")
    if last is None or last <= max(apart.by, apart.head):
        return ""
    return (
        f"; a run of the checkpoint log ended at {last}, so positions {apart.by + 1} to {last}, which no anchor "
        "covers, were cut off as well"
    )


def _written_over(facts: Facts, left: Left, over: WrittenOver) -> Iterator[Explanation]:
    """Told by rows alone: a reader that has counted what is gone was there before what stands there now."""
    in_their_place = LookAlike(
        "rehashed_history",
        f"when {over.source} had read that far nobody noted down, so that those events may have been put in the place "
        "of others, and hashed again",
    )
    others = [share for key in over.others for share in follows(facts, left, over, key)]
    for key in over.keys:
        mine = [row for row in over.gone if row.key == key]
        proof = (
            f"{over.source} tells of other events than stand at {places([row.position for row in mine])}, and has no "
            f"row for any event that stands at positions {over.first} to {over.last}: the log was cut off and went on "
            f"at the same positions; what was cut off came to {facts.money(over.lost(key), key)}"
        )
        if over.went_on:
            proof += f"; {over.source} had read that far before any of these was recorded"
        found = finding(
            FAULT, key, amount=over.lost(key), events=[(row.position, row.event_id) for row in mine],
            source=over.source, certainty="likely" if over.went_on else "possible", proof=proof,
        )  # fmt: skip
        yield Explanation(found, [*follows(facts, left, over, key), *others], () if over.went_on else (in_their_place,))
        others = []


def _with_rows(
    facts: Facts, left: Left, over: WrittenOver, certainty: Certainty, explanations: list[Explanation]
) -> Iterator[Explanation]:
    """The same where leaves prove it; what came after the anchor only the rows tell."""
    by_leaves = {_key(each): each.finding for each in explanations}
    for each in _written_over(facts, left, over):
        signed_too = by_leaves.pop(_key(each), None)
        proof = f"{signed_too.proof}; {each.finding.proof}" if signed_too else each.finding.proof
        yield each._replace(
            look_alikes=() if signed_too else each.look_alikes,
            finding=msgspec.structs.replace(
                each.finding, proof=proof, certainty=certainty if signed_too else each.finding.certainty
            ),
        )
    yield from (each for each in explanations if _key(each) in by_leaves)


def _key(explanation: Explanation) -> tuple[str | None, str | None]:
    return explanation.finding.account, explanation.finding.currency


def tail_truncated(facts: Facts, left: Left) -> Explanations:
    if not any(map(facts.count, ("checkpoints", "checkpoint_log"))) and not facts.anchored.asked:
        return NotTestable(f"there is no checkpoint and no anchor to say how long the log once was{unusable(facts)}")
    if left.found(FAULT.name):
        return []  # by an anchor, with all that claims say of it
    deleted = streams_deleted(facts, left)
    ahead = [
        (projection, position)
        for projection, position in facts.rows("SELECT projection, position FROM checkpoints ORDER BY 1")
        if position > head_then(facts)
    ]
    checkpoints = " and ".join(f"{name} has read up to position {position}" for name, position in ahead)
    seen = f"{checkpoints}, but the log ends at {facts.head}" if ahead else ""
    explanations = [each for each in _claimed_ahead(facts, left, seen) if each.finding.account not in deleted]
    if explanations or deleted:
        return explanations  # else the newest events may have been those of a stream that is gone as a whole
    if not ahead:
        return list(_runs_ahead(facts, left))
    of_lines = _lines_a_run_had_read(facts, left, seen)
    if of_lines:
        return of_lines
    proof = f"{checkpoints}, but the log ends at {facts.head}; no claim is left to show whose events were cut off"
    positions = sorted({position for _, position in ahead})
    if facts.rows("SELECT count(*) FROM checkpoint_log WHERE to_position > $head", head=facts.head)[0][0]:
        return [Explanation(finding(FAULT, None, positions=positions, proof=proof), [])]
    moved = LookAlike(
        "checkpoint_moved", "no run in the checkpoint log reached that position, so the figure may be false"
    )
    return [Explanation(finding(FAULT, None, positions=positions, certainty="possible", proof=proof), [], (moved,))]


def _claimed_ahead(facts: Facts, left: Left, seen: str) -> Iterator[Explanation]:
    """By account, rows of events past its last one, and figures that have counted them. ``seen`` says who has seen more
    of the log than there is; empty where nobody has."""
    cut_off: dict[Key, list[Residual]] = {}
    last = dict(facts.rows(_LAST))
    for step in left.steps(kind="running"):
        if step.reason == NO_EVENT and step.position is not None and step.position > last.get(step.account, 0):
            cut_off.setdefault(step.key, []).append(step)
    heads: dict[Key, list[int]] = {}
    rows_ahead = facts.rows(_HEADS_AHEAD, head=facts.head, then=head_then(facts))
    for account, currency, position, source in rows_ahead:
        # One row that names a position and counts nothing more was seen by nobody else: it is the row that is wrong.
        if seen or len(rows_ahead) > 1 or left.head(source, (account, currency)):
            heads.setdefault((account, currency), []).append(position)
    for key in sorted({*cut_off, *heads}):
        yield _explanation(facts, left, key, cut_off.get(key, []), heads.get(key, []), seen)


FAULT = Fault(
    name="tail_truncated",
    meaning="the newest events were cut off, and what remains is consistent in itself",
    look_alikes=(
        "restored_read_model",
        "event_deleted",
        "lag",
        "checkpoint_moved",
        "never_appended",
        "rehashed_history",
    ),
    remedy="restore the tail from a good backup, and keep the read model and its checkpoint as witnesses until then",
    repair="restore",
    by_anchor=cut_off_since_anchored,
    detector=tail_truncated,
)


_RUNS = """
    SELECT projection, max(to_position) FROM checkpoint_log WHERE to_position > $head GROUP BY projection ORDER BY 1
"""


def _runs_ahead(facts: Facts, left: Left) -> Iterator[Explanation]:
    """Runs that ended past the log's end, where every checkpoint has been set back since, as a rebuild does."""
    runs = facts.rows(_RUNS, head=head_then(facts))
    if not runs:
        return
    ended = (
        f"runs of the checkpoint log ended past the log, which ends at {facts.head}: "
        f"{', '.join(f'{name} at {position}' for name, position in runs)}"
    )
    of_lines = _lines_a_run_had_read(facts, left, ended)
    if of_lines:
        yield from of_lines
        return
    proof = f"{ended}; no claim is left to show whose events were cut off"
    positions = sorted({position for _, position in runs})
    named = finding(FAULT, None, positions=positions, certainty="likely" if len(runs) > 1 else "possible", proof=proof)
    other = LookAlike("checkpoint_moved", "one projection alone is said to have got so far: its line may be false")
    yield Explanation(named, [], () if len(runs) > 1 else (other,))


def _explanation(
    facts: Facts, left: Left, key: Key, steps: list[Residual], heads: list[int], ahead: str
) -> Explanation:
    amount, witness = witnessed(facts, left, key, steps)
    events = sorted({(step.position or 0, step.event_id or "") for step in steps})
    positions = [position for position, _ in events] or sorted(set(heads))
    counted = (
        f"{witness or 'a read model'} counts {places(positions)}, which the log no longer holds, and nothing after"
    )
    proof = f"{ahead}; {counted}" if ahead else counted
    proof += f": claimed − event sum = {facts.money(amount, key)}"
    found = finding(
        FAULT, key, amount=amount, events=events, positions=positions, source=witness,
        certainty="proven" if ahead else "likely", proof=proof,
    )  # fmt: skip
    return Explanation(found, list(shares_of(facts, left, key, amount, steps)))
