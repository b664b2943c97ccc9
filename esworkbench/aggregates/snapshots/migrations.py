"""From an older shape of an aggregate's state to today's, one named step at a time, as upcasters do it for events."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from esworkbench.aggregates.aggregate import Aggregate
from esworkbench.aggregates.snapshots.snapshot import Snapshot


class StateMigration(NamedTuple):
    """One step for a state kept in a snapshot, from ``from_version`` of its shape to the next.

    The function takes and returns what ``state`` returns; its docstring is its reason. ``event_shapes`` names event
    types whose new schema version the step has taken into account: a state folded before that version may then be used.
    """

    from_version: int
    function: Callable[[dict[str, Any]], dict[str, Any]]
    event_shapes: Mapping[str, int] = {}

    @property
    def reason(self) -> str:
        return " ".join((self.function.__doc__ or "").split())


class StateMigrations:
    """The steps an aggregate class declares in ``state_migrations``, if it does.

    They may begin at any older shape but must lead to today's: raises ValueError for a gap, for two steps from one
    version, or for a step whose function has no docstring. Shapes before the first step are thereby invalidated.
    """

    def __init__(self, aggregate_class: type[Aggregate]) -> None:
        self.today = aggregate_class.state_version
        declared: Sequence[StateMigration] = getattr(aggregate_class, "state_migrations", ())
        self._steps = {step.from_version: step for step in declared}
        starts = sorted(step.from_version for step in declared)
        needed = list(range(self.today - len(starts), self.today))
        if starts != needed:
            raise ValueError(
                f"the state migrations of {aggregate_class.__name__} start at versions {starts}: to lead to version "
                f"{self.today} of its state, one step each, they must start at {needed}"
            )
        for step in self._steps.values():
            if not step.reason:
                raise ValueError(f"{step.function.__name__} needs a docstring that says why it exists")

    def reach(self, state_version: int) -> bool:
        """Whether this shape is today's, or leads to it."""
        return state_version == self.today or state_version in self._steps

    def event_shapes(self, snapshot: Snapshot) -> dict[str, int]:
        """The shapes of events that the snapshot stands for once its state is migrated."""
        shapes = dict(snapshot.event_shapes or {})
        for version in range(snapshot.state_version, self.today):
            shapes |= self._steps[version].event_shapes
        return shapes

    def migrate(self, state: dict[str, Any], state_version: int) -> dict[str, Any]:
        """The state in today's shape. Raises whatever a step raises."""
        for version in range(state_version, self.today):
            state = self._steps[version].function(state)
        return state
