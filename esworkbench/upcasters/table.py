"""The chain, documented from its own docstrings: what is written nowhere else can't go stale."""

from typing import NamedTuple

from esworkbench.events import EventTypes
from esworkbench.upcasters.chain import UpcasterChain

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
            ", ".join(map(str, chain.ends_of(step.source))),
        )
        for step in chain
    ]
    return sorted(rows, key=lambda row: (row.event_type, row.from_version))


def as_text(rows: list[ChainRow]) -> list[tuple[str, ...]]:
    """The cells of a table to read, under ``HEADINGS``."""
    return [(kind, f"v{version}", *rest) for kind, version, *rest in rows]


def as_markdown(rows: list[ChainRow]) -> str:
    """The rows as a Markdown table."""
    lines = [HEADINGS, ("---",) * len(HEADINGS)]
    lines += [tuple(cell.replace("|", "\\|") for cell in cells) for cells in as_text(rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
