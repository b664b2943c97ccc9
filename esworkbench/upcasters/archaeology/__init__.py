"""Archaeology: get a log under control that nobody documented, before touching the code that reads it.

sampling         which events to look at, and how long each type lived
shapes           the shapes that a log really holds
fields           what one payload is made of
merging          which sets of fields are one shape
thinned          an even selection of a long stream, in bounded memory
changes          what changed from one shape to the next, in words
versions         which versions the shapes make
telltales        the field by which a version is told
contract_tests   tests drafted from payloads as they were written
latest           every event in its latest shape, as two readers make it
dead             upcasters that no event of the log needs
"""

from esworkbench.upcasters.archaeology.changes import Change
from esworkbench.upcasters.archaeology.contract_tests import as_written, draft_contract_tests, shaped_text
from esworkbench.upcasters.archaeology.dead import UpcasterUse, dead_upcasters
from esworkbench.upcasters.archaeology.latest import (
    LatestShape,
    ShapedEvent,
    decode_metadata,
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
    "decode_metadata",
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
