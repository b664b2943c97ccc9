"""A way to run a command as a shell would, and to see what it left on disk."""

import gc
import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from esworkbench import cli


class Ran(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON document on stdout; fails when there is more, or less."""
        found: dict[str, Any] = json.loads(self.out)
        return found


class Shell:
    """Runs commands in this process, with the exit code, stdout and stderr that a shell would see."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: object) -> Ran:
        self._capsys.readouterr()
        code = cli.run([str(each) for each in arguments])
        return Ran(code, *self._capsys.readouterr())

    def json(self, *arguments: object) -> Ran:
        return self(*arguments, "--json")


def digest_of(path: Path) -> str:
    """The SHA-256 of a file's bytes.

    What a command left open would have died with its process. Here it is closed first: to close any descriptor of a
    SQLite file takes away the locks of every connection that this process has to it.
    """
    gc.collect()
    return _digest(path)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


CUSTODY = ".custody.jsonl"


def fingerprint(folder: Path) -> dict[str, str]:
    """Every file below a folder, by the SHA-256 of its bytes, as ``digest_of`` reads it.

    But the custody log: each command adds its line to it, also one that refuses.
    """
    gc.collect()
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.endswith(CUSTODY)]
    return {str(path.relative_to(folder)): _digest(path) for path in files}
