"""The main job from a shell: found, explained, repaired by appending, verified, written up; and never on the source."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cli_shell import Shell, fingerprint

from esworkbench.domains.bank import Bank, Deposit, OpenAccount, RequestWithdrawal
from esworkbench.event_store import EventStore
from esworkbench.evidence import Evidence
from esworkbench.forensics.diagnosis.catalogue import FAULTS
from esworkbench.lab import Incident, build_incident, reveal


def test_a_named_source_is_investigated_and_never_written(shell: Shell, incident: Incident, tmp_path: Path) -> None:
    [planted] = reveal(incident.url)
    home = Path(incident.outside).parent
    before = fingerprint(home)
    ran = shell.json("investigate", incident.url, "--out", tmp_path / "case")
    document = ran.document
    assert ran.code == 0
    assert fingerprint(home) == before
    assert (document["account"], document["claimed"], document["delta"]) == (
        incident.account, incident.claimed_minor, planted.amount
    )  # fmt: skip
    assert document["event_sum"] == incident.claimed_minor - planted.amount
    assert [step["number"] for step in document["steps"]] == [1, 2, 3, 4, 5, 6, 7]
    assert document["findings"][0]["event_ids"] == planted.event_ids
    assert document["reach"] == {
        "accounts": 1, "amounts": {"USD": 4723}, "first": planted.positions[0], "last": planted.positions[0]
    }  # fmt: skip
    assert document["repair"]["applied"]
    assert document["repair"]["applied_to"] == "a scratch copy of the store"
    assert document["verified"]
    assert Path(document["report"]).is_file()


def test_the_built_in_incident_is_repaired_for_real(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The full incident takes a minute on a busy machine and is what `make investigate` runs; its small twin stands in.
    monkeypatch.setattr("esworkbench.cli.investigation.SCALE", "small")
    ran = shell.json("investigate", "--out", tmp_path / "case")
    assert ran.code == 0
    assert ran.document["delta"] == 4723
    assert ran.document["repair"]["applied_to"] == "the store itself"
    store = f"sqlite:///{tmp_path / 'case' / 'bank.db'}"
    again = shell.json("capture", store, "--into", tmp_path / "again")
    assert again.code == 0
    assert shell.json("diff", tmp_path / "again").document["divergent"] == 0
    assert shell.json("diagnose", tmp_path / "again").code == 0
    assert shell.json("verify", tmp_path / "again").document["breaks"] == []


def test_a_claim_from_the_command_line_is_the_one_that_counts(shell: Shell, incident: Incident, tmp_path: Path) -> None:
    ran = shell.json(
        "investigate", incident.url, "--account", incident.account, "--claimed", 1, "--out", tmp_path / "case"
    )
    assert ran.document["claimed"] == 1
    assert ran.document["delta"] == 1 - ran.document["event_sum"]


def test_a_healthy_bank_gives_exit_0_and_no_account(shell: Shell, tmp_path: Path) -> None:
    built = build_incident(f"sqlite:///{tmp_path / 'bank.db'}", fault="none", seed=3, scale="small")
    (built.outside / "complaint.json").unlink()
    ran = shell.json("investigate", built.url, "--out", tmp_path / "case")
    assert ran.code == 0
    assert ran.document["account"] is None
    assert ran.document["verdict"] == "nothing is wrong here"
    assert ran.document["repair"]["applied"] is False


def test_a_claim_that_nothing_accounts_for_is_a_finding(shell: Shell, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'bank.db'}"
    bank = Bank(EventStore.open(url))
    bank.handle(OpenAccount(account_id="A1", owner="Ann", currency="USD"))
    bank.handle(Deposit(account_id="A1", amount_minor=7500, currency="USD", reference="r1"))
    for claimed, code in ((7500, 0), (7000, 1)):
        ran = shell.json("investigate", url, "--account", "A1", "--claimed", claimed, "--out", tmp_path / str(claimed))
        assert ran.code == code, ran
        assert ran.document["verified"] is (code == 0)
        assert [each["amount"] for each in ran.document["unexplained"]] == ([] if code == 0 else [-500])
    assert ran.document["verdict"] == "-5.00 USD that no fault in the catalogue explains"


def test_an_account_that_is_named_is_the_only_one_repaired(shell: Shell, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'bank.db'}"
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    bank = Bank(EventStore.open(url, clock=lambda: moment))
    for account in ("A1", "A2", "A3"):
        bank.handle(OpenAccount(account_id=account, owner="Ann", currency="USD"))
        bank.handle(Deposit(account_id=account, amount_minor=7500, currency="USD", reference="r1"))
    for account in ("A1", "A2"):
        bank.handle(
            RequestWithdrawal(
                account_id=account, withdrawal_id=f"w-{account}", amount_minor=500, currency="USD", reference="r2"
            )
        )
    moment += timedelta(days=3)
    bank.handle(Deposit(account_id="A3", amount_minor=1, currency="USD", reference="r3"))
    ran = shell.json("investigate", url, "--account", "A1", "--out", tmp_path / "one")
    assert ran.code == 1
    assert {each["account"] for each in ran.document["findings"]} == {"A1"}
    [[_, what, _]] = ran.document["repair"]["rows"]
    assert "at position 7" in what  # A1's request; that of A2 is at 8
    assert ran.document["other_accounts"] == ["A2"]
    assert "A2 has findings too" in ran.document["steps"][-1]["answer"]
    assert "`esworkbench diagnose`" in ran.document["steps"][-1]["answer"]
    of_none = shell.json("investigate", url, "--account", "A3", "--out", tmp_path / "three")
    assert (of_none.document["repair"]["rows"], of_none.document["other_accounts"]) == ([], ["A1", "A2"])
    assert (
        "nothing of account A3 needs a repair; A1 and A2 have findings too" in of_none.document["steps"][-1]["answer"]
    )
    whole = shell.json("investigate", url, "--out", tmp_path / "all").document
    assert (len(whole["repair"]["rows"]), whole["other_accounts"]) == (2, [])


def test_a_hold_still_young_accounts_for_a_claim(shell: Shell, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'bank.db'}"
    bank = Bank(EventStore.open(url))
    bank.handle(OpenAccount(account_id="A1", owner="Ann", currency="USD"))
    bank.handle(Deposit(account_id="A1", amount_minor=7500, currency="USD", reference="r1"))
    bank.handle(RequestWithdrawal(account_id="A1", withdrawal_id="w", amount_minor=500, currency="USD", reference="r2"))
    ran = shell.json("investigate", url, "--account", "A1", "--claimed", 7500, "--out", tmp_path / "case")
    assert (ran.code, ran.document["unexplained"]) == (0, [])


def test_a_store_without_events_is_healthy_and_answers_everything(shell: Shell, store_url: str, tmp_path: Path) -> None:
    EventStore.open(store_url).engine.dispose()
    evidence = tmp_path / "evidence"
    assert shell("capture", store_url, "--into", evidence).code == 0
    for command in (["diff"], ["verify"], ["diagnose"], ["report", "--out", tmp_path / "r.html"]):
        assert shell.json(command[0], evidence, *command[1:]).code == 0
    assert shell.json("investigate", store_url, "--out", tmp_path / "case").code == 0


def test_repair_is_a_dry_run_until_applied_and_safe_to_run_twice(shell: Shell, tmp_path: Path) -> None:
    built = build_incident(f"sqlite:///{tmp_path / 'bank.db'}", fault="unresolved_pending", seed=9, scale="small")
    evidence = tmp_path / "evidence"
    taken = shell.json("capture", built.url, "--into", evidence).document
    before = fingerprint(tmp_path)
    dry = shell.json("repair", evidence, "--store", built.url, "--operator", "ada")
    assert (dry.code, dry.document["applied"]) == (1, False)
    assert "CancelWithdrawal" in dry.document["plan"][0]["what"]
    assert {
        name: digest
        for name, digest in fingerprint(tmp_path).items()
        if not name.endswith(("-wal", "-shm", ".case.jsonl"))
    } == before
    for missing in ([], ["--digest", "0" * 64]):
        refused = shell("repair", evidence, "--store", built.url, "--operator", "ada", "--apply", *missing)
        assert (refused.code, "digest" in refused.err) == (2, True)
    applied = ("repair", evidence, "--store", built.url, "--operator", "ada", "--apply", "--digest", taken["digest"])
    real = shell.json(*applied)
    assert (real.code, real.document["applied"], real.document["verified"]) == (0, True, True)
    [appended] = real.document["event_ids"]
    twice = shell.json(*applied)
    assert (twice.code, twice.document["applied"], twice.document["event_ids"]) == (0, False, [])
    shell("capture", built.url, "--into", tmp_path / "after")
    assert shell.json("capture", built.url, "--into", tmp_path / "after2").document["events"] == built.events + 1
    found = shell.json("diff", tmp_path / "after")
    assert found.document["divergent"] == 0, "a statement of any later day agrees once the hold is taken back"
    assert appended


def test_repair_refuses_a_store_the_evidence_is_not_from(shell: Shell, shared_evidence: Path, tmp_path: Path) -> None:
    other = build_incident(f"sqlite:///{tmp_path / 'bank.db'}", fault="none", seed=77, scale="small")
    digest = Evidence.open(shared_evidence).digest
    ran = shell("repair", shared_evidence, "--store", other.url, "--operator", "ada", "--apply", "--digest", digest)
    assert ran.code == 2
    assert "not the one" in ran.err


def test_the_report_is_one_page_that_fetches_nothing(shell: Shell, shared_evidence: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    assert shell("report", shared_evidence, "--out", page).code == 1
    text = page.read_text(encoding="utf-8")
    for needle in ('src="http', "href=", "<script", "@import", "url("):
        assert needle not in text
    assert "data:image/png;base64," in text
    for promised in (
        "The cut",
        "The steps",
        "Findings",
        "The repair",
        "What was tested",
        "Hashes",
        "unresolved_pending",
        FAULTS["unresolved_pending"].meaning,
    ):
        assert promised in text


def test_rebuild_replays_every_event(shell: Shell, tmp_path: Path) -> None:
    built = build_incident(f"sqlite:///{tmp_path / 'bank.db'}", fault="none", seed=4, scale="small")
    ran = shell.json("rebuild", built.url, "--projection", "account_balances")
    assert ran.code == 0
    assert ran.document["events"] == built.events


def test_incident_seals_its_answer_and_reveals_it(shell: Shell, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'bank.db'}"
    made = shell.json("incident", "new", url, "--fault", "manual_edit", "--seed", 2, "--scale", "small")
    assert made.code == 0
    assert {"url", "accounts", "events", "seed", "outside"} <= set(made.document)
    assert "manual_edit" not in made.out + made.err
    [planted] = shell.json("incident", "reveal", url).document["faults"]
    assert planted["fault"] == "manual_edit"
    assert {"account", "event_ids", "positions", "amount", "currency"} <= set(planted)


def test_a_case_is_built_by_its_letter_and_tells_neither_fault_nor_seed(shell: Shell, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'bank.db'}"
    for beside in (["--fault", "none"], ["--seed", 1]):
        ran = shell("incident", "new", url, "--case", "A", *beside, "--scale", "small")
        assert (ran.code, "name either the case or those" in ran.err) == (2, True)
    assert "choose one of A" in shell("incident", "new", url, "--case", "Z", "--scale", "small").err
    assert list(tmp_path.iterdir()) == []
    made = shell.json("incident", "new", url, "--case", "A", "--scale", "small")
    assert (made.code, made.document["seed"]) == (0, None)
    assert "pending" not in made.out + made.err
    [planted] = shell.json("incident", "reveal", url).document["faults"]
    assert planted["fault"] == "unresolved_pending"
