"""The seventh step, wired: on which store a repair is done, and what the command line tells of it."""

from collections.abc import Callable, Sequence
from pathlib import Path

from esworkbench.composition import decoder_of, domain_of, projections_of, repair
from esworkbench.errors import UnusableInput
from esworkbench.event_store import EventStore
from esworkbench.evidence import Evidence
from esworkbench.forensics.diagnosis.findings import Diagnosis
from esworkbench.forensics.investigation.investigate import Repair, Repairer
from esworkbench.forensics.repair.apply import Copied, Repaired
from esworkbench.forensics.repair.plan import RepairPlan, RepairStep
from esworkbench.forensics.scratch_store import scratch_store
from esworkbench.forensics.verify import Verification

INVESTIGATOR = "esworkbench investigate"


def repair_source(evidence: Evidence, url: str, domain: str | None, account: str | None) -> Repairer:
    """Repair the store at ``url`` itself; with ``account`` what concerns it alone."""

    def repair_it(diagnosis: Diagnosis, _whole: Verification) -> Repair:
        store = EventStore.open(url, create=False)
        done = repair(
            evidence, store, operator=INVESTIGATOR, apply=True, digest=evidence.digest, domain=domain,
            account=account, diagnosis=diagnosis,
        )  # fmt: skip
        return _told(done, "the store itself", account)

    return repair_it


def repair_scratch_copy(evidence: Evidence, folder: Path, domain: str | None, account: str | None) -> Repairer:
    """Try the repair on a copy made from the evidence, in ``folder``; the source is not touched.

    With ``account`` what concerns it alone.
    """
    code = domain_of(evidence, domain)

    def repair_copy(diagnosis: Diagnosis, whole: Verification) -> Repair:
        try:
            copy = scratch_store(
                evidence, folder / "scratch", projections=projections_of(code), decoder=decoder_of(code)
            )
            done = repair(
                evidence, copy, operator=INVESTIGATOR, apply=True, digest=evidence.digest, domain=domain,
                account=account, copied=Copied(diagnosis, whole),
            )  # fmt: skip
        except UnusableInput as reason:
            # What was found stands even if the repair can't be tried.
            return Repair(applied=False, verified=False, applied_to="", rows=[["1. restore", str(reason), "by hand"]])
        return _told(done, "a scratch copy of the store", account)

    return repair_copy


def repair_store(
    evidence: Evidence,
    url: str,
    domain: str | None,
    *,
    operator: str,
    really: bool,
    digest: str | None,
    show: Callable[[RepairPlan], None],
) -> Repair:
    """Plan, show the plan, and with ``really`` apply it.

    Raises UnusableInput for a store that this evidence was not captured from, or without the evidence's digest.
    """
    store = EventStore.open(url, create=False)
    done = repair(evidence, store, operator=operator, apply=really, digest=digest, domain=domain, show=show)
    return _told(done, "the store itself" if really else "")


def rows_of(steps: Sequence[RepairStep]) -> list[list[str]]:
    """A plan as a table: the step, what it does or why it doesn't, and its state."""
    return [[f"{step.number}. {step.kind}", _what(step), step.state] for step in steps]


def _what(step: RepairStep) -> str:
    return step.words if step.command is None or step.state in ("held back", "refused") else step.command


def _told(done: Repaired, applied_to: str, account: str | None = None) -> Repair:
    left = done.after.about(account)
    verified = done.verified or (account is not None and not left.unhealthy and not left.unexplained)
    kept = [path for step in done.steps for path in step.kept]
    return Repair(
        applied=done.applied, verified=verified, applied_to=applied_to, rows=list(rows_of(done.steps)),
        event_ids=done.appended, kept=kept, looked_at=done.looked_at,
    )  # fmt: skip
