"""Applying a plan: each step once, and then looking again.

The store is captured and diagnosed again before, so that a step that is no longer needed is left out, and after, so
that a repair is judged by what it did and not by what it meant to do. Both times ages are measured at the same
moment, or holds that were young at the cut would be called overdue by the time of the repair.

A scratch copy that was just made from the evidence is what the evidence says, so the first look is the diagnosis at
hand. After the repair every claim is read again and held against all events, but of the log only what was appended is
captured and hashed: the earlier events are the evidence's own. Where nothing was appended, and nothing was wrong but
with read models that were rebuilt, only their claims are held against the events.

Three things stand before the first write: the operator types the digest that capture printed, so that evidence edited
since, its ledger included, moves no money; the store as it is now must allow each step as the evidence did; and a read
model whose finding is no proof is rebuilt on a scratch copy first. Rows that are replaced are kept.
"""

import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from esworkbench.errors import CommandRejected, EsworkbenchError, StoreBusy, UnreadableEvent, UnusableInput
from esworkbench.event_store import EventStore
from esworkbench.events import RecordedEvent
from esworkbench.evidence import Evidence
from esworkbench.evidence.capturing.since import capture_again, capture_since
from esworkbench.forensics.compare.columns import COLUMN_KINDS
from esworkbench.forensics.compare.records import State
from esworkbench.forensics.compare.residuals import Residuals
from esworkbench.forensics.diagnosis.diagnose import diagnose
from esworkbench.forensics.diagnosis.findings import FOUND, RULED_OUT, Diagnosis
from esworkbench.forensics.diagnosis.reach import decided_on_wrong_balances, reach_of_each
from esworkbench.forensics.diagnosis.replay_with_code import Code, replay_with_code
from esworkbench.forensics.diagnosis.shares import shares_of_money
from esworkbench.forensics.repair.kept_rows import keep_rows
from esworkbench.forensics.repair.plan import (
    Compensator,
    RepairPlan,
    RepairStep,
    held_back,
    plan,
    reason_for,
    rebuild_held_back,
)
from esworkbench.forensics.scratch_store import Factories
from esworkbench.forensics.verify import Verification, verify_log
from esworkbench.projections import ProjectionRunner
from esworkbench.projections.rebuilding.lock import one_at_a_time
from esworkbench.projections.rebuilding.strategies import work_folder
from esworkbench.upcasters import EventDecoder

__all__ = [
    "Compensator",
    "Copied",
    "RepairPlan",
    "RepairStep",
    "Repaired",
    "apply",
    "look_again",
    "plan",
    "require_digest",
    "require_same_store",
]

REPAIR = "repair of this store"


class Copied(NamedTuple):
    """What is known of a scratch copy that was just made from the evidence, and that nobody else has: what is of it.

    ``diagnosis`` and ``whole``, what ``verify_log`` said, are the evidence's, at the moment that ages are measured at.
    """

    diagnosis: Diagnosis
    whole: Verification


class Repaired(msgspec.Struct, frozen=True, kw_only=True):
    """The steps and what became of each. ``applied``: something was written. ``verified``: nothing is wrong any more.

    ``after`` is the diagnosis of the store as it is now; of a plan that was not applied, the one it was made from.
    ``looked_at`` says in words what was read again for it, empty where nothing was.
    """

    steps: list[RepairStep]
    applied: bool
    verified: bool
    after: Diagnosis
    looked_at: str = ""

    @classmethod
    def not_applied(cls, planned: RepairPlan, diagnosis: Diagnosis) -> "Repaired":
        """What a dry run comes to: the steps as planned, verified where there was nothing to repair."""
        return cls(steps=planned.steps, applied=False, verified=_settled(diagnosis), after=diagnosis)

    @property
    def appended(self) -> list[str]:
        """Ids of all the events that the repair wrote."""
        return [event_id for step in self.steps for event_id in step.appended]


