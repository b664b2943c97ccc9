"""The chain of custody: who handled evidence, when by whose clock, where, why and how, one line an act.

The log lies beside the evidence, as its case does, and not inside: evidence may be write-protected, and the log grows.
A case tells what was asked and answered, so that it can be asked again; this log tells who had the evidence in hand,
and pins the case as it stood then. Each line names the one before by its SHA-256 and carries its own, so an edited,
removed, moved or foreign line shows (Haber and Stornetta, *How to Time-Stamp a Digital Document*, 1991). What no chain
shows of itself is an end cut off, or a log written anew from some line on: for that, note ``head`` elsewhere.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec

from esworkbench.archive.manifest import MANIFEST, file_digest
from esworkbench.errors import UnusableInput
from esworkbench.kept_files import alone, opened, read_all, write_at

_DOMAIN = b"esworkbench custody 1\n"
_SEAL = b',"sha256":"'
_Digest = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
_Moment = Annotated[datetime, msgspec.Meta(tz=True)]

UNSHOWN = (
    "a chain can't show that its own end was cut off, or that it was written anew from some line on: only a head "
    "noted elsewhere does, with --head"
)

DONE = (0, 1)
"""Exit codes of what was done; a capture that was refused, or failed, put nothing anywhere."""


class Pinned(msgspec.Struct, frozen=True):
    """A file beside the evidence as it stood: its first ``size`` bytes, whole lines, and their SHA-256."""

    size: Annotated[int, msgspec.Meta(ge=0)]
    sha256: _Digest


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """What was done with evidence, as whoever did it tells it.

    ``operator`` answers for it, as ``operator_from`` says where the name is from; ``account`` is the operating system's
    user. ``at`` is by the clock of ``host``, ``source_at`` by that of the server the evidence came from, where the act
    asked it. ``place`` is the evidence's folder there, ``command`` how it was done, without credentials. ``before`` is
    the evidence's digest as the act began, None where there was none yet.
    """

    act: str
    operator: str
    operator_from: str
    account: str
    host: str
    place: str
    at: _Moment
    source_at: _Moment | None = None
    reason: str | None = None
    command: str
    exit_code: int
    tool: str
    before: _Digest | None = None


class CustodyLine(Act, frozen=True, kw_only=True):
    """An act in its place in the log: ``evidence`` is the manifest's SHA-256 after it, ``case`` the case beside it."""

    number: int
    evidence: _Digest
    case: Pinned | None = None
    previous: _Digest
    sha256: str


class Custody(NamedTuple):
    """The log, read and checked. ``breaks`` are sentences on what isn't as it was written, ``notes`` on what an
    auditor should know and yet proves nothing; ``head`` is the SHA-256 to be noted elsewhere."""

    lines: list[CustodyLine]
    breaks: list[str]
    notes: list[str]
    head: str | None


class CustodyLog:
    """The custody log of the evidence in a folder."""

    def __init__(self, evidence: Path) -> None:
        evidence = evidence.resolve()
        self.path = evidence.with_name(evidence.name + ".custody.jsonl")
        self._manifest = evidence / MANIFEST
        self._case = evidence.with_name(evidence.name + ".case.jsonl")

    def record(self, act: Act) -> CustodyLine:
        """Append one line, durably, in its turn among writers.

        A line that was torn by a kill stays where it is, and the next names it like any other. Raises OSError, as for a
        read-only medium, and UnusableInput for what is no file.
        """
        with opened(self.path, os.O_RDWR | os.O_CREAT, links=False) as descriptor, alone(descriptor, self.path):
            content = read_all(descriptor, self.path)
            earlier = _lines(content)
            unsealed = CustodyLine(
                **msgspec.structs.asdict(act), number=len(earlier) + 1, evidence=file_digest(self._manifest),
                case=self._pinned_case(), previous=_name_of(earlier[-1]) if earlier else _genesis(), sha256="",
            )  # fmt: skip
            line = msgspec.structs.replace(unsealed, sha256=_seal_of(unsealed))
            begun = b"\n" if content and not content.endswith(b"\n") else b""
            write_at(descriptor, len(content), begun + msgspec.json.encode(line) + b"\n")
        return line

    def examine(self, noted_head: str | None = None) -> Custody:
        """Read and check the whole log; ``noted_head`` is the head of some earlier day. Raises UnusableInput."""
        content = self._content()
        raw = _lines(content)
        read = [_read(each) for each in raw]
        lines = [each for each in read if isinstance(each, CustodyLine)]
        breaks = [*_chain_breaks(raw, read), *_evidence_breaks(lines), *self._case_breaks(lines)]
        if raw and not content.endswith(b"\n") and isinstance(read[-1], CustodyLine):
            breaks.append(f"line {len(raw)} has no line end, so something may have been cut off behind it")
        if not raw:
            breaks.append(f"there is no {self.path.name}: custody was never kept here, or the log was taken away")
        now = file_digest(self._manifest)
        if lines and lines[-1].evidence != now:
            breaks.append(
                f"the last line is about evidence {lines[-1].evidence[:12]}…, and here lies {now[:12]}…: the evidence "
                "was changed without a line, or the log belongs to other evidence"
            )
        if noted_head is not None and noted_head not in [each.sha256 for each in lines]:
            breaks.append(f"no line has the SHA-256 {noted_head}: the end was cut off, or the log was written anew")
        return Custody(lines, breaks, list(_notes(lines)), lines[-1].sha256 if lines else None)

    def _content(self) -> bytes:
        try:
            with opened(self.path, os.O_RDONLY, links=False) as descriptor:
                return read_all(descriptor, self.path)
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise UnusableInput(f"the custody log {self.path} can't be read: {error.strerror}") from None

    def _case_content(self) -> bytes | None:
        try:
            with opened(self._case, os.O_RDONLY, links=False) as descriptor:
                return read_all(descriptor, self._case)
        except (OSError, UnusableInput):
            return None

    def _pinned_case(self) -> Pinned | None:
        content = self._case_content()
        if content is None:
            return None
        whole = content[: content.rfind(b"\n") + 1]
        return Pinned(len(whole), hashlib.sha256(whole).hexdigest())

    def _case_breaks(self, lines: list[CustodyLine]) -> Iterator[str]:
        pinned = [(line.number, line.case) for line in lines if line.case is not None]
        content = self._case_content()
        if pinned and content is None:
            yield f"line {pinned[-1][0]} saw a case beside the evidence, and {self._case.name} is no longer there"
            return
        for number, case in pinned:
            # The first that differs says it: what comes after holds the same bytes.
            if hashlib.sha256((content or b"")[: case.size]).hexdigest() != case.sha256:
                yield f"the case is not what line {number} saw: {self._case.name} was edited or cut since"
                return


