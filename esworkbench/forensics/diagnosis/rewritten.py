"""What follows from a history that was rewritten: its witnesses tell what was, from the first changed event on.

A row between two events whose contents were exchanged, or a snapshot taken after the first of them, contradicts the log
as it is now and was never touched. It is no second act, and nothing of it may be rebuilt or dropped: it is what is left
of the history that was.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence

from esworkbench.forensics.compare.columns import COLUMN_KINDS
from esworkbench.forensics.compare.records import Key, Residual, Source
from esworkbench.forensics.diagnosis.findings import Finding
from esworkbench.forensics.diagnosis.unexplained import Left, Share, whole

REWRITTEN = ("rehashed_history", "split_view")
"""Faults in which an event that stands in the log isn't the one that was written."""


def witnesses_of_then(sources: Sequence[Source], left: Left, signed: Iterable[Finding]) -> list[Share]:
    """What the witnesses of a rewritten history say otherwise than the log. ``signed`` are findings that an anchor
    gave."""
    shares: dict[int | None, Share] = {}
    for each in signed:
        if each.certainty == "possible" or each.account is None or each.currency is None or not each.positions:
            continue
        key = each.account, each.currency
        for source in sources:
            for step in _of_then(left, source, key, each.positions):
                shares[step.number] = whole(step)
    return list(shares.values())


def rewritten_positions(left: Left) -> set[int]:
    """Where events stand of which a finding says that they, or their times, aren't those that were written."""
    return {
        position for fault in REWRITTEN for each in left.found(fault) if each.certainty != "possible"
        for position in each.positions
    }  # fmt: skip


def _of_then(left: Left, source: Source, key: Key, positions: Collection[int]) -> Iterator[Residual]:
    first = min(positions)
    if source.kind == "snapshot":
        yield from (step for step in left.steps(source=source.name, key=key) if _at(step) >= first)
        return
    kinds = (source.kind, *COLUMN_KINDS) if source.kind in ("running", "daily") else ()
    for kind in kinds:
        away, apart = 0, list[Residual]()
        for step in left.steps(source=source.name, key=key, kind=kind):
            if _at(step) < first:
                continue
            away += step.amount
            apart.append(step)
            if away == 0:
                if any(_at(apart[0]) <= position <= _at(step) for position in positions):
                    yield from apart
                apart = []


def _at(step: Residual) -> int:
    return step.at or step.position or 0
