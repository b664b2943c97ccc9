"""Promise: nothing that was there is overwritten, whatever an option names; what is written is whole or not there."""

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from cli_shell import Shell, fingerprint

from esworkbench import cli
from esworkbench.cli import output_files
from esworkbench.cli.output_files import REPORT, Kind, write_output
from esworkbench.errors import UnusableInput
from esworkbench.lab import Incident
from tests.support import swept

THROUGH = "esworkbench.lab.inherited.shop:latest_shape"


@pytest.fixture(scope="module")
def captured(incident: Incident, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with evidence and its case."""
    folder = tmp_path_factory.mktemp("captured")
    assert cli.run(["capture", incident.url, "--into", str(folder / "ev")]) == 0
    assert cli.run(["diff", str(folder / "ev")]) in (0, 1)
    return folder


@pytest.fixture
def home(captured: Path, tmp_path: Path) -> Path:
    """A folder with a store, its evidence with a case, and things of somebody else's."""
    shutil.copytree(captured, tmp_path, dirs_exist_ok=True)
    with sqlite3.connect(tmp_path / "bank.db") as connection:
        connection.execute("CREATE TABLE customers (id INTEGER)")
    (tmp_path / "bank.db.outside" / "statements").mkdir(parents=True)
    (tmp_path / "notes.html").write_text("<!DOCTYPE html>\n<p>Made by esworkbench? No, by me.</p>", encoding="utf-8")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link.html").symlink_to(tmp_path / "notes.html")
    (tmp_path / "dangling.html").symlink_to(tmp_path / "new.html")
    os.mkfifo(tmp_path / "pipe")
    return tmp_path


TAKEN = [
    "bank.db", "bank.db-wal", "bank.db-journal", "bank.db.outside", "bank.db.outside/statements/a.csv",
    "ev", "ev/manifest.json", "ev/new.html", "ev/events/new.html", "ev.case.jsonl", "other.case.jsonl",
    "notes.html", "folder", "folder/../ev/x.html", "link.html", "dangling.html", "pipe", "missing/report.html",
]  # fmt: skip
PLACES_FOR_NEW = ("folder", "missing/report.html")


@pytest.mark.parametrize("name", swept(TAKEN, every=3))
def test_a_report_takes_the_place_of_nothing(shell: Shell, home: Path, name: str) -> None:
    before = fingerprint(home)
    ran = shell("report", home / "ev", "--out", home / name)
    assert ran.code == 2, ran
    assert name.split("/")[-1] in ran.err
    assert fingerprint(home) == before
    assert not (home / "new.html").exists()


def test_a_report_replaces_no_device_or_socket(shell: Shell, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("s")
        assert shell("report", home / "ev", "--out", "s").code == 2
    assert shell("report", home / "ev", "--out", "/dev/null").code == 2
    assert Path("/dev/null").is_char_device()


def test_a_report_replaces_an_earlier_report(shell: Shell, home: Path) -> None:
    out = home / "report.html"
    assert shell("report", home / "ev", "--out", out).code == 1
    out.write_text(out.read_text("utf-8") + "<!-- old -->", encoding="utf-8")
    assert shell("report", home / "ev", "--out", out).code == 1
    assert "<!-- old -->" not in out.read_text("utf-8")
    assert not list(home.glob(".*partial*"))


@pytest.mark.parametrize("name", swept((name for name in TAKEN if name not in PLACES_FOR_NEW), every=3))
def test_no_command_makes_something_where_something_is(shell: Shell, incident: Incident, home: Path, name: str) -> None:
    place = home / name
    before = fingerprint(home)
    for command in (
        ["capture", incident.url, "--into", place],
        ["investigate", incident.url, "--out", place],
        ["archive", incident.url, "--up-to", 10, "--into", place],
        ["keep-read-model", incident.url, "--projection", "account_balances", "--into", place],
        ["shapes", incident.url, "--draft", place, "--through", THROUGH],
        ["incident", "new", place, "--fault", "none", "--scale", "small"],
        ["compact", incident.url, "--into", place],
    ):
        ran = shell(*command)
        assert ran.code == 2, (command, ran)
        assert place.name in ran.err, (command, ran)
        assert fingerprint(home) == before, command
    assert not (home / "new.html").exists()


@pytest.mark.parametrize(
    "name", swept([".", "..", "folder/..", "/", "sqlite:///..", "sqlite:////", "sqlite:///."], every=3)
)
def test_a_folder_is_no_place_for_a_file_however_it_is_named(
    shell: Shell, incident: Incident, home: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home)
    before = fingerprint(home)
    for command in (
        ["capture", incident.url, "--into", name],
        ["capture", name, "--into", "new"],
        ["investigate", incident.url, "--out", name],
        ["investigate", name, "--out", "new"],
        ["archive", incident.url, "--up-to", 10, "--into", name],
        ["keep-read-model", incident.url, "--projection", "account_balances", "--into", name],
        ["report", "ev", "--out", name],
        ["shapes", incident.url, "--draft", name, "--through", THROUGH],
        ["incident", "new", name, "--fault", "none", "--scale", "small"],
        ["incident", "reveal", name],
        ["compact", incident.url, "--into", name],
        ["compact", name, "--into", "new.db"],
        *([each, name] for each in ("lag", "pending", "outbox", "shapes", "verify", "diff", "take-snapshots", "case")),
        ["rebuild", name, "--projection", "account_balances"],
        ["repair", "ev", "--store", name, "--operator", "me"],
        ["doctor", "--store", name],
    ):
        ran = shell(*command)
        assert ran.code == 2, (command, ran)
        assert fingerprint(home) == before, command


def test_a_log_left_without_its_store_is_no_place_for_a_new_one(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "new.db-wal").write_bytes(b"the last commits of somebody's store")
    before = fingerprint(tmp_path)
    assert "new.db-wal" in shell("incident", "new", tmp_path / "new.db", "--fault", "none", "--scale", "small").err
    assert fingerprint(tmp_path) == before


def test_what_lies_beside_a_snapshot_that_is_kept_stays(shell: Shell, incident: Incident, tmp_path: Path) -> None:
    (tmp_path / "kept.partial").write_text("mine", encoding="utf-8")
    command = ["keep-read-model", incident.url, "--projection", "account_balances", "--into", tmp_path / "kept"]
    assert shell(*command).code == 0
    assert (tmp_path / "kept.partial").read_text("utf-8") == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept", "kept.partial"]


def test_killed_while_writing_leaves_the_old_file_whole(tmp_path: Path) -> None:
    """The process is killed when half of the new report is on disk."""
    out = tmp_path / "report.html"
    old = f"{REPORT.mark.decode() if REPORT.mark else ''} the old report"
    write_output(out, old, REPORT)
    program = (
        "import os, signal, sys; from pathlib import Path\n"
        "from esworkbench.cli.output_files import REPORT, write_output\n"
        "os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)\n"
        "write_output(Path(sys.argv[1]), 'new ' * 100_000, REPORT)\n"
    )
    ran = subprocess.run([sys.executable, "-c", program, str(out)], check=False)
    assert ran.returncode == -signal.SIGKILL
    assert out.read_text("utf-8") == old


def test_a_full_disk_leaves_the_old_file_whole(tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    assert REPORT.mark is not None
    write_output(out, REPORT.mark, REPORT)
    before = fingerprint(tmp_path)
    program = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from esworkbench.cli.output_files import REPORT, write_output\n"
        "from esworkbench.errors import UnusableInput\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n    write_output(Path(sys.argv[1]), 'new ' * 1000, REPORT)\n"
        "except UnusableInput as error:\n    sys.exit(str(error))\n"
    )
    ran = subprocess.run([sys.executable, "-c", program, str(out)], check=False, capture_output=True, text=True)
    assert "can't be written" in ran.stderr
    assert fingerprint(tmp_path) == before


def test_a_file_that_came_meanwhile_stays(tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text("mine", encoding="utf-8")
    with pytest.raises(UnusableInput, match=r"no earlier report.*name another file"):
        write_output(tmp_path / "report.html", "new", REPORT)


def test_a_mark_counts_at_the_beginning_alone(tmp_path: Path) -> None:
    """Anybody's file may quote it."""
    for kind in (each for each in vars(output_files).values() if isinstance(each, Kind) and each.mark is not None):
        assert kind.mark is not None
        mine = tmp_path / f"{kind.name}.txt"
        mine.write_bytes(b"I found this: " + kind.mark)
        with pytest.raises(UnusableInput, match="stays as it is"):
            write_output(mine, b"new", kind)
        assert mine.read_bytes() == b"I found this: " + kind.mark


def test_a_report_begins_with_the_mark_of_reports(shell: Shell, home: Path) -> None:
    shell("report", home / "ev", "--out", home / "r.html")
    assert REPORT.mark is not None
    assert (home / "r.html").read_bytes().startswith(REPORT.mark)
