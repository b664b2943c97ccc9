"""Promise of the command line: one JSON document on stdout, amounts in minor units, exit codes that mean something."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from cli_shell import Shell

from esworkbench.event_store import EventStore
from esworkbench.event_store.guards import drop_guards
from esworkbench.forensics.diagnosis.catalogue import FAULTS
from esworkbench.lab import Incident, build_incident, reveal


def test_capture_says_what_was_frozen(shell: Shell, incident: Incident, tmp_path: Path) -> None:
    ran = shell.json("capture", incident.url, "--into", tmp_path / "evidence")
    assert ran.code == 0
    assert (ran.document["events"], ran.document["accounts"]) == (incident.events, incident.accounts)
    assert ran.document["cut"]["high_water"] == incident.events


def test_replay_answers_in_minor_units(shell: Shell, incident: Incident, shared_evidence: Path) -> None:
    [planted] = reveal(incident.url)
    ran = shell.json("replay", shared_evidence, "--account", incident.account)
    assert ran.code == 0
    assert ran.document["balance"] == incident.claimed_minor - planted.amount
    assert ran.document["currency"] == incident.currency
    assert {"version", "position"} <= set(ran.document)


def test_replay_on_both_axes(shell: Shell, incident: Incident, shared_evidence: Path) -> None:
    now = shell.json("replay", shared_evidence, "--account", incident.account).document
    moment = now["recorded_at"]
    for axis in ("--at", "--known-at"):
        assert shell.json("replay", shared_evidence, "--account", incident.account, axis, moment).code == 0


def test_diff_finds_the_one_statement_that_parts(shell: Shell, incident: Incident, shared_evidence: Path) -> None:
    [planted] = reveal(incident.url)
    ran = shell.json("diff", shared_evidence)
    assert ran.code == 1
    [row] = ran.document["rows"]
    assert (row["account"], row["currency"], row["delta"]) == (planted.account, planted.currency, planted.amount)
    assert row["claimed"] - row["event_sum"] == row["delta"]
    assert ran.document["divergent"] == 1 < ran.document["compared"]


def test_diff_against_a_read_model_that_agrees_finds_nothing(shell: Shell, shared_evidence: Path) -> None:
    ran = shell.json("diff", shared_evidence, "--against", "transaction_history")
    assert (ran.code, ran.document["divergent"]) == (0, 0)
    assert ran.document["compared"] > 0


def test_bisect_names_the_event_that_a_statement_never_booked(
    shell: Shell, incident: Incident, shared_evidence: Path
) -> None:
    ran = shell.json("bisect", shared_evidence, "--account", incident.account)
    assert ran.code == 1
    [planted] = reveal(incident.url)
    assert (ran.document["sound"], ran.document["delta"]) == (True, 4723)
    assert (ran.document["position"], ran.document["event_id"]) == (planted.positions[0], planted.event_ids[0])
    assert (
        shell.json("bisect", shared_evidence, "--account", incident.account, "--against", "transaction_history").code
        == 0
    )


def test_verify_finds_a_whole_log_and_says_what_it_cannot_prove(shell: Shell, shared_evidence: Path) -> None:
    ran = shell.json("verify", shared_evidence)
    assert (ran.code, ran.document["breaks"]) == (0, [])
    assert ran.document["unprovable"]


def test_verify_looks_at_a_store_directly(shell: Shell, incident: Incident) -> None:
    ran = shell.json("verify", incident.url)
    assert (ran.code, ran.document["events"]) == (0, incident.events)


def test_diagnose_names_the_fault_and_says_what_was_tested(
    shell: Shell, incident: Incident, shared_evidence: Path
) -> None:
    [planted] = reveal(incident.url)
    ran = shell.json("diagnose", shared_evidence)
    [finding] = [each for each in ran.document["findings"] if not each["healthy"]]
    assert ran.code == 1
    assert (finding["fault"], finding["account"], finding["event_ids"], finding["positions"], finding["amount"]) == (
        planted.fault, planted.account, planted.event_ids, planted.positions, planted.amount
    )  # fmt: skip
    assert list(ran.document["tested"]) == list(FAULTS)
    assert ran.document["tested"]["unresolved_pending"] == "found"
    assert ran.document["unexplained"] == []


def test_the_case_keeps_every_question_and_replays_it(shell: Shell, incident: Incident, tmp_path: Path) -> None:
    evidence = tmp_path / "evidence"
    shell("capture", incident.url, "--into", evidence)
    shell("diff", evidence)
    shell("replay", evidence, "--account", incident.account, "--at", "2030-01-01T00:00:00Z")
    ran = shell.json("case", evidence, "--replay")
    assert ran.code == 0
    assert [entry["question"] for entry in ran.document["entries"]] == ["diff", "replay"]
    assert ran.document["replayed"] == {"1": True, "2": True}
    assert ran.document["open"] == ["verify", "diagnose"]


def test_a_case_whose_answer_changed_says_so(shell: Shell, incident: Incident, tmp_path: Path) -> None:
    evidence = tmp_path / "evidence"
    shell("capture", incident.url, "--into", evidence)
    shell("diff", evidence)
    log = tmp_path / "evidence.case.jsonl"
    entry = json.loads(log.read_text(encoding="utf-8"))
    log.write_text(json.dumps({**entry, "digest": "0" * 64}) + "\n", encoding="utf-8")
    ran = shell.json("case", evidence, "--replay")
    assert ran.code == 1


@pytest.mark.parametrize("word", ["lag", "double_apply", "posting", "recorded at", "unresolved-pending"])
def test_explain_knows_words_and_faults(shell: Shell, word: str) -> None:
    ran = shell.json("explain", word)
    assert ran.code == 0
    assert ran.document["meaning"]
    assert ran.document["notebook"][:2].isdigit()


def test_explain_names_no_notebook_for_a_fault_that_none_shows(shell: Shell) -> None:
    ran = shell.json("explain", "gap_skipped")
    assert (ran.code, ran.document["notebook"], ran.document["repair"]) == (0, None, "rebuild")
    assert "notebook" not in shell("explain", "gap_skipped").out


def test_prose_goes_to_stdout_and_progress_to_stderr(shell: Shell, shared_evidence: Path) -> None:
    ran = shell("diff", shared_evidence)
    assert "diverge" in ran.out
    assert "next:" in ran.err
    assert "next:" not in ran.out


def test_the_installed_command_exits_with_what_it_found(shared_evidence: Path) -> None:
    command = [sys.executable, "-m", "esworkbench", "diff", str(shared_evidence), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout.lstrip().startswith("{")
    assert "Traceback" not in done.stderr


def test_an_error_of_ours_is_told_in_full_with_exit_3(
    shell: Shell, shared_evidence: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("esworkbench.cli.evidence_commands.ask", lambda *_: 1 // 0)
    ran = shell("diff", shared_evidence)
    assert ran.code == 3
    assert "ZeroDivisionError" in ran.err


def test_diagnose_says_that_no_balance_differs_beside_an_edit_that_spares_the_amount(
    shell: Shell, tmp_path: Path
) -> None:
    built = build_incident(f"sqlite:///{tmp_path / 'bank.db'}", fault="none", seed=5, scale="small")
    store = EventStore.open(built.url)
    with store.engine.begin() as somebody:
        drop_guards(somebody)
        somebody.exec_driver_sql(
            """UPDATE events SET payload = replace(payload, '"owner":"', '"owner":"Sir ')
               WHERE global_position = (SELECT max(global_position) FROM events WHERE event_type = 'AccountOpened')"""
        )
    store.engine.dispose()
    evidence = tmp_path / "evidence"
    assert shell("capture", built.url, "--into", evidence).code == 0
    ran = shell.json("diagnose", evidence)
    assert (ran.code, ran.document["divergences"]) == (1, 0)
    [finding] = ran.document["findings"]
    assert (finding["fault"], finding["amount"]) == ("payload_edited", 0)
    assert "no balance differs from its events\n" in ran.err
    assert shell("diff", evidence).code == 0
    of_one = ("--account", finding["account"])
    assert shell("bisect", evidence, *of_one).code == 0
    told = f"no balance differs from its events on {finding['account']}\n"
    assert told in shell("diagnose", evidence, *of_one).out


def test_diagnose_counts_the_claims_that_differ(shell: Shell, incident: Incident, shared_evidence: Path) -> None:
    ran = shell.json("diagnose", shared_evidence)
    assert (ran.code, ran.document["divergences"]) == (1, 1)
    assert "no balance differs" not in ran.err
