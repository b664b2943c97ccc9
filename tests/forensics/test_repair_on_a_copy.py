"""A repair that is tried on a scratch copy is judged as one of the store itself would be, by less reading.

The copy is made from the evidence, so what the evidence says of it isn't found out again; what the repair did is. Each
test compares the short look with the whole one.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from lab_incidents import answer, copy_of, incident
from sqlalchemy import Connection

from esworkbench.cqrs.commands import Command
from esworkbench.domains.bank import Bank, bank_decoder
from esworkbench.domains.bank.commands import AdjustBalance
from esworkbench.domains.bank.compensate import BankCompensator
from esworkbench.domains.bank.read_models import BANK_PROJECTIONS, AccountBalances
from esworkbench.event_store import EventStore
from esworkbench.events import Event
from esworkbench.evidence import Evidence, capture
from esworkbench.evidence.capturing.since import capture_since
from esworkbench.forensics.diagnosis.diagnose import diagnose
from esworkbench.forensics.diagnosis.findings import FOUND, Diagnosis
from esworkbench.forensics.repair.apply import Copied, Repaired, apply, look_again, plan
from esworkbench.forensics.repair.plan import Compensator
from esworkbench.forensics.scratch_store import Factories
from esworkbench.forensics.verify import verify, verify_log
from esworkbench.lab.incidents.faults.buggy_handlers import FeesAdded
from tests.support import swept

REPAIRED = ("unresolved_pending", "double_apply", "gap_skipped", "manual_edit", "handler_bug")


def tried(
    evidence: Evidence,
    store: EventStore,
    *,
    compensator: Compensator | None = None,
    projections: Factories = BANK_PROJECTIONS,
    known: Diagnosis | None = None,
) -> Repaired:
    diagnosis = diagnose(evidence)
    compensator = compensator or BankCompensator(Bank(store))
    return apply(
        plan(evidence, diagnosis, operator="Ida", compensator=compensator), store, evidence, digest=evidence.digest,
        projections=projections, decoder=bank_decoder(), compensator=compensator,
        copied=Copied(known or diagnosis, verify_log(evidence)),
    )  # fmt: skip


def accounts(diagnosis: Diagnosis) -> set[str | None]:
    """Of whom something is wrong."""
    return {each.account for each in diagnosis.unhealthy} | {each.account for each in diagnosis.unexplained}


@pytest.mark.parametrize("fault", swept(REPAIRED, every=2))
def test_the_short_look_finds_what_the_whole_one_does(fault: str, tmp_path: Path) -> None:
    evidence = incident(fault)
    store = copy_of(evidence, tmp_path)
    done = tried(evidence, store)
    assert (done.applied, done.verified) == (True, True)
    whole = look_again(store, evidence, evidence.now)
    # What is ruled out by a claim that differs no more is not asked again.
    assert done.after == msgspec.structs.replace(whole, tested=done.after.tested)
    assert {name for name, told in done.after.tested.items() if told == FOUND} == {
        name for name, told in whole.tested.items() if told == FOUND
    }  # fmt: skip
    assert "every claim" in done.looked_at


def test_a_copy_is_what_the_evidence_says_and_not_looked_at_before(tmp_path: Path) -> None:
    """Nobody but the repair has it: a diagnosis that finds nothing leaves nothing to do."""
    evidence = incident("unresolved_pending")
    store = copy_of(evidence, tmp_path)
    nothing = msgspec.structs.replace(diagnose(evidence), findings=[])
    done = tried(evidence, store, known=nothing)
    assert [step.state for step in done.steps] == ["no longer needed"]
    assert (done.applied, done.looked_at) == (False, "")


def test_code_that_repeats_the_error_is_held_back_after_its_trial(tmp_path: Path) -> None:
    """On a copy the rebuild is its own trial, and the answer is that of the trial before a repair of the store."""
    evidence = incident("handler_bug")
    store = copy_of(evidence, tmp_path)
    [projection] = {name for finding in diagnose(evidence).unhealthy for name in finding.sources}
    done = tried(evidence, store, projections={**BANK_PROJECTIONS, projection: FeesAdded})
    assert [step.state for step in done.steps] == ["held back"]
    assert "wouldn't heal it" in done.steps[0].words
    assert (done.applied, done.verified) == (False, False)


class PaysTooMuch(BankCompensator):
    """Makes up for one event by a cent more than the event took."""

    def command_for(self, **given: Any) -> Command:
        return AdjustBalance(
            account_id=given["account"], amount_minor=given["amount_minor"] + 1, currency=given["currency"],
            reason=given["reason"], operator=given["operator"], case_id=given["case_id"], reference="too much",
            valid_at=given["valid_at"],
        )  # fmt: skip


def test_a_compensation_of_the_wrong_amount_is_seen(tmp_path: Path) -> None:
    """The read models follow the events, so only the statement and the compensated event can tell."""
    evidence = incident("unresolved_pending")
    [planted] = answer("unresolved_pending")
    store = copy_of(evidence, tmp_path)
    done = tried(evidence, store, compensator=PaysTooMuch(Bank(store)))
    assert (done.applied, done.verified) == (True, False)
    assert planted.account in accounts(done.after)
    assert done.after == look_again(store, evidence, evidence.now)


class DamagesAnother(AccountBalances):
    """Its rebuild leaves a cent too little on an account that had nothing to do with it."""

    def handle_many(self, events: Sequence[Event], connection: Connection) -> None:
        super().handle_many(events, connection)
        if any(event.recorded.stream_id == "BankAccount-ACC-1003" for event in events):
            connection.exec_driver_sql(
                "UPDATE account_balances SET balance_minor = balance_minor - 1 WHERE account_id = 'ACC-1003'"
            )


def test_a_rebuild_that_damages_another_account_is_seen(tmp_path: Path) -> None:
    evidence = incident("manual_edit")
    [planted] = answer("manual_edit")
    assert planted.account != "ACC-1003"
    store = copy_of(evidence, tmp_path)
    done = tried(evidence, store, projections={**BANK_PROJECTIONS, "account_balances": DamagesAnother})
    assert done.verified is False
    after = look_again(store, evidence, evidence.now)
    assert "ACC-1003" in accounts(after)


def test_an_appended_event_that_is_not_what_was_hashed_is_seen(tmp_path: Path) -> None:
    evidence = incident("unresolved_pending")
    store = copy_of(evidence, tmp_path / "copy")
    tried(evidence, store)
    head = store.head_position()
    with store.engine.begin() as connection:
        for name in (
            connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'events'")
            .scalars()
            .all()
        ):
            connection.exec_driver_sql(f'DROP TRIGGER "{name}"')
        connection.exec_driver_sql("UPDATE events SET metadata = '{}' WHERE global_position = ?", (head,))
    fresh = capture_since(str(store.engine.url), evidence, tmp_path / "since")
    known = verify_log(evidence)
    log = verify_log(fresh, known=known, known_up_to=evidence.manifest.cut.high_water or 0)
    assert [(each.kind, each.position) for each in log.breaks] == [("content", head)]


def test_a_capture_of_what_came_later_is_the_whole_capture(tmp_path: Path) -> None:
    """The same rows in the same files, and it agrees with itself."""
    evidence = incident("unresolved_pending")
    store = copy_of(evidence, tmp_path / "copy")
    tried(evidence, store)
    url = str(store.engine.url)
    whole = capture(url, tmp_path / "whole", ledger=evidence.path / "ledger.toml", progress=False)
    since = capture_since(url, evidence, tmp_path / "since")
    for table in whole.manifest.rows:
        query = f"SELECT * FROM {table} ORDER BY ALL"
        assert since.rows(query) == whole.rows(query), table
    assert since.manifest.rows == whole.manifest.rows
    assert since.manifest.cut.high_water == whole.manifest.cut.high_water
    assert since.manifest.cut.gaps == whole.manifest.cut.gaps
    assert verify(since).breaks == verify(whole).breaks
    assert Evidence.open(since.path).digest == since.digest
