"""Rebuilding read models while they are read: many ways to build the next rows, one swap."""

from esworkbench.projections.rebuilding.cold import archive_events
from esworkbench.projections.rebuilding.job import Rebuilt, Recipe
from esworkbench.projections.rebuilding.read_model_snapshots import take_snapshot
from esworkbench.projections.rebuilding.strategies import WAYS, Options, rebuild

__all__ = ["WAYS", "Options", "Rebuilt", "Recipe", "archive_events", "rebuild", "take_snapshot"]
