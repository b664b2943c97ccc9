"""Evidence: a frozen, hashed copy of a ledger, and what it says was posted and claimed."""

from esworkbench.lazy_exports import exported_by

__getattr__, __dir__, __all__ = exported_by(__name__, __file__)
