"""Promise 6: what was done to an anchored log is proved by the anchor, event by event; and promise 14: by no more than
its signature is worth."""

import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from anchored_bank import AnchoredBank, Told, told
from damaged_bank import STREAM, DamagedBank, Event

from esworkbench.domains.bank import bank_decoder
from esworkbench.domains.bank.read_models import BANK_PROJECTIONS
from esworkbench.errors import UnusableInput
from esworkbench.event_store import EventStore
from esworkbench.event_store.anchors.keys import create_key
from esworkbench.evidence import Evidence
from esworkbench.evidence.adding import Additions
from esworkbench.forensics.diagnosis.diagnose import diagnose
from esworkbench.forensics.diagnosis.findings import LOOKED_FOR, Diagnosis, Finding
from esworkbench.forensics.verify import verify
from esworkbench.projections import ProjectionRunner

FROM_ANCHORS = ("rehashed_history", "event_deleted", "backdated_insert", "tail_truncated", "split_view", "reordered")


@pytest.fixture
def bank(tmp_path: Path) -> AnchoredBank:
    made = AnchoredBank(tmp_path)
    made.anchor()
    return made


def only(diagnosis: Diagnosis) -> Finding:
    [finding] = [each for each in diagnosis.findings if not each.healthy]
    assert diagnosis.unexplained == []
    return finding


def kinds(evidence: Evidence) -> set[str]:
    return {each.kind for each in verify(evidence).breaks}


def rebuild(bank: DamagedBank) -> None:
    """Every read model, from the log as it is now, as an intruder would have it."""
    for table in ("account_balances", "transaction_history", "daily_summaries", "pending_withdrawals", "snapshots"):
        bank.sql(f"DELETE FROM {table}")
    bank.sql("UPDATE checkpoints SET position = 0")
    bank.sql("DELETE FROM checkpoint_log")
    store = EventStore.open(bank.url)
    for make in BANK_PROJECTIONS.values():
        ProjectionRunner(store, make(), bank_decoder(), run_id="again").catch_up()
    store.engine.dispose()


def edited(bank: AnchoredBank, by: int = 700) -> Event:
    event = bank.any_event("MoneyDeposited")
    bank.change_amount(event, by)
    bank.hash_again(event.stream_id)
    return event


def test_a_healthy_log_stands_and_nothing_is_found(bank: AnchoredBank) -> None:
    evidence = bank.evidence()
    found = verify(evidence)
    assert found.breaks == []
    assert [(each.signature, each.trusted, each.stands, each.origins) for each in found.anchors] == [
        ("good", True, True, ["outside", "store"])
    ]
    assert evidence.manifest.problems == []
    diagnosis = diagnose(evidence)
    assert [each for each in diagnosis.findings if not each.healthy] == []
    excluded = set(FROM_ANCHORS) - {"split_view", "tail_truncated"}
    assert {diagnosis.tested[name] for name in excluded} == {"ruled_out"}
    assert diagnosis.tested["tail_truncated"].startswith("not_testable: looked for, and not found; an anchor of a key")
    assert diagnosis.tested["split_view"].startswith("not_testable: there is no anchor that was obtained elsewhere")


@pytest.mark.parametrize("rebuilt", [False, True])
def test_an_event_changed_and_hashed_again_is_proved_to_the_event(bank: AnchoredBank, rebuilt: bool) -> None:
    event = edited(bank)
    if rebuilt:
        rebuild(bank)
        shutil.rmtree(bank.outside / "statements")
    evidence = bank.evidence()
    finding = only(diagnose(evidence))
    assert (finding.fault, finding.account, finding.certainty) == ("rehashed_history", event.account, "proven")
    assert (finding.event_ids, finding.positions) == ([event.event_id], [event.position])
    assert finding.amount == (0 if rebuilt else -700)
    assert kinds(evidence) == {"anchor_edited", "anchor_hashed_again"}


def test_two_events_of_a_stream_changed_are_told_from_those_that_were_only_hashed_again(bank: AnchoredBank) -> None:
    first = bank.any_event("MoneyDeposited")
    later = [each for each in bank.events("stream_id = ?", first.stream_id) if each.event_type == "MoneyDeposited"]
    second = next(each for each in later if each.position not in (first.position, first.position + 1))
    for event in (first, second):
        bank.change_amount(event, 100)
    bank.hash_again(first.stream_id)
    finding = only(diagnose(bank.evidence()))
    assert finding.fault == "rehashed_history"
    assert set(finding.event_ids) == {first.event_id, second.event_id}
    assert finding.amount == -200


