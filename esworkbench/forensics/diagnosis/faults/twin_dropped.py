"""twin_dropped: two genuine events that look alike were taken for one, by a reader that compares events by value."""

from collections.abc import Iterator, Sequence

from esworkbench.forensics.compare.records import Key, Source
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.unexplained import Explanation, Explanations, Left, LookAlike, NotTestable, Share
from esworkbench.forensics.diagnosis.wording import finding, places, twins_of


def twin_dropped(facts: Facts, left: Left) -> Explanations:
    """Figures short of one event, where only events that look alike come to the amount."""
    heads = [source for source in facts.sources if source.kind == "head"]
    if facts.is_file or not heads:
        return NotTestable("there is no read model of current balances")
    return [each for source in heads for each in _of_source(facts, left, source)]


FAULT = Fault(
    name="twin_dropped",
    meaning="the read model or the statement took two genuine events that look alike for one",
    look_alikes=("retry_duplicate", "gap_skipped", "event_deleted", "manual_edit"),
    remedy="rebuild the read model, and tell events apart by id, not by value",
    repair="rebuild",
    by_exclusion=twin_dropped,
)

_OF_THAT_AMOUNT = """
    SELECT position, event_id FROM postings WHERE account = $account AND currency = $currency AND position <= $cut
    GROUP BY position, event_id HAVING sum(amount_minor) = $amount ORDER BY position
"""


def events_of_amount(facts: Facts, source: Source, key: Key, amount: int) -> list[tuple[int, str]]:
    """Position and id of the account's events that the source has read and that post exactly that."""
    rows = facts.rows(_OF_THAT_AMOUNT, account=key[0], currency=key[1], cut=source.cut, amount=amount)
    return [(position, event_id) for position, event_id in rows]


def _of_source(facts: Facts, left: Left, source: Source) -> Iterator[Explanation]:
    for key, amount in left.heads(source.name).items():
        events = events_of_amount(facts, source, key, -amount)
        if len(events) < 2:
            continue
        *alike, last = [position for position, _ in events]
        if sorted(twins_of(facts, key, events[-1][1])) != alike:
            continue
        proof = (
            f"{source.name} is short of {facts.money(-amount, key)}, which is what the event at {places([last])} posts; "
            f"it looks like the one at {places(alike)}, so a read model that tells events apart by value would drop it; "
            "its code would tell"
        )
        found = finding(FAULT, key, amount=amount, events=events[-1:], source=source.name, certainty="likely",
                        proof=proof)  # fmt: skip
        others = (
            LookAlike("gap_skipped", f"a reader that passed {places([last])} too early would lack it as well"),
            LookAlike("manual_edit", f"the figure of {source.name} may as well have been changed outside the runner"),
        )
        yield Explanation(found, [Share(source.name, key, amount)], others)


def taken_for_its_twin(source: str, missed: Sequence[int], twins: Sequence[int]) -> Iterator[LookAlike]:
    """What else may have become of events that ``source`` lacks, if they have twins. Both are positions."""
    if twins:
        yield LookAlike(
            FAULT.name,
            f"{source} is short of the event at {places(missed)}, which looks like the one at {places(twins)}: a read "
            "model that tells events apart by value would drop it; its code would tell",
        )
