"""Events worth a look before any is accused: the third of the seven steps. None of these is a finding by itself."""

from collections import Counter
from datetime import datetime
from statistics import median
from typing import NamedTuple

from esworkbench.evidence import Evidence, Posting

UNUSUAL = 10
"""How many times the median amount of its kind an event must move to be called unusual."""


class Suspect(NamedTuple):
    """An event and why it was picked out."""

    position: int
    event_id: str
    kind: str
    amount_minor: int
    recorded_at: datetime
    why: str


def suspicious(evidence: Evidence, account: str, currency: str, delta: int) -> list[Suspect]:
    """Events of one account whose amount is the difference, is unusual for its kind, or repeats within one second.

    The strongest reason comes first: an event that moves exactly ``delta`` minor units, either way.
    """
    postings = evidence.postings(account, currency)
    typical = _typical_amounts(postings)
    seconds = Counter((posting.recorded_at.replace(microsecond=0), posting.amount_minor) for posting in postings)
    ranked = []
    for posting in postings:
        if not posting.amount_minor:
            continue
        if abs(posting.amount_minor) == abs(delta):
            ranked.append((0, posting, "moves exactly the difference"))
        elif seconds[posting.recorded_at.replace(microsecond=0), posting.amount_minor] > 1:
            ranked.append((1, posting, "the same amount was recorded twice within this second"))
        elif abs(posting.amount_minor) > UNUSUAL * typical[posting.kind]:
            ranked.append((2, posting, f"more than {UNUSUAL} times the median of its kind"))
    ranked.sort(key=lambda entry: (entry[0], entry[1].position))
    return [
        Suspect(posting.position, posting.event_id, posting.kind, posting.amount_minor, posting.recorded_at, why)
        for _, posting, why in ranked
    ]


def _typical_amounts(postings: list[Posting]) -> dict[str, float]:
    amounts: dict[str, list[int]] = {}
    for posting in postings:
        amounts.setdefault(posting.kind, []).append(abs(posting.amount_minor))
    return {kind: median(each) for kind, each in amounts.items()}
