"""Archaeology: get a log under control that nobody documented, before touching the code that reads it."""

from esworkbench.upcasters.archaeology.changes import Change
from esworkbench.upcasters.archaeology.contract_tests import as_written, draft_contract_tests, shaped_text
from esworkbench.upcasters.archaeology.dead import UpcasterUse, dead_upcasters
from esworkbench.upcasters.archaeology.latest import (
    LatestShape,
    ShapedEvent,
    decode_payload,
    encode_payload,
    recorded_version,
    same_event,
    through_chain,
)
from esworkbench.upcasters.archaeology.sampling import TypeLife, all_events, event_type_lives, sample_events
from esworkbench.upcasters.archaeology.shapes import (
    Presence,
    RecoveredShape,
    ShapeField,
    field_presence,
    recover_shapes,
)
from esworkbench.upcasters.archaeology.telltales import Telltale, version_by
from esworkbench.upcasters.archaeology.versions import ProposedVersion, map_shapes_to_versions

__all__ = [
    "Change",
    "LatestShape",
    "Presence",
    "ProposedVersion",
    "RecoveredShape",
    "ShapeField",
    "ShapedEvent",
    "Telltale",
    "TypeLife",
    "UpcasterUse",
    "all_events",
    "as_written",
    "dead_upcasters",
    "decode_payload",
    "draft_contract_tests",
    "encode_payload",
    "event_type_lives",
    "field_presence",
    "map_shapes_to_versions",
    "recorded_version",
    "recover_shapes",
    "same_event",
    "sample_events",
    "shaped_text",
    "through_chain",
    "version_by",
]
