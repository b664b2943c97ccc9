"""Who contradicts the log, and who agrees with it: rows of read models don't outvote a claim of every event."""

import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from damaged_bank import DamagedBank, Event

from esworkbench.domains.bank import bank_decoder
from esworkbench.domains.bank.read_models import BANK_PROJECTIONS
from esworkbench.event_store import EventStore
from esworkbench.event_store.sidecar import outside_folder
from esworkbench.forensics.diagnosis.diagnose import diagnose
from esworkbench.forensics.diagnosis.findings import NOT_TESTABLE, Diagnosis, Finding
from esworkbench.forensics.repair.plan import rebuild_held_back
from esworkbench.projections import ProjectionRunner

ACCOUNT = "ACC-1003"
HISTORIED = "BankAccount-ACC-1001"
"""The stream of which there are many snapshots."""


def diagnosed(bank: DamagedBank) -> Diagnosis:
    diagnosis = diagnose(bank.captured())
    assert diagnosis.unexplained == []
    return diagnosis


def headlines(diagnosis: Diagnosis) -> list[Finding]:
    return [each for each in diagnosis.findings if each.alternative_to is None]


def balance_and_last_day(bank: DamagedBank) -> dict[tuple[str, str], int]:
    bank.sql("UPDATE account_balances SET balance_minor = balance_minor + 4321 WHERE account_id = ?", ACCOUNT)
    bank.sql(
        "UPDATE daily_summaries SET closing_minor = closing_minor + 4321, credits_minor = credits_minor + 4321 "
        "WHERE account_id = ?1 AND day = (SELECT max(day) FROM daily_summaries WHERE account_id = ?1)", ACCOUNT,
    )  # fmt: skip
    return {(ACCOUNT, "USD"): 4_321}


def account_renamed(bank: DamagedBank) -> dict[tuple[str, str], int]:
    [(balance,)] = bank.sql("SELECT balance_minor FROM account_balances WHERE account_id = ?", ACCOUNT)
    for table in ("transaction_history", "account_balances"):
        bank.sql(f"UPDATE {table} SET account_id = 'ACC-1777' WHERE account_id = ?", ACCOUNT)
    return {(ACCOUNT, "USD"): -balance, ("ACC-1777", "USD"): balance}


def currency_changed(bank: DamagedBank) -> dict[tuple[str, str], int]:
    [(balance,)] = bank.sql("SELECT balance_minor FROM account_balances WHERE account_id = ?", ACCOUNT)
    for table in ("daily_summaries", "account_balances"):
        bank.sql(f"UPDATE {table} SET currency = 'EUR' WHERE account_id = ?", ACCOUNT)
    return {(ACCOUNT, "USD"): -balance, (ACCOUNT, "EUR"): balance}


@pytest.mark.parametrize("edit", [balance_and_last_day, account_renamed, currency_changed])
def test_one_hand_in_two_read_models_does_not_outvote_a_claim_of_every_event(
    edit: Callable[[DamagedBank], dict[tuple[str, str], int]], tmp_path: Path
) -> None:
    bank = DamagedBank(tmp_path)
    expected = edit(bank)
    diagnosis = diagnosed(bank)
    found = {(each.fault, (each.account, each.currency)): each.amount for each in headlines(diagnosis)}
    assert found == {("manual_edit", key): amount for key, amount in expected.items()}
    assert "rehashed_history" not in {each.fault for each in diagnosis.findings}


def rebuilt(bank: DamagedBank) -> None:
    store = EventStore.open(bank.url)
    for factory in BANK_PROJECTIONS.values():
        ProjectionRunner(store, factory(), bank_decoder(), run_id="again").rebuild()
    store.engine.dispose()


def early_event(bank: DamagedBank) -> Event:
    [event] = [each for each in bank.events("stream_id = ?", HISTORIED) if each.version == 40]
    return event


def deleted(bank: DamagedBank) -> Event:
    """An event that is gone, its stream numbered and hashed again, and all read models made from what is left."""
    event = early_event(bank)
    bank.delete(event)
    bank.rehash(HISTORIED, renumber=True)
    rebuilt(bank)
    return event


def forged(bank: DamagedBank) -> str:
    """An event put in before another, all that follows moved on by one, and the stream hashed again."""
    before = early_event(bank)
    later = bank.events("stream_id = ? AND version >= ?", HISTORIED, before.version)[::-1]
    bank.change("UPDATE events SET version = version + 1 WHERE event_id = ?", [(each.event_id,) for each in later])
    after = bank.events("global_position >= ?", before.position)[::-1]
    moved = [(each.event_id,) for each in after]
    bank.change("UPDATE events SET global_position = global_position + 1 WHERE event_id = ?", moved)
    bank.sql(
        "INSERT INTO events SELECT ?, stream_id, ?, 'forged', 'MoneyDeposited', 3, ?, metadata, recorded_at, valid_at, "
        "prev_hash, hash FROM events WHERE event_id = ?", before.position, before.version,
        '{"amount_minor":77700,"currency":"USD","reference":"FORGED"}', before.event_id,
    )  # fmt: skip
    bank.rehash(HISTORIED)
    return "forged"


