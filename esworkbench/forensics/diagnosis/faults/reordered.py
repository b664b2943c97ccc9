"""reordered: the events of a stream are all there, but in a different order than they were written."""

from collections.abc import Iterator

from esworkbench.forensics.compare.records import Key, Residual
from esworkbench.forensics.diagnosis.anchored_acts import anchored
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.faults.backdated_insert import slipped_in
from esworkbench.forensics.diagnosis.recorded_times import odd_times
from esworkbench.forensics.diagnosis.unexplained import Explanation, Explanations, Left, NotTestable, whole
from esworkbench.forensics.diagnosis.wording import finding, places


def reordered(facts: Facts, left: Left) -> Explanations:
    """Events whose content was hashed as another version of their own stream, or whose versions and positions differ
    in order."""
    if facts.is_file:
        return NotTestable("the rows of a file carry no versions")
    streams = {
        stream.stream_id: [(event.position, event.event_id) for event in overtaken]
        for stream in facts.renumbered if (overtaken := stream.out_of_order)
    }  # fmt: skip
    proven = set(streams)
    # An event that fails its hash may owe its version to whoever edited it, one of another stream to who moved it, and
    # one that never was there to who put it in.
    edited = {event.event_id for event in facts.changed}
    for fault in ("event_misfiled", "backdated_insert"):
        edited |= {event_id for finding in left.found(fault) for event_id in finding.event_ids}
    edited |= {event.event_id for event, _, step in slipped_in(facts, odd_times(facts) or []) if left.step(step)}
    for each in facts.breaks:
        if each.kind == "order" and each.stream_id is not None:
            pair = _out_of_place(facts, each.stream_id, each.version or 0)
            if edited.isdisjoint(event_id for _, event_id in pair):
                streams.setdefault(each.stream_id, []).extend(pair)
    return [
        _explanation(facts, left, stream_id, key, list(dict.fromkeys(events)), proven)
        for stream_id, events in streams.items()
        for key in (*facts.accounts_of_stream(stream_id),) or (None,)
    ]


def reordered_since_anchored(facts: Facts, left: Left) -> Explanations:
    """What the leaves of an anchor prove."""
    return anchored(FAULT, facts, left)


FAULT = Fault(
    name="reordered",
    meaning="the events of a stream are all there, but in a different order than they were written",
    look_alikes=("clock_skew", "batch_end_stamping", "bad_snapshot", "backdated_insert"),
    remedy="restore the order from a good backup",
    repair="restore",
    by_anchor=reordered_since_anchored,
    detector=reordered,
)


def _out_of_place(facts: Facts, stream_id: str, version: int) -> list[tuple[int, str]]:
    """The event before whose version another one stands, and that other: as position and event id."""
    return [
        (position, event_id)
        for position, event_id in facts.rows(
            "SELECT position, event_id FROM events WHERE stream_id = $stream AND version BETWEEN $version - 1 "
            "AND $version ORDER BY version", stream=stream_id, version=version,
        )
    ]  # fmt: skip


def _explanation(
    facts: Facts, left: Left, stream_id: str, key: Key | None, events: list[tuple[int, str]], proven: set[str]
) -> Explanation:
    """Residuals between the first and the last of them that cancel come of the order, and are taken with it."""
    first, last = min(events)[0], max(events)[0]
    inside = [
        step for step in left.steps(key=key)
        if step.kind in ("running", "daily", "statement") and first <= (step.position or step.at or 0) <= last
    ] if key else []  # fmt: skip
    sources = {step.source for step in inside}
    inside += [step for source in sources for step in _healed_behind(left, source, key, last, inside)]
    off = {source: sum(step.amount for step in inside if step.source == source) for source in sources}
    at = places([position for position, _ in events])
    if stream_id in proven:
        proof = f"the contents at {at} are what was hashed as other versions of {stream_id}"
    else:
        proof = f"in {stream_id} the events at {at} have versions in one order and positions in the other"
    found = finding(FAULT, key, events=events, certainty="proven" if stream_id in proven else "likely", proof=proof)
    between = [step for step in left.steps(key=key, kind="snapshot") if first <= (step.position or 0) < last]
    return Explanation(found, [whole(step) for step in (*inside, *between) if not off.get(step.source)])


def _healed_behind(left: Left, source: str, key: Key | None, last: int, inside: list[Residual]) -> Iterator[Residual]:
    """A running claim may come back only with the row behind the last of them: the first that differs, if it does."""
    off = sum(step.amount for step in inside if step.source == source)
    behind = (
        step for step in left.steps(source=source, key=key, kind="running") if (step.position or step.at or 0) > last
    )
    step = next(behind, None)
    if off and step is not None and step.amount == -off:
        yield step
