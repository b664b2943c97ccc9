"""One act is one cause: what it leaves in two places, or in two files, is not told as two.

Each act is done by direct means, with what is right to say of it written down before anybody is asked.
"""

import csv
from datetime import date, timedelta
from pathlib import Path

import msgspec
import pytest
from broken_copy import ACCOUNT, Copy
from sqlalchemy import Connection
from statement_world import World, a_bank, later

from esworkbench.domains.bank import BANK_EVENT_TYPES, MoneyDeposited, WithdrawalRequested, bank_decoder
from esworkbench.domains.bank.read_models import BANK_PROJECTIONS
from esworkbench.forensics.compare.diff import diff
from esworkbench.forensics.diagnosis.diagnose import diagnose
from esworkbench.forensics.diagnosis.findings import Diagnosis, Finding
from esworkbench.forensics.repair.plan import held_back, plan
from esworkbench.projections import ProjectionRunner


def mains(diagnosis: Diagnosis) -> list[Finding]:
    """What is found, other names for the same left out."""
    return [each for each in diagnosis.unhealthy if each.alternative_to is None]


def told(diagnosis: Diagnosis) -> list[tuple[str, str | None, int]]:
    return [(each.fault, each.account, each.amount) for each in mains(diagnosis)]


def swept(*values: object) -> list[object]:
    """More of the same, for long runs."""
    return [pytest.param(value, marks=pytest.mark.sweep) for value in values]


# Rows that stand elsewhere


def rows_of(connection: Connection, table: str) -> list[int]:
    query = f"SELECT rowid FROM {table} WHERE account_id = '{ACCOUNT}' ORDER BY rowid"
    return [row for (row,) in connection.exec_driver_sql(query)]


def moved(connection: Connection, where: str) -> tuple[int, str, str]:
    """The number of a row on which money moved, its day, and a free day to put it on."""
    query = "SELECT rowid, day, credits_minor <> debits_minor FROM daily_summaries WHERE account_id = ? ORDER BY day"
    rows = connection.exec_driver_sql(query, (ACCOUNT,)).fetchall()
    days = [date.fromisoformat(day) for _, day, _ in rows]
    busy = [index for index in range(5, len(days) - 1) if rows[index][2]]
    free = [index for index in busy if (days[index + 1] - days[index]).days > 1]
    index = {"a day later": free[0], "past others": busy[0], "before all": busy[0], "the first": 0, "the last": -1}[
        where
    ]
    to = days[index] + timedelta(days=1)
    if where == "past others":
        to = next(days[index] + timedelta(days=n) for n in range(9, 99) if days[index] + timedelta(days=n) not in days)
    elif where in ("before all", "the first"):
        to = days[0] - timedelta(days=2)
    return rows[index][0], days[index].isoformat(), to.isoformat()


@pytest.mark.parametrize("where", ["a day later", "past others", *swept("before all", "the first", "the last")])
def test_a_daily_row_put_on_another_day_is_one_edit_that_names_both(where: str, tmp_path: Path) -> None:
    """The day that lacks it and the day that has it too much, in the closing, the credits and the debits."""
    copy = Copy("none", tmp_path)
    with copy.by_hand() as connection:
        row, day, to = moved(connection, where)
        connection.exec_driver_sql(f"UPDATE daily_summaries SET day = '{to}' WHERE rowid = {row}")
    diagnosis = copy.diagnose()
    [finding] = diagnosis.findings
    assert (finding.fault, finding.account, finding.certainty) == ("manual_edit", ACCOUNT, "likely")
    assert f"the row of {day} stands at {to}" in finding.proof
    assert finding.explains["daily_summaries"] == 0
    assert diagnosis.unexplained == []


COLUMNS = {"currency": "EUR", "account_id": "ACC-1009"}
TABLES = ["daily_summaries", "transaction_history", "account_balances", "pending_withdrawals"]


