"""The way back, for readers who were promised an older shape: today's events as they would have been written then.

A downcaster stands at the edge, where events are published. The domain never sees what it makes.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from copy import deepcopy

from esworkbench.errors import InvalidEvent, MissingUpcaster
from esworkbench.events import LOG_RECORDS, DomainEvent, EventTypes
from esworkbench.upcasters.chain import UpcasterChain
from esworkbench.upcasters.decoder import EventDecoder
from esworkbench.upcasters.steps import Payload, Shape, Shaped, Step


class Downcaster(Step, frozen=True):
    """One step for one event type, from ``from_version`` to the one before. Its docstring says what it keeps exact."""

    kind = "downcast"

    event_type: str
    from_version: int
    function: Callable[[Payload], Payload]

    @property
    def targets(self) -> tuple[Shape, ...]:
        return (Shape(self.event_type, self.from_version - 1),)

    def take(self, payload: Payload) -> Sequence[Shaped]:
        return [Shaped(self.event_type, self.from_version - 1, self.function(payload))]


class Downcasters:
    """All steps back that some reader needs. Raises ValueError when two start at one shape or one has no reason."""

    def __init__(self, downcasters: Iterable[Downcaster] = ()) -> None:
        self._steps: dict[Shape, Downcaster] = {}
        for step in downcasters:
            if step.source in self._steps:
                raise ValueError(f"two downcasters start at {step.source}")
            if not step.reason:
                raise ValueError(f"{step.name} needs a docstring that says what it keeps exact")
            self._steps[step.source] = step

    def __iter__(self) -> Iterator[Downcaster]:
        return iter(self._steps.values())

    def downcast(self, fact: Shaped, *, to_version: int) -> Shaped:
        """The fact in an older shape of its type; the payload given is left as it was.

        Raises MissingUpcaster where no step leads back, InvalidEvent when a step fails on the payload.
        """
        while fact.schema_version > to_version:
            step = self._steps.get(fact.shape)
            if step is None:
                raise MissingUpcaster(
                    f"no downcaster takes {fact.event_type} from v{fact.schema_version} back to "
                    f"v{fact.schema_version - 1}, and a reader was promised v{to_version}"
                )
            try:
                [fact] = step.take(deepcopy(fact.payload))
            except Exception as error:
                raise InvalidEvent(f"downcaster {step.name} can't take this {step.source}: {error!r}") from error
        return fact


class ContractDecoder(EventDecoder):
    """Decodes recorded events to the classes of an older published contract.

    Events older than the contract are upcast to it, newer ones downcast, and event types ``left_out`` passed over.
    """

    def __init__(
        self,
        event_types: EventTypes,
        upcasters: UpcasterChain,
        downcasters: Downcasters,
        left_out: Collection[str] = (),
    ) -> None:
        super().__init__(event_types, upcasters)
        self.left_out = frozenset(left_out) | LOG_RECORDS
        self._downcasters = downcasters

    def check(self) -> None:
        """Nothing: an older contract stops short of steps that lead on to today's shapes."""

    def decode_fact(self, fact: Shaped) -> DomainEvent:
        promised = self._wanted.get(fact.event_type, fact.schema_version)
        return super().decode_fact(self._downcasters.downcast(fact, to_version=promised))
