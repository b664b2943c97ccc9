"""A case: the record of one investigation on evidence, in which every step can be asked again.

Like ``git bisect log``, the record is the proof: each question is kept with its arguments and a digest of its answer,
and replaying the record on the same evidence must give the same digests.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from esworkbench.errors import UnusableInput
from esworkbench.events import utc_now

Ask = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]


class CaseEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One question and what came of it. ``found`` is a sentence, ``digest`` the SHA-256 of the answer's JSON."""

    number: int
    asked_at: datetime
    question: str
    arguments: dict[str, Any]
    found: str
    digest: str


class Replayed(msgspec.Struct, frozen=True):
    """Whether a question, asked again, got the same answer."""

    entry: CaseEntry
    same: bool


class Case:
    """The case kept beside ``evidence``: a file of JSON lines, appended to and never rewritten."""

    def __init__(self, evidence: Path, *, clock: Callable[[], datetime] = utc_now) -> None:
        evidence = evidence.resolve()
        self.path = evidence.with_name(evidence.name + ".case.jsonl")
        self._clock = clock

    def entries(self) -> list[CaseEntry]:
        """All questions so far, oldest first. Raises UnusableInput naming the line that can't be read."""
        if not self.path.exists():
            return []
        found = []
        for number, line in enumerate(self.path.read_bytes().splitlines(), start=1):
            try:
                found.append(msgspec.json.decode(line, type=CaseEntry))
            except msgspec.DecodeError as error:
                raise UnusableInput(f"line {number} of {self.path} is no entry of a case: {error}") from None
        return found

    def record(self, question: str, arguments: Mapping[str, Any], answer: Mapping[str, Any], found: str) -> CaseEntry:
        """Append one question with its answer's digest."""
        entry = CaseEntry(
            number=len(self.entries()) + 1,
            asked_at=self._clock(),
            question=question,
            arguments=dict(arguments),
            found=found,
            digest=digest_of(answer),
        )
        with self.path.open("ab") as file:
            file.write(msgspec.json.encode(entry) + b"\n")
        return entry

    def replay(self, ask: Ask) -> list[Replayed]:
        """Ask everything again; an answer that differs means changed evidence, or a changed tool."""
        return [Replayed(entry, digest_of(ask(entry.question, entry.arguments)) == entry.digest)
                for entry in self.entries()]  # fmt: skip


def digest_of(answer: Mapping[str, Any]) -> str:
    """SHA-256 over the answer's JSON with sorted keys, 64 hex digits."""
    return sha256(msgspec.json.encode(answer, order="sorted")).hexdigest()
