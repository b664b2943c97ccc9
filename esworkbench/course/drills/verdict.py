"""A verdict, and the points it earns: by what was found and by the state of the bank, never by the method."""

import tempfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Engine, select

from esworkbench.composition import capture, repair
from esworkbench.course.drills.begin import SCALE
from esworkbench.course.drills.everything import with_all_evidence
from esworkbench.course.drills.fingerprint import Rows, changes, rows_by_account
from esworkbench.course.drills.planted import planted_in
from esworkbench.course.drills.record import BANK, Clock, Drill, DrillEntry, add, bank_in
from esworkbench.errors import UnusableInput
from esworkbench.event_store import EventStore
from esworkbench.event_store.database import sqlite_url
from esworkbench.event_store.schema import events
from esworkbench.forensics.diagnosis.catalogue import FAULTS
from esworkbench.forensics.diagnosis.diagnose import diagnose
from esworkbench.lab import KEY_BESIDE, PlantedFault, build_incident

RUBRIC = {
    "cause": (25, "the fault's name, or one that the evidence doesn't tell apart from it"),
    "account": (10, "an account that it hit"),
    "events": (20, "exactly the events at fault on that account, or those that the evidence gives"),
    "amount": (15, "its share of claimed − event sum there, with its sign and currency"),
    "repair": (15, "claims and events agree again; what no command here puts right was left as it is"),
    "collateral": (15, "events and rows of every other account are what they were, byte for byte"),
}
"""The parts of a verdict: points and what earns them, a hundred in all."""
HINT_COSTS = 5
AGAIN_COSTS = 10
"""For each verdict that came before."""
UNEXPLAINED = "unexplained"
"""What an honest verdict names where nothing in the evidence tells the cause."""


class Claimed(NamedTuple):
    """What the learner says it was: a fault, or UNEXPLAINED.

    ``amount`` is in minor units; a fault of the whole store has no account.
    """

    fault: str
    account: str | None
    events: Sequence[str]
    amount: int
    currency: str | None


def judge(folder: Path, drill: Drill, claimed: Claimed, *, clock: Clock) -> DrillEntry:
    """Judge the verdict beside the sealed answer, and the bank as it is now; on record in ``drill.json``.

    Raises UnusableInput where the answer has been seen, for a name that is no fault's or account's, and where there is
    no bank to look at.
    """
    _require_untold(drill)
    if claimed.fault not in (*FAULTS, UNEXPLAINED):
        raise UnusableInput(f"there is no fault {claimed.fault!r}: there are {', '.join(FAULTS)}, or say {UNEXPLAINED}")
    if claimed.account is not None and claimed.account not in drill.fingerprint:
        raise UnusableInput(f"there is no account {claimed.account!r}: there are {', '.join(drill.fingerprint)}")
    at = clock()
    planted = planted_in(folder)
    store = EventStore.open(bank_in(folder), create=False)
    rows = rows_by_account(store.engine)
    hit = accounts_hit(planted, store.engine)
    store.engine.dispose()
    harmed = changes(drill.fingerprint, rows, (drill.fingerprint.keys() | rows.keys()) - hit)
    right = found_out(planted, claimed, hit, account=drill.account, seed=drill.seed)
    right["repair"] = _repaired(folder, drill, rows, hit)
    right["collateral"] = not harmed
    points = {part: worth if right[part] else 0 for part, (worth, _) in RUBRIC.items()}
    words = list(harmed)
    late = drill.minutes_until(at) - drill.minutes
    if late >= 0:
        words.append(f"late: the time was up {late} minutes ago")

    def judged(now: Drill) -> DrillEntry:
        _require_untold(now)
        cost = cost_of(now.happened)
        return DrillEntry(at=at, what="verdict", words=words, points=points, cost=cost, total=total_of(points, cost))

    return add(folder, drill, judged)


def cost_of(happened: Sequence[DrillEntry]) -> int:
    """What a verdict costs after all this."""
    before = [each.what for each in happened]
    return HINT_COSTS * before.count("hint") + AGAIN_COSTS * before.count("verdict")


def total_of(points: Mapping[str, int], cost: int) -> int:
    """What is left of the points; never less than nothing."""
    return max(0, sum(points.values()) - cost)


def _require_untold(drill: Drill) -> None:
    if drill.told:
        raise UnusableInput("the answer of this drill has been seen, so no verdict counts any more: start another")


