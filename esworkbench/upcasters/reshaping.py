"""The rarer steps of a chain: an event goes on under another type, becomes several facts, or is read no more."""

from collections.abc import Callable, Sequence

from esworkbench.upcasters.steps import Payload, Shape, Shaped, Step


class Rename(Step, frozen=True):
    """The event goes on under another type, its payload as the function returns it."""

    kind = "rename"

    event_type: str
    from_version: int
    function: Callable[[Payload], Payload]
    to: Shape

    @property
    def targets(self) -> tuple[Shape, ...]:
        return (self.to,)

    def take(self, payload: Payload) -> Sequence[Shaped]:
        return [Shaped(*self.to, self.function(payload))]


class Split(Step, frozen=True):
    """One stored event was several facts, which the function returns in order.

    ``into`` names every shape they may have. How many there are of each may depend on the payload.
    """

    kind = "split"

    event_type: str
    from_version: int
    function: Callable[[Payload], Sequence[Shaped]]
    into: tuple[Shape, ...]

    @property
    def targets(self) -> tuple[Shape, ...]:
        return self.into

    def take(self, payload: Payload) -> Sequence[Shaped]:
        """Raises ValueError for a shape that ``into`` doesn't name: nobody has checked where that one leads."""
        facts = self.function(payload)
        for fact in facts:
            if fact.shape not in self.into:
                raise ValueError(f"it yields {fact.shape}, which it doesn't name among the shapes it splits into")
        return facts


class Drop(Step, frozen=True):
    """A fact nobody reads any more: it stays in the log, and no handler sees it again.

    The function is there for its name and its reason, and is never called.
    """

    kind = "drop"

    @property
    def targets(self) -> tuple[Shape, ...]:
        return ()

    def take(self, payload: Payload) -> Sequence[Shaped]:
        return []