def apply(
    planned: RepairPlan,
    store: EventStore,
    evidence: Evidence,
    *,
    digest: str,
    projections: Factories,
    decoder: EventDecoder,
    compensator: Compensator | None = None,
    now: datetime | None = None,
    copied: Copied | None = None,
) -> Repaired:
    """Apply every planned step to ``store``, from which ``evidence`` was captured, and verify. Safe to run twice.

    ``digest`` is the evidence's as its capture printed it, ``projections`` are the read models' code by name, and
    ``now`` is the moment ages are measured at, by default the evidence's latest ``recorded_at``. ``copied`` is given
    where the store is a scratch copy. Raises UnusableInput for another digest, StoreBusy while another repair of the
    store is under way, with nothing written.
    """
    require_digest(evidence, digest)
    now = now or evidence.now
    if copied:
        return _applied(planned, store, evidence, projections, decoder, compensator, now, copied)
    # Two at once would each look while the other is half done, and call it wrong.
    with one_at_a_time(store, REPAIR, work_folder(store) / "repair of the store", REPAIR):
        return _applied(planned, store, evidence, projections, decoder, compensator, now, None)


def _applied(
    planned: RepairPlan,
    store: EventStore,
    evidence: Evidence,
    projections: Factories,
    decoder: EventDecoder,
    compensator: Compensator | None,
    now: datetime,
    copied: Copied | None,
) -> Repaired:
    before = copied.diagnosis if copied else look_again(store, evidence, now)
    steps: list[RepairStep] = []
    for planned_step in planned.steps:
        step = planned_step
        if step.state == "planned":
            step = _now_allowed(step, before, store)
        try:
            if step.state == "planned" and step.kind == "compensate" and compensator is not None:
                step = _compensate(step, store, planned, compensator)
            elif step.state == "planned" and step.kind == "rebuild":
                trial_at = None if copied else now
                step = _rebuild(step, store, evidence, projections, decoder, planned.case_id, trial_at)
        except EsworkbenchError as error:
            if not any(each.state == "applied" for each in steps) and isinstance(error, StoreBusy):
                raise
            # What was written before stands, so the answer has to tell of it.
            step = _held(step, f"it could not be done: {error}")
        steps.append(step)
    if any(step.appended for step in steps):
        behind = _catch_up(store, evidence, projections, decoder, planned.case_id)
        steps = [_followed_by(step, behind) if step.appended else step for step in steps]
    applied = any(step.state == "applied" for step in steps)
    if not applied:
        return Repaired(steps=steps, applied=False, verified=_settled(before), after=before)
    if not copied:
        after, looked_at = look_again(store, evidence, now), "the whole store"
    else:
        after, looked_at = _look_at_copy(store, evidence, now, copied, steps)
        steps = [_tried(step, after) for step in steps]
        if not any(step.state == "applied" for step in steps):
            applied, after = False, before
    return Repaired(steps=steps, applied=applied, verified=_settled(after), after=after, looked_at=looked_at)


def require_digest(evidence: Evidence, digest: str) -> None:
    """Raises UnusableInput unless ``digest`` is the evidence's, which only whoever saw the capture knows."""
    if digest.strip().lower() != evidence.digest:
        raise UnusableInput(
            f"{digest!r} is not the digest of {evidence.path}: type the one that its capture printed, and if this is "
            "it, the evidence was changed since and nothing may be repaired from it"
        )


def require_same_store(evidence: Evidence, store: EventStore) -> None:
    """The last event of the evidence that the store can read must stand there, at its place and with its hash.

    Raises UnusableInput.
    """
    last = evidence.rows(
        "SELECT position, event_id, hash FROM events WHERE position > 0 AND position NOT IN (SELECT position FROM "
        "oddities WHERE source = 'events' AND position IS NOT NULL) ORDER BY position DESC LIMIT 1"
    )
    if not last:
        return
    [(position, event_id, event_hash)] = last
    there = store.read_all(after=position - 1, limit=1)
    if not there or (there[0].event_id, there[0].hash) != (event_id, event_hash):
        raise UnusableInput(
            f"the store is not the one that {evidence.path} was captured from: at position {position} it doesn't hold "
            f"event {event_id}; capture it again, or name the store it is from"
        )


def look_again(store: EventStore, evidence: Evidence, now: datetime) -> Diagnosis:
    """Diagnose the store as it is at this moment, by the evidence's own ledger definition, and by the statements and
    anchors that were added to it."""
    with tempfile.TemporaryDirectory(prefix="esworkbench-") as folder:
        url = store.engine.url.render_as_string(hide_password=False)
        fresh = capture_again(url, evidence, Path(folder) / "evidence")
        return diagnose(fresh, now=now)


