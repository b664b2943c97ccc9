"""A shared document: undo and redo as appended inverses, two people editing at once.

- `events`: edits, and the inverse of each
- `document`: the rules; undo, redo, rebase
"""

from esworkbench.domains.document.document import Document, Line
from esworkbench.domains.document.events import (
    DOCUMENT_EVENT_TYPES,
    DocumentStarted,
    Edit,
    LineInserted,
    LineRemoved,
    LineRestored,
    LineRewritten,
    inverse,
)
from esworkbench.upcasters import EventDecoder, UpcasterChain

__all__ = [
    "DOCUMENT_EVENT_TYPES",
    "Document",
    "DocumentStarted",
    "Edit",
    "Line",
    "LineInserted",
    "LineRemoved",
    "LineRestored",
    "LineRewritten",
    "document_decoder",
    "inverse",
]


def document_decoder() -> EventDecoder:
    """Reads every document event; none has changed shape yet."""
    return EventDecoder(DOCUMENT_EVENT_TYPES, UpcasterChain())
