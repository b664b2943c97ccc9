"""Incidents of the lab, each built and captured once for all tests; and copies of them to break further."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from esworkbench.composition import capture
from esworkbench.domains.bank import bank_decoder
from esworkbench.domains.bank.read_models import BANK_PROJECTIONS
from esworkbench.event_store import EventStore
from esworkbench.evidence import Evidence
from esworkbench.forensics.diagnosis.findings import Finding
from esworkbench.forensics.scratch_store import scratch_store
from esworkbench.lab import PlantedFault, build_incident, reveal

FAULTS = (
    "unresolved_pending", "double_apply", "gap_skipped", "manual_edit", "event_deleted", "payload_edited",
    "tail_truncated", "handler_bug", "rounding", "lag",
)  # fmt: skip


@cache
def home() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="esworkbench-incidents-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def url_of(fault: str, seed: int) -> str:
    return f"sqlite:///{home() / f'{fault}-{seed}.db'}"


def key_of(fault: str, seed: int) -> Path:
    return home() / f"{fault}-{seed}.key"


def incident(fault: str, seed: int = 1) -> Evidence:
    """Evidence of a small bank with that fault in it, and without anchors: what its log, read models and statements
    show by themselves (``test_every_fault`` has it with them). The store behind it is not to be written.
    """
    return _built(fault, seed)


@cache
def _built(fault: str, seed: int) -> Evidence:
    url, key = url_of(fault, seed), key_of(fault, seed)
    build_incident(url, fault=fault, seed=seed, scale="small", anchored=False, key_file=key)
    return capture(url, home() / f"{fault}-{seed}", progress=False)


def answer(fault: str, seed: int = 1) -> list[PlantedFault]:
    """What the lab says it planted."""
    incident(fault, seed)
    return reveal(url_of(fault, seed), key_file=key_of(fault, seed))


def copy_of(evidence: Evidence, folder: Path) -> EventStore:
    """A store of one's own, read models and errors included. Its clock stands at the evidence's last moment."""
    return scratch_store(
        evidence, folder, projections=BANK_PROJECTIONS, decoder=bank_decoder(), clock=lambda: evidence.now
    )


def captured(store: EventStore, into: Path) -> Evidence:
    return capture(store.engine.url.render_as_string(hide_password=False), into, progress=False)


Told = tuple[str, str | None, str | None, int, list[int], list[str]]


def told(found: PlantedFault | Finding) -> Told:
    """What a finding and a planted fault must agree on."""
    return (
        found.fault, found.account, found.currency, found.amount, sorted(found.positions), sorted(found.event_ids)
    )  # fmt: skip
