"""The ledger definitions that are shipped, and which of them judges a log of events when none was named."""

from collections.abc import Collection
from functools import cache
from pathlib import Path

from esworkbench.events import LOG_RECORDS
from esworkbench.evidence.ledger import LedgerDefinition
from esworkbench.resources import data_path

NO_LEDGER = data_path("ledgers", "none.toml")
"""The ledger of a log without events: it posts nothing."""


def shipped_ledger(event_types: Collection[str]) -> Path | None:
    """The one shipped ledger for a log with these event types; None if there isn't exactly one.

    It knows most of them, and no other ledger knows any. A few that no ledger knows make no difference: capture counts
    them as such. A log without events has nothing to judge.
    """
    told = set(event_types) - LOG_RECORDS
    if not told:
        return NO_LEDGER
    known = {path: told & types for path, types in _event_types().items()}
    paths = [path for path, types in known.items() if types]
    return paths[0] if len(paths) == 1 and 2 * len(known[paths[0]]) > len(told) else None


@cache
def _event_types() -> dict[Path, frozenset[str]]:
    ledgers = {path: LedgerDefinition.load(path) for path in sorted(NO_LEDGER.parent.glob("*.toml"))}
    return {
        path: frozenset([*(rule.event for rule in ledger.posting), *ledger.without_posting])
        for path, ledger in ledgers.items()
        if ledger.file is None
    }
