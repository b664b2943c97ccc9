"""Rebuilding read models while they are read: many strategies to build the next rows, one swap."""

from esworkbench.projections.rebuilding.cold import archive_events
from esworkbench.projections.rebuilding.job import RebuildResult, Recipe
from esworkbench.projections.rebuilding.read_model_snapshots import take_snapshot
from esworkbench.projections.rebuilding.strategies import STRATEGIES, Options, rebuild

__all__ = ["STRATEGIES", "Options", "RebuildResult", "Recipe", "archive_events", "rebuild", "take_snapshot"]
