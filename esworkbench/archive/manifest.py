"""The manifest: what the evidence holds, where it came from, and the SHA-256 of every file."""

import hashlib
import os
import re
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Annotated, Self

import msgspec

from esworkbench.archive.paths import MOST_BUCKETS, files_of_table, name_of_part, part_of
from esworkbench.errors import EvidenceDamaged, UnusableInput
from esworkbench.kept_files import decoded
from esworkbench.money import MOST_DECIMALS
from esworkbench.version import __version__

MANIFEST = "manifest.json"
EARLIER = "manifests"
"""The folder of the manifests that additions replaced, each under its own SHA-256."""
FORMAT = 3
FORMATS_READ = (2, 3)
LEDGER = "ledger.toml"
MOST_ADDITIONS = 1_000_000

_Position = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
_Digest = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


GAPS_KEPT = 1000
"""How many gaps a manifest lists."""


class Cut(msgspec.Struct, frozen=True, kw_only=True):
    """The one moment that everything in the evidence is from.

    ``high_water`` is the last position taken, None without events; ``after`` the position that an archive of one range
    begins behind. ``gaps`` are ranges of positions, both ends
    included, that no event holds; ``gaps_left_out`` counts those past the first thousand.
    """

    high_water: _Position | None
    checkpoints: dict[str, _Position]
    server_time: datetime | None
    gaps: list[tuple[_Position, _Position]] = []
    gaps_left_out: _Count = 0
    after: _Position = 0


class Problem(msgspec.Struct, frozen=True):
    """Something in the source that couldn't be read as the ledger says. The event itself is kept as it was."""

    what: str
    stream_id: str
    version: int | None
    event_id: str


class IndexDifference(msgspec.Struct, frozen=True):
    """An account of which a table and its index show other rows: how many, and what they claim, in minor units.

    A total is null where the column holds no numbers, or their sum is beyond 64 bits.
    """

    account: str
    currency: str
    rows: _Count
    total: int | None
    rows_through_index: _Count
    total_through_index: int | None


class IndexCheck(msgspec.Struct, frozen=True, kw_only=True):
    """A read model's table, read past its indexes and through one of them: rows, and the total of what they claim.

    ``not_asked`` says why a way wasn't gone, ``error`` that the database found the index damaged as it went; then there
    are no figures for it. ``differing`` lists the first hundred accounts that differ.
    """

    table: str
    projection: str
    index: str
    rows: _Count | None = None
    total: int | None = None
    rows_through_index: _Count | None = None
    total_through_index: int | None = None
    differing: list[IndexDifference] = []
    differing_left_out: _Count = 0
    not_asked: str = ""
    error: str = ""

    @property
    def differs(self) -> bool:
        """Both ways were gone, and came to other figures; or one can't be gone any more."""
        apart = (self.rows, self.total) != (self.rows_through_index, self.total_through_index)
        return bool(self.error) or (apart and not self.not_asked)


class LedgerRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Which ledger definition judged the evidence: its name, the SHA-256 of its file, and where that came from."""

    name: str
    sha256: _Digest
    origin: str


class Addition(msgspec.Struct, frozen=True, kw_only=True):
    """A file that arrived after the capture: of which kind (``statement``, ``anchor``), its name, its SHA-256, when."""

    kind: str
    name: str
    sha256: _Digest
    added_at: datetime


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What the evidence holds and where it came from. ``files`` maps each path to its SHA-256 in hex.

    ``unposted`` counts events that no rule of the ledger knows, by type and schema version. ``problems`` lists the
    first hundred events that couldn't be posted as the ledger says, of ``problem_count``. ``order`` counts account-days
    by how their order was found, for files only. ``decimals`` is the scale of every currency found: how many decimals
    its minor unit stands for, null where nobody says; the whole is None where an earlier release captured. ``previous``
    is the SHA-256 of the manifest this one replaces, which lies in the folder ``manifests`` under that name; ``added``
    is what arrived since the capture, and ``additions`` counts how often something did. ``assumptions`` are sentences:
    what the source didn't say and had to be taken for granted.

    ``judged_by`` is the ledger definition that the postings come from; older evidence has none. ``domain`` names the
    code that the source belongs to, as it was recognised or typed. It is text: whoever reads it may choose built-in
    code of that name, and imports nothing from here. ``missing_guards`` names what the database lacked at the cut of
    what keeps its log append-only. ``index_checks`` has each index of each read model; None where the capture of an
    earlier release, or of a file, asked none.
    """

    source: str
    layout: str
    cut: Cut
    buckets: Annotated[int, msgspec.Meta(ge=1, le=MOST_BUCKETS)]
    rows: dict[str, _Count]
    files: dict[str, _Digest]
    unposted: dict[str, _Count] = {}
    problems: list[Problem] = []
    problem_count: _Count = 0
    order: dict[str, _Count] | None = None
    decimals: dict[str, Annotated[int, msgspec.Meta(ge=0, le=MOST_DECIMALS)] | None] | None = None
    previous: _Digest | None = None
    added: list[Addition] = []
    additions: Annotated[int, msgspec.Meta(ge=0, le=MOST_ADDITIONS)] = 0
    assumptions: list[str] = []
    judged_by: LedgerRecord | None = None
    domain: str | None = None
    missing_guards: list[str] = []
    index_checks: list[IndexCheck] | None = None
    tool_version: str = __version__
    format: int = FORMAT

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The manifest of a folder. Raises EvidenceDamaged where there is none, or one that no capture writes."""
        return cls.load_with_digest(folder)[0]

    @classmethod
    def load_with_digest(cls, folder: Path, earlier: str | None = None) -> tuple[Self, str]:
        """The manifest of a folder, or an ``earlier`` one by its SHA-256, and the SHA-256 of what was read."""
        path = folder / MANIFEST if earlier is None else folder / EARLIER / f"{earlier}.json"
        if earlier is not None:
            if not re.fullmatch("[0-9a-f]{64}", earlier):
                raise UnusableInput(f"{earlier!r} is no SHA-256 of a manifest: it has 64 hex digits")
            require_regular(folder, f"{EARLIER}/{earlier}.json")
            _require_digest(path, earlier)
        try:
            if not stat.S_ISREG(path.lstat().st_mode):
                raise EvidenceDamaged(f"{path} is a link or no file, and evidence holds its own files: capture again")
            text = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            raise EvidenceDamaged(f"{folder} is not evidence: it has no {MANIFEST}") from None
        except OSError as error:
            raise EvidenceDamaged(f"{path} can't be read: {error.strerror}") from None
        try:
            manifest = decoded(text, cls)
        except (ValueError, RecursionError) as error:
            raise EvidenceDamaged(f"{path} can't be read as a manifest ({error}): capture again") from None
        if manifest.format not in FORMATS_READ:
            raise EvidenceDamaged(
                f"{path} is of format {manifest.format}, and this release reads "
                f"{' and '.join(map(str, FORMATS_READ))}: use the release that wrote it"
            )
        manifest._require_canonical(path)
        return manifest, hashlib.sha256(text).hexdigest()

    def verify(self, folder: Path) -> None:
        """Raises EvidenceDamaged, naming the file, where one is missing, is a link, or its bytes have changed."""
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            # Hashing lets go of the interpreter, so the files are hashed side by side.
            for _ in pool.map(lambda name: self._verify_file(folder, name), sorted(self.files)):
                pass

    def earlier(self, folder: Path) -> Iterator[tuple[str, Self]]:
        """The manifests that additions replaced, the latest first, each with its SHA-256.

        Raises EvidenceDamaged where one is missing or changed, or where what it lists was taken away since.
        """
        later = self
        while later.additions:
            digest = later.previous or ""
            found, _ = type(self).load_with_digest(folder, digest)
            kept = found.files.items() <= later.files.items() and found.added == later.added[: len(found.added)]
            if not kept or found.additions != later.additions - 1 or found.cut != later.cut:
                raise EvidenceDamaged(
                    f"{folder / MANIFEST} doesn't go on from the manifest {digest[:16]}… it names as the one before: "
                    "something that was evidence has been taken out, so capture again"
                )
            yield digest, found
            later = found

    def files_of(self, table: str, bucket: int | None = None) -> list[str]:
        """The names of a table's Parquet files, those of the capture in order of bucket, then those added since.

        None for a table that an earlier format didn't have and nothing was added to.
        """
        captured = files_of_table(table, self.buckets)
        if self.format < FORMAT and captured[0] not in self.files:
            return []
        wanted = captured if bucket is None else [captured[bucket]]
        added = sorted(
            (number, first) for first, number in map(part_of, self.files if self.additions else ()) if number > 0
        )
        return [*wanted, *(name_of_part(first, number) for number, first in added if first in wanted)]

    def _verify_file(self, folder: Path, name: str) -> None:
        require_regular(folder, name)
        _require_digest(folder / name, self.files[name])

    def _require_canonical(self, path: Path) -> None:
        """The tables, and the files of each, are what the format says: nothing is missing, and nothing else is read."""
        from esworkbench.archive.tables import ABSENT_BEFORE, SCHEMAS  # pyarrow, which a manifest alone never needs

        tables = set(SCHEMAS) - (ABSENT_BEFORE if self.format < FORMAT else frozenset())
        if set(self.rows) != tables:
            odd = sorted(set(self.rows) ^ tables)[0]
            raise EvidenceDamaged(f"{path} counts the rows of other tables than evidence has ({odd!r}): capture again")
        expected = {LEDGER, *(name for table in tables for name in files_of_table(table, self.buckets))}
        if missing := sorted(expected - set(self.files)):
            raise EvidenceDamaged(f"{path} doesn't list {missing[0]}, which is part of evidence: capture again")
        strange = sorted(
            name for name in set(self.files) - expected
            if (found := part_of(name))[0] not in expected or not 0 < found[1] <= self.additions
        )  # fmt: skip
        if strange:
            raise EvidenceDamaged(f"{path} lists {strange[0]!r}, which is no part of evidence: capture again")
        if self.judged_by is not None and self.judged_by.sha256 != self.files[LEDGER]:
            raise EvidenceDamaged(f"{path} names another ledger than the {LEDGER} it lists: capture again")


def file_digest(path: Path) -> str:
    """SHA-256 of a file, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _require_digest(path: Path, expected: str) -> None:
    try:
        actual = file_digest(path)
    except OSError as error:
        raise EvidenceDamaged(f"{path} can't be read: {error.strerror}") from None
    if actual != expected:
        raise EvidenceDamaged(
            f"{path} has changed since capture: SHA-256 {actual[:16]}… where the manifest says {expected[:16]}…"
        )


def require_regular(folder: Path, name: str) -> None:
    """The file is one, and no part of its name inside the folder is a link: what is hashed is what lies here."""
    path = folder
    for part in Path(name).parts:
        path = path / part
        try:
            mode = path.lstat().st_mode
        except OSError:
            raise EvidenceDamaged(f"{path} is named in the manifest but missing: the evidence is not whole") from None
        if stat.S_ISLNK(mode):
            raise EvidenceDamaged(f"{path} is a link, and evidence holds its own files: capture again")
    if not stat.S_ISREG(mode):
        raise EvidenceDamaged(f"{path} is not a file: the evidence is not whole")