def test_an_event_taken_out_and_the_hole_hidden_is_proved(bank: AnchoredBank) -> None:
    event = bank.any_event("MoneyDeposited", "MoneyWithdrawn", "FeeCharged")
    bank.delete(event)
    bank.hash_again(event.stream_id, renumber=True)
    finding = only(diagnose(bank.evidence()))
    assert (finding.fault, finding.account, finding.certainty) == ("rehashed_history", event.account, "proven")
    assert (finding.positions, finding.event_ids) == ([event.position], [event.event_id])
    assert finding.amount == event.amount


def test_numbers_that_were_closed_up_over_old_hashes_leave_the_hole_to_be_seen(bank: AnchoredBank) -> None:
    event = bank.any_event("MoneyDeposited")
    bank.delete(event)
    for each in sorted(bank.events("stream_id = ? AND version > ?", event.stream_id, event.version)):
        bank.sql("UPDATE events SET version = version - 1 WHERE event_id = ?", each.event_id)
    diagnosis = diagnose(bank.evidence())
    assert told(diagnosis) == {Told("event_deleted", event.account, event.amount, "proven")}
    [finding] = diagnosis.unhealthy
    assert finding.positions == [event.position]
    assert diagnosis.unexplained == []


@pytest.mark.parametrize("whole", [True, False])
def test_a_deleted_stream_or_the_end_of_one_is_proved_by_its_leaves(bank: AnchoredBank, whole: bool) -> None:
    """No version gap, no broken link: the chain of a stream that is gone says nothing."""
    stream = STREAM + "ACC-1002"
    gone = bank.events("stream_id = ?", stream)[0 if whole else -3 :]
    assert gone[-1].position < bank.events()[-1].position
    [(balance,)] = bank.sql("SELECT balance_minor FROM account_balances WHERE account_id = 'ACC-1002'")
    for event in gone:
        bank.delete(event)
    evidence = bank.evidence()
    assert kinds(evidence) >= {"anchor_missing"}
    finding = only(diagnose(evidence))
    assert (finding.fault, finding.account, finding.certainty) == ("event_deleted", "ACC-1002", "proven")
    assert finding.positions == [event.position for event in gone]
    assert finding.amount == (balance if whole else sum(event.amount for event in gone))


def test_a_tail_that_was_cut_off_is_proved_with_its_streams_and_amounts(bank: AnchoredBank) -> None:
    cut = bank.events()[-4:]
    off: dict[str, int] = {}
    for event in cut:
        off[event.account] = off.get(event.account, 0) + event.amount
        bank.delete(event)
    diagnosis = diagnose(bank.evidence())
    assert told(diagnosis) == {Told("tail_truncated", account, amount, "proven") for account, amount in off.items()}
    assert {position for each in diagnosis.findings for position in each.positions} == {each.position for each in cut}
    assert diagnosis.unexplained == []


def test_a_tail_cut_off_with_everything_that_had_read_it_is_proved_by_the_anchor_alone(bank: AnchoredBank) -> None:
    cut = bank.events()[-4:]
    for event in cut:
        bank.delete(event)
    rebuild(bank)
    shutil.rmtree(bank.outside / "statements")
    diagnosis = diagnose(bank.evidence())
    assert {(each.fault, each.amount, each.certainty) for each in diagnosis.findings} == {
        ("tail_truncated", 0, "proven")
    }
    assert {position for each in diagnosis.findings for position in each.positions} == {each.position for each in cut}


def test_a_cut_tail_takes_the_lines_that_the_statement_has_for_it(bank: AnchoredBank) -> None:
    """Every read model was rebuilt from what is left: the statement alone still tells the amounts, and tells no second
    fault."""
    cut = bank.events()[-8:]
    off: dict[str, int] = {}
    for event in cut:
        off[event.account] = off.get(event.account, 0) + event.amount
        bank.delete(event)
    assert any(off.values())
    rebuild(bank)
    diagnosis = diagnose(bank.evidence())
    assert told(diagnosis) == {Told("tail_truncated", account, amount, "proven") for account, amount in off.items()}
    assert diagnosis.unexplained == []


