"""A case: the record of one investigation on evidence, in which every question can be asked again.

Like ``git bisect log``, the record is the proof: each question is kept with its arguments and a digest of its answer,
and replaying the record on the same evidence must give the same digests. What was *done* (an investigation, a repair, a
report) is kept too, with a digest of what came out, and is not done again by a replay.

A case file is data that travels with the evidence, so it is read as hostile: no more than plain values come out of it.
"""

import contextlib
import json
import os
import stat
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from glob import escape
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

import msgspec

from esworkbench.archive import MANIFEST, file_digest
from esworkbench.errors import UnusableInput
from esworkbench.events import utc_now

Ask = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]
Argument = str | int | bool | None

ACTS = ("investigate", "repair", "report")
"""What a case records and a replay leaves alone."""

LOCK_SECONDS = 10
"""How long to wait for somebody else who is adding a line."""


class CaseEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One question or act and what came of it. ``found`` is a sentence, ``digest`` the SHA-256 of the answer's JSON.

    ``evidence`` is the digest that ``capture`` printed of the evidence it was asked of; None in a case of before.
    """

    number: int
    asked_at: datetime
    question: str
    arguments: dict[str, Argument]
    found: str
    digest: str
    evidence: str | None = None


class Replayed(msgspec.Struct, frozen=True):
    """Whether a question, asked again of the same evidence, got the same answer."""

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
        """All entries so far, oldest first. Raises UnusableInput naming the line that can't be read."""
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

        Raises UnusableInput where the file can't be written; then it is as it was.
        """
        digest = digest_of(answer)
        try:
            with self._opened(os.O_RDWR | os.O_CREAT) as descriptor, _alone(descriptor):
                whole, torn = _parted(_read_all(descriptor))
                entry = CaseEntry(
                    number=len(_lines(whole)) + 1, asked_at=self._clock(), question=question,
                    arguments={name: _text(value) for name, value in arguments.items()}, found=found, digest=digest,
                    evidence=self._evidence(),
                )  # fmt: skip
                if torn:
                    self._set_aside(torn)
                line_end = b"\n" if whole and not whole.endswith(b"\n") else b""
                _write_at(descriptor, len(whole), line_end + msgspec.json.encode(entry) + b"\n")
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

    def replay(self, ask: Ask) -> list[Replayed]:
        """Ask every question again; an answer that differs means changed evidence, or a changed tool. Acts are left."""
        here = (None, self._evidence())
        return [
            Replayed(entry, digest_of(ask(entry.question, entry.arguments)) == entry.digest and entry.evidence in here)
            for entry in self.entries()
            if entry.question not in ACTS
        ]

    def _evidence(self) -> str | None:
        return file_digest(self._manifest) if self._manifest.is_file() else None

    def _content(self) -> bytes:
        try:
            with self._opened(os.O_RDONLY) as descriptor:
                return _read_all(descriptor)
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise UnusableInput(f"the case {self.path} can't be read: {error.strerror}") from None

    @contextlib.contextmanager
    def _opened(self, how: int) -> Iterator[int]:
        """The file itself, with no waiting for the other end of a pipe. Raises UnusableInput for what is no file."""
        if self.path.is_symlink():
            raise self._no_file("a link")
        descriptor = os.open(self.path, how | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0), 0o666)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise self._no_file("a folder, pipe or device")
            yield descriptor
        finally:
            os.close(descriptor)

    def _no_file(self, what: str) -> UnusableInput:
        return UnusableInput(f"the case {self.path} is {what} and no file: move it away, or copy the evidence")

    def _unkept(self, error: OSError) -> UnusableInput:
        return UnusableInput(
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
            found = json.loads(line.decode(), object_pairs_hook=_without_repeats)
            return msgspec.convert(found, CaseEntry)
        except (ValueError, RecursionError, msgspec.ValidationError) as error:
            raise UnusableInput(f"line {number} of {self.path} is no entry of a case: {error}") from None


def digest_of(answer: Mapping[str, Any]) -> str:
    """SHA-256 over the answer's JSON with sorted keys, 64 hex digits."""
    return sha256(msgspec.json.encode(answer, order="sorted")).hexdigest()


def _text(value: Argument) -> Argument:
    """A file's name may hold bytes that are no text."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


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


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("it has a key more than once")
    return dict(pairs)


@contextlib.contextmanager
def _alone(descriptor: int) -> Iterator[None]:
    """Hold the file's lock, which dies with its holder. Raises UnusableInput where somebody else keeps it."""
    deadline = time.monotonic() + LOCK_SECONDS
    while not _locked(descriptor):
        if time.monotonic() > deadline:
            raise UnusableInput(f"somebody else has kept the case file locked for {LOCK_SECONDS} seconds: try again")
        time.sleep(0.005)
    yield  # closing the descriptor lets go of it


if sys.platform == "win32":
    import msvcrt

    def _locked(descriptor: int) -> bool:
        try:
            os.lseek(descriptor, 0, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _locked(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def _read_all(descriptor: int) -> bytes:
    os.lseek(descriptor, 0, os.SEEK_SET)
    parts = []
    while part := os.read(descriptor, 1 << 20):
        parts.append(part)
    return b"".join(parts)


def _write_at(descriptor: int, end: int, content: bytes) -> None:
    """Put the content behind the first ``end`` bytes, or leave no more than these."""
    os.ftruncate(descriptor, end)
    os.lseek(descriptor, end, os.SEEK_SET)
    try:
        while content:
            content = content[os.write(descriptor, content) :]
        os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, end)
        raise
