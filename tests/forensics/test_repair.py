"""Repair: dry first, applied once, verified by looking again; and never over the only witness."""

import json
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest
from broken_copy import Copy
from lab_incidents import answer, captured, copy_of, incident

from esworkbench import composition
from esworkbench.archive import MANIFEST, Manifest, file_digest
from esworkbench.domains.bank import Bank, CloseAccount, bank_decoder
from esworkbench.domains.bank.compensate import BankCompensator
from esworkbench.domains.bank.read_models import BANK_PROJECTIONS
from esworkbench.errors import StoreBusy, UnusableInput
from esworkbench.event_store import EventStore
from esworkbench.evidence import Evidence
from esworkbench.forensics.diagnosis.diagnose import diagnose
from esworkbench.forensics.diagnosis.findings import Diagnosis, Unexplained
from esworkbench.forensics.repair import apply as apply_module
from esworkbench.forensics.repair.apply import Repaired, apply, plan
from esworkbench.forensics.repair.kept_rows import keep_rows
from esworkbench.forensics.repair.plan import RepairStep, held_back, rebuild_held_back
from esworkbench.lab.incidents.faults.buggy_handlers import FeesAdded
from tests.support import swept

REBUILT = ("double_apply", "gap_skipped", "manual_edit", "handler_bug", "rounding")
RESTORED = ("event_deleted", "payload_edited", "tail_truncated")


def repair(evidence: Evidence, store: EventStore, *, operator: str = "Ida", case_id: str = "case-1") -> Repaired:
    compensator = BankCompensator(Bank(store))
    planned = plan(evidence, diagnose(evidence), operator=operator, case_id=case_id, compensator=compensator)
    return apply(
        planned,
        store,
        evidence,
        digest=evidence.digest,
        projections=BANK_PROJECTIONS,
        decoder=bank_decoder(),
        compensator=compensator,
    )


def contents(store: EventStore) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table."""
    with store.engine.connect() as connection:
        tables = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").scalars().all()
        return {table: [tuple(row) for row in connection.exec_driver_sql(f"SELECT * FROM {table}")] for table in tables}


def test_a_plan_writes_nothing(tmp_path: Path) -> None:
    """Dry run first: the plan holds the very command, and the store is as it was."""
    evidence = incident("unresolved_pending")
    store = copy_of(evidence, tmp_path)
    before = contents(store)
    planned = plan(evidence, diagnose(evidence), operator="Ida", compensator=BankCompensator(Bank(store)))
    assert contents(store) == before
    [step] = planned.steps
    assert (step.kind, step.state) == ("compensate", "planned")
    assert step.command is not None
    assert step.command.startswith("CancelWithdrawal ")


def test_of_two_repairs_at_once_the_second_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It looked while the first was half done, found everything done before, and said: NOT verified."""
    evidence = incident("unresolved_pending")
    store = copy_of(evidence, tmp_path)
    head = store.head_position()
    really = apply_module._compensate

    def meanwhile(*arguments: Any) -> RepairStep:
        with pytest.raises(StoreBusy, match="another repair of this store is under way"):
            repair(evidence, store, operator="Bob")
        return really(*arguments)

    monkeypatch.setattr(apply_module, "_compensate", meanwhile)
    done = repair(evidence, store)
    assert (done.applied, done.verified, len(store.read_all(after=head))) == (True, True, 1)
    monkeypatch.undo()
    again = repair(evidence, store, operator="Bob")
    assert ([step.state for step in again.steps], again.applied, again.verified) == (["done before"], False, True)


def test_a_lost_answer_is_made_up_for_by_appending(tmp_path: Path) -> None:
    """The compensating event names reason, operator and case, and the event it compensates; nothing else is written."""
    evidence = incident("unresolved_pending")
    [planted] = answer("unresolved_pending")
    store = copy_of(evidence, tmp_path)
    head = store.head_position()
    done = repair(evidence, store)
    [written] = store.read_all(after=head)
    assert done.appended == [written.event_id]
    assert written.event_type == "WithdrawalCancelled"
    metadata = written.metadata_dict()
    assert metadata["compensates"] == planted.event_ids[0]
    assert (metadata["operator"], metadata["case_id"], metadata["actor"]) == ("Ida", "case-1", "Ida")
    assert "unresolved_pending" in metadata["reason"]
    assert (done.applied, done.verified) == (True, True)
    assert done.after.findings == [], "the read models have seen what was appended"


