"""backdated_insert: an event was slipped in, with an earlier time than its neighbours or between two of its stream."""

from collections.abc import Iterator, Sequence

from esworkbench.forensics.compare.records import NO_ROW, Key, Residual
from esworkbench.forensics.diagnosis.anchored_acts import anchored, unusable
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.recorded_times import OddTime, odd_times
from esworkbench.forensics.diagnosis.renumbered import as_written
from esworkbench.forensics.diagnosis.unexplained import Explanation, Explanations, Left, NotTestable, whole
from esworkbench.forensics.diagnosis.witnesses import shares_of
from esworkbench.forensics.diagnosis.wording import finding, places


def backdated_insert(facts: Facts, left: Left) -> Explanations:
    """Events between two that were written as neighbours, which the hashes of these prove; and events with a time out
    of order that a statement covering that time doesn't have."""
    if facts.is_file:
        return NotTestable("the rows of a file have no recorded time of their own")
    between = list(_put_between(facts, left))
    if not facts.count("statements"):
        lacking = f"there is no statement of that time that could lack the event, nor an anchor{unusable(facts)}"
        return between if between or facts.anchored.asked else NotTestable(lacking)
    known = {event_id for each in between for event_id in each.finding.event_ids}
    groups: dict[Key, list[tuple[OddTime, Residual]]] = {}
    for event, key, step in slipped_in(facts, odd_times(facts) or []):
        if event.event_id not in known and left.step(step):  # else it was moved here, and its row says from where
            groups.setdefault(key, []).append((event, step))
    return [*between, *(_explanation(facts, left, key, found) for key, found in groups.items())]


def inserted_since_anchored(facts: Facts, left: Left) -> Explanations:
    """What the leaves of an anchor prove."""
    return anchored(FAULT, facts, left)


FAULT = Fault(
    name="backdated_insert",
    meaning="an event was added later: with a recorded time earlier than its neighbours', or between two of its stream",
    look_alikes=("clock_skew", "valid_time_shift", "reordered"),
    remedy="find out who wrote the event, and compensate it",
    repair="compensate",
    by_anchor=inserted_since_anchored,
    detector=backdated_insert,
)


def _put_between(facts: Facts, left: Left) -> Iterator[Explanation]:
    """By how much claims from before differ is what the event posts; those made since have counted it."""
    for stream in facts.renumbered:
        if not stream.added:
            continue
        events = [(event.position, event.event_id) for event in stream.added]
        ids = [event_id for _, event_id in events]
        posted = facts.rows(
            "SELECT account, currency, sum(amount_minor)::BIGINT FROM postings "
            "WHERE event_id IN (SELECT unnest($ids)) GROUP BY ALL ORDER BY ALL", ids=ids,
        )  # fmt: skip
        proof = (
            f"{stream.words}; the event at {places([position for position, _ in events])} stands between two that were "
            "written as neighbours"
        )
        for account, currency, amount in posted or [(None, None, 0)]:
            key = None if account is None else (account, currency)
            steps = [step for step in left.steps(key=key) if step.event_id in ids] if key else []
            shares = list(shares_of(facts, left, key, -amount, steps)) if key and amount else []
            source = shares[0].source if shares else None
            told = f"; {source} lacks it: claimed − event sum = {facts.money(-amount, key)}" if source and key else ""
            found = finding(FAULT, key, amount=-amount if shares else 0, events=events, source=source,
                            proof=proof + told)  # fmt: skip
            known = {share.number for share in shares}
            of_then = [
                share for share in as_written(facts, left, stream) if share.number not in known and share.key == key
            ]
            yield Explanation(found, [*shares, *of_then])


def slipped_in(facts: Facts, odd: Sequence[OddTime]) -> Iterator[tuple[OddTime, Key, Residual]]:
    """Of events with an odd time, those that a statement lacks though it has lines from before and after that time."""
    missing = {step.event_id: step for step in facts.residuals if step.kind == "statement" and step.reason == NO_ROW}
    for event in odd:
        step = missing.get(event.event_id)
        if step is not None:
            yield event, step.key, step


def _explanation(facts: Facts, left: Left, key: Key, found: list[tuple[OddTime, Residual]]) -> Explanation:
    ids = {event.event_id for event, _ in found}
    steps = [step for step in left.steps(key=key, kind="statement") if step.event_id in ids and step.reason == NO_ROW]
    source = found[0][1].source
    amount = sum(step.amount for step in steps if step.source == source)
    at = "; ".join(
        f"the event at {places([event.position])} says that it was recorded at {event.recorded_at:%Y-%m-%d %H:%M:%S} "
        f"UTC, {'after' if event.is_behind else 'before'} one of {event.neighbour:%Y-%m-%d %H:%M:%S} UTC"
        for event, _ in found[:5]
    )  # fmt: skip
    proof = (
        f"{at}; {source} covers that time and doesn't have it, {facts.money(amount, key)}; an anchor signed before it "
        "was written would prove it"
    )
    events = [(event.position, event.event_id) for event, _ in found]
    return Explanation(
        finding(FAULT, key, amount=amount, events=events, source=source, certainty="likely", proof=proof),
        [whole(step) for step in steps],
    )