@pytest.mark.parametrize("statement", [True, False])
def test_of_a_stream_that_is_gone_with_its_read_models_the_account_is_named(
    bank: AnchoredBank, statement: bool
) -> None:
    gone = bank.events("stream_id = ?", STREAM + "ACC-1002")
    [path] = (bank.outside / "statements").glob("*.csv")
    booked = sum(
        int(line.split(",")[4]) for line in path.read_text("utf-8").splitlines() if line.startswith("ACC-1002")
    )
    for event in gone:
        bank.delete(event)
    rebuild(bank)
    if not statement:
        shutil.rmtree(bank.outside / "statements")
    diagnosis = diagnose(bank.evidence())
    finding = only(diagnosis)
    assert (finding.fault, finding.account, finding.certainty) == ("event_deleted", "ACC-1002", "proven")
    assert (finding.amount, finding.currency) == ((booked, "USD") if statement else (0, None))
    assert diagnosis.reach["event_deleted"].accounts == 1


@pytest.mark.parametrize("rebuilt", [True, False])
def test_what_a_deleted_stream_held_beyond_the_anchor_went_with_it(bank: AnchoredBank, rebuilt: bool) -> None:
    """The newest event of the log was one of it: that is no tail cut off as well."""
    since = bank.healthy.now + timedelta(minutes=5)
    bank.deposit("ACC-1002", 4_321, "SINCE", since)
    bank.book("ACC-1002", 4_321, "SINCE", since)
    [(balance,)] = bank.sql("SELECT balance_minor FROM account_balances WHERE account_id = 'ACC-1002'")
    for event in bank.events("stream_id = ?", STREAM + "ACC-1002"):
        bank.delete(event)
    if rebuilt:
        bank.sql("DELETE FROM snapshots")
        store = EventStore.open(bank.url)
        for make in BANK_PROJECTIONS.values():
            ProjectionRunner(store, make(), bank_decoder(), run_id="again").rebuild()
        store.engine.dispose()
    finding = only(diagnose(bank.evidence()))
    assert (finding.fault, finding.account, finding.certainty) == ("event_deleted", "ACC-1002", "proven")
    assert finding.amount == balance


def test_an_event_put_into_another_stream_is_no_change_of_order_as_well(bank: AnchoredBank) -> None:
    event = bank.any_event("MoneyDeposited")
    other = next(each for each in reversed(bank.events()) if each.account not in ("", event.account))
    later = bank.events("stream_id = ? AND version > ?", event.stream_id, event.version)
    bank.sql("UPDATE events SET stream_id = ?, version = ? WHERE event_id = ?", other.stream_id,
             other.version + 1, event.event_id)  # fmt: skip
    bank.change("UPDATE events SET version = ? WHERE event_id = ?", [(one.version - 1, one.event_id) for one in later])
    for stream_id in (event.stream_id, other.stream_id):
        bank.hash_again(stream_id)
    assert told(diagnose(bank.evidence())) == {
        Told("event_misfiled", event.account, event.amount, "proven"),
        Told("event_misfiled", other.account, -event.amount, "proven"),
    }  # fmt: skip


@pytest.mark.parametrize("statement", [True, False])
def test_the_line_of_an_event_that_was_moved_is_told_with_it_though_all_else_was_rebuilt(
    bank: AnchoredBank, statement: bool
) -> None:
    event = bank.any_event("MoneyDeposited", "MoneyWithdrawn", "FeeCharged")
    other = min({each.stream_id for each in bank.events("payload LIKE '%USD%'")} - {event.stream_id})
    version = bank.events("stream_id = ?", other)[-1].version + 1
    later = bank.events("stream_id = ? AND version > ?", event.stream_id, event.version)
    bank.sql("UPDATE events SET stream_id = ?, version = ? WHERE event_id = ?", other, version, event.event_id)
    bank.change("UPDATE events SET version = ? WHERE event_id = ?", [(one.version - 1, one.event_id) for one in later])
    bank.hash_again(event.stream_id)
    bank.hash_again(other)
    rebuild(bank)
    if not statement:
        shutil.rmtree(bank.outside / "statements")
    diagnosis = diagnose(bank.evidence())
    amount = event.amount if statement else 0
    assert told(diagnosis) == {
        Told("event_misfiled", event.account, amount, "proven"),
        Told("event_misfiled", other.removeprefix(STREAM), -amount, "proven"),
    }
    assert all(each.event_ids == [event.event_id] for each in diagnosis.findings)
    assert diagnosis.unexplained == []


