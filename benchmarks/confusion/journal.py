"""What has been judged so far: one JSON document a line, in a file for each state of the code. A killed
run goes on from there."""

import hashlib
import os
import subprocess
from pathlib import Path
from typing import NamedTuple

import msgspec

from benchmarks.confusion.trials import Held

TOP = Path(__file__).parents[2]
JUDGED = ("esworkbench", "data", "benchmarks/confusion")
"""Whatever of this changes, results so far are those of other code."""


class Code(NamedTuple):
    """``commit`` is for people, with a mark where files were changed since; ``digest`` is that of the files."""

    commit: str
    digest: str


def this_code() -> Code:
    """The code that builds, diagnoses and judges here. Works without git, where nobody knows a commit."""
    names = sorted(
        path for folder in JUDGED for path in (TOP / folder).rglob("*")
        if path.suffix in (".py", ".toml", ".json", ".sql") and path.is_file()
    )  # fmt: skip
    digest = hashlib.sha256()
    for path in names:
        digest.update(path.relative_to(TOP).as_posix().encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    commit = _git("rev-parse", "--short=12", "HEAD").strip() or "unknown"
    changed = " with changes since" if _git("status", "--porcelain", "--", *JUDGED) else ""
    return Code(commit + changed, digest.hexdigest()[:12])


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=TOP, capture_output=True, encoding="utf-8", check=False)
    return done.stdout if done.returncode == 0 else ""


class Journal:
    """Appends each result durably. A line that a kill has torn is left behind, and its trial held again."""

    def __init__(self, folder: Path, digest: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"{digest}.jsonl"

    def held(self) -> dict[str, Held]:
        """The results so far, by the trial's name."""
        found: dict[str, Held] = {}
        if self.path.is_file():
            for line in self.path.read_bytes().split(b"\n"):
                try:
                    each = msgspec.json.decode(line, type=Held)
                except msgspec.MsgspecError:
                    continue
                found[each.trial] = each
        return found

    def append(self, held: Held) -> None:
        with self.path.open("ab") as file:
            # Behind a torn line a new one is begun, or both would be lost.
            file.write((b"" if self._ends_whole() else b"\n") + msgspec.json.encode(held) + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def _ends_whole(self) -> bool:
        with self.path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            if not size:
                return True
            file.seek(size - 1)
            return file.read(1) == b"\n"
