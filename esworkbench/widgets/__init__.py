"""Thin views of models that live elsewhere: whatever a widget does can be done, and is tested, without it.

``race_view``: two writers, advanced by hand.
``crash_view``: a projection's batch, advanced and killed by hand.
``snapshot_dial``: a slider for the snapshot frequency.
``chain_view``: one payload, walked through its upcasters.
``bisect_view``: bisection by hand.
``alert``: how all of them show an error.
"""

from esworkbench.widgets.bisect_view import BisectView
from esworkbench.widgets.chain_view import ChainView, chain_figure
from esworkbench.widgets.crash_view import CrashView
from esworkbench.widgets.race_view import RaceView
from esworkbench.widgets.snapshot_dial import SnapshotDialView

__all__ = ["BisectView", "ChainView", "CrashView", "RaceView", "SnapshotDialView", "chain_figure"]
