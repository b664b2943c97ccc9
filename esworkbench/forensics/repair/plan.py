"""The plan of a repair: a step for each thing to do, in words, and as the domain's command if its compensator is given.

Nothing is ever edited. Wrong events are compensated by appending; what the read side got wrong is rebuilt; what the log
itself lost only a backup brings back, and until then nothing is appended to it and no read model that may still show it
is touched. Money moves on proof alone: a step that isn't backed by a finding that is proven, told apart from its
look-alikes, and takes exactly that much of a claim's difference, is held back with the reason.
(TigerBeetle's rule: corrections are new, linked transfers.)
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from esworkbench.cqrs.commands import Command, CommandReply
from esworkbench.credentials import shows_a_password
from esworkbench.errors import UnusableInput
from esworkbench.evidence import Evidence
from esworkbench.forensics.compare.holds import hold_limit, make_holds
from esworkbench.forensics.diagnosis.catalogue import FAULTS
from esworkbench.forensics.diagnosis.fault import RepairKind
from esworkbench.forensics.diagnosis.findings import Diagnosis, Finding

if TYPE_CHECKING:
    import duckdb

LAST_MOMENT = datetime(9999, 12, 30, tzinfo=UTC)
NO_DATE = "the log doesn't tell its time, so nothing says what date a compensation has: append it by hand"


class Compensator(Protocol):
    """What a domain provides to correct its accounts. The bank's is ``domains.bank.compensate``."""

    def command_for(
        self,
        *,
        account: str,
        currency: str,
        amount_minor: int,
        event_id: str,
        event_type: str,
        payload: Mapping[str, Any],
        reason: str,
        operator: str,
        case_id: str,
        valid_at: datetime,
        answered: bool = False,
    ) -> Command:
        """The command that moves the account by ``amount_minor`` on behalf of one event, dated ``valid_at``.

        ``answered``: the event is a request that was settled or cancelled since, so there is no hold to answer.
        """

    def send(
        self, command: Command, *, idempotency_key: str, operator: str, metadata: Mapping[str, Any]
    ) -> CommandReply:
        """Handle it once, however often it is sent."""


class Original(msgspec.Struct, frozen=True, kw_only=True):
    """The event to compensate, and the minor units that it takes.

    ``valid_at`` is when the compensation was true in the world: when the hold lapsed or was answered, else when the
    event was valid. A statement of any later day then agrees with the events, as it must. None where the log doesn't
    tell the time. ``answered``: it is a request that has its answer.
    """

    event_id: str
    event_type: str
    stream_id: str
    position: int
    payload: dict[str, Any]
    amount: int
    valid_at: datetime | None
    answered: bool = False


