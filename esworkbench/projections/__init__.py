"""The read side: projections, the runner that feeds them, rebuild, lag."""

from esworkbench.projections.monitoring.measure import lag
from esworkbench.projections.projection import Projection
from esworkbench.projections.runner import ProjectionRunner
from esworkbench.projections.synchronous import SynchronousRunner

__all__ = ["Projection", "ProjectionRunner", "SynchronousRunner", "lag"]