def _look_at_copy(
    store: EventStore, evidence: Evidence, now: datetime, copied: Copied, steps: Sequence[RepairStep]
) -> tuple[Diagnosis, str]:
    """Diagnose a scratch copy of the evidence, and say in words what was read again for it.

    Where nothing was appended, each rebuilt read model follows the events, and nothing else was wrong, the rest is as
    it was.
    """
    held = evidence.manifest.cut.high_water or 0
    replaced = sorted({step.projection for step in steps if step.state == "applied" and step.projection})
    with tempfile.TemporaryDirectory(prefix="esworkbench-") as folder:
        url = store.engine.url.render_as_string(hide_password=False)
        fresh = capture_since(url, evidence, Path(folder) / "evidence")
        appended = fresh.manifest.cut.high_water != evidence.manifest.cut.high_water
        healed = _without(copied.diagnosis, replaced)
        if _settled(healed) and not healed.divergences and not appended and not any(
            Residuals(fresh, now=now, against=name).found(ALL_STATES) for name in replaced
        ):  # fmt: skip
            return _counted_anew(healed, fresh, now), f"every claim of {' and '.join(replaced)}, against all events"
        whole = verify_log(fresh, known=copied.whole, known_up_to=held)
        after = diagnose(fresh, now=now, whole=whole)
        return after, "every claim, against all events, and what was appended to them"


ALL_STATES = tuple(State)


def _without(diagnosis: Diagnosis, healed: Sequence[str]) -> Diagnosis:
    """What is left of a diagnosis when these read models differ from the events no more, and all else is the same."""
    sources = set(healed)
    unexplained = [each for each in diagnosis.unexplained if each.source not in sources]
    findings = [each for each in diagnosis.findings if not each.sources or not sources.issuperset(each.sources)]
    still = {each.fault for each in findings}
    tested = {fault: RULED_OUT if told == FOUND and fault not in still else told
              for fault, told in diagnosis.tested.items()}  # fmt: skip
    divergences = diagnosis.divergences if unexplained or any(each.explains for each in findings) else 0
    return msgspec.structs.replace(
        diagnosis, findings=findings, unexplained=unexplained, tested=tested, divergences=divergences
    )


def _counted_anew(healed: Diagnosis, fresh: Evidence, now: datetime) -> Diagnosis:
    """With reach and shares as they are now that no claim differs."""
    claims = [each for each in Residuals(fresh, now=now).sources() if each.kind not in COLUMN_KINDS]
    return msgspec.structs.replace(
        healed,
        reach=reach_of_each(fresh, healed.findings),
        decided=decided_on_wrong_balances(fresh, healed.findings),
        shares=shares_of_money(fresh, claims, [], [], healed.unposted),
    )


def _settled(diagnosis: Diagnosis) -> bool:
    return not diagnosis.unhealthy and not diagnosis.unexplained


def _now_allowed(step: RepairStep, now_found: Diagnosis, store: EventStore) -> RepairStep:
    """The step as the store now allows it: done before, no longer needed, held back, or planned still.

    A rebuild is needed while its read model shows any fault; any other step while its own finding is still made. Where
    it isn't, that alone doesn't say that this was done: a hold may have been answered otherwise, by another command.
    """
    if step.kind == "rebuild":
        assert step.projection is not None
        still = [finding for finding in now_found.unhealthy if step.projection in finding.sources]
        reason = rebuild_held_back(now_found, step.projection, still)
    else:
        still = [
            finding
            for finding in now_found.unhealthy
            if (finding.fault, finding.account, finding.currency) == (step.fault, step.account, step.currency)
            and (step.original is None or step.original.event_id in finding.event_ids)
        ]
        reason = held_back(now_found, still[0]) if still else ""
        reason += f" ({still[0].proof})" if reason and still[0].certainty != "proven" else ""
    if not still and step.kind == "compensate":
        return _not_found_any_more(step, now_found, store)
    if not still:
        return _now(step, "done before")
    return _held(step, f"as the store is now, {reason}") if reason else step


def _not_found_any_more(step: RepairStep, now_found: Diagnosis, store: EventStore) -> RepairStep:
    """Done before only where an event of the store says that it was. What is found instead is a case of its own."""
    original = step.original
    if original is not None and already_compensated(store, original.stream_id, original.event_id):
        return _now(step, "done before")
    others = sorted({each.fault for each in now_found.unhealthy if each.account == step.account})
    others += ["something unexplained"] * any(each.account == step.account for each in now_found.unexplained)
    if others:
        return _held(step, f"as the store is now, {', '.join(others)} is found instead: capture and diagnose it again")
    return _now(step, "no longer needed")


