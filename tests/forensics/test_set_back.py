"""Checkpoints that are gone or below the log, a tail that only runs remember, and opposite faults on one day."""

from datetime import timedelta
from pathlib import Path

import pytest
from broken_copy import ACCOUNT, Copy
from damaged_bank import DamagedBank
from statement_world import World, a_bank, later
from test_statement_verdicts import judged, told

from esworkbench import composition
from esworkbench.domains.bank import Bank, Deposit, Withdraw, bank_decoder
from esworkbench.domains.bank.read_models import BANK_PROJECTIONS
from esworkbench.forensics.compare.diff import diff
from esworkbench.forensics.diagnosis.diagnose import diagnose
from esworkbench.projections import ProjectionRunner

MODELS = ("account_balances", "daily_summaries", "transaction_history")
BY_HAND = [
    "DELETE FROM checkpoints WHERE projection = '{model}'",
    "UPDATE checkpoints SET projection = '{model}_old' WHERE projection = '{model}'",
]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("act", BY_HAND)
def test_a_checkpoint_that_is_gone_is_told_before_the_next_run_doubles_everything(
    act: str, model: str, tmp_path: Path
) -> None:
    copy = Copy("none", tmp_path)
    with copy.by_hand() as connection:
        connection.exec_driver_sql(act.format(model=model))
    evidence = copy.evidence_of()
    [found] = diagnose(evidence).findings
    assert (found.fault, found.account, found.sources, found.amount) == ("checkpoint_moved", None, [model], 0)
    assert found.positions == [evidence.manifest.cut.high_water]


def test_a_read_model_that_was_dropped_and_not_fed_since_is_healthy(tmp_path: Path) -> None:
    copy = Copy("none", tmp_path)
    runner = ProjectionRunner(copy.store, BANK_PROJECTIONS["daily_summaries"](), bank_decoder(), run_id="test")
    runner.rebuild()
    assert copy.diagnose().unhealthy == []


@pytest.mark.parametrize("position", [0, -5])
def test_a_checkpoint_at_or_below_the_beginning_is_a_moved_one_and_nothing_else(position: int, tmp_path: Path) -> None:
    copy = Copy("none", tmp_path)
    with copy.by_hand() as connection:
        connection.exec_driver_sql("PRAGMA ignore_check_constraints = 1")
        connection.exec_driver_sql(
            f"UPDATE checkpoints SET position = {position} WHERE projection = 'account_balances'"
        )
    diagnosis = copy.diagnose()
    assert {each.fault for each in diagnosis.findings} == {"checkpoint_moved"}
    assert diagnosis.unexplained == []


def test_a_tail_that_only_runs_of_before_the_rebuild_remember_is_cut_off(tmp_path: Path) -> None:
    copy = Copy("none", tmp_path)
    head = copy.evidence.manifest.cut.high_water or 0
    with copy.by_hand() as connection:
        connection.exec_driver_sql(f"DELETE FROM events WHERE global_position > {head - 3}")
        connection.exec_driver_sql("DELETE FROM snapshots")
    for factory in BANK_PROJECTIONS.values():
        ProjectionRunner(copy.store, factory(), bank_decoder(), run_id="test").rebuild()
    for path in copy.statement().parent.glob("*.csv"):
        path.unlink()
    evidence = copy.evidence_of()
    assert diff(evidence).divergent == 0
    [found] = diagnose(evidence).findings
    assert (found.fault, found.positions, found.certainty) == ("tail_truncated", [head], "likely")


def test_one_row_that_names_a_position_past_the_log_is_the_row_that_is_wrong(tmp_path: Path) -> None:
    copy = Copy("none", tmp_path)
    with copy.by_hand() as connection:
        connection.exec_driver_sql("UPDATE account_balances SET position = 99999 WHERE account_id = 'ACC-1002'")
    diagnosis = copy.diagnose()
    assert [(each.fault, each.account, each.amount) for each in diagnosis.findings] == [("manual_edit", "ACC-1002", 0)]


