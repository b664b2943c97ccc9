"""The chain: stored events keep the shape they were written in, and change shape only while being read.

(Greg Young, *Versioning in an Event Sourced System*, chapter on upcasting.)
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from graphlib import CycleError, TopologicalSorter

from esworkbench.errors import InvalidEvent, MissingUpcaster
from esworkbench.events import EventTypes
from esworkbench.upcasters.steps import Payload, Shape, Shaped, Step


class UpcasterChain:
    """All steps a log needs, at most one for each stored shape.

    Raises ValueError, naming the steps, when two start at one shape, when one has no reason, or when they lead round
    in a circle.
    """

    def __init__(self, steps: Iterable[Step] = ()) -> None:
        self._steps: dict[Shape, Step] = {}
        for step in steps:
            if step.source in self._steps:
                raise ValueError(
                    f"two upcasters start at {step.source}: {self._steps[step.source].name} and {step.name}"
                )
            if step.from_version < 1:
                raise ValueError(f"{step.name} starts at {step.source}, and schema versions count from 1")
            if not step.reason:
                raise ValueError(f"{step.name} needs a docstring that says why it exists")
            self._steps[step.source] = step
        self._refuse_circle()

    def __iter__(self) -> Iterator[Step]:
        return iter(self._steps.values())

    def follow(self, stored: Shaped, wanted: Mapping[str, int]) -> list[Shaped]:
        """What a stored payload has become, in order: one fact as a rule, none or several where a step drops or splits.

        Steps are taken until each fact is at or past the version ``wanted`` of its type; a type neither wanted nor with
        a step stays as it is. Raises MissingUpcaster where no step goes on, InvalidEvent when one fails on the payload.
        """
        reached: list[Shaped] = []
        to_do = [stored]
        while to_do:
            fact = to_do.pop(0)
            version = wanted.get(fact.event_type)
            if version is not None and fact.schema_version >= version:
                reached.append(fact)
                continue
            step = self._steps.get(fact.shape)
            if step is not None:
                to_do[:0] = take_step(step, fact.payload)
            elif version is None:
                reached.append(fact)
            else:
                raise MissingUpcaster(
                    f"no upcaster takes {fact.event_type} from v{fact.schema_version} to v{fact.schema_version + 1}"
                )
        return reached

    def check(self, event_types: EventTypes) -> None:
        """Every step leads to a shape that today's code reads, and none starts at one.

        Raises ValueError naming the step that ends in a gap, in an unknown type or past the latest version, and what
        to do. A type that has no step at all is fine: its older shapes may have been proved dead.
        """
        latest = {name: event_types.latest_version(name) for name in event_types.names()}
        for step in self:
            if latest.get(step.event_type) == step.from_version:
                raise ValueError(
                    f"{step.name} starts at {step.source}, which is the latest shape of its class: raise the class's "
                    "schema_version, or take the step away"
                )
            for target in step.targets:
                if target in self._steps or latest.get(target.event_type) == target.schema_version:
                    continue
                known = latest.get(target.event_type)
                what = "a type no class stands for" if known is None else f"and the latest version is v{known}"
                raise ValueError(
                    f"{step.name} leads from {step.source} to {target}, {what}: no step goes on from there"
                )

    def _refuse_circle(self) -> None:
        try:
            TopologicalSorter({step.source: step.targets for step in self}).prepare()
        except CycleError as error:
            circle: list[Shape] = error.args[1][::-1]
            names = ", ".join(self._steps[shape].name for shape in circle[:-1])
            raise ValueError(f"upcasters lead in a circle: {' → '.join(map(str, circle))} ({names})") from None


def newer_than_the_code(shape: Shape, known: int) -> MissingUpcaster:
    """What to raise for an event that a later release wrote."""
    return MissingUpcaster(
        f"{shape.event_type} was written as v{shape.schema_version}, but this code knows up to v{known}: "
        "run the release that wrote it"
    )


def take_step(step: Step, payload: Payload) -> Sequence[Shaped]:
    """What comes of a payload. A step works on a copy: nothing it changes, at any depth, is changed in the original."""
    try:
        return step.take(deepcopy(payload))
    except Exception as error:
        raise InvalidEvent(f"upcaster {step.name} can't take this {step.source}: {error!r}") from error
