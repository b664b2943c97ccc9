"""What arrived after the capture: put beside what the evidence holds, in one step that happens or doesn't.

Nothing that was evidence is written again. New rows lie in files of their own beside the capture's, which nobody reads
until the manifest lists them; the manifest it replaces stays, under its SHA-256, in the folder ``manifests``, and the
new one names it. So whoever is killed leaves the old evidence or the new, and every earlier state can still be opened
(``Evidence.open(…, earlier=digest)``). Table formats on object stores change a table by the same step (Apache Iceberg).
"""

import contextlib
import re
import shutil
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from hashlib import sha256
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

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
from esworkbench.archive.manifest import EARLIER, FORMAT
from esworkbench.archive.paths import name_of_part
from esworkbench.archive.writer import make_durable
from esworkbench.errors import UnusableInput
from esworkbench.event_store.anchors.anchor import log_id_of
from esworkbench.event_store.anchors.files import KeptAnchor, anchors_in, read_anchor, read_anchors, read_leaves
from esworkbench.event_store.anchors.tree import Leaf
from esworkbench.events import utc_now
from esworkbench.evidence.capturing.anchors import AnchorsTaken
from esworkbench.evidence.capturing.claims import Claims
from esworkbench.evidence.capturing.poster import PROBLEMS_KEPT, Poster
from esworkbench.evidence.capturing.regular_file import regular_file
from esworkbench.evidence.capturing.statements.recognise import require_size
from esworkbench.evidence.evidence import Evidence
from esworkbench.evidence.ledger import LedgerDefinition
from esworkbench.evidence.origins import GIVEN
from esworkbench.evidence.scales import Scales
from esworkbench.kept_files import replace_whole, turn_at

STATEMENT, ANCHOR, KEY = "statement", "anchor", "key"
LEAVES_TRIED = 1000


class Additions(NamedTuple):
    """Files that arrived: bank statements, anchors (files, or folders of them), and the public keys of those whose word
    on the log is taken.

    ``ledger`` is a file whose ``[file]`` section says what the columns of a bank's own CSV mean; ``accounts`` maps what
    a bank calls an account, such as its IBAN, to the name that it has here.
    """

    statements: Sequence[Path] = ()
    anchors: Sequence[Path] = ()
    keys: Sequence[Path] = ()
    ledger: Path | None = None
    accounts: Mapping[str, str] = MappingProxyType({})


def add_to(evidence: Evidence, additions: Additions, *, clock: Callable[[], datetime] = utc_now) -> Evidence:
    """The evidence with these files as well, opened anew; ``evidence`` itself still is what it was.

    Raises UnusableInput for a file that can't be read or is there already, for an anchor of another log, and where
    somebody else has added something since ``evidence`` was opened; then nothing is changed.
    """
    folder = evidence.path
    try:
        with turn_at(folder / MANIFEST):
            _require_current(evidence)
            _forget_killed(folder)
            staging = folder.with_name(f"{folder.name}.adding-{uuid.uuid4().hex[:8]}")
            try:
                _add(evidence, staging, additions, clock())
            finally:
                shutil.rmtree(staging, ignore_errors=True)
    except OSError as error:
        raise UnusableInput(
            f"nothing was added to {folder}: {error.strerror or error}; if others may only read it, copy it to a place "
            "of your own and add there"
        ) from error
    return Evidence.open(folder, verify=False)


def _forget_killed(folder: Path) -> None:
    """Take away what runs left that were killed; whoever calls this holds the lock, so nobody is at work there."""
    for each in folder.parent.iterdir():
        left = re.fullmatch(re.escape(folder.name) + r"\.adding-[0-9a-f]{8}", each.name)
        if left and each.is_dir() and not each.is_symlink():
            shutil.rmtree(each, ignore_errors=True)


