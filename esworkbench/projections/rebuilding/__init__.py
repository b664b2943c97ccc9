"""Rebuilding read models while they are read: many strategies to build the next rows, one swap.

- `strategies`: the six ways to build, and the one entrance to them
- `job`: what a rebuild works from, and what it answers
- `lock`: one rebuild of a read model at a time
- `staging`: where the next rows grow, unseen
- `build`: the runner at work there
- `shards`: in several processes
- `in_duckdb`: as one query
- `cold`: old events from Parquet
- `read_model_snapshots`: from a copy of the read model
- `shadow_tables`: the next tables, loaded and indexed
- `swap`: from one commit to the next
"""

from esworkbench.projections.rebuilding.cold import archive_events
from esworkbench.projections.rebuilding.job import RebuildResult, Recipe
from esworkbench.projections.rebuilding.read_model_snapshots import take_snapshot
from esworkbench.projections.rebuilding.strategies import STRATEGIES, Options, rebuild

__all__ = ["STRATEGIES", "Options", "RebuildResult", "Recipe", "archive_events", "rebuild", "take_snapshot"]
