"""double_apply: two batches of the checkpoint log cover one position, and the figure counts its events twice."""

from collections.abc import Iterator

from esworkbench.forensics.compare.records import REPEATED, Key, Residual, Source
from esworkbench.forensics.diagnosis.context import Facts, Run
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.unexplained import Answer, Claim, Left, NotTestable, Share, whole
from esworkbench.forensics.diagnosis.wording import finding, places

Covered = tuple[int, int, int]
"""First and last position, inclusive, and how often too many they were covered."""


def double_apply(facts: Facts, left: Left) -> Answer:
    if not facts.count("checkpoint_log"):
        return NotTestable("no checkpoint log says which positions were covered when")
    return [claim for source in facts.sources for claim in _of_source(facts, left, source)]


FAULT = Fault(
    name="double_apply",
    meaning="events were applied twice: rows were saved without the checkpoint that covers them",
    look_alikes=("manual_edit", "handler_bug", "checkpoint_moved"),
    remedy="rebuild the read model; save rows and checkpoint in one transaction",
    repair="rebuild",
    notebook="12_diff_projection_against_events",
    detector=double_apply,
)


def overlaps(runs: list[Run]) -> list[Covered]:
    """Where batches of one shard overlap, in order of position."""
    edges: dict[int, int] = {}
    for run in runs:
        edges[run.from_position] = edges.get(run.from_position, 0) + 1
        edges[run.to_position + 1] = edges.get(run.to_position + 1, 0) - 1
    found: list[Covered] = []
    depth, start = 0, 0
    for position in sorted(edges):
        if depth > 1:
            found.append((start, position - 1, depth - 1))
        depth, start = depth + edges[position], position
    return found


def _of_source(facts: Facts, left: Left, source: Source) -> Iterator[Claim]:
    runs = facts.runs(source.name)
    shards = sorted({run.shard for run in runs})
    covered = [each for shard in shards for each in overlaps([run for run in runs if run.shard == shard])]
    if not covered:
        return
    words = "; ".join(_pair(runs, first) for first, _, _ in covered)
    if source.kind == "running":
        yield from _rows_repeated(facts, left, source, covered, words)
    elif source.kind == "head":
        yield from _sums_too_high(facts, left, source, covered, words)


def _sums_too_high(facts: Facts, left: Left, source: Source, covered: list[Covered], words: str) -> Iterator[Claim]:
    """A sum can't say which events it counted, so the log does; what else is off in the same figure stays left."""
    for key, events in _events_covered(facts, covered).items():
        amount = sum(extra for _, _, extra in events)
        if amount == 0:
            continue
        stands = left.head(source.name, key)
        positions = [position for position, _, _ in events]
        proof = (
            f"{source.name} is off by {facts.money(stands, key)}; the events at {places(positions)} were covered twice "
            f"({words}) and come to {facts.money(amount, key)}"
        )
        if stands != amount:
            proof += f", so {facts.money(stands - amount, key)} has another cause"
        yield Claim(
            finding(
                FAULT, key, amount=amount, events=[(position, event_id) for position, event_id, _ in events],
                source=source.name, certainty="proven" if stands == amount else "likely", proof=proof,
            ),
            [Share(source.name, key, amount)],
        )  # fmt: skip


def _rows_repeated(facts: Facts, left: Left, source: Source, covered: list[Covered], words: str) -> Iterator[Claim]:
    by_key: dict[Key, list[Residual]] = {}
    for step in left.steps(source=source.name):
        inside = step.position is not None and any(low <= step.position <= high for low, high, _ in covered)
        if step.reason == REPEATED and inside:
            by_key.setdefault(step.key, []).append(step)
    for key, steps in by_key.items():
        amount = sum(step.amount for step in steps)
        proof = (
            f"{source.name} holds a second row, together {facts.money(amount, key)}, for events covered twice ({words})"
        )
        events = [(step.position or 0, step.event_id or "") for step in steps]
        found = finding(FAULT, key, amount=amount, events=events, source=source.name, proof=proof)
        yield Claim(found, [whole(step) for step in steps])


def _events_covered(facts: Facts, covered: list[Covered]) -> dict[Key, list[tuple[int, str, int]]]:
    """Per account and currency: position, event id, and by how much the extra applications move the sum."""
    found: dict[Key, list[tuple[int, str, int]]] = {}
    for first, last, times in covered:
        rows = facts.rows(
            """
            SELECT account, currency, position, event_id, sum(amount_minor)::BIGINT FROM postings
            WHERE position BETWEEN $first AND $last GROUP BY ALL HAVING sum(amount_minor) <> 0 ORDER BY position
            """,
            first=first,
            last=last,
        )
        for account, currency, position, event_id, amount in rows:
            found.setdefault((account, currency), []).append((position, event_id, amount * times))
    return found


def _pair(runs: list[Run], position: int) -> str:
    both = [run for run in runs if run.from_position <= position <= run.to_position]
    return " and ".join(f"run {run.run_id} {run.from_position}–{run.to_position}" for run in both)
