"""Promise: Ctrl-C ends a command with one sentence and a code of its own, and leaves nothing half-made in the way."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SENTENCE = "interrupted: what was half-written is removed, or known as such; run the command again\n"
BUILD = ["incident", "new", "b.db", "--fault", "none", "--scale"]
BAR = b"months of banking"
"""What a build says when its file is there and its first month begins."""


@pytest.fixture(autouse=True)
def ctrl_c_is_heard() -> Iterator[None]:
    """A shell that runs the tests in its background has them ignore Ctrl-C, and so would each process they start."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def started(folder: Path, *arguments: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "esworkbench", *arguments], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def interrupted_at(sign: bytes, process: "subprocess.Popen[bytes]") -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a process that got a Ctrl-C as soon as it had written the sign to stderr."""
    assert process.stderr is not None
    told = b""
    while sign not in told:
        more = os.read(process.stderr.fileno(), 1 << 16)
        assert more, told
        told += more
    process.send_signal(signal.SIGINT)
    out, rest = process.communicate(timeout=120)
    return process.returncode, out.decode(), (told + rest).decode()


@pytest.mark.parametrize("as_json", [False, True])
def test_ctrl_c_ends_with_a_sentence_a_code_of_its_own_and_nothing_half_made(as_json: bool, tmp_path: Path) -> None:
    """In the first of eight years of banking, whose build goes on for long after that."""
    process = started(tmp_path, *BUILD, "full", *(["--json"] if as_json else []))
    code, out, err = interrupted_at(BAR, process)
    assert code == 130, err
    assert err.endswith(SENTENCE)
    bar = err.removesuffix(SENTENCE)
    assert all(line.startswith(BAR.decode()) for line in bar.replace("\n", "\r").split("\r") if line.strip()), err
    assert (json.loads(out) == {"error": SENTENCE.strip()}) if as_json else out == ""
    assert list(tmp_path.iterdir()) == []


def test_what_was_interrupted_can_be_run_again_in_the_same_place(tmp_path: Path) -> None:
    assert interrupted_at(BAR, started(tmp_path, *BUILD, "full"))[0] == 130
    again = started(tmp_path, *BUILD, "small", "--json")
    out, err = again.communicate(timeout=300)
    assert again.returncode == 0, err
    assert json.loads(out)["events"] > 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.db", "b.db.outside"]
