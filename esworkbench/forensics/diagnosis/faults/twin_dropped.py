"""twin_dropped: two genuine events that look alike were taken for one, by a reader that compares events by value."""

from collections.abc import Iterator, Sequence

from esworkbench.forensics.compare.holds import json_path
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
        alike = look_alike(facts, key, events_of_amount(facts, source, key, -amount))
        if not alike:
            continue
        *others, last = alike
        told_apart = _told_apart(facts, [event_id for _, event_id in alike])
        positions = [position for position, _ in others]
        proof = (
            f"{source.name} is short of {facts.money(-amount, key)}, which is what the event at {places([last[0]])} "
            f"posts; it looks like the one at {places(positions)}, so a read model that tells events apart by value "
            f"would drop it; "
            "its code would tell"
        )
        found = finding(FAULT, key, amount=amount, events=[last], source=source.name,
                        certainty="likely" if told_apart else "possible", proof=proof)  # fmt: skip
        look_alikes = (
            LookAlike("gap_skipped", f"a reader that passed {places([last[0]])} too early would lack it as well"),
            LookAlike("manual_edit", f"the figure of {source.name} may as well have been changed outside the runner"),
        )
        yield Explanation(found, [Share(source.name, key, amount)], look_alikes)


def look_alike(facts: Facts, key: Key, events: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Those of the events that look alike, if there is one such group; empty where there is none, or several."""
    by_position = dict(events)
    groups = {
        tuple(sorted({position, *twins_of(facts, key, event_id)} & set(by_position))) for position, event_id in events
    }
    groups = {group for group in groups if len(group) > 1}
    return [(position, by_position[position]) for position in next(iter(groups))] if len(groups) == 1 else []


def _told_apart(facts: Facts, event_ids: list[str]) -> bool:
    """Whether the business keys, where the ledger names one, say that these are several intents and not one retried."""
    field = facts.evidence.ledger.business_key
    if field is None:
        return True
    rows = facts.rows(
        "SELECT DISTINCT json_extract_string(payload, $path) FROM events "
        "WHERE list_contains($ids, event_id) AND json_valid(payload)",
        path=json_path(field), ids=event_ids,
    )  # fmt: skip
    return len(rows) == len(event_ids)


def taken_for_its_twin(source: str, missed: Sequence[int], twins: Sequence[int]) -> Iterator[LookAlike]:
    """What else may have become of events that ``source`` lacks, if they have twins. Both are positions."""
    if twins:
        yield LookAlike(
            FAULT.name,
            f"{source} is short of the event at {places(missed)}, which looks like the one at {places(twins)}: a read "
            "model that tells events apart by value would drop it; its code would tell",
        )