def test_a_repair_applied_twice_appends_once(tmp_path: Path) -> None:
    """Safe to run twice: also for another operator, under another case."""
    evidence = incident("unresolved_pending")
    store = copy_of(evidence, tmp_path)
    repair(evidence, store)
    once = contents(store)
    again = repair(evidence, store, operator="Otto", case_id="case-2")
    assert contents(store) == once
    assert (again.applied, again.verified) == (False, True)
    assert [step.state for step in again.steps] == ["done before"]


@pytest.mark.parametrize("fault", swept(REBUILT, every=2))
def test_what_the_read_side_got_wrong_is_rebuilt(fault: str, tmp_path: Path) -> None:
    """No event is appended; the read model is right again; a second run finds nothing to do."""
    evidence = incident(fault)
    store = copy_of(evidence, tmp_path)
    head = store.head_position()
    done = repair(evidence, store)
    assert {step.kind for step in done.steps} == {"rebuild"}
    assert (done.applied, done.verified) == (True, True)
    assert store.head_position() == head
    assert not repair(evidence, store).applied


@pytest.mark.parametrize("fault", RESTORED)
def test_what_the_log_lost_is_left_to_a_backup(fault: str, tmp_path: Path) -> None:
    """If the read model is right and the log is wrong, a rebuild would destroy the only witness."""
    evidence = incident(fault)
    store = copy_of(evidence, tmp_path)
    before = contents(store)
    done = repair(evidence, store)
    assert contents(store) == before
    assert (done.applied, done.verified) == (False, False)
    assert {(step.kind, step.state) for step in done.steps} == {("restore", "by hand")}


def test_no_read_model_is_rebuilt_while_the_log_is_damaged(tmp_path: Path) -> None:
    """A manual edit on one account must not cost another account's lost event its witness."""
    store = copy_of(incident("event_deleted"), tmp_path / "copy")
    with store.engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE account_balances SET balance_minor = balance_minor + 777 WHERE account_id = 'ACC-1003'"
        )
    evidence = captured(store, tmp_path / "evidence")
    before = contents(store)
    done = repair(evidence, store)
    assert contents(store) == before
    [rebuild] = [step for step in done.steps if step.kind == "rebuild"]
    assert rebuild.state == "held back"
    assert "event_deleted" in rebuild.words


def test_a_second_repair_of_one_event_is_made_up_for_once(tmp_path: Path) -> None:
    """One event too many is a fault like another: the repair's own event must not count as one more."""
    copy = Copy("none", tmp_path)
    wrong = copy.deposit("R-1", -5_000)
    copy.deposit("FIX-1", 5_000, compensates=wrong)
    second = copy.deposit("FIX-2", 5_000, compensates=wrong)
    copy.catch_up()
    done = repair(captured(copy.store, tmp_path / "evidence"), copy.store)
    assert [(step.kind, step.fault, step.amount, step.state) for step in done.steps] == [
        ("compensate", "double_repair", -5_000, "applied")
    ]
    assert [step.original.event_id for step in done.steps if step.original] == [second]
    assert (done.verified, done.after.findings) == (True, [])


def test_without_a_compensator_the_plan_is_in_words() -> None:
    """As with a stranger's store: what to do, and nothing that could be applied."""
    evidence = incident("unresolved_pending")
    [step] = plan(evidence, diagnose(evidence), operator="Ida").steps
    assert (step.kind, step.state, step.command) == ("compensate", "by hand", None)
    assert "WithdrawalCancelled" in step.words


def test_a_command_the_account_refuses_is_told_and_not_raised(tmp_path: Path) -> None:
    """Rules hold for repairs too: on a closed account nothing is appended, and the step says why."""
    evidence = incident("unresolved_pending")
    store = copy_of(evidence, tmp_path)

    class Refusing(BankCompensator):
        def send(self, command, **given):
            return self.bank.handle(CloseAccount(account_id="ACC-1001", reason="to be refused"))

    compensator = Refusing(Bank(store))
    planned = plan(evidence, diagnose(evidence), operator="Ida", compensator=compensator)
    done = apply(
        planned,
        store,
        evidence,
        digest=evidence.digest,
        projections=BANK_PROJECTIONS,
        decoder=bank_decoder(),
        compensator=compensator,
    )
    assert [step.state for step in done.steps] == ["refused"]
    assert "pending" in done.steps[0].words
    assert (done.applied, done.verified) == (False, False)