@pytest.mark.parametrize("column", ["currency", *swept("account_id")])
@pytest.mark.parametrize("which", ["last", *swept("first", "middle")])
@pytest.mark.parametrize("table", TABLES)
def test_a_row_put_under_another_currency_or_account_is_an_edit_at_both_places_and_nothing_else(
    table: str, which: str, column: str, tmp_path: Path
) -> None:
    copy = Copy("none", tmp_path)
    hold(copy, "W-1", 5_000)
    hold(copy, "W-2", 700)
    copy.catch_up()
    with copy.by_hand() as connection:
        rows = rows_of(connection, table)
        row = rows[{"first": 0, "middle": len(rows) // 2, "last": -1}[which]]
        connection.exec_driver_sql(f"UPDATE {table} SET {column} = '{COLUMNS[column]}' WHERE rowid = {row}")
    diagnosis = copy.diagnose()
    assert diagnosis.unexplained == []
    assert {each.fault for each in diagnosis.findings} == {"manual_edit"}
    places = {(each.account, each.currency) for each in diagnosis.findings}
    other = (ACCOUNT, "EUR") if column == "currency" else ("ACC-1009", "USD")
    assert other in places <= {other, (ACCOUNT, "USD")}
    assert len(diagnosis.findings) == len(places)
    words = "stands under EUR, not USD" if column == "currency" else "stands under ACC-1009, not ACC-1001"
    assert all(words in each.proof for each in diagnosis.findings)


def test_where_many_rows_stand_elsewhere_the_handler_may_put_them_there(tmp_path: Path) -> None:
    copy = Copy("none", tmp_path)
    with copy.by_hand() as connection:
        connection.exec_driver_sql("UPDATE transaction_history SET currency = 'USD' WHERE account_id = 'ACC-1005'")
    diagnosis = copy.diagnose()
    assert {(each.fault, each.certainty) for each in diagnosis.findings} == {
        ("manual_edit", "possible"), ("handler_bug", "possible"),
    }  # fmt: skip
    assert diagnosis.unexplained == []


def test_a_row_that_is_gone_and_another_that_nobody_wrote_are_no_moved_row(tmp_path: Path) -> None:
    """The figures differ by a cent, so nothing says that the one is the other."""
    copy = Copy("none", tmp_path)
    with copy.by_hand() as connection:
        row = rows_of(connection, "transaction_history")[9]
        connection.exec_driver_sql(
            "UPDATE transaction_history SET currency = 'EUR', balance_after_minor = balance_after_minor + 1 "
            f"WHERE rowid = {row}"
        )
    assert not any("stands under" in each.proof for each in copy.diagnose().findings)


def hold(copy: Copy, name: str, amount: int) -> None:
    stream = f"BankAccount-{ACCOUNT}"
    event = BANK_EVENT_TYPES.encode(
        WithdrawalRequested(withdrawal_id=name, amount_minor=amount, currency="USD", reference=name), metadata={}
    )
    copy.store.append(stream, [event], expected_version=copy.store.stream_version(stream))


@pytest.mark.parametrize("kept", [1, *swept(0)])
def test_a_row_of_a_hold_that_is_gone_is_an_edit_as_no_later_row_counts_it(kept: int, tmp_path: Path) -> None:
    """``row_lost`` is what a running claim goes on over. A table of holds carries nothing on."""
    copy = Copy("none", tmp_path)
    for number in range(kept + 1):
        hold(copy, f"W-{number}", 5_000 + number)
    copy.catch_up()
    with copy.by_hand() as connection:
        connection.exec_driver_sql("DELETE FROM pending_withdrawals WHERE withdrawal_id = 'W-0'")
    diagnosis = copy.diagnose()
    names = {each.fault for each in diagnosis.unhealthy}
    assert "manual_edit" in names <= {"manual_edit", "restored_read_model"}
    assert [(each.account, each.amount) for each in mains(diagnosis)] == [(ACCOUNT, 0)]
    assert diagnosis.unexplained == []


# Transfers


def judged(world: World, tmp_path: Path, *, covers: bool = True) -> Diagnosis:
    if covers:
        world.files["s.csv"] = world.files.get("s.csv") or world.printed()
    return diagnose(world.write(tmp_path / "evidence"), now=world.now)


def leg_retried(world: World, leg: str, *, same_id: bool) -> None:
    world.transfer("A", "B", 2_500, "X-1")
    name = "id-2" if same_id else world.new_id()
    if leg == "Sent":
        world.record("A", -2_500, "Sent", id=name, to="B", reference="X-1")
    else:
        world.record("B", 2_500, "Received", id=name, reference="X-1", **{"from": "A"})


@pytest.mark.parametrize("same_id", [True, False])
@pytest.mark.parametrize("leg", ["Sent", "Received"])
def test_a_leg_that_a_retry_made_twice_is_no_half_of_a_transfer_and_can_be_repaired(
    leg: str, same_id: bool, tmp_path: Path
) -> None:
    world = a_bank()
    leg_retried(world, leg, same_id=same_id)
    later(world)
    diagnosis = judged(world, tmp_path)
    [finding] = diagnosis.findings
    amount, account = (2_500, "A") if leg == "Sent" else (-2_500, "B")
    assert told(diagnosis) == [("retry_duplicate", account, amount)]
    assert held_back(diagnosis, finding) == ""


@pytest.mark.parametrize("same_id", [True, False])
@pytest.mark.parametrize("leg", ["Sent", "Received"])
def test_without_a_statement_a_leg_too_many_is_one_cause_under_two_names_at_most(
    leg: str, same_id: bool, tmp_path: Path
) -> None:
    """Under an id of its own it may be a transfer of its own, of which the other half is missing."""
    world = a_bank()
    leg_retried(world, leg, same_id=same_id)
    diagnosis = judged(world, tmp_path, covers=False)
    assert [each.fault for each in mains(diagnosis)] == ["retry_duplicate"]
    others = [(each.fault, each.alternative_to) for each in diagnosis.findings[1:]]
    assert others == ([] if same_id else [("half_transfer", "retry_duplicate")])
    assert {each.certainty for each in diagnosis.findings} == {"possible"}


def test_a_half_beside_a_retry_of_another_payment_is_still_told(tmp_path: Path) -> None:
    world = a_bank()
    leg_retried(world, "Sent", same_id=True)
    world.record("A", -900, "Sent", id="lost", to="B", reference="X-9")
    world.book("A", -900, "X-9")
    world.book("B", 900, "X-9")
    later(world)
    assert told(judged(world, tmp_path)) == [("retry_duplicate", "A", 2_500), ("half_transfer", "A", 900)]


# Parked events


def parked(copy: Copy, payload: str | None) -> None:
    """A deposit that no handler can read, as its payload is odd or its type is unknown; the bank books it."""
    event = BANK_EVENT_TYPES.encode(MoneyDeposited(amount_minor=4_321, currency="USD", reference="P-1"), metadata={})
    change = {"payload": payload.encode()} if payload else {"event_type": "MoneyBlessed"}
    odd = msgspec.structs.replace(event, **change)
    stream = f"BankAccount-{ACCOUNT}"
    copy.store.append(stream, [odd], expected_version=copy.store.stream_version(stream))
    copy.book("P-1", 4_321)
    copy.deposit("LAST", 5)
    copy.book("LAST", 5)


ODD = {
    "no number": '{"amount_minor":"much","currency":"USD","reference":"P-1"}',
    "no currency": '{"amount_minor":4321,"reference":"P-1"}',
    "renamed": '{"minor":4321,"currency":"USD","reference":"P-1"}',
    "unknown": None,
}


@pytest.mark.parametrize("odd", ["no number", "unknown", *swept("no currency", "renamed")])
def test_what_a_statement_books_of_a_parked_event_was_appended(odd: str, tmp_path: Path) -> None:
    copy = Copy("none", tmp_path)
    parked(copy, ODD[odd])
    copy.catch_up()
    diagnosis = copy.diagnose()
    assert told(diagnosis) == [("poison_skipped", ACCOUNT, 4_321)]
    assert diagnosis.findings[0].explains["statement.csv"] == 4_321
    assert diagnosis.unexplained == []


@pytest.mark.parametrize("odd", ["no number", "unknown", *swept("no currency", "renamed")])
def test_an_event_that_the_ledger_can_not_read_is_named_where_its_line_seems_to_have_none(
    odd: str, tmp_path: Path
) -> None:
    """With no reader to park it, what is missing may be an event, and here it is a rule for one."""
    copy = Copy("none", tmp_path)
    parked(copy, ODD[odd])
    diagnosis = copy.diagnose()
    [finding] = diagnosis.unhealthy
    assert (finding.fault, finding.amount, finding.certainty) == ("never_appended", 4_321, "possible")
    assert len(finding.event_ids) == 1
    assert "can't tell what it posts" in finding.proof


# The end of the log


def tail_cut(copy: Copy) -> int:
    """The newest events of the account's stream cut off; returns what they posted, in minor units."""
    [(amount, first)] = copy.evidence.rows(
        "SELECT sum(amount_minor)::BIGINT, min(position) FROM postings WHERE position > "
        "(SELECT max(position) - 3 FROM events) AND account = $account",
        account=ACCOUNT,
    )
    with copy.by_hand() as connection:
        connection.exec_driver_sql(f"DELETE FROM events WHERE global_position >= {first}")
    return int(amount)


@pytest.mark.parametrize("readers", ["rebuilt since", *swept("gone")])
def test_lines_past_the_end_of_the_log_are_a_tail_cut_off_or_were_never_appended(readers: str, tmp_path: Path) -> None:
    copy = Copy("none", tmp_path)
    amount = tail_cut(copy)
    if readers == "gone":
        with copy.by_hand() as connection:
            for table in (*BANK_PROJECTIONS, "checkpoints", "checkpoint_log", "snapshots"):
                connection.exec_driver_sql(f"DELETE FROM {table}")
    else:
        for factory in BANK_PROJECTIONS.values():
            ProjectionRunner(copy.store, factory(), bank_decoder(), run_id="again").rebuild()
        with copy.by_hand() as connection:
            connection.exec_driver_sql("DELETE FROM snapshots")
    diagnosis = copy.diagnose()
    mine = [each for each in diagnosis.findings if each.account == ACCOUNT]
    assert [(each.fault, each.amount, each.certainty, each.alternative_to) for each in mine] == [
        ("never_appended", amount, "possible", None), ("tail_truncated", amount, "possible", "never_appended"),
    ]  # fmt: skip


def test_a_reader_that_stands_at_the_end_of_the_log_vouches_that_it_is_the_end(tmp_path: Path) -> None:
    copy = Copy("none", tmp_path)
    copy.book("NEW", 77)
    diagnosis = copy.diagnose()
    assert [(each.fault, each.certainty) for each in diagnosis.findings] == [("never_appended", "likely")]


# Lines and events of one movement


def test_a_line_on_a_neighbours_account_is_told_with_the_event_that_it_may_mean(tmp_path: Path) -> None:
    """One of the two is wrong, and neither log nor statement says which: both name the other."""
    world = a_bank()
    world.pay("A", 5_550, "X-1", told=False)
    world.book("B", 5_550, "Y-1")
    later(world)
    diagnosis = judged(world, tmp_path)
    [finding] = diagnosis.findings
    assert (finding.fault, finding.account, finding.amount) == ("never_appended", "B", 5_550)
    assert "the event at position 5, of A in USD, has that amount and no line" in finding.proof
    assert "which of the two accounts is right" in finding.remedy
    [other] = diagnosis.unexplained
    assert (other.account, other.amount) == ("A", -5_550)
    assert "the line Y-1 of B in USD has that amount and no event" in other.words


@pytest.mark.parametrize(("account", "currency"), [("B", "USD"), ("A", "EUR")])
def test_an_event_that_stands_where_no_statement_is_printed_is_named_and_not_said_to_be_missing(
    account: str, currency: str, tmp_path: Path
) -> None:
    world = a_bank()
    world.pay("A", 5_550, "X-1", told=False)
    world.book(account, 5_550, "X-1", currency=currency)
    later(world)
    world.files["s.csv"] = [line for line in world.printed() if (line.account, line.currency) == (account, currency)]
    diagnosis = judged(world, tmp_path)
    [finding] = diagnosis.findings
    assert (finding.fault, finding.account, finding.amount) == ("event_misfiled", account, 5_550)
    assert (finding.certainty, finding.event_ids) == ("possible", ["e5"])
    other = "account" if account == "B" else "currency"
    assert f"one of the two stands under the wrong {other}" in finding.proof
    assert diagnosis.unexplained == []


@pytest.mark.parametrize(("account", "currency"), [("B", "USD"), ("A", "EUR")])
def test_where_a_statement_covers_both_places_the_line_is_told_with_the_event_of_its_reference(
    account: str, currency: str, tmp_path: Path
) -> None:
    world = a_bank()
    world.pay("A", 5_550, "X-1", told=False)
    world.book(account, 5_550, "X-1", currency=currency)
    later(world)
    diagnosis = judged(world, tmp_path)
    [finding] = diagnosis.findings
    assert (finding.fault, finding.account, finding.amount) == ("never_appended", account, 5_550)
    assert "the event at position 5, of A in USD, has that amount and no line" in finding.proof
    [other] = diagnosis.unexplained
    assert (other.account, other.amount) == ("A", -5_550)


def test_two_accounts_exchanged_on_a_statement_are_one_fault_of_the_statement(tmp_path: Path) -> None:
    world = a_bank()
    for number in range(6):
        world.pay("A", 1_000 + number, f"A-{number}")
        world.pay("B", -2_000 - number, f"B-{number}")
    later(world)
    other = {"A": "B", "B": "A"}
    world.files["s.csv"] = [line._replace(account=other[line.account]) for line in world.printed()]
    diagnosis = judged(world, tmp_path)
    [finding] = diagnosis.findings
    assert (finding.fault, finding.account, finding.amount, finding.certainty) == (
        "statement_inconsistent", None, 0, "likely",
    )  # fmt: skip
    assert "names the wrong accounts" in finding.proof
    assert diagnosis.unexplained == []


@pytest.mark.parametrize("parts", [[9_000, -4_000], [-101, -102, -103], [500, 600, -70, 8]])
@pytest.mark.parametrize("split", [True, False])
def test_what_a_line_books_in_sum_is_told_beside_a_real_fault_of_that_day(
    split: bool, parts: list[int], tmp_path: Path
) -> None:
    """Several movements in one line, money in and out, or one in several lines; and a payment recorded twice."""
    world = a_bank()
    if split:
        world.pay("A", sum(parts), "NET", told=False)
    for number, amount in enumerate(parts):
        if split:
            world.book("A", amount, f"P-{number}")
        else:
            world.pay("A", amount, f"P-{number}", told=False)
    if not split:
        world.book("A", sum(parts), "NET")
    world.pay("A", 777, "X-1")
    world.pay("A", 777, "X-1", told=False)
    later(world)
    diagnosis = judged(world, tmp_path)
    assert [(each.fault, each.amount) for each in mains(diagnosis)] == [("retry_duplicate", -777)]
    assert diagnosis.unexplained == []


@pytest.mark.parametrize("parts", [[3_000, 4_000], [3_000, 4_000, 500], [-3_000, -4_000]])
@pytest.mark.parametrize("split", [True, False])
def test_movements_told_in_one_line_or_one_in_several_are_no_difference(
    split: bool, parts: list[int], tmp_path: Path
) -> None:
    """Under whatever reference: they come to the same on the same day."""
    world = a_bank()
    if split:
        world.pay("A", sum(parts), "WHOLE", told=False)
    for number, part in enumerate(parts):
        if split:
            world.book("A", part, f"X-{number}")
        else:
            world.pay("A", part, f"X-{number}", told=False)
    if not split:
        world.book("A", sum(parts), "WHOLE")
    later(world)
    world.files["s.csv"] = world.printed()
    evidence = world.write(tmp_path / "evidence")
    diagnosis = diagnose(evidence, now=world.now)
    assert (diagnosis.findings, diagnosis.unexplained, diff(evidence).divergent) == ([], [], 0)


@pytest.mark.parametrize("off", [1, -1])
def test_parts_that_do_not_come_to_the_line_are_a_difference(off: int, tmp_path: Path) -> None:
    world = a_bank()
    for part in (3_000, 4_000):
        world.pay("A", part, f"X-{part}", told=False)
    world.book("A", 7_000 + off, "WHOLE")
    later(world)
    diagnosis = judged(world, tmp_path)
    total = sum(each.amount for each in diagnosis.findings) + sum(each.amount for each in diagnosis.unexplained)
    assert total == off


def test_holds_that_nobody_answered_are_no_parts_of_a_line(tmp_path: Path) -> None:
    world = a_bank()
    holds = [world.hold("A", amount, f"X-{amount}") for amount in (3_000, 4_000)]
    world.book("A", -7_000, "WHOLE", at=world.now + timedelta(hours=23))
    world.wait(days=2)
    later(world)
    assert [each.event_ids for each in mains(judged(world, tmp_path)) if each.fault == "unresolved_pending"] == [
        [each.event_id for each in holds]
    ]


@pytest.mark.parametrize("amount", [3_000, -3_000])
def test_a_line_with_its_sign_turned_is_one_difference_and_said_to_be_that(amount: int, tmp_path: Path) -> None:
    world = a_bank()
    world.pay("A", amount, "X-1", told=False)
    world.book("A", -amount, "X-1")
    later(world)
    diagnosis = judged(world, tmp_path)
    assert diagnosis.findings == []
    [left] = diagnosis.unexplained
    assert left.amount == -2 * amount
    assert "opposite signs" in left.words


def interest_off(copy: Copy, by: list[int]) -> None:
    """So many lines of interest, each off by that, and the balances with them."""
    path = copy.statement()
    with path.open(encoding="utf-8", newline="") as file:
        header, *lines = list(csv.reader(file))
    mine = [line for line in lines if line[:2] == [ACCOUNT, "USD"]]
    off, rest = 0, list(by)
    for line in mine:
        if line[3].startswith("INT") and rest:
            change = rest.pop(0)
            off += change
            line[4] = str(int(line[4]) + change)
        line[5] = str(int(line[5]) + off)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *lines])


