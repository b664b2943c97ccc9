"""A chain watched at work: every step of one stored payload to today's shape, with the payload before and after.

It is the chain itself that walks, with steps that take notes, so what is seen here is what a reader gets.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from enum import StrEnum
from typing import Any, NamedTuple

from esworkbench.upcasters.chain import UpcasterChain
from esworkbench.upcasters.steps import Payload, Shape, Shaped, Step


class Happened(StrEnum):
    """What a step did to a field."""

    KEPT = "kept"
    CHANGED = "changed"
    GONE = "gone"
    NEW = "new"


class StepTaken(NamedTuple):
    """One step of the walk. ``after`` holds one fact as a rule, none where it drops, several where it splits."""

    source: Shape
    kind: str
    name: str
    reason: str
    before: Payload
    after: tuple[Shaped, ...]


class FieldSeen(NamedTuple):
    """A field on the two sides of a step; None stands for a side that doesn't have it."""

    name: str
    happened: Happened
    before: Any
    after: Any


class Watched(Step, frozen=True):
    """A step that notes in ``taken`` each time it is taken."""

    step: Step
    taken: list[StepTaken]

    @property
    def targets(self) -> tuple[Shape, ...]:
        return self.step.targets

    def take(self, payload: Payload) -> Sequence[Shaped]:
        # A step may change what stands inside the payload, so both sides are kept apart from what it works on.
        before = deepcopy(payload)
        facts = self.step.take(payload)
        note = StepTaken(self.source, self.step.kind, self.name, self.reason, before, tuple(deepcopy(facts)))
        self.taken.append(note)
        return facts


def steps_of(chain: UpcasterChain, stored: Shaped, wanted: Mapping[str, int]) -> list[StepTaken]:
    """The steps that ``chain.follow`` takes, in order; none for a payload in its latest shape. Raises like it."""
    taken: list[StepTaken] = []
    watched = [Watched(step.event_type, step.from_version, step.function, step, taken) for step in chain]
    UpcasterChain(watched).follow(stored, wanted)
    return taken


def fields_of(before: Payload, after: Payload) -> list[FieldSeen]:
    """Every field of either side: those of the old payload first, then the new ones. A renamed one is gone and new."""
    seen = [FieldSeen(name, _happened(name, before, after), value, after.get(name)) for name, value in before.items()]
    return seen + [FieldSeen(name, Happened.NEW, None, value) for name, value in after.items() if name not in before]


def _happened(name: str, before: Payload, after: Payload) -> Happened:
    if name not in after:
        return Happened.GONE
    return Happened.KEPT if _same(before[name], after[name]) else Happened.CHANGED


def _same(before: Any, after: Any) -> bool:
    """Python takes 1, 1.0 and True for equal, and whoever reads the payload doesn't."""
    return type(before) is type(after) and bool(before == after)
