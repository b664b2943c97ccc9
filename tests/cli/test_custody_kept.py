"""Promises 9, 13: each command on evidence leaves its line: who, when, where, why, how, and no password in it."""

import inspect
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer
from cli_shell import Shell, fingerprint
from test_every_command import GIVEN, registered

from esworkbench.cli.custody import PLACES, _typed, command_line
from esworkbench.cli.on_demand import _each_kept
from esworkbench.cli.options import EvidencePath
from esworkbench.lab import Incident


@pytest.fixture
def evidence(shared_evidence: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(shared_evidence, tmp_path / "ev"))


def lines(evidence: Path) -> list[dict[str, Any]]:
    kept = evidence.with_name(evidence.name + ".custody.jsonl")
    return [json.loads(line) for line in kept.read_text("utf-8").splitlines()]


def test_a_case_from_capture_to_report(shell: Shell, incident: Incident, tmp_path: Path) -> None:
    evidence = tmp_path / "ev"
    assert shell("capture", incident.url, "--into", evidence, "--operator", "Ada", "--reason", "case 12").code == 0
    before = fingerprint(evidence)
    shell("verify", evidence)
    shell("diagnose", evidence, "--operator", "Bob")
    shell("repair", evidence, "--store", incident.url, "--operator", "Eve", "--reason", "dry run")
    shell("report", evidence, "--out", tmp_path / "r.html")
    assert shell("diff", evidence, "--against", "nobody").code == 2
    told = [(each["act"], each["operator"], each["reason"], each["exit_code"]) for each in lines(evidence)]
    account = lines(evidence)[0]["account"]
    assert told == [
        ("capture", "Ada", "case 12", 0), ("verify", account, None, 0), ("diagnose", "Bob", None, 1),
        ("repair", "Eve", "dry run", 1), ("report", account, None, 1), ("diff", account, None, 2),
    ]  # fmt: skip
    assert lines(evidence)[0]["source_at"] is not None
    assert fingerprint(evidence) == before
    found = shell.json("custody", evidence)
    assert (found.code, found.document["breaks"]) == (0, [])
    assert len(lines(evidence)) == 6, "to look adds nothing"
    assert shell("custody", evidence, "--head", found.document["head"]).code == 0
    assert shell("custody", evidence, "--head", "0" * 64).code == 1


def test_an_investigation_keeps_custody_of_the_evidence_it_makes(
    shell: Shell, incident: Incident, tmp_path: Path
) -> None:
    shell("investigate", incident.url, "--out", tmp_path / "out", "--reason", "a complaint")
    (line,) = lines(tmp_path / "out" / "evidence")
    assert (line["act"], line["reason"], line["before"]) == ("investigate", "a complaint", None)


def test_no_password_comes_into_the_log(shell: Shell, evidence: Path) -> None:
    url = "postgresql://ada:hunter22@localhost:1/bank"
    shell("repair", evidence, "--store", url, "--operator", "Ada")
    shell("repair", evidence, f"--store={url}", "--operator", "Ada")
    for reason in (f"because {url}", "used PGPASSWORD=hunter22 psql"):
        assert shell("diff", evidence, "--reason", reason).code == 2
    kept = evidence.with_name("ev.custody.jsonl").read_text("utf-8")
    assert kept.count("\n") == 2
    assert "hunter22" not in kept


SECRETS = ("Zx9User", "Zx9Pw", "Zx9Token", "Zx9Part")
URLS = (
    "https://Zx9User:Zx9Pw@host.example/tsa?token=Zx9Token", "https://Zx9User@host.example:8443/tsa?a=1&k=Zx9Token",
    "https://host.example/tsa?sig=Zx9Token#Zx9Part", "https://host.example/tsa#Zx9Part", "ftp://Zx9User@host.example",
    "https://Zx9User:Zx9@Zx9Pw/Zx9Part@host.example/tsa", "https://host.example/?k=Zx9Token@Zx9Part/Zx9Pw",
    "https:/host.example/tsa?token=Zx9Token", "see https://host.example/?k=Zx9Token and more", "https://Zx9User:Zx9 Pw",
    "postgresql://Zx9User:Zx9Pw@host.example:1/bank?options=Zx9Token", "sqlite:///nothing.db?key=Zx9Token",
)  # fmt: skip


def keeping() -> dict[str, Any]:
    """The commands that leave a line, by their words."""
    return {
        name: each for name, each in registered().items() if {"operator", "reason"} <= {p.name for p in each.params}
    }


def takes_text(parameter: Any) -> bool:
    return parameter.type_descriptor.annotation in (str, Path, list[str], list[Path])