def test_the_composition_root_plans_until_it_is_told_to_apply_and_knows_the_store(tmp_path: Path) -> None:
    evidence = incident("unresolved_pending")
    store = copy_of(evidence, tmp_path)
    before = contents(store)
    planned = composition.repair(evidence, store, operator="Ida")
    assert contents(store) == before
    assert (planned.applied, planned.verified) == (False, False)
    assert [(step.state, (step.command or "").partition(" ")[0]) for step in planned.steps] == [
        ("planned", "CancelWithdrawal")
    ]
    with pytest.raises(UnusableInput, match="not the one that"):
        composition.repair(other := incident("manual_edit"), store, operator="Ida", apply=True, digest=other.digest)
    assert contents(store) == before
    done = composition.repair(evidence, store, operator="Ida", apply=True, digest=evidence.digest)
    assert (done.applied, done.verified, len(done.appended)) == (True, True, 1)
    assert composition.repair(evidence, store, operator="Ida", apply=True, digest=evidence.digest).appended == []


def repaired(copy: Copy, diagnosis: Diagnosis | None = None) -> Repaired:
    """As the composition root repairs what the copy has become."""
    evidence = captured(copy.store, copy.folder / "evidence")
    return composition.repair(
        evidence, copy.store, operator="Ida", apply=True, digest=evidence.digest, diagnosis=diagnosis
    )


def test_evidence_that_was_edited_since_its_capture_moves_no_money(tmp_path: Path) -> None:
    """A forger who lowers the limit in the ledger and hashes anew can't know the digest that the operator noted."""
    evidence = incident("unresolved_pending")
    store = copy_of(evidence, tmp_path / "copy")
    forged = tmp_path / "forged"
    shutil.copytree(evidence.path, forged)
    ledger = forged / "ledger.toml"
    ledger.write_bytes(ledger.read_bytes().replace(b"limit_hours = 24", b"limit_hours = 0"))
    manifest = forged / MANIFEST
    manifest.write_bytes(
        manifest.read_bytes().replace(Manifest.load(forged).files["ledger.toml"].encode(), file_digest(ledger).encode())
    )
    edited = Evidence.open(forged)
    before = contents(store)
    for digest in (evidence.digest, None, "", evidence.digest[:12]):
        with pytest.raises(UnusableInput, match="digest"):
            composition.repair(edited, store, operator="Ida", apply=True, digest=digest)
    assert contents(store) == before


def test_what_is_only_likely_is_not_compensated(tmp_path: Path) -> None:
    """Without a statement nobody can tell whether the money left."""
    copy = Copy("unresolved_pending", tmp_path)
    copy.statement().unlink()
    before = contents(copy.store)
    [step] = repaired(copy).steps
    assert (step.kind, step.state) == ("compensate", "held back")
    assert "money moves on proof alone" in step.words
    assert contents(copy.store) == before


def test_nothing_is_appended_while_something_of_the_account_is_unexplained(tmp_path: Path) -> None:
    copy = Copy("unresolved_pending", tmp_path)
    [planted] = answer("unresolved_pending")
    assert planted.account is not None
    evidence = captured(copy.store, tmp_path / "first")
    diagnosis = diagnose(evidence)
    loose = Unexplained(
        account=planted.account, currency="USD", source="statement.csv", amount=1, at_position=None, words="0.01 more"
    )
    held = plan(
        evidence, msgspec.structs.replace(diagnosis, unexplained=[loose]), operator="Ida",
        compensator=BankCompensator(Bank(copy.store)),
    )  # fmt: skip
    [step] = held.steps
    assert (step.state, "0.01 more" in step.words) == ("held back", True)
    elsewhere = msgspec.structs.replace(loose, account="somebody else")
    allowed = plan(
        evidence, msgspec.structs.replace(diagnosis, unexplained=[elsewhere]), operator="Ida",
        compensator=BankCompensator(Bank(copy.store)),
    )  # fmt: skip
    assert [step.state for step in allowed.steps] == ["planned"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"certainty": "likely"}, "proof alone"),
        ({"explains": {}}, "no claim differs by exactly that amount"),
        ({"amount": 4_724}, "no claim differs by exactly that amount"),
    ],
)
def test_money_moves_only_on_a_proven_finding_whose_amount_is_the_residual(change: dict[str, Any], reason: str) -> None:
    evidence = incident("unresolved_pending")
    diagnosis = diagnose(evidence)
    [finding] = diagnosis.unhealthy
    assert held_back(diagnosis, finding) == ""
    changed = msgspec.structs.replace(finding, **change)
    assert reason in held_back(msgspec.structs.replace(diagnosis, findings=[changed]), changed)


