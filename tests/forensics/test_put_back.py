"""A hash that holds again with the version, the stream or the id put back proves that the payload was not edited."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from damaged_bank import STREAM, DamagedBank, Event, Truth
from test_log_verdicts import judged

from esworkbench.event_store.sidecar import outside_folder
from esworkbench.forensics.diagnosis.diagnose import diagnose
from tests.support import swept


def move(bank: DamagedBank, stream_id: str, after: int, by: int) -> None:
    """The later versions of a stream numbered anew, hashes as they are; by way of versions that nobody has."""
    bank.sql("UPDATE events SET version = version + 100000 WHERE stream_id = ? AND version > ?", stream_id, after)
    bank.sql("UPDATE events SET version = version - 100000 + ? WHERE stream_id = ? AND version > 100000", by, stream_id)


def busiest(bank: DamagedBank) -> str:
    [(stream_id,)] = bank.sql("SELECT stream_id FROM events GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1")
    return str(stream_id)


def insert(bank: DamagedBank, event: Event, own_hash: str) -> None:
    bank.sql(
        "INSERT INTO events (stream_id, version, event_id, event_type, schema_version, payload, metadata, recorded_at, "
        "valid_at, prev_hash, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", *event[1:], own_hash,
    )  # fmt: skip


@pytest.mark.parametrize("seed", swept(range(1, 5), every=2))
def test_a_deleted_event_whose_successors_are_numbered_anew_is_deleted_and_nothing_is_edited(
    seed: int, tmp_path: Path
) -> None:
    bank = DamagedBank(tmp_path, seed)
    event = bank.any_event()
    bank.delete(event)
    move(bank, event.stream_id, event.version, -1)
    judged(diagnose(bank.captured()), [Truth("event_deleted", event.account, event.amount, (event.event_id,))])


@pytest.mark.parametrize("versions", [(5, 6), (5, 9), (6, 8, 11)])
def test_several_deleted_events(versions: Sequence[int], tmp_path: Path) -> None:
    bank = DamagedBank(tmp_path)
    stream_id = busiest(bank)
    gone = [bank.events("stream_id = ? AND version = ?", stream_id, version)[0] for version in versions]
    for event in gone:
        bank.delete(event)
    for number, event in enumerate(bank.events("stream_id = ?", stream_id), 1):
        bank.sql("UPDATE events SET version = ? WHERE event_id = ?", number, event.event_id)
    diagnosis = diagnose(bank.captured())
    assert {(each.fault, each.account) for each in diagnosis.findings} == {("event_deleted", gone[0].account)}
    [finding] = diagnosis.findings
    assert sorted(finding.event_ids) == sorted(event.event_id for event in gone)
    assert diagnosis.unexplained == []


def test_deleted_numbered_anew_and_another_one_edited(tmp_path: Path) -> None:
    """Two acts, two findings: the edited one is among those that moved, and fits no version."""
    bank = DamagedBank(tmp_path)
    stream_id = busiest(bank)
    gone, edited = (
        bank.events("stream_id = ? AND event_type = 'MoneyDeposited' AND schema_version = 3", stream_id)[at]
        for at in (3, 7)
    )
    bank.change_amount(edited, 700)
    bank.delete(gone)
    move(bank, stream_id, gone.version, -1)
    judged(diagnose(bank.captured()), [
        Truth("event_deleted", gone.account, gone.amount, (gone.event_id,)),
        Truth("payload_edited", gone.account, -700, (edited.event_id,)),
    ])  # fmt: skip


@pytest.mark.parametrize("hashed", [True, False], ids=["with a hash of its own", "with any hash"])
@pytest.mark.parametrize("applied", [True, False], ids=["applied since", "unknown to the read models"])
def test_an_event_put_between_two_others_is_named_and_its_neighbours_are_not(
    hashed: bool, applied: bool, tmp_path: Path
) -> None:
    bank = DamagedBank(tmp_path)
    stream_id = busiest(bank)
    before = bank.events("stream_id = ?", stream_id)[9]
    later = bank.events("stream_id = ? AND version > ?", stream_id, before.version)
    [(hash_before,)] = bank.sql("SELECT hash FROM events WHERE event_id = ?", before.event_id)
    move(bank, stream_id, before.version, 1)
    at = f"{bank.healthy.now + timedelta(minutes=5):%Y-%m-%dT%H:%M:%S.%fZ}"
    new = Event(
        0, stream_id, before.version + 1, "put-between", "MoneyDeposited", 3,
        '{"amount_minor":5000,"currency":"USD","reference":"PUT"}', "{}", at, at, str(hash_before),
    )  # fmt: skip
    insert(bank, new, new.hashed_after(new.prev_hash) if hashed else "ab" * 32)
    if applied:
        bank.deposit(new.account, 100, "LATER", bank.healthy.now + timedelta(hours=1))
        bank.book(new.account, 100, "LATER", bank.healthy.now + timedelta(hours=1))
    diagnosis = diagnose(bank.captured())
    [finding] = [each for each in diagnosis.findings if not each.healthy]
    assert (finding.fault, finding.account, finding.event_ids) == ("backdated_insert", new.account, ["put-between"])
    assert (finding.certainty, finding.amount) == ("proven", -5000)
    assert diagnosis.unexplained == []
    assert later


@pytest.mark.parametrize("into", ["BankAccount-ACC-1005", "BankAccount-ACC-9999"])
@pytest.mark.parametrize("count", swept([1, 12, 1_000], every=2))
def test_a_stream_copied_into_another_is_misfiled_and_no_drift(into: str, count: int, tmp_path: Path) -> None:
    bank = DamagedBank(tmp_path)
    events = [each for each in bank.events("stream_id = ?", busiest(bank)) if each.stream_id != into][:count]
    own = bank.events("stream_id = ?", into)
    version = own[-1].version if own else 0
    for number, event in enumerate(events, 1):
        [(own_hash,)] = bank.sql("SELECT hash FROM events WHERE event_id = ?", event.event_id)
        insert(bank, event._replace(stream_id=into, version=version + number, event_id=f"copy-{number}"), own_hash)
    diagnosis = diagnose(bank.captured())
    told = [each for each in diagnosis.findings if not each.healthy]
    assert {each.fault for each in told} == {"event_misfiled"}
    assert {each.certainty for each in told} == {"proven"}
    ids = {event_id for each in told for event_id in each.event_ids}
    assert ids == {f"copy-{number}" for number, _ in enumerate(events, 1)}
    assert {each.account for each in told} <= {into.removeprefix(STREAM), None}
    assert diagnosis.unexplained == []


def test_an_event_copied_in_its_own_stream_is_no_fork_of_two_writers(tmp_path: Path) -> None:
    bank = DamagedBank(tmp_path)
    event = bank.any_event("MoneyDeposited")
    last = bank.events("stream_id = ?", event.stream_id)[-1]
    [(own_hash,)] = bank.sql("SELECT hash FROM events WHERE event_id = ?", event.event_id)
    insert(bank, event._replace(version=last.version + 1, event_id="copy"), own_hash)
    diagnosis = diagnose(bank.captured())
    assert [(each.fault, each.account, each.event_ids) for each in diagnosis.findings if not each.healthy] == [
        ("event_misfiled", event.account, ["copy"])
    ]


@pytest.mark.parametrize("types", [("MoneyDeposited",), ("WithdrawalSettled",), ("AccountOpened",)])
def test_an_event_id_replaced_in_the_log_is_one_finding_that_says_so(types: tuple[str, ...], tmp_path: Path) -> None:
    bank = DamagedBank(tmp_path)
    event = bank.draw.choice(bank.events("event_type = ?", types[0]))
    bank.sql("UPDATE events SET event_id = 'replaced' WHERE event_id = ?", event.event_id)
    diagnosis = diagnose(bank.captured())
    [finding] = diagnosis.findings
    assert (finding.fault, finding.account, finding.amount) == ("payload_edited", event.account, 0)
    assert finding.event_ids == ["replaced"]
    assert types == ("AccountOpened",) or event.event_id in finding.proof
    assert diagnosis.unexplained == []


def test_two_event_ids_exchanged_in_the_log(tmp_path: Path) -> None:
    bank = DamagedBank(tmp_path)
    stream_id = busiest(bank)
    first, second = (bank.events("stream_id = ?", stream_id)[at] for at in (4, 8))
    for old, new in ((first.event_id, "x"), (second.event_id, first.event_id), ("x", second.event_id)):
        bank.sql("UPDATE events SET event_id = ? WHERE event_id = ?", new, old)
    diagnosis = diagnose(bank.captured())
    [finding] = diagnosis.findings
    assert (finding.fault, finding.account, finding.amount) == ("payload_edited", first.account, 0)
    assert sorted(finding.event_ids) == sorted([first.event_id, second.event_id])
    assert diagnosis.unexplained == []


def accounts_with_payments(bank: DamagedBank) -> list[str]:
    return sorted(event.account for event in bank.events("event_type = 'AccountOpened'"))


def rename(bank: DamagedBank, account: str, into: str) -> None:
    bank.sql("UPDATE events SET stream_id = ? WHERE stream_id = ?", STREAM + into, STREAM + account)


def misfiled_whole(bank: DamagedBank, *accounts: str) -> None:
    """One finding an account and currency, proven, and together of all that the streams held; nothing beside."""
    diagnosis = diagnose(bank.captured())
    told = [each for each in diagnosis.findings if not each.healthy]
    assert {(each.fault, each.certainty) for each in told} == {("event_misfiled", "proven")}
    assert {each.account for each in told} == set(accounts)
    assert len(told) == len({(each.account, each.currency) for each in told})
    assert diagnosis.unexplained == []
    events = bank.events(f"stream_id IN ({', '.join('?' * len(accounts))})", *(STREAM + each for each in accounts))
    assert {event_id for each in told for event_id in each.event_ids} == {event.event_id for event in events}


@pytest.mark.parametrize("pair", [(0, 1), (1, 2), (1, 3), (2, 4), (0, 5)])
def test_two_whole_streams_exchanged_are_misfiled_and_nothing_else(pair: tuple[int, int], tmp_path: Path) -> None:
    bank = DamagedBank(tmp_path)
    first, second = (accounts_with_payments(bank)[at] for at in pair)
    rename(bank, first, "between")
    rename(bank, second, first)
    rename(bank, "between", second)
    misfiled_whole(bank, first, second)


@pytest.mark.parametrize("stream_id", ["BankAccount-ACC-1004", "BankAccount-ACC-1777"])
def test_a_stream_put_behind_another(stream_id: str, tmp_path: Path) -> None:
    """Numbered on from where the other ends: the id of then is named by claims alone."""
    bank = DamagedBank(tmp_path)
    if stream_id.endswith("1777"):
        rename(bank, "ACC-1004", "ACC-1777")
    last = bank.events("stream_id = ?", stream_id)[-1].version
    moved = bank.events("stream_id = 'BankAccount-ACC-1003'")
    bank.sql(
        "UPDATE events SET stream_id = ?, version = version + ? WHERE stream_id = ?",
        stream_id,
        last,
        STREAM + "ACC-1003",
    )
    diagnosis = diagnose(bank.captured())
    told = [each for each in diagnosis.findings if not each.healthy]
    assert {(each.fault, each.certainty) for each in told} == {("event_misfiled", "proven")}
    assert {each.account for each in told} >= {"ACC-1003", stream_id.removeprefix(STREAM)}
    assert len(told) == len({each.account for each in told})
    ids = {event_id for each in told for event_id in each.event_ids}
    assert ids >= {event.event_id for event in moved}
    assert diagnosis.unexplained == []


def test_a_stream_renamed_that_only_a_payload_still_names(tmp_path: Path) -> None:
    """No read model, no snapshot and no statement is left: the other side of a transfer says which account it was."""
    bank = DamagedBank(tmp_path)
    other = "json_extract(payload, '$.to_account')"
    [(account,)] = bank.sql(f"SELECT {other} FROM events WHERE {other} IS NOT NULL ORDER BY global_position LIMIT 1")
    rename(bank, account, "ACC-1777")
    for table in ("account_balances", "daily_summaries", "transaction_history", "pending_withdrawals", "snapshots"):
        bank.sql(f"DELETE FROM {table}")
    for path in outside_folder(bank.url).joinpath("statements").glob("*.csv"):
        path.unlink()
    told = [each for each in diagnose(bank.captured()).findings if each.fault in ("event_misfiled", "payload_edited")]
    assert {each.fault for each in told} == {"event_misfiled"}
    assert all(account in each.proof for each in told)


@pytest.mark.parametrize("which", swept(range(6), every=3))
def test_a_stream_renamed_is_misfiled_where_claims_still_name_the_account(which: int, tmp_path: Path) -> None:
    bank = DamagedBank(tmp_path)
    account = accounts_with_payments(bank)[which]
    rename(bank, account, "ACC-1777")
    misfiled_whole(bank, account, "ACC-1777")


def test_all_ids_of_a_log_replaced_is_one_act_also_for_events_that_no_row_names(tmp_path: Path) -> None:
    bank = DamagedBank(tmp_path)
    bank.sql("UPDATE events SET event_id = 'ffffffff-0000-4000-8000-' || printf('%012d', global_position)")
    diagnosis = diagnose(bank.captured())
    assert {each.fault for each in diagnosis.findings} == {"payload_edited"}
    accounts = [each.account for each in diagnosis.findings]
    assert sorted(accounts, key=str) == accounts_with_payments(bank)
    assert {(each.amount, each.certainty) for each in diagnosis.findings} == {(0, "proven")}
    named = [event_id for each in diagnosis.findings for event_id in each.event_ids]
    assert sorted(named) == sorted(event.event_id for event in bank.events())
    assert diagnosis.unexplained == []


@pytest.mark.parametrize("versions", [(11, 999), (10, 14)])
def test_a_stretch_of_a_stream_under_a_new_name_is_misfiled_and_nothing_is_deleted(
    versions: tuple[int, int], tmp_path: Path
) -> None:
    bank = DamagedBank(tmp_path)
    bank.sql(
        "UPDATE events SET stream_id = 'BankAccount-ACC-1777' WHERE stream_id = 'BankAccount-ACC-1003' "
        "AND version BETWEEN ? AND ?", *versions,
    )  # fmt: skip
    told = [each for each in diagnose(bank.captured()).findings if not each.healthy]
    assert {(each.fault, each.account, each.certainty) for each in told} == {
        ("event_misfiled", "ACC-1003", "proven"), ("event_misfiled", "ACC-1777", "proven"),
    }  # fmt: skip


def test_an_edited_day_of_a_renamed_stream_is_told_beside_it_to_the_cent(tmp_path: Path) -> None:
    bank = DamagedBank(tmp_path)
    rename(bank, "ACC-1003", "ACC-1777")
    bank.sql(
        "UPDATE daily_summaries SET closing_minor = closing_minor + 700 WHERE account_id = 'ACC-1003' "
        "AND day = (SELECT max(day) FROM daily_summaries WHERE account_id = 'ACC-1003')"
    )
    diagnosis = diagnose(bank.captured())
    told = [each for each in diagnosis.findings if not each.healthy and each.alternative_to is None]
    assert [(each.account, each.amount) for each in told if each.fault != "event_misfiled"] == [("ACC-1003", 700)]
    assert {each.account for each in told if each.fault == "event_misfiled"} == {"ACC-1003", "ACC-1777"}
    assert diagnosis.unexplained == []


def last_of_busiest(bank: DamagedBank) -> Event:
    return bank.events("stream_id = ?", busiest(bank))[-1]


def without_witnesses(bank: DamagedBank) -> None:
    """The log, and nobody else who could tell."""
    for table in ("account_balances", "daily_summaries", "transaction_history", "pending_withdrawals"):
        bank.sql(f"DROP TABLE {table}")
    for table in ("snapshots", "checkpoints", "checkpoint_log"):
        bank.sql(f"DELETE FROM {table}")
    for path in outside_folder(bank.url).joinpath("statements").glob("*.csv"):
        path.unlink()


@pytest.mark.parametrize("witnesses", [True, False])
@pytest.mark.parametrize("by", [1, 5])
def test_the_version_of_the_last_event_edited_is_one_finding_and_no_row_is_blamed(
    by: int, witnesses: bool, tmp_path: Path
) -> None:
    bank = DamagedBank(tmp_path)
    event = last_of_busiest(bank)
    bank.sql("UPDATE events SET version = version + ? WHERE event_id = ?", by, event.event_id)
    if not witnesses:
        without_witnesses(bank)
    diagnosis = diagnose(bank.captured())
    judged(diagnosis, [Truth("payload_edited", event.account, 0, (event.event_id,))])
    [found] = diagnosis.unhealthy
    assert found.certainty == "proven"
    assert f"from {event.version} to {event.version + by}" in found.proof


def test_the_version_of_an_event_amid_its_stream_edited_puts_nothing_out_of_order(tmp_path: Path) -> None:
    bank = DamagedBank(tmp_path)
    event = bank.events("stream_id = ? AND version = 9", busiest(bank))[0]
    bank.sql("UPDATE events SET version = 500 WHERE event_id = ?", event.event_id)
    judged(diagnose(bank.captured()), [Truth("payload_edited", event.account, 0, (event.event_id,))])


def test_version_and_amount_edited_is_one_act(tmp_path: Path) -> None:
    bank = DamagedBank(tmp_path)
    event = bank.events("stream_id = ? AND event_type = 'MoneyDeposited' AND schema_version = 3", busiest(bank))[-1]
    bank.change_amount(event, 700)
    bank.sql("UPDATE events SET version = version + 1000 WHERE event_id = ?", event.event_id)
    judged(diagnose(bank.captured()), [Truth("payload_edited", event.account, -700, (event.event_id,))])


@pytest.mark.parametrize("hash_before", ["0" * 64, "f" * 64])
def test_the_hash_before_written_over_is_an_edit_and_no_fork(hash_before: str, tmp_path: Path) -> None:
    bank = DamagedBank(tmp_path)
    event = bank.events("stream_id = ? AND version = 9", busiest(bank))[0]
    bank.sql("UPDATE events SET prev_hash = ? WHERE event_id = ?", hash_before, event.event_id)
    diagnosis = diagnose(bank.captured())
    judged(diagnosis, [Truth("payload_edited", event.account, 0, (event.event_id,))])
    assert "names as the hash before was changed too" in diagnosis.unhealthy[0].proof


EDITS = {
    "version": "version + 1000", "event_type": "'MoneyDeposited2'", "schema_version": "schema_version + 1",
    "recorded_at": "'2021' || substr(recorded_at, 5)", "valid_at": "'2021' || substr(valid_at, 5)",
    "payload": "json_set(payload, '$.reference', 'other')", "metadata": "json_set(metadata, '$.actor', 'other')",
    "prev_hash": "hash", "hash": "prev_hash", "stream_id": "stream_id || 'X'",
    "event_id": "'ffffffff' || substr(event_id, 9)",
}  # fmt: skip
"""By column of the log, another value of the same kind."""


@pytest.mark.parametrize("last", [True, False], ids=["the last", "amid its stream"])
@pytest.mark.parametrize("witnesses", swept([True, False], every=2), ids=["with read models", "the log alone"])
@pytest.mark.parametrize("column", EDITS)
def test_no_edit_of_one_event_passes_in_silence(column: str, witnesses: bool, last: bool, tmp_path: Path) -> None:
    """Whatever ``verify`` calls a break is in a finding or left unexplained: nobody is told that all is well."""
    bank = DamagedBank(tmp_path)
    if not witnesses:
        without_witnesses(bank)
    event = last_of_busiest(bank) if last else bank.events("stream_id = ? AND version = 9", busiest(bank))[0]
    bank.sql(f"UPDATE events SET {column} = {EDITS[column]} WHERE event_id = ?", event.event_id)
    diagnosis = diagnose(bank.captured())
    named = {position for finding in diagnosis.unhealthy for position in finding.positions}
    assert event.position in named | {each.at_position for each in diagnosis.unexplained}
    assert "manual_edit" not in {finding.fault for finding in diagnosis.unhealthy}


def test_the_time_of_an_event_edited_over_midnight_is_one_act_and_no_other_midnight(tmp_path: Path) -> None:
    bank = DamagedBank(tmp_path)
    event = bank.events("stream_id = ? AND event_type = 'MoneyDeposited' AND schema_version = 3", busiest(bank))[-1]
    bank.sql("UPDATE events SET recorded_at = substr(recorded_at, 1, 11) || '23:59:59.999999Z' "
             "WHERE event_id = ?", event.event_id)  # fmt: skip
    diagnosis = diagnose(bank.captured())
    assert {finding.fault for finding in diagnosis.unhealthy} == {"payload_edited"}
    [found] = diagnosis.unhealthy
    assert (found.positions, found.amount) == ([event.position], 0)
