"""An inherited log: nine event types of a webshop, eight years, no documents, and one function that reads them all.

``generator``: writes the log, from one seed.
``shop``: the shapes that each release of the shop wrote.
``loader``: appends the log to an event store.
``legacy``: the inherited function.
``upcasters``: the small named functions that replace it.
"""

from esworkbench.lab.inherited.legacy import LATEST_VERSIONS, legacy_latest_shape, upcast_event
from esworkbench.lab.inherited.loader import inherited_lines, load_inherited

__all__ = ["LATEST_VERSIONS", "inherited_lines", "legacy_latest_shape", "load_inherited", "upcast_event"]