def test_a_finding_that_has_a_look_alike_moves_no_money() -> None:
    diagnosis = diagnose(incident("unresolved_pending"))
    [finding] = diagnosis.unhealthy
    other = msgspec.structs.replace(
        finding, fault="never_appended", certainty="possible", alternative_to="unresolved_pending"
    )
    both = msgspec.structs.replace(diagnosis, findings=[finding, other])
    assert "doesn't tell it apart from never_appended" in held_back(both, finding)


@pytest.mark.parametrize("fault", RESTORED)
def test_nothing_is_appended_or_rebuilt_while_the_log_is_in_dispute(fault: str) -> None:
    """Whichever account it is about, and however faint the doubt."""
    diagnosis = diagnose(incident("unresolved_pending"))
    [finding] = diagnosis.unhealthy
    doubt = msgspec.structs.replace(finding, fault=fault, account="another", certainty="possible", explains={})
    disputed = msgspec.structs.replace(diagnosis, findings=[finding, doubt])
    assert fault in held_back(disputed, finding)
    assert fault in rebuild_held_back(disputed, "account_balances", [finding])


def test_a_store_that_was_damaged_since_the_capture_is_left_alone(tmp_path: Path) -> None:
    """The evidence allowed it; the store, as it is when the repair begins, doesn't."""
    copy = Copy("unresolved_pending", tmp_path)
    evidence = captured(copy.store, tmp_path / "evidence")
    with copy.by_hand() as connection:
        connection.exec_driver_sql('UPDATE events SET metadata = \'{"actor":"x"}\' WHERE global_position = 5')
    before = contents(copy.store)
    done = composition.repair(evidence, copy.store, operator="Ida", apply=True, digest=evidence.digest)
    assert [step.state for step in done.steps] == ["held back"]
    assert "as the store is now" in done.steps[0].words
    assert contents(copy.store) == before


def test_the_rows_that_a_rebuild_replaces_are_kept(tmp_path: Path) -> None:
    copy = Copy("manual_edit", tmp_path)
    before = contents(copy.store)["account_balances"]
    done = repaired(copy)
    [path] = [Path(path) for step in done.steps for path in step.kept]
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [tuple(row.values()) for row in rows] == before
    assert contents(copy.store)["account_balances"] != before
    copy.edit_balance(5)
    assert keep_rows(copy.store, BANK_PROJECTIONS["account_balances"](), copy.folder / "evidence") != [path]
    assert path.read_text(encoding="utf-8").count("\n") == len(before), "an earlier copy is never overwritten"


def test_rows_that_cannot_be_kept_are_not_replaced(tmp_path: Path) -> None:
    copy = Copy("manual_edit", tmp_path)
    (tmp_path / "evidence.replaced").write_text("a file is in the way", encoding="utf-8")
    before = contents(copy.store)
    done = repaired(copy)
    assert [step.state for step in done.steps] == ["held back"]
    assert "so they are not replaced" in done.steps[0].words
    assert contents(copy.store) == before


def test_code_that_would_repeat_the_error_rebuilds_nothing(tmp_path: Path) -> None:
    evidence = incident("handler_bug")
    store = copy_of(evidence, tmp_path)
    [projection] = {name for finding in diagnose(evidence).unhealthy for name in finding.sources}
    before = contents(store)
    planned = plan(evidence, diagnose(evidence), operator="Ida")
    done = apply(
        planned, store, evidence, digest=evidence.digest, projections={projection: FeesAdded}, decoder=bank_decoder()
    )
    assert [step.state for step in done.steps] == ["held back"]
    assert "wouldn't heal it" in done.steps[0].words
    assert contents(store) == before


def test_the_plan_is_shown_before_anything_is_done(tmp_path: Path) -> None:
    evidence = incident("unresolved_pending")
    store = copy_of(evidence, tmp_path)
    before = contents(store)
    shown: list[bool] = []
    composition.repair(
        evidence, store, operator="Ida", apply=True, digest=evidence.digest,
        show=lambda planned: shown.append(bool(planned.steps) and contents(store) == before),
    )  # fmt: skip
    assert shown == [True]
