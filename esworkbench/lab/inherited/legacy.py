"""The upcaster as it was inherited: one function, no documents. Treat it as data: what it does today is approved."""

import json
from collections.abc import Callable, Sequence
from importlib.util import module_from_spec, spec_from_file_location
from typing import Any

from esworkbench.events import RecordedEvent
from esworkbench.resources import data_path
from esworkbench.upcasters.archaeology import ShapedEvent


def _inherited_function() -> Callable[[dict[str, Any]], dict[str, Any]]:
    spec = spec_from_file_location("legacy_upcaster", data_path("inherited", "legacy_upcaster.py"))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    function: Callable[[dict[str, Any]], dict[str, Any]] = module.upcast_event
    return function


upcast_event = _inherited_function()


def legacy_latest_shape(recorded: RecordedEvent) -> Sequence[ShapedEvent]:
    """The event as the inherited function reads it: fractions as doubles, the version from the old metadata."""
    event = {
        "type": recorded.event_type,
        "meta": {"schema_version": recorded.schema_version},
        "at": recorded.valid_at.isoformat(),
        "data": json.loads(recorded.payload),
    }
    read = upcast_event(event)
    return [ShapedEvent(read["type"], LATEST_VERSIONS[read["type"]], read["data"])]


LATEST_VERSIONS = {
    "CustomerRegistered": 4,
    "OrderPlaced": 5,
    "PaymentReceived": 3,
    "OrderShipped": 3,
    "OrderCancelled": 2,
    "RefundIssued": 3,
    "StockAdjusted": 4,
    "ReviewPosted": 3,
    "LoyaltyPointsGranted": 3,
}
"""The version that each type ends in, counted from 1. Written down nowhere, so worked out from the log's shapes."""
