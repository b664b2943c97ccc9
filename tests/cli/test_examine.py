"""Promises 10, 14: a second examiner gets the same findings by one command, and totals rest on two engines."""

import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cli_shell import Shell

from esworkbench.evidence import Evidence
from esworkbench.forensics.investigation.examination import disagreements, totals_by_arrow, totals_by_duckdb
from esworkbench.lab import Incident


@pytest.fixture
def evidence(shared_evidence: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(shared_evidence, tmp_path / "ev"))


@pytest.fixture
def first(shell: Shell, evidence: Path, tmp_path: Path) -> Path:
    ran = shell.json("examine", evidence)
    assert (ran.code, ran.document["compared"]) == (1, 0), "nothing was compared, so nothing is identical"
    assert "nothing was compared" in ran.err
    (tmp_path / "first.json").write_text(ran.out)
    return tmp_path / "first.json"


def test_another_process_on_a_copy_elsewhere_gets_identical_findings(
    evidence: Path, first: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(evidence, tmp_path / "second examiner" / "ev")
    command = [sys.executable, "-m", "esworkbench", "examine", str(copy), "--against", str(first), "--json"]
    ran = subprocess.run(command, check=False, capture_output=True, text=True)
    found = json.loads(ran.stdout)
    assert (ran.returncode, found["differences"], found["compared"], found["missing"]) == (0, [], 3, [])
    assert found["digest"] == json.loads(first.read_text())["digest"]


def test_what_differs_is_named(shell: Shell, evidence: Path, first: Path) -> None:
    document = json.loads(first.read_text())
    document["answers"]["diagnose"]["findings"][0]["amount"] += 1
    document["answers"]["verify"]["events"] = True
    document["totals"]["postings"] += 1
    first.write_text(json.dumps(document))
    ran = shell.json("examine", evidence, "--against", first)
    assert ran.code == 1
    assert [each["place"] for each in ran.document["differences"]] == [
        "verify.events", "diagnose.findings[0].amount", "totals.postings",
    ]  # fmt: skip


def test_a_document_with_a_key_twice_is_refused(shell: Shell, evidence: Path, first: Path) -> None:
    """Readers differ in which of the two they take, so it says what each wants."""
    told = first.read_text()
    first.write_text('{"evidence": "x", ' + told.lstrip()[1:])
    ran = shell("examine", evidence, "--against", first)
    assert (ran.code, "a key is there more than once" in " ".join(ran.err.split())) == (2, True)


@pytest.mark.parametrize("question", ["verify", "diff", "diagnose"])
def test_what_one_command_printed_is_compared_and_is_not_the_whole(
    shell: Shell, evidence: Path, tmp_path: Path, question: str
) -> None:
    (tmp_path / "one.json").write_text(shell.json(question, evidence).out)
    ran = shell.json("examine", evidence, "--against", tmp_path / "one.json")
    others = [each for each in ("verify", "diff", "diagnose") if each != question]
    assert (ran.code, ran.document["compared"], ran.document["differences"]) == (1, 1, [])
    assert ran.document["missing"] == [*others, "evidence", "totals"]
    said = " ".join(ran.err.split())
    assert f"incomplete: the same in {question}; not in" in said
    assert f": {', '.join([*others, 'evidence', 'totals'])}" in said
    assert "identical" not in said.split("unprovable")[0]


@pytest.mark.parametrize("missing", [["diff"], ["verify", "diagnose"], ["totals"], ["evidence"], ["diff", "totals"]])
def test_an_examination_that_lacks_an_answer_is_not_called_identical(
    shell: Shell, evidence: Path, first: Path, missing: list[str]
) -> None:
    document = json.loads(first.read_text())
    for name in missing:
        del (document if name in document else document["answers"])[name]
    first.write_text(json.dumps(document))
    ran = shell.json("examine", evidence, "--against", first)
    assert (ran.code, ran.document["missing"], ran.document["differences"]) == (1, missing, [])
    assert "identical:" not in ran.err


def test_of_a_case_with_some_of_the_answers_it_is_said_which(shell: Shell, evidence: Path) -> None:
    """Nobody has left them out: what is asked now is recorded, and compared the next time."""
    shell("diff", evidence)
    ran = shell.json("examine", evidence)
    assert (ran.code, ran.document["compared"], ran.document["missing"]) == (0, 1, ["verify", "diagnose"])
    assert "incomplete: the same in diff; not in the case: verify, diagnose" in " ".join(ran.err.split())
    assert shell.json("examine", evidence).document["missing"] == []


def test_without_a_file_the_case_is_what_is_compared(shell: Shell, evidence: Path) -> None:
    assert "first examination" in shell("examine", evidence).out
    assert "identical: 3 answers, with the case" in shell("examine", evidence).out
    case = evidence.with_name("ev.case.jsonl")
    lines = [json.loads(line) for line in case.read_text().splitlines()]
    lines[1]["digest"] = "0" * 64
    case.write_text("".join(json.dumps(line) + "\n" for line in lines))
    ran = shell.json("examine", evidence)
    assert ran.code == 1
    assert [each["place"] for each in ran.document["differences"]] == ["diff, line 2 of the case"]


def test_totals_are_those_of_the_source(shell: Shell, incident: Incident, evidence: Path) -> None:
    """Reckoned by SQLite on the store itself, which shares no code with either engine."""
    totals = shell.json("examine", evidence).document["totals"]
    with closing(sqlite3.connect(incident.url.removeprefix("sqlite:///"))) as store:
        by_type = dict(store.execute("SELECT event_type, count(*) FROM events GROUP BY 1"))
        last = store.execute("SELECT max(global_position) FROM events").fetchone()[0]
        sums = dict(store.execute("SELECT currency, sum(amount_minor) FROM transaction_history GROUP BY 1"))
    assert totals["events_by_type"] == by_type
    assert (totals["events"], totals["last_position"]) == (sum(by_type.values()), last)
    assert totals["sum_by_currency"] == sums


def test_engines_that_part_are_told_of(shared_evidence: Path) -> None:
    evidence = Evidence.open(shared_evidence)
    first, second = totals_by_duckdb(evidence), totals_by_arrow(evidence)
    assert disagreements(evidence, first, second) == []
    wrong = msgspec.structs.replace(second, events=second.events - 1, gaps=[(7, 9)])
    told = disagreements(evidence, first, wrong)
    assert [each.partition(":")[0] for each in told] == ["events", "gaps, its length", "events", "gaps"]


def test_sums_past_64_bits_and_gaps_are_exact(tmp_path: Path) -> None:
    """Arrow's own sum of whole numbers would wrap around."""
    postings: dict[str, list[Any]] = {"currency": ["USD"] * 2000 + [None], "amount_minor": [2**62] * 2000 + [5]}
    pq.write_table(pa.table(postings), tmp_path / "postings")
    pq.write_table(pa.table({"type": ["a", "b", "a", None], "position": [12, 3, 4, 9]}), tmp_path / "events")
    manifest: Any = SimpleNamespace(files_of=lambda table: [table], cut=SimpleNamespace(after=0))
    found = totals_by_arrow(SimpleNamespace(path=tmp_path, manifest=manifest))  # type: ignore[arg-type]
    assert found.sum_by_currency == {"(no value)": 5, "USD": 2000 * 2**62}
    assert found.gaps == [(1, 2), (5, 8), (10, 11)]
    assert found.events_by_type == {"(no value)": 1, "a": 2, "b": 1}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("<!DOCTYPE html>", "no JSON document"), ("[1]", "no findings that can be compared"),
        ('{"answers": {"verify": 3}}', "no findings"), ("[" * 9000, "no JSON"), ('{"findings": []}', "no findings"),
        (None, "does not exist"),
    ],
)  # fmt: skip
def test_a_file_that_holds_no_findings_is_refused(
    shell: Shell, evidence: Path, tmp_path: Path, content: str | None, sentence: str
) -> None:
    if content is not None:
        (tmp_path / "odd.json").write_text(content)
    ran = shell("examine", evidence, "--against", tmp_path / "odd.json")
    assert ran.code == 2
    assert sentence in " ".join(ran.err.split())


def test_odd_values_in_a_document_are_differences(shell: Shell, evidence: Path, first: Path) -> None:
    document = json.loads(first.read_text())
    deep: Any = 1
    for _ in range(400):
        deep = [deep]
    document["answers"]["verify"] |= {"events": deep, "streams": "\ud800\x1b[2J", "more": float("nan")}
    first.write_text(json.dumps(document))
    ran = shell("examine", evidence, "--against", first)
    assert ran.code == 1
    assert "\x1b[2J" not in ran.out
