"""Thin views on models that live elsewhere: whatever a widget does can be done, and is tested, without it."""

from esworkbench.widgets.bisect_view import BisectView
from esworkbench.widgets.chain_view import ChainView, chain_figure
from esworkbench.widgets.crash_view import CrashView, one_death_each
from esworkbench.widgets.race_view import RaceView
from esworkbench.widgets.snapshot_dial import SnapshotDialView

__all__ = ["BisectView", "ChainView", "CrashView", "RaceView", "SnapshotDialView", "chain_figure", "one_death_each"]
