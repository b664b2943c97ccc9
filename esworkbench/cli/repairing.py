"""The seventh step, wired: the bank's commands and read models, handed to forensics' repair."""

from collections.abc import Callable
from pathlib import Path

from esworkbench.composition import DECODER, PROJECTIONS
from esworkbench.domains.bank import Bank
from esworkbench.domains.bank.compensate import BankCompensator
from esworkbench.errors import UnusableInput
from esworkbench.event_store import EventStore
from esworkbench.evidence import Evidence
from esworkbench.forensics.diagnosis.diagnose import diagnose
from esworkbench.forensics.diagnosis.findings import Diagnosis
from esworkbench.forensics.investigation.investigate import Mend, Repair
from esworkbench.forensics.repair.apply import RepairStep, apply, plan
from esworkbench.forensics.scratch_store import scratch_store

INVESTIGATOR = "esworkbench investigate"


def mend_store(evidence: Evidence, url: str) -> Mend:
    """Repair the store at ``url`` itself."""
    return lambda diagnosis: _mended(
        evidence, diagnosis, lambda: EventStore.open(url, create=False), "the store itself"
    )


def mend_scratch_copy(evidence: Evidence, folder: Path) -> Mend:
    """Try the repair on a copy made from the evidence, in ``folder``; the source is not touched."""

    def open_copy() -> EventStore:
        return scratch_store(evidence, folder / "scratch", projections=PROJECTIONS, decoder=DECODER)

    def mend(diagnosis: Diagnosis) -> Repair:
        try:
            return _mended(evidence, diagnosis, open_copy, "a scratch copy of the store")
        except UnusableInput as reason:
            # That the repair can't be tried takes nothing from what was found.
            return Repair(applied=False, verified=False, applied_to="", rows=[["1. restore", str(reason), "by hand"]])

    return mend


def repair_store(evidence: Evidence, url: str, *, operator: str, really: bool) -> Repair:
    """Plan, and with ``really`` apply. Raises UnusableInput for a store that this evidence was not captured from."""
    store = EventStore.open(url, create=False)
    _require_same_store(evidence, store)
    diagnosis = diagnose(evidence)
    if really:
        return _mended(evidence, diagnosis, lambda: store, "the store itself", operator)
    planned = plan(evidence, diagnosis, operator=operator, compensator=BankCompensator(Bank(store)))
    settled = not diagnosis.unhealthy and not diagnosis.unexplained
    return Repair(applied=False, verified=settled, applied_to="", rows=_rows(planned.steps))


def _mended(
    evidence: Evidence,
    diagnosis: Diagnosis,
    open_store: Callable[[], EventStore],
    applied_to: str,
    operator: str = INVESTIGATOR,
) -> Repair:
    store = open_store()
    compensator = BankCompensator(Bank(store))
    planned = plan(evidence, diagnosis, operator=operator, compensator=compensator)
    done = apply(planned, store, evidence, projections=PROJECTIONS, decoder=DECODER, compensator=compensator)
    return Repair(
        applied=done.applied, verified=done.verified, applied_to=applied_to, rows=_rows(done.steps),
        event_ids=done.appended,
    )  # fmt: skip


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
