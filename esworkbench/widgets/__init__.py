"""Thin views on models that live elsewhere: whatever a widget does can be done, and is tested, without it."""

from esworkbench.widgets.bisect_view import BisectView

__all__ = ["BisectView"]