def test_the_lines_of_a_stream_under_a_new_name_are_told_with_it_and_the_statement_is_left_alone(
    bank: AnchoredBank,
) -> None:
    [(balance,)] = bank.sql("SELECT balance_minor FROM account_balances WHERE account_id = 'ACC-1002'")
    bank.sql("UPDATE events SET stream_id = 'BankAccount-ACC-1002b' WHERE stream_id = 'BankAccount-ACC-1002'")
    bank.hash_again("BankAccount-ACC-1002b")
    rebuild(bank)
    diagnosis = diagnose(bank.evidence())
    assert told(diagnosis) == {
        Told("event_misfiled", "ACC-1002", balance, "proven"),
        Told("event_misfiled", "ACC-1002b", 0, "proven"),
    }
    assert diagnosis.unexplained == []


@pytest.mark.parametrize("anchored", [True, False])
def test_what_was_put_before_events_of_its_stream_is_the_act_and_they_are_none(
    anchored: bool, bank: AnchoredBank
) -> None:
    """It stands past all that is anchored, and bears a version in the middle: what comes after it merely follows."""
    before = bank.any_event("MoneyDeposited")
    later = bank.events("stream_id = ? AND version > ?", before.stream_id, before.version)
    bank.change("UPDATE events SET version = ? WHERE event_id = ?",
                [(one.version + 1, one.event_id) for one in reversed(later)])  # fmt: skip
    payload = json.dumps(json.loads(before.payload) | {"amount_minor": 55_555, "reference": "FORGED"})
    bank.sql(
        "INSERT INTO events SELECT (SELECT max(global_position) + 1 FROM events), stream_id, version + 1, 'forged', "
        "event_type, schema_version, ?, metadata, recorded_at, valid_at, hash, 'x' FROM events WHERE event_id = ?",
        payload, before.event_id,
    )  # fmt: skip
    bank.hash_again(before.stream_id)
    rebuild(bank)
    if not anchored:
        shutil.rmtree(bank.outside / "anchors")
        bank.sql("DELETE FROM anchors")
    finding = only(diagnose(bank.evidence()))
    assert (finding.fault, finding.event_ids, finding.amount) == ("backdated_insert", ["forged"], -55_555)
    assert finding.certainty == ("proven" if anchored else "likely")


def test_what_came_after_an_anchor_was_put_before_nothing_where_an_older_event_was_moved_behind_it(
    bank: AnchoredBank,
) -> None:
    """The moved event bears the stream's last version, and its position is from before the anchor."""
    moved = bank.any_event("MoneyDeposited")
    other = next(account for account in ("ACC-1001", "ACC-1003") if account != moved.account)
    bank.deposit(other, 900, "LATER", bank.healthy.now + timedelta(hours=1))
    stream_id = f"{STREAM}{other}"
    [*_, later] = bank.events("stream_id = ?", stream_id)
    assert later.position > moved.position
    bank.sql("UPDATE events SET stream_id = ?, version = ? WHERE event_id = ?",
             stream_id, later.version + 1, moved.event_id)  # fmt: skip
    changed = next(each for each in bank.events("stream_id = ?", stream_id) if "amount_minor" in each.payload)
    bank.change_amount(changed, 700)
    bank.hash_again(stream_id)
    bank.hash_again(moved.stream_id, renumber=True)
    rebuild(bank)
    evidence = bank.evidence()
    assert "anchor_inserted" not in kinds(evidence)
    found = diagnose(evidence).unhealthy
    assert {(each.fault, *each.event_ids) for each in found} == {
        ("event_misfiled", moved.event_id), ("rehashed_history", changed.event_id),
    }  # fmt: skip


def test_what_an_inserted_event_pushes_along_is_moved_and_never_deleted(bank: AnchoredBank) -> None:
    """Every later position is one higher, so that the last anchored event stands past the anchor's position."""
    before = bank.any_event("MoneyDeposited")
    later = bank.events("global_position > ?", before.position)
    assert {each.account for each in later} != {before.account}
    bank.change("UPDATE events SET global_position = ? WHERE event_id = ?",
                [(each.position + 1, each.event_id) for each in reversed(later)])  # fmt: skip
    bank.change(
        "UPDATE events SET version = ? WHERE event_id = ?",
        [(each.version + 1, each.event_id) for each in reversed(later) if each.stream_id == before.stream_id],
    )
    payload = json.dumps(json.loads(before.payload) | {"amount_minor": 55_555, "reference": "SLIPPED-IN"})
    bank.sql(
        "INSERT INTO events SELECT ?, stream_id, version + 1, 'slipped-in', event_type, schema_version, ?, metadata, "
        "recorded_at, valid_at, hash, 'x' FROM events WHERE event_id = ?", before.position + 1, payload,
        before.event_id,
    )  # fmt: skip
    bank.hash_again(before.stream_id)
    rebuild(bank)
    finding = only(diagnose(bank.evidence()))
    assert (finding.fault, finding.account, finding.certainty) == ("backdated_insert", before.account, "proven")
    assert (finding.positions, finding.event_ids) == ([before.position + 1], ["slipped-in"])
    assert finding.amount == -55_555, "which the statement alone lacks"


