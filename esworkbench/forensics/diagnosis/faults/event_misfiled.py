"""event_misfiled: an event is in a different stream than the one it was hashed in."""

from collections.abc import Iterator

from esworkbench.evidence.capturing.poster import account_of
from esworkbench.forensics.compare.records import Key
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.failing_hashes import FailingHash, Place
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.unexplained import Explanation, Explanations, Left, NotTestable
from esworkbench.forensics.diagnosis.witnesses import shares_of
from esworkbench.forensics.diagnosis.wording import finding, places

Moved = tuple[FailingHash, Place, int]
"""An event, the place that its hash gives it, and what its absence there, or its presence here, makes of the claims."""


def event_misfiled(facts: Facts, left: Left) -> Explanations:
    """Events whose content fails where they stand, and fits the chain of another stream: the hash names the place.

    A copy bears the hash of an event that still stands at its own place.
    """
    if not facts.hashed:
        return NotTestable("the events carry no hashes")
    groups: dict[Key | None, list[Moved]] = {}
    for event in facts.failing:
        if event.home is not None and (event.is_copy or event.home[0] != event.stream_id):
            for key, amount in _accounts(facts, event, event.home):
                groups.setdefault(key, []).append((event, event.home, amount))
    return [_explanation(facts, left, key, moved) for key, moved in groups.items()]


FAULT = Fault(
    name="event_misfiled",
    meaning="an event was moved or copied to a place that it was not written at, so the accounts are off by its amount",
    look_alikes=("half_transfer", "event_deleted"),
    remedy="restore the streams from a good backup",
    repair="restore",
    detector=event_misfiled,
)


def _accounts(facts: Facts, event: FailingHash, home: Place) -> Iterator[tuple[Key | None, int]]:
    """The account that it was taken from and the one that it was put on, and by how much claims from before differ."""
    here, there = account_of(event.stream_id), account_of(home[0])
    posted = facts.rows(
        "SELECT account, currency, sum(amount_minor)::BIGINT FROM postings WHERE event_id = $event_id GROUP BY ALL",
        event_id=event.event_id,
    )
    for account, currency, amount in posted:
        yield (account, currency), -amount if account == here else 0
        if account == here and not event.is_copy:
            yield (there, currency), amount
    if not posted:
        yield None, 0


def _explanation(facts: Facts, left: Left, key: Key | None, moved: list[Moved]) -> Explanation:
    ids = {event.event_id for event, _, _ in moved}
    steps = [step for step in left.steps(key=key) if step.event_id in ids] if key else []
    amount = sum(amount for _, _, amount in moved)
    shares = list(shares_of(facts, left, key, amount, steps)) if key and amount else []
    words = "; ".join(
        f"the event at {places([event.position])} is version {event.version} of {event.stream_id}, and its content is "
        f"what was hashed as version {home[1]} of {home[0]}{', which still stands there' * event.is_copy}"
        for event, home, _ in moved[:5]
    )
    if shares and key:
        words += f"; {shares[0].source} still counts it there: claimed − event sum = {facts.money(amount, key)}"
    events = [(event.position, event.event_id) for event, _, _ in moved]
    source = shares[0].source if shares else None
    return Explanation(finding(FAULT, key, amount=amount if shares else 0, events=events, source=source, proof=words),
                       shares)  # fmt: skip
