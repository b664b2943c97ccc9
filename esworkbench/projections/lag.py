"""How far a projection is behind. Lag is not corruption: a read model is right about all up to its checkpoint."""

from esworkbench.event_store import EventStore
from esworkbench.projections import checkpoints
from esworkbench.projections.projection import Projection


def lag(store: EventStore, projection: Projection) -> int:
    """Positions between the projection's checkpoint and the head of the log; positions never used count too."""
    with store.engine.connect() as connection:
        checkpoint = checkpoints.position_of(connection, projection.name)
    return store.head_position() - checkpoint