def test_an_event_put_in_below_the_anchor_is_proved(tmp_path: Path) -> None:
    """At a position that was free: a writer rolled back there."""
    bank = AnchoredBank(tmp_path)
    bank.sql("UPDATE sqlite_sequence SET seq = seq + 1 WHERE name = 'events'")
    bank.deposit("ACC-1002", 100, "LATER", bank.healthy.now + timedelta(minutes=1))
    bank.book("ACC-1002", 100, "LATER", bank.healthy.now + timedelta(minutes=1))
    bank.anchor()
    free = bank.events()[-1].position - 1
    last = bank.events("stream_id = ?", STREAM + "ACC-1001")[-1]
    shape = bank.events("event_type = 'MoneyDeposited' AND payload LIKE '%amount_minor%'")[-1]
    bank.sql(
        "INSERT INTO events SELECT ?, stream_id, version + 1, 'slipped-in', ?, ?, ?, '{}', recorded_at, valid_at, "
        "hash, 'x' FROM events WHERE event_id = ?", free, shape.event_type, shape.schema_version,
        json.dumps(json.loads(shape.payload) | {"amount_minor": 50_000}), last.event_id,
    )  # fmt: skip
    bank.hash_again(last.stream_id)
    finding = only(diagnose(bank.evidence()))
    assert (finding.fault, finding.account, finding.certainty) == ("backdated_insert", "ACC-1001", "proven")
    assert (finding.positions, finding.event_ids, finding.amount) == ([free], ["slipped-in"], -50_000)


