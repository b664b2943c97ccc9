"""Promises 13 and 17: what comes along with a store lies there itself and is whole, and two at once don't mix."""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli_shell import Shell, fingerprint

from esworkbench.cli import investigation
from esworkbench.errors import UnusableInput
from esworkbench.evidence import Evidence, capture
from esworkbench.lab import build_incident

HEAD = "account_id,currency,booked_at,reference,amount_minor,balance_minor\n"
LINE = "a1,USD,2026-01-01T00:00:10Z,d1,10000,10000\n"
FILE = "id,account,day,amount,balance\nr1,a1,2026-01-01,10.00,10.00\nr2,a1,2026-01-02,5.00,15.00\n"
LEDGER = """name = "a bank's file"
[file]
date_format = "%Y-%m-%d"
currency = "USD"
columns = { id = "id", account = "account", date = "day", amount = "amount", balance = "balance" }
"""


@pytest.fixture
def bank(tmp_path: Path) -> str:
    return build_incident(f"sqlite:///{tmp_path / 'bank.db'}", fault="none", seed=5, scale="small").url


def a_link_to_a_statement(outside: Path) -> None:
    (outside.parent / "elsewhere.csv").write_text(HEAD + LINE, "utf-8")
    (outside / "statements" / "more.csv").symlink_to(outside.parent / "elsewhere.csv")


def a_link_to_nowhere(outside: Path) -> None:
    (outside / "statements" / "more.csv").symlink_to(outside.parent / "nowhere.csv")


def a_link_to_the_statements(outside: Path) -> None:
    (outside / "statements").rename(outside.parent / "elsewhere")
    (outside / "statements").symlink_to(outside.parent / "elsewhere")


def a_link_to_all_of_it(outside: Path) -> None:
    outside.rename(outside.parent / "elsewhere")
    outside.symlink_to(outside.parent / "elsewhere")


def a_link_that_ends_in_capitals(outside: Path) -> None:
    (outside.parent / "elsewhere.csv").write_text(HEAD + LINE, "utf-8")
    (outside / "statements" / "more.CSV").symlink_to(outside.parent / "elsewhere.csv")


def a_folder_for_a_statement(outside: Path) -> None:
    (outside / "statements" / "more.csv").mkdir()


WAYS: list[Callable[[Path], None]] = [
    a_link_to_a_statement, a_link_to_nowhere, a_link_to_the_statements, a_link_that_ends_in_capitals,
    a_folder_for_a_statement,
]  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_no_link_is_taken_along_and_none_keeps_anybody_from_looking(
    shell: Shell, bank: str, tmp_path: Path, way: Callable[[Path], None]
) -> None:
    way(tmp_path / "bank.db.outside")
    ran = shell.json("capture", bank, "--into", tmp_path / "new")
    assert ran.code == 0, ran
    (problem,) = ran.document["problems"]
    assert "a link" in problem["what"] or "a folder" in problem["what"]
    assert f"problem: {problem['what']}" in ran.err
    if way is not a_link_to_the_statements:
        assert "not read of what lies outside" in ran.err
        files = Evidence.open(tmp_path / "new").rows("SELECT DISTINCT file FROM statements")
        assert files == [("statement.csv",)]


def test_what_is_no_statement_is_a_problem_and_the_rest_is_taken(shell: Shell, bank: str, tmp_path: Path) -> None:
    folder = tmp_path / "bank.db.outside" / "statements"
    (folder / "torn.xml").write_text("<Document>", "utf-8")
    (folder / "empty.csv").touch()
    (folder / "march.txt").write_text("id,day\n", "utf-8")
    (folder / "march.toml").write_text("[file", "utf-8")
    os.mkfifo(folder / "pipe.csv")
    with (folder / "endless.csv").open("wb") as file:
        file.truncate(3 << 30)
    ran = shell.json("capture", bank, "--into", tmp_path / "new")
    assert ran.code == 0, ran
    told = [each["what"] for each in ran.document["problems"]]
    assert len(told) == 5, told
    for name in ("torn.xml", "empty.csv", "march.toml", "pipe.csv", "endless.csv"):
        assert any(name in each for each in told), name
        assert name in ran.err
    named = shell("evidence", "add", tmp_path / "new", "--statement", folder / "endless.csv")
    assert (named.code, "larger than 256 MB" in " ".join(named.err.split())) == (2, True)


def test_nothing_is_taken_along_from_behind_a_link(shell: Shell, bank: str, tmp_path: Path) -> None:
    a_link_to_all_of_it(tmp_path / "bank.db.outside")
    for command in (["capture", bank, "--into", tmp_path / "new"], ["investigate", bank, "--out", tmp_path / "new"]):
        ran = shell(*command)
        assert ran.code == 2, ran
        assert "a link" in ran.err or "a folder" in ran.err
        assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["later.CSV", "later.Csv", "STATEMENT.csv"])