def _genesis() -> str:
    return hashlib.sha256(_DOMAIN).hexdigest()


def _seal_of(line: CustodyLine) -> str:
    unsealed, _, _ = msgspec.json.encode(line).rpartition(_SEAL)
    return hashlib.sha256(_DOMAIN + unsealed).hexdigest()


def _name_of(raw: bytes) -> str:
    """What the next line calls this one: its own SHA-256, or that of its bytes where it is torn."""
    line = _read(raw)
    return line.sha256 if isinstance(line, CustodyLine) else hashlib.sha256(raw).hexdigest()


def _lines(content: bytes) -> list[bytes]:
    return content.removesuffix(b"\n").split(b"\n") if content else []


def _read(raw: bytes) -> CustodyLine | str:
    """The line, or why it is none. Only its very bytes count: another spelling of the same JSON is an edit."""
    try:
        line = msgspec.json.decode(raw, type=CustodyLine)
    except (msgspec.ValidationError, UnicodeDecodeError) as error:
        return f"is no line of a custody log ({error})"
    except (ValueError, RecursionError):
        return "is torn" if not _is_json(raw) else "is no line of a custody log"
    return line if msgspec.json.encode(line) == raw else "is not spelt as it was written, so it was edited"


def _is_json(raw: bytes) -> bool:
    try:
        json.loads(raw)
    except json.JSONDecodeError:
        return False
    except (ValueError, RecursionError):
        return True
    return True


def _chain_breaks(raw: list[bytes], read: list[CustodyLine | str]) -> Iterator[str]:
    place_of = {_name_of(each): place for place, each in enumerate(raw, start=1)}
    before = _genesis()
    expected = 1
    for place, (content, line) in enumerate(zip(raw, read, strict=True), start=1):
        if isinstance(line, str):
            yield f"line {place} {line}" + (", and it is the last" if place == len(raw) else "")
            before, expected = hashlib.sha256(content).hexdigest(), expected + 1
            continue
        if _seal_of(line) != line.sha256:
            yield f"line {place} is not what was written: it was edited since"
        elif line.previous != before:
            yield f"line {place} {_follows(line, place, expected, place_of)}"
        before, expected = line.sha256, line.number + 1


def _follows(line: CustodyLine, place: int, expected: int, place_of: dict[str, int]) -> str:
    """Why a line that is whole doesn't follow the one above it."""
    stands_at = place_of.get(line.previous)
    if stands_at is not None:
        return f"names line {stands_at} as the one before it: lines were moved, put in or written twice"
    if line.previous == _genesis():
        return "begins a log of its own: it is another case's, or what came before it was written anew"
    if line.number > expected:
        return f"has the number {line.number} where {expected} is due: {line.number - expected} removed before it"
    return f"doesn't follow line {place - 1}: that one was written anew, or this one is another case's"


def _evidence_breaks(lines: list[CustodyLine]) -> Iterator[str]:
    """Evidence that no line before left. What an earlier one left may have been begun on while others were at work."""
    left: set[str | None] = {None}
    for earlier, line in pairwise(lines):
        left |= {earlier.before, earlier.evidence}
        if line.before not in left:
            yield (
                f"line {line.number} began with evidence {str(line.before)[:12]}…, and line {earlier.number} had left "
                f"{earlier.evidence[:12]}…: it was changed between them, or one line is another case's"
            )


def _notes(lines: list[CustodyLine]) -> Iterator[str]:
    if lines and lines[0].before is not None:
        yield (
            f"the log begins with {lines[0].act}, on evidence that lay there already: who had it before isn't recorded"
        )
    left: set[str] = set()
    for earlier, line in pairwise(lines):
        left.add(earlier.evidence)
        if line.before in left and line.before != earlier.evidence:
            yield (
                f"line {line.number} began with evidence {str(line.before)[:12]}…, which an earlier line had left: two "
                f"commands were at work at once, or what line {earlier.number} had left was taken back"
            )
        if line.before is None and line.exit_code in DONE:
            yield f"line {line.number} put new evidence in the place of what the lines before it are about"
        if line.at < earlier.at:
            yield (
                f"line {line.number} ({line.host}) has an earlier time than line {earlier.number} ({earlier.host}): "
                "two clocks differ, or one was set back"
            )


def as_json(custody: Custody) -> dict[str, Any]:
    """What ``custody --json`` prints of it."""
    found: dict[str, Any] = msgspec.to_builtins(custody._asdict())
    return {**found, "unprovable": [UNSHOWN]}