def _compensate(step: RepairStep, store: EventStore, planned: RepairPlan, compensator: Compensator) -> RepairStep:
    original = step.original
    assert original is not None
    assert original.valid_at is not None, "what can't be dated is held back"
    assert step.account is not None
    assert step.currency is not None
    if already_compensated(store, original.stream_id, original.event_id):
        return _now(step, "done before")
    reason = reason_for(step.fault, original.position)
    command = compensator.command_for(
        account=step.account, currency=step.currency, amount_minor=original.amount, event_id=original.event_id,
        event_type=original.event_type, payload=original.payload, reason=reason, operator=planned.operator,
        case_id=planned.case_id, valid_at=original.valid_at, answered=original.answered,
    )  # fmt: skip
    metadata = {
        "compensates": original.event_id, "reason": reason, "operator": planned.operator, "case_id": planned.case_id,
    }  # fmt: skip
    try:
        reply = compensator.send(
            command, idempotency_key=f"repair:{step.fault}:{original.event_id}", operator=planned.operator,
            metadata=metadata,
        )  # fmt: skip
    except CommandRejected as refused:
        return msgspec.structs.replace(step, state="refused", words=f"{step.words}; refused: {refused}")
    if reply.repeated:
        return _now(step, "done before")
    [written] = store.read_stream(reply.stream_id, after_version=reply.version - 1, up_to_version=reply.version)
    return msgspec.structs.replace(step, state="applied", appended=[written.event_id])


def already_compensated(store: EventStore, stream_id: str, event_id: str) -> bool:
    """True when an event of the stream says that it compensates this one, whoever wrote it and with whatever key."""
    return any(_compensated_by(event) == event_id for event in store.read_stream(stream_id))


def _compensated_by(event: RecordedEvent) -> object:
    """The id of the event that this one says it compensates; what can't be read says nothing."""
    try:
        return event.metadata_dict().get("compensates")
    except UnreadableEvent:
        return None


def _rebuild(
    step: RepairStep,
    store: EventStore,
    evidence: Evidence,
    projections: Factories,
    decoder: EventDecoder,
    case_id: str,
    trial_at: datetime | None,
) -> RepairStep:
    """Replace the read model. Where it needs a trial, that is made on a scratch copy, at the moment ``trial_at``."""
    factory = projections.get(step.projection or "")
    if factory is None:
        return msgspec.structs.replace(step, state="by hand", words=f"{step.words}; its code is not at hand")
    if step.on_trial and trial_at and replay_with_code(evidence, trial_at, Code(factory, decoder)).residuals:
        return _held(step, NOT_HEALED)
    kept = keep_rows(store, factory(), evidence.path)
    ProjectionRunner(store, factory(), decoder, run_id=f"repair-{case_id}").rebuild()
    return msgspec.structs.replace(step, state="applied", kept=[str(path) for path in kept])


NOT_HEALED = "replayed with this code on a scratch copy it still differs from the events, so a rebuild wouldn't heal it"


def _tried(step: RepairStep, after: Diagnosis) -> RepairStep:
    """On a scratch copy a rebuild is its own trial: the step held back if the read model is still wrong after it."""
    wrong = [finding for finding in after.unhealthy if step.projection in finding.sources]
    loose = [each for each in after.unexplained if each.source == step.projection]
    return _held(step, NOT_HEALED) if step.on_trial and step.state == "applied" and (wrong or loose) else step


def _catch_up(
    store: EventStore, evidence: Evidence, projections: Factories, decoder: EventDecoder, case_id: str
) -> list[str]:
    """Let the read models that run on this store see what was appended; why not, of each that could not."""
    behind = []
    for name, factory in projections.items():
        if evidence.checkpoint(name) is not None:
            try:
                ProjectionRunner(store, factory(), decoder, run_id=f"repair-{case_id}").catch_up()
            except EsworkbenchError as error:
                behind.append(f"{name} has not followed: {error}")
    return behind


def _followed_by(step: RepairStep, behind: Sequence[str]) -> RepairStep:
    return msgspec.structs.replace(step, words="; ".join([step.words, *behind]))


def _held(step: RepairStep, reason: str) -> RepairStep:
    return msgspec.structs.replace(step, state="held back", words=f"{step.words}; {reason}")


def _now(step: RepairStep, state: str) -> RepairStep:
    return msgspec.structs.replace(step, state=state)
