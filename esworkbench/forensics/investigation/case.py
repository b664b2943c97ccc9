"""A case: the record of one investigation on evidence, in which every question can be asked again.

Like ``git bisect log``, the record is the proof: each question is kept with its arguments and a digest of its answer,
and replaying the record on the same evidence must give the same digests. What was *done* (an investigation, a repair, a
report, an addition to the evidence) is kept too, with a digest of what came out, and is not done again by a replay.

A case file is data that travels with the evidence, so it is read as hostile: no more than plain values come out of it.
"""

import contextlib
import errno
import json
import os
from collections.abc import Callable, Mapping
from datetime import datetime
from glob import escape
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Annotated, Any

import msgspec

from esworkbench.archive import MANIFEST, file_digest
from esworkbench.errors import UnusableInput
from esworkbench.events import utc_now
from esworkbench.kept_files import alone, opened, read_all, unique_json, write_at

Ask = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]
InWords = Callable[[str, Mapping[str, Any]], str]
"""What an answer to this question comes to, in the sentence that a case keeps as ``found``."""

Argument = str | int | bool | None

At = Callable[[str], tuple[Ask, InWords | None] | None]
"""Who answers for the evidence as it was under an earlier digest; None where it can't be opened so any more."""

ACTS = ("investigate", "repair", "report", "add")
"""What a case records and a replay leaves alone."""


class CaseReadOnly(UnusableInput):
    """The case lies where nothing can be written. Questions can be asked all the same; acts must be recorded."""


class CaseEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One question or act and what came of it. ``found`` is a sentence, ``digest`` the SHA-256 of the answer's JSON.

    ``evidence`` is the digest that ``capture`` printed of the evidence it was asked of; None in a case of before.
    """

    number: int
    asked_at: Annotated[datetime, msgspec.Meta(tz=True)]
    question: str
    arguments: dict[str, Argument]
    found: str
    digest: str
    evidence: str | None = None


class Replayed(msgspec.Struct, frozen=True):
    """Whether a question, asked again of the same evidence, got the same answer, told in the same words."""

    entry: CaseEntry
    same: bool


class Case:
    """The case kept beside ``evidence``: a file of JSON lines, appended to and never rewritten.

    Whoever is killed while a line is added leaves a torn one at the end. It is no entry and isn't lost either: ``torn``
    tells of it, and the next line that is added sets it aside in a file of its own, ``….torn-1`` and so on.
    """

    def __init__(self, evidence: Path, *, clock: Callable[[], datetime] = utc_now) -> None:
        evidence = evidence.resolve()
        self.path = evidence.with_name(evidence.name + ".case.jsonl")
        self._manifest = evidence / MANIFEST
        self._clock = clock

    def entries(self) -> list[CaseEntry]:
        """All entries so far, oldest first. Raises UnusableInput naming a line that can't be read or is out of place.

        Entries are numbered as they lie, 1, 2, 3 and on.
        """
        whole, _ = _parted(self._content())
        return [self._entry(number, line) for number, line in enumerate(_lines(whole), start=1)]

    def torn(self) -> str | None:
        """A sentence on what is torn, at the end or set aside; None where nothing is."""
        _, torn = _parted(self._content())
        aside = sorted(path.name for path in self.path.parent.glob(f"{escape(self.path.name)}.torn-*"))
        told = [f"the last line of {self.path.name} is torn ({len(torn)} bytes) and is no entry"] if torn else []
        told += [f"what was torn before lies in {', '.join(aside)}"] if aside else []
        return "; ".join(told) or None

    def record(self, question: str, arguments: Mapping[str, Any], answer: Mapping[str, Any], found: str) -> CaseEntry:
        """Append one question or act with its answer's digest, durably, in its turn among writers.

        Raises UnusableInput where the file can't be written, CaseReadOnly where nobody may; then it is as it was.
        """
        digest = digest_of(answer)
        try:
            with self._opened(os.O_RDWR | os.O_CREAT) as descriptor, alone(descriptor, self.path):
                whole, torn = _parted(read_all(descriptor, self.path))
                entry = CaseEntry(
                    number=len(_lines(whole)) + 1, asked_at=self._clock(), question=question,
                    arguments={name: _text(value) for name, value in arguments.items()}, found=_as_text(found),
                    digest=digest, evidence=self._evidence(),
                )  # fmt: skip
                if torn:
                    self._set_aside(torn)
                line_end = b"\n" if whole and not whole.endswith(b"\n") else b""
                write_at(descriptor, len(whole), line_end + msgspec.json.encode(entry) + b"\n")
        except OSError as error:
            raise self._unkept(error) from None
        return entry

    def require_writable(self) -> None:
        """Raises UnusableInput where no line could be added: for whoever is about to do what must be recorded."""
        try:
            with self._opened(os.O_RDWR | os.O_CREAT):
                return
        except OSError as error:
            raise self._unkept(error) from None

    def replay(self, ask: Ask, in_words: InWords | None = None, at: At = lambda digest: None) -> list[Replayed]:
        """Ask every question again; an answer that differs means changed evidence, or a changed tool. Acts are left.

        What was asked before something was added is asked of the evidence as it was then, which ``at`` opens. With
        ``in_words`` the sentence ``found`` has to be the same as well: no digest covers it.
        """
        here = (None, self._evidence())
        replayed = []
        for entry in self.entries():
            if entry.question in ACTS:
                continue
            earlier = None if entry.evidence in here or entry.evidence is None else at(entry.evidence)
            asks, tells = earlier or (ask, in_words)
            answer = asks(entry.question, entry.arguments)
            told = tells is None or _as_text(tells(entry.question, answer)) == entry.found
            of_this = earlier is not None or entry.evidence in here
            replayed.append(Replayed(entry, told and digest_of(answer) == entry.digest and of_this))
        return replayed

    def _evidence(self) -> str | None:
        return file_digest(self._manifest) if self._manifest.is_file() else None

    def _content(self) -> bytes:
        try:
            with self._opened(os.O_RDONLY) as descriptor:
                return read_all(descriptor, self.path)
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise UnusableInput(f"the case {self.path} can't be read: {error.strerror}") from None

    def _opened(self, how: int) -> contextlib.AbstractContextManager[int]:
        return opened(self.path, how, links=False)

    def _unkept(self, error: OSError) -> UnusableInput:
        read_only = error.errno in (errno.EROFS, errno.EACCES, errno.EPERM)
        return (CaseReadOnly if read_only else UnusableInput)(
            f"the case {self.path} can't be kept: {error.strerror}; copy the evidence to a place of your own"
        )

    def _set_aside(self, torn: bytes) -> None:
        for number in count(1):
            with contextlib.suppress(FileExistsError), Path(f"{self.path}.torn-{number}").open("xb") as aside:
                aside.write(torn)
                aside.flush()
                os.fsync(aside.fileno())
                return

    def _entry(self, number: int, line: bytes) -> CaseEntry:
        try:
            found = unique_json(line.decode())
            entry = msgspec.convert(found, CaseEntry)
            if entry.number != number:
                raise ValueError(f"it has the number {entry.number}, so a line was put in, moved or taken out")
            return entry
        except (ValueError, RecursionError, msgspec.ValidationError) as error:
            raise UnusableInput(f"line {number} of {self.path} is no entry of a case: {error}") from None


def digest_of(answer: Mapping[str, Any]) -> str:
    """SHA-256 over the answer's JSON with sorted keys, 64 hex digits."""
    return sha256(msgspec.json.encode(answer, order="sorted")).hexdigest()


def _text(value: Argument) -> Argument:
    return _as_text(value) if isinstance(value, str) else value


def _as_text(value: str) -> str:
    """A file's name may hold bytes that are no text."""
    return value.encode("utf-8", "backslashreplace").decode()


def _lines(content: bytes) -> list[bytes]:
    return content.removesuffix(b"\n").split(b"\n") if content else []


def _parted(content: bytes) -> tuple[bytes, bytes]:
    """What is whole, and the last line where it is torn: where it is no JSON, whether a line end follows or not."""
    begin = content.removesuffix(b"\n").rfind(b"\n") + 1
    return (content, b"") if not content or _is_json(content[begin:]) else (content[:begin], content[begin:])


def _is_json(line: bytes) -> bool:
    """Whether the line was written to its end. What is JSON and yet no entry is told as such, not set aside."""
    try:
        json.loads(line.decode())
    except (json.JSONDecodeError, UnicodeDecodeError):
        return False
    except (ValueError, RecursionError):
        return True
    return True
