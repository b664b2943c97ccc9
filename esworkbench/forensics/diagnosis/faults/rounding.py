"""rounding: small residuals, bounded for each event, where interest, fees and conversions are worked out."""

from collections.abc import Iterator

from esworkbench.forensics.compare.records import DIFFERS, Key, Residual, Source
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.unexplained import Answer, Claim, Left, Share, whole
from esworkbench.forensics.diagnosis.wording import finding, money

ROUNDED_KINDS = ["interest", "fee", "conversion"]
LIMIT_MINOR = 1
"""Two rules of rounding one amount part by less than one minor unit before, so by at most one after."""

_ROUNDED = """
    SELECT account, currency, position, event_id, abs(amount_minor) FROM postings
    WHERE list_contains($kinds, kind) AND position <= $cut AND amount_minor <> 0 ORDER BY position
"""


def rounding(facts: Facts, left: Left) -> Answer:
    return [claim for source in facts.sources for claim in _of_source(facts, left, source)]


def _of_source(facts: Facts, left: Left, source: Source) -> Iterator[Claim]:
    file = facts.evidence.ledger.file
    limit = file.rounding_limit if file and file.rounding_limit else LIMIT_MINOR
    if source.kind == "running":
        yield from _steps(facts, left, source, limit, everywhere=file is not None)
    elif source.kind == "head":
        yield from _totals(facts, left, source, limit)


def _steps(facts: Facts, left: Left, source: Source, limit: int, *, everywhere: bool) -> Iterator[Claim]:
    """A file says nothing about what kind of row rounds, so there every row may, within the limit it states."""
    rounded = {row[3] for row in facts.rows(_ROUNDED, kinds=ROUNDED_KINDS, cut=source.cut)}
    by_key: dict[Key, list[Residual]] = {}
    for step in left.steps(source=source.name):
        small = step.reason == DIFFERS and abs(step.amount) <= limit
        if small and (everywhere or step.event_id in rounded):
            by_key.setdefault(step.key, []).append(step)
    for key, steps in by_key.items():
        largest = max(abs(step.amount) for step in steps)
        proof = (
            f"{source.name} steps otherwise than the events {len(steps)} time(s), each by at most "
            f"{money(largest, key)}, together {money(sum(step.amount for step in steps), key)}"
        )
        found = finding(
            "rounding", key, amount=sum(step.amount for step in steps), source=source.name, proof=proof,
            events=[(step.position or 0, step.event_id or "") for step in steps],
        )  # fmt: skip
        yield Claim(found, [whole(step) for step in steps])


def _totals(facts: Facts, left: Left, source: Source, limit: int) -> Iterator[Claim]:
    events: dict[Key, list[tuple[int, str]]] = {}
    for account, currency, position, event_id, _ in facts.rows(_ROUNDED, kinds=ROUNDED_KINDS, cut=source.cut):
        events.setdefault((account, currency), []).append((position, event_id))
    for key, amount in left.heads(source.name).items():
        rounded = events.get(key, [])
        if len(rounded) > 1 and abs(amount) <= limit * len(rounded):
            proof = (
                f"{source.name} is off by {money(amount, key)}, within {money(limit, key)} for each of the account's "
                f"{len(rounded)} events of interest, fees or conversions; a running claim would show at which"
            )
            found = finding("rounding", key, amount=amount, events=rounded, source=source.name,
                            certainty="likely", proof=proof)  # fmt: skip
            yield Claim(found, [Share(source.name, key, amount)])
