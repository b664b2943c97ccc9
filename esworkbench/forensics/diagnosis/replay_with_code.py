"""A replay with the projection's own code, on a scratch copy: it shows which errors are the code's.

An error that the same code repeats is the code's own; one that goes away had another cause.
"""

import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from esworkbench.errors import UnusableInput
from esworkbench.event_store import write_transaction
from esworkbench.events import EventTypes
from esworkbench.evidence import Evidence
from esworkbench.evidence.capturing.since import capture_since
from esworkbench.forensics.compare.records import State
from esworkbench.forensics.compare.residuals import Residuals
from esworkbench.forensics.diagnosis.context import CodeReplay
from esworkbench.forensics.scratch_store import scratch_store
from esworkbench.projections import Projection, ProjectionRunner
from esworkbench.projections.built_tables import drop_and_reset
from esworkbench.upcasters import EventDecoder

RUN = "diagnosis"


class Code(NamedTuple):
    """A projection as it ran, and the decoder that fed it."""

    projection: Callable[[], Projection]
    decoder: EventDecoder


def replay_with_code(evidence: Evidence, now: datetime, code: Code) -> CodeReplay:
    """Where the read model still differs from the events after a replay up to its checkpoint.

    Raises UnusableInput for a projection of which the evidence holds no checkpoint. Of one that claims nothing, a
    replay shows what it should.
    """
    projection = code.projection()
    name = projection.name
    checkpoint = evidence.checkpoint(name)
    if checkpoint is None:
        known = ", ".join(sorted(evidence.manifest.cut.checkpoints))
        raise UnusableInput(f"the evidence holds no checkpoint of projection {name!r}; it holds those of {known}")
    with tempfile.TemporaryDirectory(prefix="esworkbench-") as folder:
        store = scratch_store(evidence, Path(folder) / "scratch", clock=lambda: now)
        with write_transaction(store.engine) as connection:
            drop_and_reset(connection, projection, RUN, now)
        ProjectionRunner(store, projection, code.decoder, run_id=RUN).catch_up(up_to=checkpoint)
        url = store.engine.url.render_as_string(hide_password=False)
        again = capture_since(url, evidence, Path(folder) / "evidence")
        residuals = Residuals(again, now=now).found((State.DIVERGENCE, State.ROUNDING), against=name)
        store.engine.dispose()
    return CodeReplay(name, frozenset(each.identity for each in residuals), _written_today(code.decoder.event_types))


def _written_today(event_types: EventTypes) -> Callable[[str, int], bool]:
    """Whether events of a type, in a schema version, are read as they were written, with no upcaster in between."""
    latest = {(name, event_types.latest_version(name)) for name in event_types.names()}
    return lambda event_type, schema_version: (event_type, schema_version) in latest