def accounts_hit(planted: Sequence[PlantedFault], engine: Engine) -> set[str]:
    """The accounts that the fault is about; of a fault of the whole store, those whose events it names."""
    named = {each.account for each in planted if each.account is not None}
    unnamed = [event_id for each in planted if each.account is None for event_id in each.event_ids]
    with engine.connect() as connection:
        streams = connection.scalars(select(events.c.stream_id).where(events.c.event_id.in_(unnamed))).all()
    return named | {stream.partition("-")[2] for stream in streams}


def found_out(
    planted: Sequence[PlantedFault], claimed: Claimed, hit: Collection[str], *, account: str, seed: int
) -> dict[str, bool]:
    """Which of cause, account, events and amount are right, in a small bank of that seed.

    Of a wrong account the rest is judged by the complaint's own, ``account``. Right is what was planted, and what the
    evidence tells of it.
    """
    whole_store = planted[0].account is None
    account = claimed.account if claimed.account is not None and claimed.account in hit else account
    share = next((each for each in planted if each.account == account), planted[0])
    answers = [Claimed(share.fault, share.account, share.event_ids, share.amount, share.currency)]
    right = _held_against(answers, claimed, whole_store)
    if not all(right.values()):
        right = _held_against([*answers, *told_by_evidence(seed, share)], claimed, whole_store)
    return {**right, "account": claimed.account in hit or (whole_store and claimed.account is None)}


def _held_against(answers: Sequence[Claimed], claimed: Claimed, whole_store: bool) -> dict[str, bool]:
    return {
        "cause": any(claimed.fault == each.fault for each in answers),
        "events": any(set(claimed.events) == set(each.events) for each in answers),
        "amount": any(
            claimed.amount == each.amount and (whole_store or claimed.currency == each.currency) for each in answers
        ),
    }


def told_by_evidence(seed: int, share: PlantedFault) -> list[Claimed]:
    """The verdicts that a diagnosis of all the evidence comes to on a planted fault: its finding, and those it can't
    tell it apart from; or, where it names no cause, what it leaves unexplained of that account.

    The bank is built once more from its seed, because by now the learner may have repaired it.
    """
    with tempfile.TemporaryDirectory(prefix="esworkbench-") as folder:
        key = Path(folder) / KEY_BESIDE
        again = build_incident(sqlite_url(Path(folder) / BANK), fault=share.fault, seed=seed, scale=SCALE, key_file=key)
        diagnosis = diagnose(with_all_evidence(again.url, Path(folder) / "evidence"))
    here = [
        each for each in diagnosis.findings
        if (each.account, each.currency) == (share.account, share.currency)
        or (None in (each.account, share.account) and each.fault == share.fault)
    ]  # fmt: skip
    first = {each.alternative_to or each.fault for each in here if each.fault == share.fault}
    told = [each for each in here if first & {each.fault, each.alternative_to}]
    if told:
        return [Claimed(each.fault, each.account, each.event_ids, each.amount, each.currency) for each in told]
    return [
        Claimed(UNEXPLAINED, each.account, [], each.amount, each.currency)
        for each in diagnosis.unexplained
        if (each.account, each.currency) == (share.account, share.currency)
    ]


def _repaired(folder: Path, drill: Drill, rows: Rows, hit: Collection[str]) -> bool:
    """Whether a diagnosis of the bank as it is now finds nothing wrong with the accounts hit, nor with the log.

    No command brings a lost event back, or asks the bank for another statement: where none would do anything, leaving
    all traces as they are is right too.
    """
    with tempfile.TemporaryDirectory(prefix="esworkbench-") as scratch:
        evidence = capture(bank_in(folder), Path(scratch) / "evidence", progress=False)
        diagnosis = diagnose(evidence, now=drill.bank_now)
        wrong = [each.account for each in diagnosis.unhealthy] + [each.account for each in diagnosis.unexplained]
        if not any(account is None or account in hit for account in wrong):
            return True
        if changes(drill.fingerprint, rows, hit):
            return False
        store = EventStore.open(bank_in(folder), create=False)
        plan = repair(evidence, store, operator="drill", diagnosis=diagnosis)
        store.engine.dispose()
    return not any(step.state == "planned" and step.kind in ("compensate", "rebuild") for step in plan.steps)
