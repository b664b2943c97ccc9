"""Evidence: a frozen, hashed copy of a ledger, and what it says was posted and claimed."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from esworkbench.evidence.capturing.capture import capture
    from esworkbench.evidence.evidence import Assertion, Evidence, Posting
    from esworkbench.evidence.ledger import LedgerDefinition

__all__ = ["Assertion", "Evidence", "LedgerDefinition", "Posting", "capture"]


if not TYPE_CHECKING:  # a type checker would take every name that isn't there for one of these
    _MODULES = {"capture": "capturing.capture", "LedgerDefinition": "ledger"}

    def __getattr__(name: str) -> Any:
        """PEP 562: a name is imported when it is asked for, so that who reads a ledger definition loads no DuckDB."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_MODULES.get(name, 'evidence')}"), name)