def of(account: str, diagnosis: Diagnosis) -> list[tuple[str, int, str]]:
    return [
        (each.fault, each.amount, each.certainty)
        for each in diagnosis.findings if each.account == account and each.alternative_to is None
    ]  # fmt: skip


def test_a_snapshot_that_witnesses_against_the_log_is_not_called_bad(tmp_path: Path) -> None:
    bank = DamagedBank(tmp_path)
    amount = deleted(bank).amount
    diagnosis = diagnosed(bank)
    assert of("ACC-1001", diagnosis) == [("rehashed_history", amount, "likely")]
    assert "bad_snapshot" not in {each.fault for each in diagnosis.findings}


def test_a_forged_event_is_charged_with_itself_and_no_event_that_was_read_already(tmp_path: Path) -> None:
    """The checkpoints stand where they stood, so the last event seems unread; every row of it is there."""
    bank = DamagedBank(tmp_path)
    last = bank.events()[-1].position
    bank.sql("DELETE FROM events WHERE global_position > ?", last)
    forged(bank)
    diagnosis = diagnosed(bank)
    assert of("ACC-1001", diagnosis) == [("rehashed_history", -77_700, "likely")]
    assert [each.event_ids for each in headlines(diagnosis) if each.account == "ACC-1001"] == [["forged"]]
    assert "bad_snapshot" not in {each.fault for each in diagnosis.findings}


def test_where_only_snapshots_remember_both_names_are_told(tmp_path: Path) -> None:
    bank = DamagedBank(tmp_path)
    amount = deleted(bank).amount
    shutil.rmtree(outside_folder(bank.url) / "statements")
    told = {(each.fault, each.certainty, each.alternative_to): each for each in diagnosed(bank).findings}
    assert set(told) == {("bad_snapshot", "possible", None), ("rehashed_history", "possible", "bad_snapshot")}
    assert f"{amount / 100:,.2f} USD" in told["rehashed_history", "possible", "bad_snapshot"].proof


def test_a_snapshot_from_before_the_rewritten_event_can_still_be_bad(tmp_path: Path) -> None:
    bank = DamagedBank(tmp_path)
    deleted(bank)
    bank.sql(
        "UPDATE snapshots SET state = json_set(state, '$.owner', 'Somebody Else') WHERE stream_id = ? AND version = 25",
        HISTORIED,
    )
    assert {fault for fault, _, _ in of("ACC-1001", diagnosed(bank))} == {"rehashed_history", "bad_snapshot"}


AS_TEXT = "json_set(state, '$.balance_minor', CAST(state ->> '$.balance_minor' AS TEXT))"


@pytest.mark.parametrize("state", ["'{}'", "'null'", "'{\"balance'", AS_TEXT])
def test_a_snapshot_that_cannot_be_read_is_never_ruled_out(state: str, tmp_path: Path) -> None:
    bank = DamagedBank(tmp_path)
    bank.sql(
        f"UPDATE snapshots SET state = {state} WHERE stream_id = ?1 "
        "AND version = (SELECT max(version) FROM snapshots WHERE stream_id = ?1)", HISTORIED,
    )  # fmt: skip
    diagnosis = diagnosed(bank)
    assert of("ACC-1001", diagnosis) == [("bad_snapshot", 0, "likely")]


def test_a_shape_that_the_ledger_reads_nowhere_is_not_tested(tmp_path: Path) -> None:
    """Another shape may keep the balance elsewhere."""
    bank = DamagedBank(tmp_path)
    bank.sql("UPDATE snapshots SET state = '{}', state_version = 99 WHERE version > 100")
    diagnosis = diagnosed(bank)
    assert diagnosis.findings == []
    assert diagnosis.tested["bad_snapshot"].startswith(NOT_TESTABLE)
    assert "shape 99" in diagnosis.tested["bad_snapshot"]


def test_a_currency_changed_in_one_snapshot_is_told_once(tmp_path: Path) -> None:
    bank = DamagedBank(tmp_path)
    bank.sql("UPDATE snapshots SET state = json_set(state, '$.currency', 'EUR') WHERE stream_id = ? AND version = 50",
             HISTORIED)  # fmt: skip
    assert [(each.fault, each.currency) for each in headlines(diagnosed(bank))] == [("bad_snapshot", "EUR")]


