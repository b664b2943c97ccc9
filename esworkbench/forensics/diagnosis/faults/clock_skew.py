"""clock_skew: recorded times go back while positions go on."""

from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.faults.backdated_insert import slipped_in
from esworkbench.forensics.diagnosis.recorded_times import TOLERANCE_SECONDS, odd_times
from esworkbench.forensics.diagnosis.unexplained import Explanation, Explanations, Left, NotTestable
from esworkbench.forensics.diagnosis.wording import finding, places


def clock_skew(facts: Facts, left: Left) -> Explanations:
    """Events recorded earlier than one before them in their stream, or by seconds than one before them in the log.

    That the times of events which were moved go back is said with those.
    """
    if facts.is_file:
        return NotTestable("the rows of a file have no recorded time of their own")
    moved = [*left.found("reordered"), *left.found("event_misfiled")]
    odd = odd_times(facts, moved={position for finding in moved for position in finding.positions})
    if odd is None:
        return NotTestable("recorded times are in no order here, so they are not the times of appending")
    slipped = {event.event_id for event, _, _ in slipped_in(facts, odd)}
    skewed = [event for event in odd if event.event_id not in slipped]
    if not skewed:
        return []
    proof = (
        f"recorded times go back, inside a stream or by {TOLERANCE_SECONDS} s and more between streams, while "
        f"positions go on: at {places([event.position for event in skewed])}; sums are the same, and answers as of a "
        "moment in between are not"
    )
    events = [(event.position, event.event_id) for event in skewed]
    return [Explanation(finding(FAULT, None, events=events, certainty="likely", proof=proof), [])]


FAULT = Fault(
    name="clock_skew",
    meaning="recorded times go backwards while positions go up",
    look_alikes=("reordered", "backdated_insert", "gap_skipped"),
    remedy="order events by position, and correct the clock",
    repair="none",
    detector=clock_skew,
)
