"""gap_skipped: a run went past a position before it was filled, and nothing ever went back for it.

Two clocks may speak for it: the batch that covers the position was saved before the event was recorded. They may be
those of two machines, so they are heard only where no event that was read looks late as well, and prove nothing. Where
they say nothing, all there is to go on is that the read model is short of exactly one event.
"""

from collections.abc import Iterator

from esworkbench.forensics.compare.records import NO_ROW, Key, Residual, Source
from esworkbench.forensics.diagnosis.context import BATCHES, Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.faults.twin_dropped import events_of_amount, look_alike, taken_for_its_twin
from esworkbench.forensics.diagnosis.unexplained import (
    Explanation,
    Explanations,
    Left,
    LookAlike,
    NotTestable,
    Share,
    whole,
)
from esworkbench.forensics.diagnosis.wording import finding, places, twins_of

LONGEST_COMMIT_SECONDS = 3600
"""A run that saved later than this after an event was recorded will hardly have found its transaction still open, so
such events are named only where there are no others."""

ANY_TIME = 2**62

Candidate = tuple[int, str, int, str]
"""Position, event id, posting in minor units, and what the log says of it."""

_READ = f"""
    WITH {BATCHES}, posted AS (
        SELECT account, currency, position, event_id, sum(amount_minor)::BIGINT AS amount,
               any_value(recorded_at) AS recorded_at
        FROM postings WHERE {{which}} GROUP BY account, currency, position, event_id
    )
"""
"""``which`` is a condition that only leaves postings out of which nothing is asked."""

_LATE = """
    SELECT p.account, p.currency, p.position, p.event_id, p.amount, any_value(
        'run ' || r.run_id || ' covered ' || r.from_position || '–' || r.to_position || ' and saved at '
        || strftime(r.saved_at, '%Y-%m-%d %H:%M:%S.%f') || ', the event was recorded at '
        || strftime(p.recorded_at, '%Y-%m-%d %H:%M:%S.%f'))
    FROM posted AS p JOIN batches AS r ON p.position BETWEEN r.from_position AND r.to_position
    GROUP BY ALL HAVING max(r.saved_at) < any_value(p.recorded_at) ORDER BY p.position
"""

# No batch was saved before any other event was recorded, so the ranges needn't be looked through for it.
_AFTER_A_BATCH = "recorded_at > (SELECT min(saved_at) FROM batches)"

_OF_AN_ACCOUNT = "account = $account AND currency = $currency"

_LIVE = """
    SELECT p.position, p.event_id, p.amount, any_value(
        'run ' || r.run_id || ' covered ' || r.from_position || '–' || r.to_position)
    FROM posted AS p JOIN batches AS r ON p.position BETWEEN r.from_position AND r.to_position
    WHERE p.account = $account AND p.currency = $currency AND p.position < r.to_position AND p.amount = $amount
      AND epoch(r.saved_at) - epoch(p.recorded_at) <= $longest
    GROUP BY ALL ORDER BY p.position
"""


def gap_skipped(facts: Facts, left: Left) -> Explanations:
    """Events that the log itself shows to have come late."""
    if not facts.count("checkpoint_log"):
        return NotTestable("there is no checkpoint log to say which run passed which position")
    return [each for source in facts.sources for each in _late(facts, left, source)]


def short_of_one_event(facts: Facts, left: Left) -> Explanations:
    """Read models short of exactly one event, with no clock to say why."""
    if not facts.count("checkpoint_log"):
        return NotTestable("there is no checkpoint log to say which run passed which position")
    return [each for source in facts.sources for each in _short_of_one(facts, left, source)]


FAULT = Fault(
    name="gap_skipped",
    meaning="the projection went past a position that was filled only later, and never came back for it",
    look_alikes=(
        "twin_dropped", "lag", "poison_skipped", "manual_edit", "row_lost", "clock_skew", "restored_read_model",
    ),
    remedy="rebuild the read model, and read no further than the first open gap from now on",
    repair="rebuild",
    detector=gap_skipped,
    by_exclusion=short_of_one_event,
)  # fmt: skip


def _late(facts: Facts, left: Left, source: Source) -> Iterator[Explanation]:
    by_key: dict[Key, list[Candidate]] = {}
    for account, currency, *event in facts.rows(
        _READ.replace("{which}", _AFTER_A_BATCH) + _LATE, projection=source.name
    ):
        by_key.setdefault((account, currency), []).append((event[0], event[1], event[2], event[3]))
    shares = {key: _what_they_lack(left, source, key, late) for key, late in by_key.items()}
    if all(shares.values()):
        for key, late in by_key.items():
            yield _explanation(facts, source, key, late, shares[key], late=True)


