"""Small things that many tests share: a clock and ids that never surprise, and events that are quick to write."""

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from types import ModuleType, SimpleNamespace
from typing import Any

import msgspec
import pytest
from sqlalchemy import Connection

from esworkbench.aggregates.snapshots.table import make_missing as make_snapshots
from esworkbench.events import NewEvent
from esworkbench.outbox.tables import make_missing as make_outbox
from esworkbench.projections.tables import make_missing as make_checkpoints

START = datetime(2026, 1, 1, tzinfo=UTC)


def swept(values: Iterable[Any], *, every: int) -> list[Any]:
    """The values as parameters of a test: each ``every``-th runs at once, from the first, and the rest in the sweep."""
    return [
        pytest.param(
            *(value if isinstance(value, tuple) else (value,)), marks=[pytest.mark.sweep] if at % every else []
        )
        for at, value in enumerate(values)
    ]


class StepClock:
    """A clock that moves on by one step each time it is read; the first reading is ``start``."""

    def __init__(self, start: datetime = START, step: timedelta = timedelta(seconds=1)) -> None:
        self.next = start
        self.step = step

    def __call__(self) -> datetime:
        moment = self.next
        self.next += self.step
        return moment


class SequentialIds:
    """Ids ``prefix-1``, ``prefix-2`` …"""

    def __init__(self, prefix: str = "id") -> None:
        self.prefix = prefix
        self.drawn = 0

    def __call__(self) -> str:
        self.drawn += 1
        return f"{self.prefix}-{self.drawn}"


def replace_sleep(monkeypatch: pytest.MonkeyPatch, module: ModuleType, sleep: Callable[[float], object]) -> None:
    """What ``module`` calls for ``time.sleep``; its alone, since other threads of the process sleep, too."""
    monkeypatch.setattr(module, "time", SimpleNamespace(**{**vars(time), "sleep": sleep}))


def new_event(event_type: str = "Noted", payload: Mapping[str, Any] | bytes | None = None, **fields: Any) -> NewEvent:
    """An event for ``append``; the payload as a mapping, or as the exact bytes."""
    encoded = payload if isinstance(payload, bytes) else msgspec.json.encode(payload or {"amount_minor": 100})
    return NewEvent(event_type=event_type, payload=encoded, **fields)


def make_every_table(connection: Connection) -> None:
    """The tables that the rooms beside the event store make when they are first used."""
    for make in (make_checkpoints, make_snapshots, make_outbox):
        make(connection)
