"""twin_dropped: two genuine events that look alike were taken for one, by a reader that compares events by value."""

from collections.abc import Iterator, Sequence

from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.unexplained import LookAlike
from esworkbench.forensics.diagnosis.wording import places

FAULT = Fault(
    name="twin_dropped",
    meaning="the read model or the statement took two genuine events that look alike for one",
    look_alikes=("retry_duplicate", "gap_skipped", "event_deleted", "manual_edit"),
    remedy="rebuild the read model, and tell events apart by id, not by value",
    repair="rebuild",
    needs="the projection's code, as nothing else shows that it compares values; where a skipped event has a twin, "
    "gap_skipped names this fault as well",
)


def taken_for_its_twin(source: str, missed: Sequence[int], twins: Sequence[int]) -> Iterator[LookAlike]:
    """What else may have become of events that ``source`` lacks, if they have twins. Both are positions."""
    if twins:
        yield LookAlike(
            FAULT.name,
            f"{source} is short of the event at {places(missed)}, which looks like the one at {places(twins)}: a read "
            "model that tells events apart by value would drop it; its code would tell",
        )
