"""The read side: projections, and the runner that feeds them."""

from esworkbench.lazy_exports import exported_by

__getattr__, __all__ = exported_by(__name__, __file__)