@pytest.mark.parametrize(("by", "certainty"), [([1, -1, 1], "likely"), ([-1], "possible")])
def test_lines_of_interest_that_another_rule_rounded_are_rounding(
    by: list[int], certainty: str, tmp_path: Path
) -> None:
    copy = Copy("none", tmp_path)
    interest_off(copy, by)
    evidence = copy.evidence_of()
    diagnosis = diagnose(evidence)
    [finding] = diagnosis.findings
    assert (finding.fault, finding.amount, finding.certainty) == ("rounding", sum(by), certainty)
    assert len(finding.event_ids) == len(by)
    assert diagnosis.unexplained == []
    assert [step.state for step in plan(evidence, diagnosis, operator="Ida").steps] == ["by hand"], (
        "it is no read model"
    )


def test_lines_of_interest_off_by_two_units_are_not_rounding(tmp_path: Path) -> None:
    copy = Copy("none", tmp_path)
    interest_off(copy, [2, 2])
    assert "rounding" not in {each.fault for each in copy.diagnose().findings}


def test_cents_off_many_balances_that_no_row_of_history_shows_may_be_a_hand_at_work(tmp_path: Path) -> None:
    """The salami: a cent off three balances, and all of them onto a fourth. Rounding is not the only name for that."""
    copy = Copy("none", tmp_path)
    for account, by in (("ACC-1001", -1), ("ACC-1002", -1), ("ACC-1004", -1), ("ACC-1003", 3)):
        copy.edit_balance(by, account)
    findings = copy.diagnose().unhealthy
    for account in ("ACC-1001", "ACC-1002", "ACC-1004", "ACC-1003"):
        mine = {finding.fault: finding.certainty for finding in findings if finding.account == account}
        assert "manual_edit" in mine
        assert mine.get("rounding") in (None, "possible")
    assert all("agrees with each of them" in each.proof for each in findings if each.fault == "rounding")
