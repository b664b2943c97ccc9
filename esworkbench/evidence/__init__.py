"""Evidence: a frozen, hashed copy of a ledger, and what it says was posted and claimed."""

from esworkbench.evidence.capturing.capture import capture
from esworkbench.evidence.evidence import Assertion, Evidence, Posting
from esworkbench.evidence.ledger import LedgerDefinition

__all__ = ["Assertion", "Evidence", "LedgerDefinition", "Posting", "capture"]
