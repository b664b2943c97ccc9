"""What arrived after the capture: put beside what the evidence holds, in one step that happens or doesn't.

Nothing that was evidence is written again. New rows lie in files of their own beside the capture's, which nobody reads
until the manifest lists them; the manifest it replaces stays, under its SHA-256, in the folder ``manifests``, and the
new one names it. So whoever is killed leaves the old evidence or the new, and every earlier state can still be opened
(``Evidence.open(…, earlier=digest)``). Table formats on object stores change a table by the same step (Apache Iceberg).
"""

import shutil
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from esworkbench.archive import (
    LEDGER,
    MANIFEST,
    SCHEMAS,
    Addition,
    ArchiveWriter,
    Cut,
    Manifest,
    file_digest,
    from_parquet,
)
from esworkbench.archive.manifest import EARLIER
from esworkbench.archive.paths import name_of_part
from esworkbench.archive.writer import make_durable
from esworkbench.errors import UnusableInput
from esworkbench.events import utc_now
from esworkbench.evidence.capturing.claims import Claims
from esworkbench.evidence.capturing.poster import Poster
from esworkbench.evidence.capturing.regular_file import regular_file
from esworkbench.evidence.evidence import Evidence
from esworkbench.evidence.ledger import LedgerDefinition
from esworkbench.evidence.scales import Scales
from esworkbench.kept_files import replace_whole, turn_at

STATEMENT = "statement"


def add_to(
    evidence: Evidence,
    *,
    statements: Sequence[Path] = (),
    ledger: Path | None = None,
    accounts: Mapping[str, str] | None = None,
    clock: Callable[[], datetime] = utc_now,
) -> Evidence:
    """The evidence with these bank statements as well, opened anew; ``evidence`` itself still is what it was.

    ``ledger`` is a file whose ``[file]`` section says what the columns of a bank's own CSV mean; ``accounts`` maps what
    a bank calls an account, such as its IBAN, to the name that it has here. Raises UnusableInput for a file that can't
    be read or is there already, and where somebody else has added something since ``evidence`` was opened; then nothing
    is changed.
    """
    folder = evidence.path
    try:
        with turn_at(folder / MANIFEST):
            _require_current(evidence)
            staging = folder.with_name(f"{folder.name}.adding-{uuid.uuid4().hex[:8]}")
            try:
                described = LedgerDefinition.load(ledger) if ledger else None
                _add(evidence, staging, statements, described, accounts or {}, clock())
            finally:
                shutil.rmtree(staging, ignore_errors=True)
    except OSError as error:
        raise UnusableInput(
            f"nothing was added to {folder}: {error.strerror or error}; if others may only read it, copy it to a place "
            "of your own and add there"
        ) from error
    return Evidence.open(folder, verify=False)


def _add(
    evidence: Evidence,
    staging: Path,
    statements: Sequence[Path],
    described: LedgerDefinition | None,
    accounts: Mapping[str, str],
    now: datetime,
) -> None:
    old = evidence.manifest
    with ArchiveWriter(staging, old.buckets) as writer:
        poster = Poster(evidence.ledger)
        claims = Claims(writer, {}, _NoTables(), poster.report, lambda oddities: None)
        added = [*old.added]
        known = partial(_accounts_of, evidence)
        names = {file for (file,) in evidence.rows("SELECT DISTINCT file FROM statements")}
        for path in statements:
            _require_new(evidence, names, path)
            added.append(_addition(evidence, added, STATEMENT, path, now))
            names.add(path.name)
            claims.statement(path, evidence.ledger, known, described=described, accounts=accounts)
        written = writer.finish(
            ledger=(evidence.path / LEDGER).read_bytes(), source="", layout="", cut=Cut(
                high_water=None, checkpoints={}, server_time=None)
        )  # fmt: skip
    _require_other_lines(evidence, staging / written.files_of("statements")[0])
    new = msgspec.structs.replace(
        old,
        rows={table: old.rows.get(table, 0) + written.rows[table] for table in SCHEMAS},
        files=old.files | _moved(staging, evidence.path, written, old.additions + 1),
        decimals={**Scales(evidence.ledger).of_all(claims.currencies), **(old.decimals or {})},
        assumptions=[*old.assumptions, *claims.assumptions],
        previous=evidence.digest,
        added=added,
        additions=old.additions + 1,
    )
    _switch(evidence.path, new)