class RepairStep(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to do. ``words`` say what and why; ``command`` is the domain's, where there is one.

    ``state``: planned; held back (with the reason in ``words``); applied; done before; no longer needed; refused; by
    hand.
    ``on_trial``: planned, and to be applied only where the projection's own code, replayed on a scratch copy, puts the
    read model right. ``appended`` are the ids of the events it wrote, ``kept`` the files with the rows it replaced.
    """

    number: int
    kind: RepairKind
    fault: str
    account: str | None
    currency: str | None
    amount: int
    words: str
    projection: str | None = None
    original: Original | None = None
    command: str | None = None
    state: str = "planned"
    on_trial: bool = False
    appended: list[str] = []
    kept: list[str] = []


class RepairPlan(msgspec.Struct, frozen=True, kw_only=True):
    """All steps, those that append first. ``case_id`` names the case in every event that the repair appends."""

    steps: list[RepairStep]
    operator: str
    case_id: str


def require_no_password(operator: str) -> None:
    """Raises UnusableInput for a name with a password in it: it goes into events, which nobody can edit."""
    if shows_a_password(operator):
        raise UnusableInput(
            "the operator's name is kept in events, plan and case, and a password seems to stand in it (so it isn't "
            "repeated here): give a name alone"
        )


def plan(
    evidence: Evidence,
    diagnosis: Diagnosis,
    *,
    operator: str,
    account: str | None = None,
    case_id: str | None = None,
    compensator: Compensator | None = None,
) -> RepairPlan:
    """What each unhealthy finding asks for. Writes nothing. ``case_id`` defaults to the evidence's digest.

    With ``account``, of the findings that concern it alone; what holds a step back is asked of all.

    Raises UnusableInput for an ``operator`` with a password in it.
    """
    require_no_password(operator)
    case = case_id or f"case-{evidence.digest[:12]}"
    findings = [
        finding for finding in diagnosis.unhealthy if finding.alternative_to is None and finding.concerns(account)
    ]
    ours = {model.projection for model in evidence.ledger.read_model}
    steps: list[RepairStep] = []
    wrong: list[Finding] = []
    by_hand: list[Finding] = []
    connection = evidence.connection()
    if any(_kind(finding) == "compensate" for finding in findings):
        make_holds(connection, evidence)
    for finding in findings:
        if _kind(finding) == "compensate" and finding.account is not None and finding.event_ids:
            steps += _compensations(evidence, connection, diagnosis, finding, operator, case, compensator)
        elif _kind(finding) == "rebuild" and not ours.isdisjoint(finding.sources):
            wrong.append(msgspec.structs.replace(finding, sources=[each for each in finding.sources if each in ours]))
        else:
            by_hand.append(finding)
    steps += _rebuilds(diagnosis, wrong)
    steps += [_by_hand(finding) for finding in by_hand]
    numbered = [msgspec.structs.replace(step, number=number) for number, step in enumerate(steps, start=1)]
    return RepairPlan(steps=numbered, operator=operator, case_id=case)


def held_back(diagnosis: Diagnosis, finding: Finding) -> str:
    """Why nothing may be appended on the ground of this finding; empty where it may."""
    like = sorted({each.fault for each in _alternatives(diagnosis, finding)})
    amount = finding.amount
    if disputed := _log_disputed(diagnosis):
        return disputed
    if finding.certainty != "proven":
        return f"it is {finding.certainty}, and money moves on proof alone: see what its proof says is missing"
    if like:
        return f"the evidence doesn't tell it apart from {', '.join(like)}"
    if amount and amount not in finding.explains.values():
        return "no claim differs by exactly that amount, so nothing shows that it is owed"
    if loose := [each for each in diagnosis.unexplained if each.account == finding.account]:
        return f"something about this account is unexplained: {loose[0].words}"
    return ""


def rebuild_held_back(diagnosis: Diagnosis, projection: str, findings: Sequence[Finding]) -> str:
    """Why this read model may not be replaced; empty where it may."""
    if disputed := _log_disputed(diagnosis):
        return f"{disputed}, since this read model may be the only witness left"
    accounts = {finding.account for finding in findings}
    loose = [each for each in diagnosis.unexplained if each.source == projection or each.account in accounts]
    return f"something that it shows is unexplained: {loose[0].words}" if loose else ""


def _log_disputed(diagnosis: Diagnosis) -> str:
    """Whether anything speaks against the log itself, however faintly, and what."""
    against = [each for each in diagnosis.unhealthy if _kind(each) == "restore"]
    if against:
        return f"not before {against[0].fault} is dealt with"
    broken = [each for each in diagnosis.unexplained if each.source == "events"]
    return f"not before the log is whole: {broken[0].words}" if broken else ""


def _alternatives(diagnosis: Diagnosis, finding: Finding) -> list[Finding]:
    key = (finding.fault, finding.account, finding.currency)
    return [each for each in diagnosis.unhealthy if (each.alternative_to, each.account, each.currency) == key]


def reason_for(fault: str, position: int) -> str:
    """The reason that a compensating event gives."""
    return f"repair of {fault} at position {position}"


def _kind(finding: Finding) -> RepairKind:
    return FAULTS[finding.fault].repair


def _compensations(
    evidence: Evidence,
    connection: "duckdb.DuckDBPyConnection",
    diagnosis: Diagnosis,
    finding: Finding,
    operator: str,
    case: str,
    compensator: Compensator | None,
) -> list[RepairStep]:
    """One step for each event, held back where proof is short. ``connection`` has the table of holds."""
    assert finding.account is not None
    assert finding.currency is not None
    steps = []
    for original in _originals(evidence, connection, finding):
        words = f"compensate the {original.event_type} at position {original.position}: {finding.remedy}"
        state, command = "planned", None
        if compensator is None:
            state = "by hand"
        elif original.valid_at is None:
            state, words = "held back", f"{words}; {NO_DATE}"
        else:
            made = compensator.command_for(
                account=finding.account, currency=finding.currency, amount_minor=original.amount,
                event_id=original.event_id, event_type=original.event_type, payload=original.payload,
                reason=reason_for(finding.fault, original.position), operator=operator, case_id=case,
                valid_at=original.valid_at, answered=original.answered,
            )  # fmt: skip
            command = f"{type(made).__name__} {json.dumps(msgspec.to_builtins(made), sort_keys=True)}"
        if reason := held_back(diagnosis, finding):
            state, words = "held back", f"{words}; {reason}"
        steps.append(
            RepairStep(
                number=0, kind="compensate", fault=finding.fault, account=finding.account, currency=finding.currency,
                amount=original.amount, words=words, original=original, command=command, state=state,
            )
        )  # fmt: skip
    return steps


def _originals(evidence: Evidence, connection: "duckdb.DuckDBPyConnection", finding: Finding) -> list[Original]:
    pending, lapse = evidence.ledger.pending, hold_limit(evidence.ledger)
    rows = connection.execute(
        """
        SELECT e.event_id, e.type, e.stream_id, e.position, e.payload, -sum(p.amount_minor)::BIGINT, e.valid_at,
               e.recorded_at, h.event_id IS NOT NULL, any_value(h.final_at)
        FROM events AS e JOIN postings AS p USING (event_id)
        LEFT JOIN (SELECT DISTINCT event_id, final_at FROM holds WHERE answered_by IS NOT NULL) AS h USING (event_id)
        WHERE list_contains($ids, e.event_id) AND p.account = $account AND p.currency = $currency
        GROUP BY ALL ORDER BY e.position
        """,
        {"ids": finding.event_ids, "account": finding.account, "currency": finding.currency},
    )
    return [
        Original(
            event_id=event_id, event_type=event_type, stream_id=stream_id, position=position,
            payload=json.loads(payload), answered=answered,
            # A hold that the statement has booked: its settlement moves nothing more.
            amount=0 if pending and event_type == pending.request and not finding.amount else amount,
            valid_at=final_at if answered
            else _lapsed(recorded_at, lapse) if pending and event_type == pending.request else valid_at,
        )
        for event_id, event_type, stream_id, position, payload, amount, valid_at, recorded_at, answered, final_at
        in rows.fetchall()
    ]  # fmt: skip


def _lapsed(asked: datetime | None, lapse: timedelta) -> datetime | None:
    """When the hold lapsed; None where that can't be told, or lies past the last moment there is."""
    return None if asked is None or asked > LAST_MOMENT - lapse else asked + lapse


def _rebuilds(diagnosis: Diagnosis, findings: list[Finding]) -> list[RepairStep]:
    """One rebuild for each read model, whatever is wrong with it."""
    wrong: dict[str, list[Finding]] = {}
    for finding in findings:
        for source in finding.sources:
            wrong.setdefault(source, []).append(finding)
    steps = []
    for projection, faults in wrong.items():
        names = sorted({finding.fault for finding in faults})
        words = f"drop {projection} and replay it from the first event, for {', '.join(names)}"
        state = "planned"
        if reason := rebuild_held_back(diagnosis, projection, faults):
            state, words = "held back", f"{words}; {reason}"
        one = faults[0] if len(faults) == 1 else None
        steps.append(
            RepairStep(
                number=0, kind="rebuild", fault=names[0], account=one.account if one else None,
                currency=one.currency if one else None, amount=one.amount if one else 0, words=words,
                projection=projection, state=state, on_trial=any(each.certainty != "proven" for each in faults),
            )
        )  # fmt: skip
    return steps


def _by_hand(finding: Finding) -> RepairStep:
    return RepairStep(
        number=0, kind=_kind(finding), fault=finding.fault, account=finding.account, currency=finding.currency,
        amount=finding.amount, words=finding.remedy, state="by hand",
    )  # fmt: skip