def test_no_part_of_a_url_that_may_be_a_secret_is_written_of_any_option() -> None:
    """Every option of every command that takes a text may be given a URL, if only by mistake."""
    for name, command in registered().items():
        for parameter in filter(takes_text, command.params):
            for url in URLS:
                option = parameter.opts[0] if parameter.param_type_name == "option" else None
                for typed in [[option, url], [f"{option}={url}"]] if option else [[url]]:
                    with command_line([*name.split(), *typed, "--json"]):
                        kept = _typed()
                    assert not [each for each in SECRETS if each in kept], (typed, kept)
                    assert "--json" in kept, "and what is harmless stands there"
                    assert option is None or option in kept


def test_of_a_url_the_host_and_the_path_are_kept() -> None:
    with command_line(
        ["timestamp", "m.json", "--authority", URLS[0], f"--to={URLS[1]}", "at=https://host.example/x/y"]
    ):
        assert _typed() == (
            "esworkbench timestamp m.json --authority 'https://…@host.example/tsa?…' "
            "'--to=https://…@host.example:8443/tsa?…' at=https://host.example/x/y"
        )


@pytest.mark.parametrize("name", keeping())
def test_no_command_leaves_a_secret_of_a_url_in_the_log(
    shell: Shell, incident: Incident, evidence: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Each is refused at its evidence's door, and has its line with all that was typed."""
    monkeypatch.chdir(tmp_path)
    (evidence / "ledger.toml").write_bytes(b"another")
    walk: Any = SimpleNamespace(url=incident.url, folder=tmp_path, digest="0" * 64, new_place=lambda: tmp_path / "new")
    needed: list[object] = []
    urls: list[object] = []
    for each in keeping()[name].params:
        if each.required or each.name in PLACES:
            given = evidence if each.name in PLACES else GIVEN[each.name](walk)[0]
            needed += [given] if each.param_type_name == "argument" else [each.opts[0], given]
        elif takes_text(each) and each.name not in ("operator", "reason"):
            urls += [each.opts[0], URLS[0]]
    assert shell(*name.split(), *needed, *urls).code == 2
    (line,) = lines(evidence)
    assert line["act"] == name
    assert not [each for each in SECRETS if each in json.dumps(line)]


@pytest.mark.parametrize("option", ["--operator", "--reason"])
def test_a_reason_that_names_a_secret_url_is_refused(shell: Shell, evidence: Path, option: str) -> None:
    for url in URLS:
        assert shell("diff", evidence, option, f"see {url}").code == 2, url
    assert shell("diff", evidence, option, "https://host.example/tickets").code != 2
    assert len(lines(evidence)) == 1


def test_what_handles_no_evidence_leaves_no_line(shell: Shell, incident: Incident, tmp_path: Path) -> None:
    (tmp_path / "at").mkdir()
    shell("verify", incident.url)
    assert shell("capture", "sqlite:///nowhere.db", "--into", tmp_path / "at" / "ev").code == 2
    assert list((tmp_path / "at").iterdir()) == []


def test_a_command_of_a_group_is_kept_too() -> None:
    """Whatever takes EVIDENCE gets its options and its line, by name of group and command."""
    group = typer.Typer()

    @group.command()
    def add(evidence: EvidencePath, operator: str = "own") -> None: ...

    (kept,) = _each_kept("evidence", group).registered_commands
    assert kept.callback is not None
    assert list(inspect.signature(kept.callback).parameters) == ["evidence", "operator", "reason"]
    assert _each_kept("evidence", group).registered_commands[0].callback is kept.callback


@pytest.mark.parametrize("odd", ["a folder", "a link", "a pipe"])
def test_what_is_no_file_is_neither_read_nor_written(shell: Shell, evidence: Path, odd: str) -> None:
    kept = evidence.with_name("ev.custody.jsonl")
    make: dict[str, Callable[[], None]] = {
        "a folder": kept.mkdir, "a link": lambda: kept.symlink_to("x"), "a pipe": lambda: os.mkfifo(kept)
    }  # fmt: skip
    make[odd]()
    ran = shell.json("verify", evidence)
    assert (ran.code, ran.document["breaks"]) == (0, [])
    assert "not in the custody log" in ran.err
    assert shell("custody", evidence).code == 2
    assert not (kept.parent / "x").exists()


def test_on_a_read_only_medium_questions_are_answered_and_it_is_said(evidence: Path, tmp_path: Path) -> None:
    """As somebody who may read and not write; the superuser of these tests may always write."""
    for path in (tmp_path, *tmp_path.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    as_nobody_special: list[str] = []
    if os.geteuid() == 0:
        if (setpriv := shutil.which("setpriv")) is None:
            if os.environ.get("ESWORKBENCH_REQUIRE") == "all":
                pytest.fail("setpriv is required here")
            pytest.skip("run as the superuser, and there is no setpriv to be less than that")
        as_nobody_special = [setpriv, "--bounding-set=-dac_override,-dac_read_search"]
    ran = subprocess.run(
        [*as_nobody_special, sys.executable, "-m", "esworkbench", "verify", str(evidence), "--json"],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    tmp_path.chmod(0o755)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["breaks"] == []
    assert "can't be kept" in ran.stderr
    assert "not in the custody log" in ran.stderr
