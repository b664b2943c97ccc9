"""What arrives later is added by one command; what was asked before is still answered as it was (promise 17)."""

import shutil
from pathlib import Path

from cli_shell import Shell, fingerprint

STATEMENT = """account_id,currency,booked_at,reference,amount_minor,balance_minor
ACC-1001,USD,2030-01-01T00:00:10Z,LATER,10000,10000
"""


def test_a_case_goes_on_over_an_addition(shared_evidence: Path, shell: Shell, tmp_path: Path) -> None:
    evidence = shutil.copytree(shared_evidence, tmp_path / "evidence")
    later = tmp_path / "later.csv"
    later.write_text(STATEMENT, "utf-8")
    shell("diff", evidence)
    added = shell.json("evidence", "add", evidence, "--statement", later)
    assert (added.code, added.document["evidence"]) == (0, str(evidence))
    assert added.document["manifest"] != added.document["previous"]
    assert "esworkbench diagnose" in added.err
    shell("diff", evidence)
    replayed = shell.json("case", evidence, "--replay").document
    assert [each["question"] for each in replayed["entries"]] == ["diff", "add", "diff"]
    first, _, second = replayed["entries"]
    assert first["found"] != second["found"], "the statement claims something"
    assert replayed["replayed"] == {"1": True, "3": True}
    assert [(each["kind"], each["name"]) for each in replayed["added"]] == [("statement", "later.csv")]


def test_what_can_not_be_added_is_said_in_one_sentence_and_changes_nothing(
    shared_evidence: Path, shell: Shell, tmp_path: Path
) -> None:
    evidence = shutil.copytree(shared_evidence, tmp_path / "evidence")
    (tmp_path / "empty").mkdir()
    before = fingerprint(evidence)
    for option, value in (
        ("--anchor", tmp_path / "nowhere.json"), ("--anchor", tmp_path / "empty"),
        ("--anchor", evidence / "ledger.toml"), ("--key", evidence / "ledger.toml"),
        ("--statement", tmp_path), ("--statement", tmp_path / "nowhere.csv"),
    ):  # fmt: skip
        ran = shell("evidence", "add", evidence, option, value)
        assert (ran.code, len(ran.err.strip().splitlines())) == (2, 1), (option, value, ran.err)
    assert shell("evidence", "add", evidence).code == 2
    after = fingerprint(evidence)
    after.pop(".manifest.json.lock")
    assert after == before
    assert {each.name for each in tmp_path.iterdir()} == {"empty", "evidence", "evidence.custody.jsonl"}