def test_two_read_models_that_remember_are_kept_though_a_statement_agrees_with_the_log(tmp_path: Path) -> None:
    """The log was rewritten and its chain mended, one read model rebuilt from it and the statement forged to match."""
    bank = DamagedBank(tmp_path)
    event = bank.any_event("MoneyDeposited")
    bank.change_amount(event, 77_700)
    bank.rehash(event.stream_id)
    bank.sql("DELETE FROM snapshots")
    store = EventStore.open(bank.url)
    history = BANK_PROJECTIONS["transaction_history"]()
    ProjectionRunner(store, history, bank_decoder(), run_id="forged").rebuild()
    store.engine.dispose()
    forge_statement(bank, event, 77_700)
    diagnosis = diagnosed(bank)
    [edit] = [each for each in diagnosis.findings if each.alternative_to is None]
    assert (edit.fault, edit.account, edit.amount, edit.certainty) == (
        "manual_edit", event.account, -77_700, "possible",
    )  # fmt: skip
    assert edit.sources == ["account_balances", "daily_summaries"]
    assert [each.fault for each in diagnosis.findings if each.alternative_to] == ["rehashed_history"]
    assert all("only witness left" in rebuild_held_back(diagnosis, source, [edit]) for source in edit.sources)


@pytest.mark.parametrize("cut_off", [True, False])
def test_a_claim_that_ends_before_the_last_event_does_not_vouch_for_it(cut_off: bool, tmp_path: Path) -> None:
    """All but one read model were made from the rewritten log; snapshots, and a statement, speak of what was before."""
    bank = DamagedBank(tmp_path)
    event = bank.events("stream_id = ? AND event_type = 'MoneyDeposited'", HISTORIED)[-1]
    bank.change_amount(event, -500)
    bank.rehash(HISTORIED)
    store = EventStore.open(bank.url)
    for name in ("transaction_history", "daily_summaries", "pending_withdrawals"):
        ProjectionRunner(store, BANK_PROJECTIONS[name](), bank_decoder(), run_id="again").rebuild()
    store.engine.dispose()
    bank.sql("DELETE FROM snapshots WHERE stream_id = ? AND version >= ?", HISTORIED, event.version)
    assert bank.sql("SELECT 1 FROM snapshots WHERE stream_id = ?", HISTORIED)
    [path] = outside_folder(bank.url).joinpath("statements").glob("*.csv")
    if cut_off:
        header, *lines = path.read_text("utf-8").splitlines()
        early = [line for line in lines if line.split(",")[2] < event.recorded_at[:10]]
        path.write_text("\n".join([header, *early]) + "\n", encoding="utf-8")
    else:
        path.unlink()
    diagnosis = diagnosed(bank)
    [edit] = headlines(diagnosis)
    assert (edit.fault, edit.amount, edit.certainty) == ("manual_edit", 500, "possible")
    assert [each.fault for each in diagnosis.findings if each.alternative_to] == ["rehashed_history"]
    assert "only witness left" in rebuild_held_back(diagnosis, "account_balances", [edit])


def forge_statement(bank: DamagedBank, event: Event, by: int) -> None:
    """The line of the event and every balance from there on say what the event says by now."""
    [path] = outside_folder(bank.url).joinpath("statements").glob("*.csv")
    header, *lines = (line.split(",") for line in path.read_text("utf-8").splitlines())
    reference = json.loads(event.payload)["reference"]
    first = next(number for number, line in enumerate(lines) if (line[0], line[3]) == (event.account, reference))
    lines[first][4] = str(int(lines[first][4]) + by)
    for line in lines[first:]:
        if line[0] == event.account:
            line[5] = str(int(line[5]) + by)
    path.write_text("".join(",".join(line) + "\n" for line in [header, *lines]), "utf-8")


def test_a_figure_and_a_statement_that_come_to_one_sum_do_not_outvote_the_history(tmp_path: Path) -> None:
    """Two lines that no event records, and a balance that was changed to show them: the rows of the history agree with
    the log event by event."""
    bank = DamagedBank(tmp_path)
    for amount, reference in ((3_300, "FIRST"), (1_200, "SECOND")):
        bank.book(ACCOUNT, amount, reference, bank.healthy.now)
    later = bank.healthy.now + timedelta(hours=1)
    bank.deposit(ACCOUNT, 100, "LATER", later)
    bank.book(ACCOUNT, 100, "LATER", later)
    bank.sql("UPDATE account_balances SET balance_minor = balance_minor + 4500 WHERE account_id = ?", ACCOUNT)
    found = {(each.fault, each.account, each.amount) for each in headlines(diagnosed(bank))}
    assert found == {("never_appended", ACCOUNT, 4_500), ("manual_edit", ACCOUNT, 4_500)}
