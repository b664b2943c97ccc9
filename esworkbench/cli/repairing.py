"""The seventh step, wired: on which store a repair is done, and what the command line tells of it."""

from pathlib import Path

from esworkbench.composition import decoder_of, domain_of, projections_of, repair
from esworkbench.errors import UnusableInput
from esworkbench.event_store import EventStore
from esworkbench.evidence import Evidence
from esworkbench.forensics.diagnosis.findings import Diagnosis
from esworkbench.forensics.investigation.investigate import Repair, Repairer
from esworkbench.forensics.repair.apply import Repaired
from esworkbench.forensics.scratch_store import scratch_store

INVESTIGATOR = "esworkbench investigate"


def repair_source(evidence: Evidence, url: str, domain: str | None) -> Repairer:
    """Repair the store at ``url`` itself."""

    def repair_it(diagnosis: Diagnosis) -> Repair:
        store = EventStore.open(url, create=False)
        done = repair(evidence, store, operator=INVESTIGATOR, apply=True, domain=domain, diagnosis=diagnosis)
        return _told(done, "the store itself")

    return repair_it


def repair_scratch_copy(evidence: Evidence, folder: Path, domain: str | None) -> Repairer:
    """Try the repair on a copy made from the evidence, in ``folder``; the source is not touched."""
    code = domain_of(evidence, domain)

    def repair_copy(diagnosis: Diagnosis) -> Repair:
        try:
            copy = scratch_store(
                evidence, folder / "scratch", projections=projections_of(code), decoder=decoder_of(code)
            )
            done = repair(evidence, copy, operator=INVESTIGATOR, apply=True, domain=domain, diagnosis=diagnosis)
        except UnusableInput as reason:
            # What was found stands even if the repair can't be tried.
            return Repair(applied=False, verified=False, applied_to="", rows=[["1. restore", str(reason), "by hand"]])
        return _told(done, "a scratch copy of the store")

    return repair_copy


def repair_store(evidence: Evidence, url: str, domain: str | None, *, operator: str, really: bool) -> Repair:
    """Plan, and with ``really`` apply. Raises UnusableInput for a store that this evidence was not captured from."""
    store = EventStore.open(url, create=False)
    done = repair(evidence, store, operator=operator, apply=really, domain=domain)
    return _told(done, "the store itself" if really else "")


def _told(done: Repaired, applied_to: str) -> Repair:
    rows = [[f"{step.number}. {step.kind}", step.command or step.words, step.state] for step in done.steps]
    return Repair(
        applied=done.applied, verified=done.verified, applied_to=applied_to, rows=rows, event_ids=done.appended
    )