def test_without_leaves_the_range_between_two_anchors_is_what_is_proved(tmp_path: Path) -> None:
    bank = AnchoredBank(tmp_path)
    events = bank.events()
    after = events[len(events) // 2].position
    bank.sql("CREATE TABLE later AS SELECT * FROM events WHERE global_position > ?", after)
    bank.sql("DELETE FROM events WHERE global_position > ?", after)
    bank.anchor()
    bank.sql("INSERT INTO events SELECT * FROM later")
    last = bank.anchor()
    event = next(
        each for each in events
        if each.position > after and each.event_type == "MoneyDeposited" and each.account == "ACC-1001"
    )  # fmt: skip
    bank.change_amount(event, 700)
    bank.hash_again(event.stream_id)
    rebuild(bank)
    shutil.rmtree(bank.outside / "statements")
    for path in (bank.outside / "anchors").glob("*.parquet"):
        path.unlink()
    evidence = bank.evidence()
    assert evidence.manifest.problem_count == 1, "that the leaves are gone is said"
    finding = only(diagnose(evidence))
    assert (finding.fault, finding.account, finding.certainty) == ("rehashed_history", None, "proven")
    assert f"after position {after} and up to {last.position}" in finding.proof
    assert kinds(evidence) == {"anchor_range"}


def test_without_leaves_what_one_claim_kept_is_no_manual_edit_and_no_proof(bank: AnchoredBank) -> None:
    rows = bank.sql("SELECT * FROM transaction_history")
    event = edited(bank)
    rebuild(bank)
    shutil.rmtree(bank.outside / "statements")
    bank.sql("DELETE FROM transaction_history")
    bank.change(f"INSERT INTO transaction_history VALUES ({', '.join('?' * len(rows[0]))})", rows)
    for path in (bank.outside / "anchors").glob("*.parquet"):
        path.unlink()
    diagnosis = diagnose(bank.evidence())
    assert told(diagnosis) == {
        Told("rehashed_history", None, 0, "proven"), Told("rehashed_history", event.account, -700, "likely"),
    }  # fmt: skip


def resigned(bank: AnchoredBank) -> None:
    """The intruder holds the key: the log is changed, and anchored again as though nothing had been."""
    shutil.rmtree(bank.outside / "anchors")
    bank.sql("DELETE FROM anchors")
    bank.anchor()


def test_two_histories_signed_are_a_split_view_and_only_the_copy_from_elsewhere_shows_it(bank: AnchoredBank) -> None:
    copy = bank.kept_elsewhere()
    event = edited(bank)
    rebuild(bank)
    shutil.rmtree(bank.outside / "statements")
    resigned(bank)
    [mine] = sorted(copy.glob("*.json"))
    finding = only(diagnose(bank.evidence(Additions(anchors=[mine]))))
    assert (finding.fault, finding.certainty, finding.event_ids) == ("split_view", "proven", [event.event_id])


def test_of_two_histories_the_store_alone_shows_none(bank: AnchoredBank) -> None:
    edited(bank)
    rebuild(bank)
    shutil.rmtree(bank.outside / "statements")
    resigned(bank)
    evidence = bank.evidence()
    assert [each for each in diagnose(evidence).findings if not each.healthy] == []
    assert any("RFC 3161" in each for each in verify(evidence).unprovable)


def forged_signature(bank: AnchoredBank) -> None:
    [path] = (bank.outside / "anchors").glob("*.json")
    file = json.loads(path.read_text("utf-8"))
    file["anchor"]["signature"] = "0" * 128
    path.write_text(json.dumps(file), "utf-8")
    bank.sql("DELETE FROM anchors")


def key_taken_away(bank: AnchoredBank) -> None:
    bank.public_key.unlink()


@pytest.mark.parametrize("spoil", [forged_signature, key_taken_away])
def test_an_anchor_that_nobody_signed_accuses_nobody(bank: AnchoredBank, spoil: Callable[[AnchoredBank], None]) -> None:
    edited(bank)
    rebuild(bank)
    shutil.rmtree(bank.outside / "statements")
    spoil(bank)
    evidence = bank.evidence(trusted=False)
    diagnosis = diagnose(evidence)
    assert [each for each in diagnosis.findings if not each.healthy] == []
    assert "so it proves nothing" in diagnosis.tested["split_view"]
    found = verify(evidence)
    assert found.breaks == []
    assert any("no anchor here could be used" in each for each in found.unprovable)


@pytest.mark.parametrize(("own_copy", "certainty"), [(True, "likely"), (False, "possible")])
def test_a_key_that_nobody_brought_proves_no_more_than_who_could_lay_it_there(
    bank: AnchoredBank, own_copy: bool, certainty: str
) -> None:
    event = edited(bank)
    if not own_copy:
        bank.sql("DELETE FROM anchors")
    evidence = bank.evidence(trusted=False)
    finding = only(diagnose(evidence))
    assert (finding.fault, finding.account, finding.certainty) == ("rehashed_history", event.account, certainty)
    assert any("who signed with the key" in each for each in verify(evidence).unprovable)


def test_a_key_laid_beside_the_store_by_a_forger_proves_nothing_against_the_brought_one(bank: AnchoredBank) -> None:
    """A healthy log, and anchors of somebody's own key that say otherwise."""
    forger = create_key(bank.folder / "forger.pem")
    event = bank.any_event("MoneyDeposited")
    was = bank.sql("SELECT payload FROM events WHERE event_id = ?", event.event_id)[0][0]
    bank.change_amount(event, 1)
    bank.hash_again(event.stream_id)
    for path in (bank.outside / "anchors").iterdir():
        path.unlink()
    own = bank.sql("SELECT * FROM anchors")
    bank.sql("DELETE FROM anchors")
    bank.anchor(forger)
    bank.sql("DELETE FROM anchors")
    bank.sql("UPDATE events SET payload = ? WHERE event_id = ?", was, event.event_id)
    bank.hash_again(event.stream_id)
    bank.change(f"INSERT INTO anchors VALUES ({', '.join('?' * len(own[0]))})", own)
    diagnosis = diagnose(bank.evidence())
    assert {each.certainty for each in diagnosis.findings if not each.healthy} <= {"possible"}


def test_an_anchor_of_another_store_is_refused(bank: AnchoredBank, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = AnchoredBank(tmp_path / "other")
    first = other.events()[0]
    other.sql("UPDATE events SET event_id = 'another-first' WHERE event_id = ?", first.event_id)
    for stream in {event.stream_id for event in other.events()}:
        other.sql("UPDATE events SET metadata = '{}' WHERE stream_id = ?", stream)
        other.hash_again(stream)
    other.anchor()
    with pytest.raises(UnusableInput, match="is an anchor of another log"):
        bank.evidence(Additions(anchors=[other.outside / "anchors"]))


def test_that_the_first_event_was_changed_doesnt_make_its_anchors_another_stores(bank: AnchoredBank) -> None:
    copy = bank.kept_elsewhere()
    first = bank.events()[0]
    bank.sql("UPDATE events SET metadata = '{}' WHERE event_id = ?", first.event_id)
    bank.hash_again(first.stream_id)
    shutil.rmtree(bank.outside / "anchors")
    bank.sql("DELETE FROM anchors")
    finding = only(diagnose(bank.evidence(Additions(anchors=[copy]))))
    assert (finding.fault, finding.event_ids, finding.certainty) == ("rehashed_history", [first.event_id], "proven")


def test_leaves_that_dont_lead_to_the_signed_root_accuse_nobody(bank: AnchoredBank) -> None:
    """An anchor is signed, and its leaves beside it are not: only the root says which they were."""
    event = edited(bank)
    [path] = (bank.outside / "anchors").rglob("*.parquet")
    leaves = pq.read_table(path)
    field, hashes = leaves.schema.field("hash"), leaves.column("hash").to_pylist()
    hashes[2] = bytes(32) if isinstance(hashes[2], bytes) else "0" * 64
    at = leaves.schema.get_field_index("hash")
    pq.write_table(leaves.set_column(at, field, pa.array(hashes, field.type)), path)
    found = only(diagnose(bank.evidence()))
    assert (found.fault, found.event_ids) == ("rehashed_history", [event.event_id])


def hostile_json(folder: Path) -> None:
    (folder / "00000000000000000007.json").write_bytes(b'{"anchor": [[[[')


def hostile_leaves(folder: Path) -> None:
    next(folder.glob("*.parquet")).write_bytes(b"PAR1" * 9)


def hostile_link(folder: Path) -> None:
    (folder / "00000000000000000007.json").symlink_to("/dev/zero")


@pytest.mark.parametrize("spoil", [hostile_json, hostile_leaves, hostile_link])
def test_a_damaged_anchor_is_said_and_ends_no_capture(bank: AnchoredBank, spoil: Callable[[Path], None]) -> None:
    spoil(bank.outside / "anchors")
    evidence = bank.evidence()
    assert evidence.manifest.problem_count == 1
    assert [each.stands for each in verify(evidence).anchors] == [True]


def test_what_leaves_no_trace_without_an_anchor_you_trust_is_not_ruled_out(bank: AnchoredBank) -> None:
    """All witnesses changed alike: whether it happened or not, nothing here can tell, and nothing may say otherwise."""
    without = ("rehashed_history", "event_deleted", "tail_truncated")
    stranger = diagnose(bank.evidence(trusted=False)).tested
    assert all(stranger[name].startswith(LOOKED_FOR) for name in without)
    assert all("no anchor that stands is signed with a key that you brought" in stranger[name] for name in without)


def test_an_anchor_rules_out_what_it_covers_and_says_up_to_which_position(bank: AnchoredBank) -> None:
    last = bank.events()[-1].position
    bank.deposit("ACC-1002", 100, "LATER", bank.healthy.now + timedelta(minutes=1))
    tested = diagnose(bank.evidence()).tested
    for name in ("rehashed_history", "event_deleted"):
        assert tested[name].startswith(f"{LOOKED_FOR}after position {last}, the last that an anchor")


def test_what_was_seen_of_a_rewritten_history_is_its_witness_and_no_second_act(bank: AnchoredBank) -> None:
    """Two contents exchanged and hashed again: between the two every balance was another, and nobody touched a row."""
    account = "ACC-1001"
    mine = bank.events("stream_id = ?", STREAM + account)
    first, *_, second = [each for each in mine if each.event_type == "MoneyDeposited" and each.schema_version == 3]
    assert first.amount != second.amount
    assert second.version - first.version > 1
    swap = (
        "UPDATE events SET event_id = ?, event_type = ?, schema_version = ?, payload = ?, metadata = ? "
        "WHERE global_position = ?"
    )
    for here, there in ((first, second), (second, first)):
        bank.sql("UPDATE events SET event_id = ? WHERE global_position = ?", f"for {there.event_id}", here.position)
    for here, there in ((first, second), (second, first)):
        content = (there.event_type, there.schema_version, there.payload, there.metadata)
        bank.sql(swap, there.event_id, *content, here.position)
    bank.hash_again(first.stream_id)
    diagnosis = diagnose(bank.evidence())
    assert {(each.fault, each.account, each.certainty) for each in diagnosis.findings} == {
        ("rehashed_history", account, "proven")
    }
    assert set(diagnosis.findings[0].positions) == {first.position, second.position}
    assert diagnosis.unexplained == []


@pytest.mark.parametrize("lines", [0, 1])
def test_what_an_edit_changed_is_what_it_was_less_what_it_is(bank: AnchoredBank, lines: int) -> None:
    """Under another reference the statement has one line too many and one too few: the amount is that of both."""
    event = bank.any_event("MoneyDeposited")
    if lines:
        bank.book(event.account, 33, "NEVER", bank.healthy.now)
    bank.change_amount(event, 700)
    payload = json.loads(bank.events("event_id = ?", event.event_id)[0].payload) | {"reference": "ANOTHER"}
    bank.sql("UPDATE events SET payload = ? WHERE event_id = ?", json.dumps(payload, separators=(",", ":")),
             event.event_id)  # fmt: skip
    bank.hash_again(event.stream_id)
    rebuild(bank)
    diagnosis = diagnose(bank.evidence())
    [finding] = [each for each in diagnosis.findings if each.fault == "rehashed_history"]
    assert (finding.amount, finding.certainty, finding.event_ids) == (-700, "proven", [event.event_id])
    assert diagnosis.unexplained == []


def close_up(bank: AnchoredBank, event: Event) -> None:
    """All that came after the event bears one version, or one position, less, as if there had been no hole."""
    later = bank.events("global_position > ?", event.position)
    for each in later:
        bank.sql("UPDATE events SET global_position = ? WHERE event_id = ?", each.position - 1, each.event_id)
    bank.hash_again(event.stream_id, renumber=True)


@pytest.mark.parametrize("rebuilt", [False, True])
@pytest.mark.parametrize("since", [0, 2])
def test_what_was_moved_up_over_a_hole_was_neither_put_in_nor_cut_off(
    bank: AnchoredBank, since: int, rebuilt: bool
) -> None:
    later = bank.healthy.now + timedelta(hours=1)
    for number in range(since):
        bank.deposit("ACC-1002", 100 + number, f"SINCE-{number}", later)
        bank.book("ACC-1002", 100 + number, f"SINCE-{number}", later)
    event = bank.any_event("MoneyDeposited", "MoneyWithdrawn", "FeeCharged")
    bank.delete(event)
    close_up(bank, event)
    if rebuilt:
        rebuild(bank)
    diagnosis = diagnose(bank.evidence())
    assert {each.fault for each in diagnosis.unhealthy} <= {"rehashed_history", "event_deleted"}
    [finding] = diagnosis.unhealthy
    assert (finding.account, finding.certainty, finding.positions) == (event.account, "proven", [event.position])
    assert (finding.amount, diagnosis.unexplained) == (event.amount, [])


def test_an_event_that_was_misfiled_and_edited_is_told_on_both_accounts(bank: AnchoredBank) -> None:
    """No leaf fits it any more, and the history of its account still knows it by its id."""
    event = bank.any_event("MoneyDeposited")
    others = {each.stream_id for each in bank.events("payload LIKE '%USD%'")} - {event.stream_id}
    other = min(others)
    version = bank.events("stream_id = ?", other)[-1].version + 1
    bank.change_amount(event, 500)
    bank.sql("UPDATE events SET stream_id = ?, version = ? WHERE event_id = ?", other, version, event.event_id)
    bank.hash_again(event.stream_id)
    bank.hash_again(other)
    diagnosis = diagnose(bank.evidence())
    assert {(each.fault, each.account, each.amount, *each.event_ids) for each in diagnosis.unhealthy} == {
        ("event_misfiled", event.account, event.amount, event.event_id),
        ("event_misfiled", other.removeprefix(STREAM), -event.amount - 500, event.event_id),
    }
    assert diagnosis.unexplained == []


def test_what_a_run_has_read_beyond_the_anchor_was_cut_off_with_what_it_covers(bank: AnchoredBank) -> None:
    last = bank.events()[-1].position
    bank.deposit("ACC-1002", 100, "SINCE", bank.healthy.now + timedelta(hours=1))
    for event in bank.events()[-2:]:
        bank.delete(event)
    found = [each for each in diagnose(bank.evidence()).unhealthy if each.fault == "tail_truncated"]
    assert any(f"positions {last + 1} to {last + 1}, which no anchor covers" in each.proof for each in found)