def _accounts_of(evidence: Evidence) -> set[str]:
    return {account for account, _ in evidence.accounts()}


class _NoTables:
    """A file has none."""

    engine = "file"

    def rows(self, table: str, query: str) -> Iterator[list[tuple[Any, ...]]]:
        raise NotImplementedError

    def in_bulk(self, table: str, query: str) -> Iterator[pa.RecordBatch]:
        raise NotImplementedError


def _require_new(evidence: Evidence, names: Collection[str], path: Path) -> None:
    """A name tells statements apart, in claims and in answers. Raises UnusableInput."""
    try:
        path.name.encode()
    except UnicodeEncodeError:
        raise UnusableInput(f"{path} has a name that is no UTF-8 text: give the file another name") from None
    if path.name in names:
        raise UnusableInput(
            f"{evidence.path} holds a statement called {path.name!r} already: if this is another one, give the file "
            "another name"
        )


def _addition(evidence: Evidence, added: Sequence[Addition], kind: str, path: Path, now: datetime) -> Addition:
    """The file as an addition. Raises UnusableInput where its content was added already."""
    digest = file_digest(regular_file(path))
    for each in added:
        if each.sha256 == digest:
            raise UnusableInput(f"{path} is in {evidence.path} already, as {each.name}: nothing was added")
    return Addition(kind=kind, name=path.name, sha256=digest, added_at=now)


_SAME_LINES = """
    SELECT new.file, old.file FROM ({of_new}) AS new JOIN ({of_old}) AS old
    ON new.rows = old.rows AND new.digest = old.digest AND new.file <> old.file LIMIT 1
"""
_LINE = ", ".join(name for name in SCHEMAS["statements"].names if name not in ("file", "line"))


def _require_other_lines(evidence: Evidence, added: Path) -> None:
    """The lines of a statement under another name would be claimed twice. Raises UnusableInput."""
    new = f"(SELECT * FROM {from_parquet([added])})"
    both = f"(SELECT * FROM statements UNION ALL BY NAME {new})"
    of_new, of_old = (
        f"SELECT file, count(*) AS rows, sum(hash({_LINE})) AS digest FROM {lines} GROUP BY file"
        for lines in (new, both)
    )
    for file, old in evidence.rows(_SAME_LINES.format(of_new=of_new, of_old=of_old)):
        raise UnusableInput(f"{file} has the very lines of {old}, which is in {evidence.path}: nothing was added")


def _moved(staging: Path, folder: Path, written: Manifest, addition: int) -> dict[str, str]:
    """Put what was written beside the files of the capture, durably. The files' new names, each with its SHA-256."""
    found = {}
    for table in SCHEMAS:
        for name in written.files_of(table):
            if written.rows[table] and pq.read_metadata(staging / name).num_rows:
                target = folder / name_of_part(name, addition)
                # What lies there is listed by no manifest: somebody was killed before it would have been.
                target.parent.mkdir(parents=True, exist_ok=True)
                (staging / name).replace(target)
                make_durable(target.parent)
                found[name_of_part(name, addition)] = written.files[name]
    return found


def _switch(folder: Path, new: Manifest) -> None:
    """The one step: from here on the folder is the new evidence, and the old one can still be opened."""
    old = (folder / MANIFEST).read_bytes()
    kept = folder / EARLIER / f"{sha256(old).hexdigest()}.json"
    kept.parent.mkdir(exist_ok=True)
    if kept.parent.is_symlink():
        raise UnusableInput(f"{kept.parent} is a link, and evidence holds its own files: nothing was added")
    replace_whole(kept, old)
    for each in (kept.parent, folder):
        make_durable(each)
    replace_whole(folder / MANIFEST, msgspec.json.format(msgspec.json.encode(new), indent=1) + b"\n")
    make_durable(folder)


def _require_current(evidence: Evidence) -> None:
    if file_digest(evidence.path / MANIFEST) != evidence.digest:
        raise UnusableInput(
            f"something else has been added to {evidence.path} since it was opened: run the command again"
        )