def doubled_beside_a_lost_one() -> World:
    """A deposit recorded twice, and on the same day as much under another reference that was never recorded."""
    world = a_bank()
    world.pay("A", 7_100, "SALARY")
    world.pay("A", 7_100, "SALARY", told=False)
    world.book("A", 7_100, "INHERITANCE")
    later(world)
    return world


def test_opposite_faults_on_one_day_are_two(tmp_path: Path) -> None:
    diagnosis = judged(doubled_beside_a_lost_one(), tmp_path)
    named = {(fault, amount) for fault, _, amount, _ in told(diagnosis)}
    assert {("retry_duplicate", -7_100), ("never_appended", 7_100)} <= named
    assert diagnosis.unexplained == []


class Doubled(Copy):
    """A deposit and a withdrawal of as much, each recorded twice and booked once."""

    def __init__(self, folder: Path) -> None:
        super().__init__("none", folder)
        self.now = self.evidence.now + timedelta(hours=1)
        given = {"account_id": ACCOUNT, "amount_minor": 6_543, "currency": "USD"}
        for command, line in (
            (Deposit(**given, reference="X1"), ("X1", 6_543)),
            (Withdraw(**given, reference="Y1"), ("Y1", -6_543)),
            (Deposit(account_id=ACCOUNT, amount_minor=100, currency="USD", reference="LAST"), ("LAST", 100)),
        ):
            for again in range(1 if line[0] == "LAST" else 2):
                self.store.clock = lambda: self.now
                Bank(self.store).handle(command)
                self.now += timedelta(minutes=5)
                if not again:
                    self.book_at(self.now, *line)
            self.now += timedelta(days=11)
        self.catch_up()


def test_doubles_that_cancel_are_made_up_for_one_by_one(tmp_path: Path) -> None:
    """Together they move nothing, and each is 65.43 by itself."""
    copy = Doubled(tmp_path)
    evidence = copy.evidence_of()
    [found] = diagnose(evidence).unhealthy
    assert (found.fault, found.amount, found.certainty) == ("retry_duplicate", 0, "proven")
    done = composition.repair(evidence, copy.store, operator="Ida", apply=True, digest=evidence.digest)
    assert ([step.state for step in done.steps], done.verified) == (["applied", "applied"], True)


def test_rows_at_positions_that_a_forged_event_has_moved_are_its_consequence(tmp_path: Path) -> None:
    """Everything after it was numbered anew, and hashed anew; the read models remember the old numbers."""
    bank = DamagedBank(tmp_path)
    before = bank.any_event("MoneyDeposited")
    for by, position, version in ((1_000_000, before.position, before.version), (-999_999, 1_000_000, 1_000_000)):
        bank.sql("UPDATE events SET global_position = global_position + ? WHERE global_position > ?", by, position)
        bank.sql(
            "UPDATE events SET version = version + ? WHERE stream_id = ? AND version > ?", by, before.stream_id, version
        )
    bank.sql(
        "INSERT INTO events (global_position, stream_id, version, event_id, event_type, schema_version, payload, "
        "metadata, recorded_at, valid_at, prev_hash, hash) SELECT global_position + 1, stream_id, version + 1, ?, "
        "event_type, schema_version, payload, '{}', recorded_at, valid_at, '', '' FROM events WHERE event_id = ?",
        "00000000-0000-4000-8000-000000000001", before.event_id,
    )  # fmt: skip
    bank.rehash(before.stream_id)
    bank.sql("UPDATE checkpoints SET position = position + 1")
    found = [each for each in diagnose(bank.captured()).unhealthy if each.alternative_to is None]
    assert {each.account for each in found} == {before.account}
    assert "rehashed_history" in {each.fault for each in found}


