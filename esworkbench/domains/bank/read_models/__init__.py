"""The bank's read models: one projection a file, each a fold of the same postings."""

from esworkbench.lazy_exports import exported_by

__getattr__, __all__ = exported_by(__name__, __file__)
