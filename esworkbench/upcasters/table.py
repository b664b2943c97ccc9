"""The chain, documented from its own docstrings: what is written nowhere else can't go stale."""

from typing import NamedTuple

from esworkbench.events import EventTypes
from esworkbench.upcasters.chain import UpcasterChain
from esworkbench.upcasters.steps import Shape

HEADINGS = ("event type", "from", "to", "kind", "function", "reason", "read today as")


class ChainRow(NamedTuple):
    """One step. ``to`` names the shapes it leads to and ``today`` those its events end as; both empty for a drop."""

    event_type: str
    from_version: int
    to: str
    kind: str
    function: str
    reason: str
    today: str


def chain_table(chain: UpcasterChain, event_types: EventTypes) -> list[ChainRow]:
    """Every step, by event type and version. Raises ValueError for a chain that doesn't reach ``event_types``."""
    chain.check(event_types)
    rows = [
        ChainRow(
            step.event_type,
            step.from_version,
            ", ".join(map(str, step.targets)),
            step.kind,
            step.name,
            step.reason,
            ", ".join(map(str, ends_of(chain, step.source))),
        )
        for step in chain
    ]
    return sorted(rows, key=lambda row: (row.event_type, row.from_version))


def ends_of(chain: UpcasterChain, shape: Shape) -> list[Shape]:
    """The shapes that events stored in this one may be read as in the end; none where all are dropped."""
    step = next((each for each in chain if each.source == shape), None)
    if step is None:
        return [shape]
    ends = [end for target in step.targets for end in ends_of(chain, target)]
    return list(dict.fromkeys(ends))


def as_markdown(rows: list[ChainRow]) -> str:
    """A Markdown table, one row a step."""
    lines = [HEADINGS, ("---",) * len(HEADINGS)]
    for event_type, version, *rest in rows:
        lines.append(tuple(cell.replace("|", "\\|") for cell in (event_type, f"v{version}", *rest)))
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def as_text(rows: list[ChainRow]) -> str:
    """Two lines a step, for a terminal of any width."""
    return "".join(
        f"{row.event_type} v{row.from_version} → {row.to or 'nothing'} ({row.kind}: {row.function})\n  {row.reason}\n"
        for row in rows
    )
