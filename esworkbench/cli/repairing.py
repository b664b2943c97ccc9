"""The seventh step, wired: what the store's domain has to repair with, given to forensics' repair."""

from collections.abc import Callable
from pathlib import Path

from esworkbench.composition import Domain, decoder_of, projections_of
from esworkbench.errors import UnusableInput
from esworkbench.event_store import EventStore
from esworkbench.evidence import Evidence
from esworkbench.forensics.diagnosis.diagnose import diagnose
from esworkbench.forensics.diagnosis.findings import Diagnosis
from esworkbench.forensics.investigation.investigate import Mend, Repair
from esworkbench.forensics.repair.apply import RepairStep, apply, plan
from esworkbench.forensics.repair.plan import Compensator
from esworkbench.forensics.scratch_store import scratch_store

INVESTIGATOR = "esworkbench investigate"


def repair_source(evidence: Evidence, url: str, domain: Domain | None) -> Mend:
    """Repair the store at ``url`` itself."""
    return lambda diagnosis: _repaired(
        evidence, diagnosis, lambda: EventStore.open(url, create=False), domain, "the store itself"
    )


def repair_scratch_copy(evidence: Evidence, folder: Path, domain: Domain | None) -> Mend:
    """Try the repair on a copy made from the evidence, in ``folder``; the source is not touched."""

    def open_copy() -> EventStore:
        return scratch_store(
            evidence, folder / "scratch", projections=projections_of(domain), decoder=decoder_of(domain)
        )

    def repair(diagnosis: Diagnosis) -> Repair:
        try:
            return _repaired(evidence, diagnosis, open_copy, domain, "a scratch copy of the store")
        except UnusableInput as reason:
            # That the repair can't be tried takes nothing from what was found.
            return Repair(applied=False, verified=False, applied_to="", rows=[["1. restore", str(reason), "by hand"]])

    return repair


def repair_store(evidence: Evidence, url: str, domain: Domain | None, *, operator: str, really: bool) -> Repair:
    """Plan, and with ``really`` apply. Raises UnusableInput for a store that this evidence was not captured from."""
    store = EventStore.open(url, create=False)
    _require_same_store(evidence, store)
    diagnosis = diagnose(evidence)
    if really:
        return _repaired(evidence, diagnosis, lambda: store, domain, "the store itself", operator)
    planned = plan(evidence, diagnosis, operator=operator, compensator=_compensator(store, domain))
    settled = not diagnosis.unhealthy and not diagnosis.unexplained
    return Repair(applied=False, verified=settled, applied_to="", rows=_rows(planned.steps))


def _repaired(
    evidence: Evidence,
    diagnosis: Diagnosis,
    open_store: Callable[[], EventStore],
    domain: Domain | None,
    applied_to: str,
    operator: str = INVESTIGATOR,
) -> Repair:
    store = open_store()
    compensator = _compensator(store, domain)
    planned = plan(evidence, diagnosis, operator=operator, compensator=compensator)
    done = apply(
        planned, store, evidence, projections=projections_of(domain), decoder=decoder_of(domain),
        compensator=compensator,
    )  # fmt: skip
    return Repair(
        applied=done.applied, verified=done.verified, applied_to=applied_to, rows=_rows(done.steps),
        event_ids=done.appended,
    )  # fmt: skip


def _compensator(store: EventStore, domain: Domain | None) -> Compensator | None:
    return domain.compensator(store) if domain and domain.compensator else None


def _rows(steps: list[RepairStep]) -> list[list[str]]:
    return [[f"{step.number}. {step.kind}", step.command or step.words, step.state] for step in steps]


def _require_same_store(evidence: Evidence, store: EventStore) -> None:
    """The last event of the evidence must stand in the store, at its place and with its hash."""
    last = (
        evidence.connection()
        .execute("SELECT position, event_id, hash FROM events ORDER BY position DESC LIMIT 1")
        .fetchone()
    )
    if last is None:
        return
    position, event_id, event_hash = last
    there = store.read_all(after=position - 1, limit=1)
    if not there or (there[0].event_id, there[0].hash) != (event_id, event_hash):
        raise UnusableInput(
            f"the store is not the one that {evidence.path} was captured from: at position {position} it doesn't hold "
            f"event {event_id}; capture it again, or give the right --store"
        )