def _add(evidence: Evidence, staging: Path, additions: Additions, now: datetime) -> None:
    old = evidence.manifest
    with ArchiveWriter(staging, old.buckets) as writer:
        poster = Poster(evidence.ledger)
        claims = Claims(writer, {}, _NoTables(), poster.report, lambda oddities: None)
        accounts = partial(_accounts_of, evidence)
        described = LedgerDefinition.load(additions.ledger) if additions.ledger else None
        added = _Added(evidence, now)
        names = {file for (file,) in evidence.rows("SELECT DISTINCT file FROM statements")}
        for path in additions.statements:
            _require_new(evidence, names, path)
            require_size(path)
            added.note(STATEMENT, path)
            names.add(path.name)
            claims.statement(path, evidence.ledger, accounts, described=described, accounts=additions.accounts)
        known = dict(evidence.rows("SELECT digest, leaves FROM anchors WHERE leaves IS NOT NULL"))
        taken = AnchorsTaken(writer, lambda what: poster.report(what, "", None, ""), known)
        for path in additions.anchors:
            for file in [each.path for each in read_anchors(anchors_in(path))] if path.is_dir() else [path]:
                added.note(ANCHOR, file)
                require_of_this_log(evidence, read_anchor(file))
            found = taken.folder(anchors_in(path), GIVEN) if path.is_dir() else bool(taken.file(path))
            if not found:
                raise UnusableInput(f"there is no anchor in {path}: name an anchor's file, or the folder they lie in")
        for path in additions.keys:
            added.note(KEY, path)
            taken.public_key(path, GIVEN)
        taken.finish(lambda: [evidence.path / name for name in old.files_of("events")])
        written = writer.finish(
            ledger=(evidence.path / LEDGER).read_bytes(), source="", layout="", cut=Cut(
                high_water=None, checkpoints={}, server_time=None)
        )  # fmt: skip
    _require_other_lines(evidence, staging / written.files_of("statements")[0])
    new = msgspec.structs.replace(
        old,
        rows={table: old.rows.get(table, 0) + written.rows[table] for table in SCHEMAS},
        files=old.files | _moved(staging, evidence.path, old, written),
        problems=[*old.problems, *poster.problems][:PROBLEMS_KEPT],
        problem_count=old.problem_count + poster.problem_count,
        decimals={**Scales(evidence.ledger).of_all(claims.currencies), **(old.decimals or {})},
        assumptions=[*old.assumptions, *claims.assumptions],
        previous=evidence.digest,
        added=added.all,
        additions=old.additions + 1,
        format=FORMAT,
    )
    _switch(evidence.path, new)


def _accounts_of(evidence: Evidence) -> set[str]:
    return {account for account, _ in evidence.accounts()}


_FIRST = """
    SELECT position, stream_id, version, hash FROM events WHERE version IS NOT NULL AND hash IS NOT NULL
    ORDER BY ALL LIMIT 1
"""
_STANDING = """
    SELECT 1 FROM events WHERE position = $position AND stream_id = $stream_id AND version = $version AND hash = $hash
"""


def log_id(evidence: Evidence) -> str | None:
    """What the log is called, by its first event; None for one without hashes."""
    first = evidence.rows(_FIRST)
    return log_id_of(Leaf(*first[0])) if first else None


def require_of_this_log(evidence: Evidence, kept: KeptAnchor) -> None:
    """Raises UnusableInput for an anchor of another log.

    A log is called by its first event, and that may be what was rewritten: then the store's other anchors know its
    name, or the anchor's leaves are events that stand here. Nobody guesses a hash.
    """
    if kept.anchor.log_id == log_id(evidence):
        return
    if evidence.rows("SELECT 1 FROM anchors WHERE log_id = $id AND origin <> $given LIMIT 1",
                     id=kept.anchor.log_id, given=GIVEN):  # fmt: skip
        return
    with contextlib.suppress(UnusableInput):
        for leaf in islice(read_leaves(kept.leaves_path), LEAVES_TRIED):
            if evidence.rows(_STANDING, **leaf._asdict()):
                return
    raise UnusableInput(
        f"{kept.path} is an anchor of another log: that begins with another event than the one in {evidence.path}, and "
        "nothing it covers is there; name an anchor of this store, with the leaves that belong to it beside it"
    )


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


class _Added:
    """What was added so far, this time included."""

    def __init__(self, evidence: Evidence, now: datetime) -> None:
        self.all = list(evidence.manifest.added)
        self._names = {each.sha256: each.name for each in self.all}
        self._where = evidence.path
        self._now = now

    def note(self, kind: str, path: Path) -> None:
        """Raises UnusableInput where the file's content was added already."""
        digest = file_digest(regular_file(path))
        if digest in self._names:
            raise UnusableInput(f"{path} is in {self._where} already, as {self._names[digest]}: nothing was added")
        self._names[digest] = path.name
        self.all.append(Addition(kind=kind, name=path.name, sha256=digest, added_at=self._now))


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


def _moved(staging: Path, folder: Path, old: Manifest, written: Manifest) -> dict[str, str]:
    """Put what was written beside the files of the capture, durably. The files' new names, each with its SHA-256.

    A table that the capture's format didn't have yet gets its first file.
    """
    found = {}
    for table in SCHEMAS:
        for name in written.files_of(table):
            new = name not in old.files
            if new or (written.rows[table] and pq.read_metadata(staging / name).num_rows):
                place = name if new else name_of_part(name, old.additions + 1)
                target = folder / place
                # What lies there is listed by no manifest: somebody was killed before it would have been.
                target.parent.mkdir(parents=True, exist_ok=True)
                (staging / name).replace(target)
                make_durable(target.parent)
                found[place] = written.files[name]
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
