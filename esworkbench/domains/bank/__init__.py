"""A small bank that keeps its accounts as events: the worked example of every notebook."""

from esworkbench.lazy_exports import exported_by

__getattr__, __all__ = exported_by(__name__, __file__)
