"""rounding: small residuals, bounded per event, at events whose amount was calculated and then rounded."""

from collections.abc import Iterable, Iterator

from esworkbench.forensics.compare.records import DIFFERS, Key, Residual, Source
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.findings import Certainty
from esworkbench.forensics.diagnosis.unexplained import (
    Explanation,
    Explanations,
    Left,
    LookAlike,
    NotTestable,
    Share,
    whole,
)
from esworkbench.forensics.diagnosis.wording import finding

LIMIT_MINOR = 1
"""Two rules for rounding one amount differ by less than one minor unit before rounding, so by at most one after."""

# What the ledger says is rounded: events by type and, where the rule names versions, by schema version.
_ROUNDED = """
    WITH rules AS (SELECT unnest($types) AS type, unnest($versions::BIGINT[]) AS schema_version)
    SELECT p.account, p.currency, p.position, p.event_id FROM postings AS p JOIN events AS e USING (event_id)
    WHERE p.position <= $cut AND p.amount_minor <> 0 AND list_contains($accounts, p.account) AND EXISTS (
        SELECT 1 FROM rules AS r
        WHERE r.type = e.type AND (r.schema_version IS NULL OR r.schema_version = e.schema_version)
    ) ORDER BY p.position
"""


def rounding(facts: Facts, left: Left) -> Explanations:
    """By the limit that the ledger states for a file, or at the events whose posting rule says that it rounds.

    Whoever writes a statement calculates interest once more, and may round it by another rule than we do.
    """
    file = facts.evidence.ledger.file
    if file is not None and not file.rounding_limit:
        return NotTestable("the ledger states no rounding_limit for the file")
    if file is None and not _rules(facts):
        return NotTestable("no posting rule of the ledger says `rounds = true`, so no event is known to be rounded")
    return [each for source in facts.sources for each in _of_source(facts, left, source)]


FAULT = Fault(
    name="rounding",
    meaning="amounts that have to be calculated, such as interest, are rounded by a different rule than the events'",
    look_alikes=("handler_bug", "manual_edit", "settled_otherwise"),
    remedy="write down one rule of rounding, correct the code that has another, and rebuild the read model",
    repair="rebuild",
    notebook="12_diff_projection_against_events",
    detector=rounding,
)


def _rules(facts: Facts) -> list[tuple[str, int | None]]:
    """Event types that the ledger rounds, with the schema version, or None for all."""
    found: list[tuple[str, int | None]] = []
    for rule in facts.evidence.ledger.posting:
        if rule.rounds:
            found += [(rule.event, version) for version in rule.versions or (None,)]
    return found


def _rounded(facts: Facts, source: Source, keys: Iterable[Key]) -> dict[Key, list[tuple[int, str]]]:
    """Position and event id of every event of these accounts that the source has read and the ledger rounds."""
    accounts = sorted({account for account, _ in keys})
    if not accounts:
        return {}
    rules = _rules(facts)
    rows = facts.rows(
        _ROUNDED, cut=source.cut, types=[type_ for type_, _ in rules], versions=[version for _, version in rules],
        accounts=accounts,
    )  # fmt: skip
    found: dict[Key, list[tuple[int, str]]] = {}
    for account, currency, position, event_id in rows:
        found.setdefault((account, currency), []).append((position, event_id))
    return found


def _of_source(facts: Facts, left: Left, source: Source) -> Iterator[Explanation]:
    file = facts.evidence.ledger.file
    if file is not None:
        # Every row of a file may be rounded, within the limit that the ledger itself sets: nothing is wrong.
        if source.kind == "running":
            yield from _steps(facts, left, source, file.rounding_limit, None)
    elif source.kind in ("running", "statement"):
        apart = {step.key for step in left.steps(source=source.name)}
        ids = {event_id for events in _rounded(facts, source, apart).values() for _, event_id in events}
        yield from _steps(facts, left, source, LIMIT_MINOR, ids)
    elif source.kind == "head":
        yield from _totals(facts, left, source)