def test_a_statement_is_read_however_its_ending_is_written(
    bank: str, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bank.db.outside" / "statements" / name).write_text(HEAD + LINE, "utf-8")
    monkeypatch.chdir(tmp_path)
    for place, source in enumerate((bank, "bank.db")):
        taken = capture(source, tmp_path / f"evidence-{place}", progress=False)
        files = {file for (file,) in taken.rows("SELECT DISTINCT file FROM statements")}
        assert files == {"statement.csv", name}
        assert taken.manifest.assumptions == []


def test_what_lies_outside_and_was_not_read_is_named(shell: Shell, bank: str, tmp_path: Path) -> None:
    outside = tmp_path / "bank.db.outside"
    for name in ("statements/later.csv.gz", "statements/later.txt", "statements/.hidden.csv", "later.csv"):
        (outside / name).write_text("not read", "utf-8")
    (outside / "Statements").mkdir()
    (outside / "statements" / "2027").mkdir()
    taken = shell.json("capture", bank, "--into", tmp_path / "evidence")
    assert taken.code == 0, taken
    [said] = taken.document["assumptions"]
    assert said.startswith(
        "not read of what lies outside: Statements, later.csv, statements/.hidden.csv, statements/2027, "
        "statements/later.csv.gz and 1 more; statements are the files in the folder statements that end in .csv, or "
    )
    assert said in " ".join(shell("diff", tmp_path / "evidence").out.split())


def test_a_complaint_is_no_link(shell: Shell, bank: str, tmp_path: Path) -> None:
    complaint = tmp_path / "bank.db.outside" / "complaint.json"
    complaint.rename(tmp_path / "elsewhere.json")
    complaint.symlink_to(tmp_path / "elsewhere.json")
    ran = shell("investigate", bank, "--out", tmp_path / "new")
    assert (ran.code, "complaint.json is a link" in ran.err) == (2, True)


@pytest.mark.parametrize("torn", ["", "a1,USD,2026-01-01T00:00:20Z,d2,5000,1500"])
def test_a_statement_that_ends_within_a_line_is_said_to(shell: Shell, bank: str, tmp_path: Path, torn: str) -> None:
    """15000 cut off behind 1500 is a number still."""
    (tmp_path / "bank.db.outside" / "statements" / "more.csv").write_text(HEAD + LINE + torn, "utf-8")
    taken = shell.json("capture", bank, "--into", tmp_path / "evidence")
    said = [each for each in taken.document["assumptions"] if "more.csv has no end" in each]
    assert len(said) == bool(torn)
    assert ("more.csv has no end" in " ".join(taken.err.split())) == bool(torn)
    assert ("more.csv has no end" in " ".join(shell("diff", tmp_path / "evidence").out.split())) == bool(torn)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-be"])
@pytest.mark.parametrize("cut", [0, 1])
def test_a_bank_file_that_ends_within_a_line_is_said_to(shell: Shell, tmp_path: Path, encoding: str, cut: int) -> None:
    (tmp_path / "file.csv").write_bytes(FILE[: len(FILE) - cut].encode(encoding))
    (tmp_path / "ledger.toml").write_text(LEDGER.replace("[file]", f'[file]\nencoding = "{encoding}"'), "utf-8")
    taken = shell.json("capture", tmp_path / "file.csv", "--into", tmp_path / "e", "--ledger", tmp_path / "ledger.toml")
    assert taken.code == 0, taken
    assert any("file.csv has no end" in each for each in taken.document["assumptions"]) == bool(cut)


def at_once(work: Callable[[], object]) -> list[object]:
    """What two that do the same at once come to: a result each, or what it raised."""
    came_of: list[object] = []

    def try_it() -> None:
        try:
            came_of.append(work())
        except UnusableInput as error:
            came_of.append(error)

    both = [threading.Thread(target=try_it) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    return came_of


def test_two_captures_into_one_folder_don_t_mix(bank: str, tmp_path: Path) -> None:
    both = at_once(lambda: capture(bank, tmp_path / "evidence", progress=False))
    [refused] = [each for each in both if isinstance(each, UnusableInput)]
    assert "capture again into a new folder" in str(refused) or "never overwritten" in str(refused)
    [taken] = [each for each in both if isinstance(each, Evidence)]
    taken.manifest.verify(tmp_path / "evidence")
    assert [path.name for path in tmp_path.iterdir() if "partial" in path.name] == []


def test_of_two_investigations_in_one_folder_one_is_refused(
    shell: Shell, bank: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that fails removes what is there, and that was the other's."""
    (tmp_path / "out").mkdir()
    inner: list[Any] = []
    really = investigation.capture

    def another_begins(*arguments: Any, **more: Any) -> Any:
        taken = really(*arguments, **more)
        if not inner:
            before = fingerprint(tmp_path / "out")
            inner.append(None)
            monkeypatch.setattr("esworkbench.cli.investigation.any", lambda _: False, raising=False)
            ran = shell("investigate", bank, "--out", tmp_path / "out")
            monkeypatch.undo()
            inner[0] = ran
            assert fingerprint(tmp_path / "out") == before
        return taken

    monkeypatch.setattr(investigation, "capture", another_begins)
    ran = shell("investigate", bank, "--out", tmp_path / "out")
    assert ran.code == 0, ran
    assert inner[0].code == 2
    assert "another investigation is under way" in inner[0].err
    assert sorted(path.name for path in (tmp_path / "out").iterdir())[:2] == ["evidence", "evidence.case.jsonl"]