def test_read_models_restored_with_their_checkpoints_and_caught_up_are_healthy(tmp_path: Path) -> None:
    """The checkpoint log can't be restored, so it shows the stretch twice; the figures say that it was counted once."""
    copy = Copy("none", tmp_path)
    tables = [*MODELS, "pending_withdrawals", "checkpoints"]
    with copy.by_hand() as connection:
        backup = {each: connection.exec_driver_sql(f"SELECT * FROM {each}").mappings().fetchall() for each in tables}
    for number in range(8):
        copy.deposit(f"BK-{number}", 100 + number)
    copy.catch_up()
    with copy.by_hand() as connection:
        for table, rows in backup.items():
            connection.exec_driver_sql(f"DELETE FROM {table}")
            for row in rows:
                places = ", ".join("?" * len(row))
                connection.exec_driver_sql(
                    f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})", (*row.values(),)
                )
    copy.catch_up()
    for number in range(8):
        copy.book(f"BK-{number}", 100 + number)
    diagnosis = copy.diagnose()
    assert diagnosis.unhealthy == []
    assert diagnosis.unexplained == []


def test_a_stretch_counted_twice_that_one_account_does_not_show_is_told_of_that_account(tmp_path: Path) -> None:
    copy = Copy("double_apply", tmp_path)
    doubled = [
        each for each in diagnose(copy.evidence_of("before")).findings if each.fault == "double_apply" and each.amount
    ]
    made_up = next(each for each in doubled if "account_balances" in each.sources)
    copy.edit_balance(-made_up.amount, made_up.account or "")
    unseen = [each for each in copy.diagnose().findings if each.fault == "double_apply" and not each.amount]
    others = [each for each in doubled if "account_balances" in each.sources and each.account != made_up.account]
    assert [each.account for each in unseen] == [made_up.account] * bool(others)


def test_newest_rows_of_one_account_that_are_gone_may_be_an_older_state(tmp_path: Path) -> None:
    """That all of them are of one event type makes it no handler's fault for sure."""
    bank = DamagedBank(tmp_path)
    moment = bank.healthy.now + timedelta(hours=1)
    ids = [bank.deposit("ACC-1003", 100 + number, f"NEW-{number}", moment) for number in range(3)]
    for number in range(3):
        bank.book("ACC-1003", 100 + number, f"NEW-{number}", moment)
    for event_id in ids:
        bank.sql("DELETE FROM transaction_history WHERE event_id = ?", event_id)
    found = {each.fault for each in diagnose(bank.captured()).unhealthy}
    assert found & {"row_lost", "restored_read_model"}


def test_a_stream_that_is_gone_as_a_whole_may_have_been_deleted(tmp_path: Path) -> None:
    """A statement books what no event says, and as many positions hold none: that it was never written isn't likely."""
    bank = DamagedBank(tmp_path)
    bank.sql("DELETE FROM events WHERE stream_id = 'BankAccount-ACC-1003'")
    bank.sql("DELETE FROM snapshots WHERE stream_id = 'BankAccount-ACC-1003'")
    for table in (*MODELS, "pending_withdrawals"):
        bank.sql(f"DELETE FROM {table} WHERE account_id = 'ACC-1003'")
    found = [each for each in diagnose(bank.captured()).unhealthy if each.account == "ACC-1003"]
    assert {(each.fault, each.certainty, each.alternative_to) for each in found} == {
        ("never_appended", "possible", None), ("event_deleted", "possible", "never_appended"),
    }  # fmt: skip


def test_a_stream_with_events_was_not_deleted_as_a_whole_whatever_holes_there_are(tmp_path: Path) -> None:
    bank = DamagedBank(tmp_path)
    bank.sql("DELETE FROM events WHERE stream_id = 'BankAccount-ACC-1003'")
    bank.book("ACC-1001", 777, "UNHEARD-OF", bank.healthy.now)
    found = [each for each in diagnose(bank.captured()).unhealthy if each.account == "ACC-1001"]
    assert "never_appended" in {each.fault for each in found}
    assert "event_deleted" not in {each.fault for each in found}
