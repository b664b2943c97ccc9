"""Contract tests, drafted: today's reading of events as they were really written, approved until a person objects.

(Feathers, *Working Effectively with Legacy Code*, chapter 13, calls them characterization tests.)
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from esworkbench.errors import UnusableInput
from esworkbench.events import RecordedEvent
from esworkbench.upcasters.archaeology.latest import LatestShape, ShapedEvent
from esworkbench.upcasters.archaeology.versions import ProposedVersion

UNKNOWN_ORIGIN = "unknown origin: do not remove without investigation"

_sorted = msgspec.json.Encoder(decimal_format="number", order="sorted")

HEADING = '''"""Contract tests, drafted: each event, as really written, is read as it was read on the day of drafting.

Who finds a reading wrong changes the expectation and says why. Who knows why a version exists writes that down in
place of "{unknown}".
"""

# ruff: noqa: E501 - payloads stand as they were written

import pytest
from {module} import {function} as latest_shape

from esworkbench.upcasters.archaeology import as_written, shaped_text

'''

TEST = '''
@pytest.mark.parametrize(
    ("version", "valid_at", "payload", "expected"),
    [
{cases}    ],
)
def test_{name}_v{version}(version: int, valid_at: str, payload: str, expected: str) -> None:
    """Reason: {unknown}.

    {seen}
    """
    assert shaped_text(latest_shape(as_written({event_type}, version, valid_at, payload))) == expected

'''

CASE = """        (
            {version},
            {valid_at},
            {payload},
            {expected},
        ),
"""


def draft_contract_tests(versions: Iterable[ProposedVersion], latest_shape: LatestShape, reference: str) -> str:
    """The text of a pytest file: one test per event type and version, on the first and the last event seen of it.

    ``latest_shape`` reads the events now, ``reference`` (``module:function``) is how the written tests import the same
    function. Raises UnusableInput when the reference has another form, and whatever reading an event raises.
    """
    module, colon, function = reference.partition(":")
    if not colon or not all(part.isidentifier() for part in [*module.split("."), function]):
        raise UnusableInput(f"{reference!r} names no function to test: write it as module:function")
    tests = [_test(each, latest_shape) for each in versions]
    heading = HEADING.format(module=module, function=function, unknown=UNKNOWN_ORIGIN)
    return (heading + "".join(tests)).rstrip() + "\n"


def as_written(event_type: str, version: int, valid_at: str, payload: str) -> RecordedEvent:
    """A stored event to be read: what a contract test says of it, and nothing known of its place in the log.

    ``valid_at`` is RFC 3339. Position and version are 0, ids are empty.
    """
    moment = datetime.fromisoformat(valid_at)
    return RecordedEvent(
        global_position=0, stream_id="", version=0, event_id="", event_type=event_type, schema_version=version,
        payload=payload.encode(), metadata=b"{}", recorded_at=moment, valid_at=moment, prev_hash="", hash="",
    )  # fmt: skip


def shaped_text(shaped: Sequence[ShapedEvent]) -> str:
    """What an event was read as, one line of text each: type, version, and the payload as JSON with its keys sorted."""
    return "\n".join(
        f"{each.event_type} v{each.schema_version} {_sorted.encode(each.payload).decode()}" for each in shaped
    )


def _test(proposed: ProposedVersion, latest_shape: LatestShape) -> str:
    shape = proposed.shape
    examples = [shape.first] if shape.events == 1 else [shape.first, shape.last]
    changes = "; ".join(change.text for change in (*proposed.changes, *proposed.suspicions)) or "the first shape seen"
    period = f"{shape.first.valid_at:%Y-%m-%d} to {shape.last.valid_at:%Y-%m-%d}"
    seen = f"Seen in {shape.events} events, {period}: {changes}."
    return TEST.format(
        cases="".join(_case(recorded, latest_shape) for recorded in examples),
        name=_snake_case(proposed.event_type),
        version=proposed.version,
        unknown=UNKNOWN_ORIGIN,
        seen=seen.replace("\\", "").replace('"', "'"),
        event_type=repr(proposed.event_type),
    )


def _case(recorded: RecordedEvent, latest_shape: LatestShape) -> str:
    return CASE.format(
        version=recorded.schema_version,
        valid_at=repr(recorded.valid_at.isoformat()),
        payload=repr(recorded.payload.decode()),
        expected=repr(shaped_text(latest_shape(recorded))),
    )


def _snake_case(name: str) -> str:
    return re.sub(r"\W", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)).lower()