def _steps(facts: Facts, left: Left, source: Source, limit: int, rounded: set[str] | None) -> Iterator[Explanation]:
    """Small steps at the events that are ``rounded``; None: at any.

    Where a read model and a statement tell the same of an event, two that calculate apart don't round apart: then the
    event is what is in doubt.
    """
    by_key: dict[Key, list[Residual]] = {}
    other = "statement" if source.kind == "running" else "running"
    alike = {(step.key, step.event_id, step.amount) for step in left.steps(kind=other)}
    for step in left.steps(source=source.name):
        small = step.reason == DIFFERS and abs(step.amount) <= limit
        told_alike = (step.key, step.event_id, step.amount) in alike
        if small and not told_alike and (rounded is None or step.event_id in rounded):
            by_key.setdefault(step.key, []).append(step)
    for key, steps in by_key.items():
        largest = max(abs(step.amount) for step in steps)
        proof = (
            f"{source.name} differs from the events at {len(steps)} step(s), each by at most "
            f"{facts.money(largest, key)}, in all {facts.money(sum(step.amount for step in steps), key)}"
        )
        if rounded is None:
            proof += f"; the ledger allows {facts.money(limit, key)} a step"
        # A read model was computed from these events. A statement was not: the amount may as well have been mistyped.
        certainty: Certainty = "proven" if source.kind == "running" else "likely" if len(steps) > 1 else "possible"
        found = finding(
            FAULT, key, amount=sum(step.amount for step in steps), source=source.name, proof=proof,
            events=[(step.position or 0, step.event_id or "") for step in steps], healthy=rounded is None,
            certainty=certainty,
        )  # fmt: skip
        yield Explanation(found, [whole(step) for step in steps])


def _shown_elsewhere(left: Left, key: Key, amount: int, rounded: list[tuple[int, str]]) -> bool:
    """Whether a claim that speaks of single events is off by that amount, and at none of the rounded ones."""
    ids = {event_id for _, event_id in rounded}
    steps = [step for kind in ("running", "statement") for step in left.steps(key=key, kind=kind)]
    for name in {step.source for step in steps}:
        mine = [step for step in steps if step.source == name]
        if sum(step.amount for step in mine) == amount and ids.isdisjoint(step.event_id for step in mine):
            return True
    return False


def _agreeing(facts: Facts, left: Left, key: Key) -> str:
    """A read model that tells of each event of the account, and of each as the log does; "" where there is none."""
    told = {name for (name,) in facts.rows(
        "SELECT DISTINCT source FROM assertions WHERE kind = 'running' AND account = $account AND currency = $currency",
        account=key[0], currency=key[1],
    )}  # fmt: skip
    return min(told - {step.source for step in left.steps(key=key, kind="running")}, default="")


def _totals(facts: Facts, left: Left, source: Source) -> Iterator[Explanation]:
    """A bare figure shows no event, so a small change by hand looks the same; unless several accounts are off so."""
    heads = left.heads(source.name)
    events = _rounded(facts, source, heads)
    small = {
        key: amount for key, amount in heads.items()
        if len(events.get(key, ())) > 1 and abs(amount) <= LIMIT_MINOR * len(events[key])
        and not _shown_elsewhere(left, key, amount, events[key])
    }  # fmt: skip
    running = {key: _agreeing(facts, left, key) for key in small}
    several = len([key for key, by in running.items() if not by]) > 1
    others = (LookAlike("manual_edit", f"so small a change of {source.name} by hand would look the same"),)
    for key, amount in small.items():
        rounded = events[key]
        proof = (
            f"{source.name} is off by {facts.money(amount, key)}, within {facts.money(LIMIT_MINOR, key)} for each of "
            f"the account's {len(rounded)} events that the ledger says are rounded; "
        )
        by = running[key]
        proof += f"yet {by} agrees with each of them" if by else "a running claim would show which"
        alone = several and not by
        found = finding(
            FAULT, key, amount=amount, events=rounded, source=source.name,
            certainty="likely" if alone else "possible", proof=proof,
        )  # fmt: skip
        yield Explanation(found, [Share(source.name, key, amount)], () if alone else others)