def _what_they_lack(left: Left, source: Source, key: Key, late: list[Candidate]) -> list[Share]:
    """The residuals that these events leave if none of them was read; nothing where one was: then two clocks differ."""
    if source.kind == "running":
        steps = {step.event_id: step for step in left.steps(source=source.name, key=key) if step.reason == NO_ROW}
        return [whole(steps[event[1]]) for event in late] if all(event[1] in steps for event in late) else []
    missing = -left.head(source.name, key) if source.kind == "head" else 0
    amount = sum(event[2] for event in late)
    alone = len(late) == 1 and amount and missing  # what else is wrong with the figure is left to others
    return [Share(source.name, key, -amount)] if missing and (amount == missing or alone) else []


def _short_of_one(facts: Facts, left: Left, source: Source) -> Iterator[Explanation]:
    if source.kind == "running":
        rows: dict[Key, list[Residual]] = {}
        for step in left.steps(source=source.name):
            if step.reason == NO_ROW and step.position is not None and step.event_id is not None:
                rows.setdefault(step.key, []).append(step)
        for key, steps in rows.items():
            missed = [(step.position or 0, step.event_id or "", step.posted, "") for step in steps]
            goes_on = _has_rows_after(facts, source, key, missed[-1][0])
            yield _explanation(facts, source, key, missed, [whole(step) for step in steps], goes_on=goes_on)
    elif source.kind == "head":
        for key, amount in left.heads(source.name).items():
            live = _covered(facts, source, key, -amount, LONGEST_COMMIT_SECONDS)
            found = live or _covered(facts, source, key, -amount, ANY_TIME)
            alike = look_alike(facts, key, events_of_amount(facts, source, key, -amount))
            if found and not alike:
                yield _explanation(facts, source, key, found, [Share(source.name, key, amount)])


def _covered(facts: Facts, source: Source, key: Key, amount: int, longest: int) -> list[Candidate]:
    """Events of that amount that a batch covers, and that it saved at most so many seconds after they were recorded."""
    rows = facts.rows(
        _READ.replace("{which}", _OF_AN_ACCOUNT) + _LIVE,
        projection=source.name,
        account=key[0],
        currency=key[1],
        amount=amount,
        longest=longest,
    )
    return [(position, event_id, posted, words) for position, event_id, posted, words in rows]


def _has_rows_after(facts: Facts, source: Source, key: Key, position: int) -> bool:
    """Whether later rows of the account go on without what is missing."""
    found = facts.rows(
        "SELECT count(*) FROM assertions WHERE kind = 'running' AND source = $source AND account = $account "
        "AND currency = $currency AND position > $position",
        source=source.name, account=key[0], currency=key[1], position=position,
    )  # fmt: skip
    return bool(found[0][0])


def _explanation(
    facts: Facts, source: Source, key: Key, missed: list[Candidate], shares: list[Share], *, late: bool = False,
    goes_on: bool = False,
) -> Explanation:  # fmt: skip
    """``late``: the clocks say so; ``goes_on``: later rows of the same account don't count what is missing."""
    amount = sum(share.amount for share in shares)
    positions = [event[0] for event in missed]
    proof = (
        f"{source.name} is at checkpoint {source.cut}, past {places(positions)}, and is short of exactly "
        f"{facts.money(-amount, key)}, which is what "
    )
    one_of_several = len(missed) > 1 and sum(event[2] for event in missed) != -amount
    proof += "each of these posts: one of them may have been passed" if one_of_several else "that posts"
    if missed[0][3]:
        proof += f"; {missed[0][3]}"
    if not late:
        proof += "; only the writer's log or a rebuild could tell whether the event was committed late"
    twins = [twin for event in missed for twin in twins_of(facts, key, event[1])]
    if twins:
        proof += f"; the event has a twin at {places(twins)}, so twin_dropped would look much the same"
    events = [(event[0], event[1]) for event in missed]
    found = finding(
        FAULT, key, amount=amount, events=events, source=source.name,
        certainty="likely" if late or goes_on else "possible", proof=proof,
    )  # fmt: skip
    others = [*taken_for_its_twin(source.name, positions, twins)]
    if not late:
        others.append(_changed_by_hand(source, goes_on=goes_on))
    return Explanation(found, shares, tuple(others))


def _changed_by_hand(source: Source, *, goes_on: bool) -> LookAlike:
    if source.kind == "running" and not goes_on:
        return LookAlike("row_lost", f"no later row of {source.name} would show whether the rows were there once")
    return LookAlike("manual_edit", f"{source.name} may as well have been changed outside the runner by that amount")
