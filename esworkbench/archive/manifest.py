"""The manifest: what the evidence holds, where it came from, and the SHA-256 of every file."""

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Self

import msgspec

from esworkbench.errors import EvidenceDamaged
from esworkbench.version import __version__

MANIFEST = "manifest.json"
FORMAT = 1


class Cut(msgspec.Struct, frozen=True, kw_only=True):
    """The one moment that everything in the evidence is from.

    ``high_water`` is the last position taken, None without events; ``after`` the position that an archive of one range
    begins behind. ``gaps`` are ranges of positions, both ends
    included, that no event holds; ``gaps_left_out`` counts those past the first thousand.
    """

    high_water: int | None
    checkpoints: dict[str, int]
    server_time: datetime | None
    gaps: list[tuple[int, int]] = []
    gaps_left_out: int = 0
    after: int = 0


class Problem(msgspec.Struct, frozen=True):
    """Something in the source that couldn't be read as the ledger says. The event itself is kept as it was."""

    what: str
    stream_id: str
    version: int | None
    event_id: str


class LedgerRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Which ledger definition judged the evidence: its name, the SHA-256 of its file, and where that came from."""

    name: str
    sha256: str
    origin: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What the evidence holds and where it came from. ``files`` maps each path to its SHA-256 in hex.

    ``unposted`` counts events that no rule of the ledger knows, by type and schema version. ``problems`` lists the
    first hundred events that couldn't be posted as the ledger says, of ``problem_count``. ``order`` counts account-days
    by how their order was found, for files only. ``decimals`` is the scale of every currency found: how many decimals
    its minor unit stands for, null where nobody says; the whole is None where an earlier release captured. ``previous``
    is the SHA-256 of the manifest this one replaces. ``assumptions`` are sentences: what the source didn't say and had
    to be taken for granted.

    ``judged_by`` is the ledger definition that the postings come from; older evidence has none. ``domain`` names the
    code that the source belongs to, as it was recognised or typed. It is text: whoever reads it may choose built-in
    code of that name, and imports nothing from here.
    """

    source: str
    layout: str
    cut: Cut
    buckets: int
    rows: dict[str, int]
    files: dict[str, str]
    unposted: dict[str, int] = {}
    problems: list[Problem] = []
    problem_count: int = 0
    order: dict[str, int] | None = None
    decimals: dict[str, int | None] | None = None
    previous: str | None = None
    assumptions: list[str] = []
    judged_by: LedgerRecord | None = None
    domain: str | None = None
    tool_version: str = __version__
    format: int = FORMAT

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The manifest of a folder. Raises EvidenceDamaged where there is none or it can't be read."""
        path = folder / MANIFEST
        try:
            manifest = msgspec.json.decode(path.read_bytes(), type=cls)
        except (FileNotFoundError, NotADirectoryError):
            raise EvidenceDamaged(f"{folder} is not evidence: it has no {MANIFEST}") from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise EvidenceDamaged(f"{path} can't be read as a manifest ({error}): capture again") from None
        if manifest.format != FORMAT:
            raise EvidenceDamaged(
                f"{path} is of format {manifest.format}, and this release reads {FORMAT}: use the release that wrote it"
            )
        return manifest

    def verify(self, folder: Path) -> None:
        """Raises EvidenceDamaged, naming the file, where one is missing or its bytes have changed."""
        for name, expected in self.files.items():
            path = folder / name
            if not path.is_file():
                raise EvidenceDamaged(f"{path} is named in the manifest but missing: the evidence is not whole")
            actual = file_digest(path)
            if actual != expected:
                raise EvidenceDamaged(
                    f"{path} has changed since capture: SHA-256 {actual[:16]}… where the manifest says {expected[:16]}…"
                )

    def files_of(self, table: str) -> list[str]:
        """The paths of a table's Parquet files, in order of bucket."""
        return sorted(name for name in self.files if name.startswith(f"{table}/"))


def file_digest(path: Path) -> str:
    """SHA-256 of a file, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
