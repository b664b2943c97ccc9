"""How anchors lie in a folder, away from the database they are about.

``outside_folder(url)/anchors/`` (see ``sidecar``) holds, for an anchor at position 1234::

    00000000000000001234.json      {"anchor": {…}, "frontier": ["…", …]}
    00000000000000001234.parquet   the leaves new since the anchor before: position, stream_id, version, hash
    00000000000000001234.tsr       where an authority was asked, its RFC 3161 token over the anchor's digest

and ``outside_folder(url)/keys/`` the public keys. Each leaf is stored once, so a log's leaves up to an anchor are those
of all files up to it; the root vouches for them, and for the frontier, from which the next anchor goes on without
reading them again. A leaves file without its anchor is what a killed run left, and counts for nothing.

What lies there may be anybody's: sizes are bounded, links and pipes refused, a torn file is named in a sentence.
"""

import contextlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from esworkbench.errors import UnusableInput
from esworkbench.event_store.anchors.anchor import Anchor, AnchorRefused, Hash, check_signature, check_succession
from esworkbench.event_store.anchors.tree import Frontier, Leaf, leaf_hash
from esworkbench.event_store.strict_json import check_json_object
from esworkbench.kept_files import bring_to_disk, opened, partial_beside, partial_name, read_all, remove_partials

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

ANCHORS, KEYS = "anchors", "keys"
"""The folders in a database's outside folder."""

NAME = re.compile(r"([0-9]{20})\.json")
LEAVES = "leaves"
_HALF = re.compile(r"\.([0-9]{20}\.(?:json|tsr))\.partial-.+")
MOST_JSON_BYTES = 1 << 14
MOST_ANCHORS = 1_000_000
"""An anchor an hour for a century."""
ROWS_AT_ONCE = 1 << 16
MOST_ROW_GROUP_BYTES = 1 << 28
LEAF_COLUMNS = ("position", "stream_id", "version", "hash")


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    anchor: Anchor
    frontier: list[Hash] = []


class KeptAnchor(NamedTuple):
    """An anchor as it lies in a file. ``frontier`` is None where the file has none, as one obtained alone may not."""

    anchor: Anchor
    path: Path
    frontier: list[bytes] | None

    @property
    def leaves_path(self) -> Path:
        """Where the leaves new since the anchor before lie, if they were taken along."""
        return self.path.with_suffix(".parquet")

    @property
    def timestamp_path(self) -> Path:
        """Where an authority's token lies, if one was asked."""
        return self.path.with_suffix(".tsr")


def anchors_in(folder: Path) -> Path:
    """The folder of anchors that is meant, where an outside folder or the one in it may be named."""
    inner = folder / ANCHORS
    return inner if inner.is_dir() else folder


def file_name(position: int) -> str:
    """What the file of the anchor at this position is called."""
    return f"{position:020d}.json"


def read_anchor(path: Path) -> KeptAnchor:
    """The anchor in one file; its signature isn't checked. Raises UnusableInput for what is torn, odd or no anchor."""
    try:
        with opened(path, links=False) as descriptor:
            if os.fstat(descriptor).st_size > MOST_JSON_BYTES:
                raise UnusableInput(f"{path} is too large to be an anchor: move it away")
            content = read_all(descriptor, path)
    except FileNotFoundError:
        raise UnusableInput(f"there is no anchor at {path}") from None
    except (OSError, ValueError) as error:
        raise UnusableInput(f"the anchor {path} can't be read: {getattr(error, 'strerror', None) or error}") from None
    try:
        file = msgspec.json.decode(check_json_object("anchor", content), type=_File)
        frontier = _frontier_of(file)
    except (ValueError, TypeError, RecursionError) as error:
        raise UnusableInput(
            f"{path} holds no whole anchor ({' '.join(str(error).split())[:160]}): fetch it again from where it "
            "was kept"
        ) from None
    return KeptAnchor(file.anchor, path, frontier)


def read_anchors(folder: Path, public_keys: Mapping[str, bytes] | None = None) -> list[KeptAnchor]:
    """The anchors of a folder in order of position; none where there is no folder.

    With public keys (by id, as ``read_public_keys`` gives them) signatures and succession are checked as well, and
    AnchorRefused says which failed; without, ``anchor.failures_of`` tells all that is wrong. Raises UnusableInput for
    a file that is torn, hostile, or named otherwise than by its position.
    """
    if folder.is_symlink():
        raise UnusableInput(f"{folder} is a link, and anchors have to lie there themselves: name the folder")
    if not folder.is_dir():
        return []
    names = sorted(each.name for each in folder.iterdir() if NAME.fullmatch(each.name))
    if len(names) > MOST_ANCHORS:
        raise UnusableInput(f"{folder} holds {len(names):,} anchors, more than any log has: name another folder")
    kept = [read_anchor(folder / name) for name in names]
    for each in kept:
        if each.path.name != file_name(each.anchor.position):
            raise UnusableInput(f"{each.path} holds the anchor at position {each.anchor.position}: name it by that")
    if public_keys is not None:
        for place, each in enumerate(kept):
            check_signature(each.anchor, public_keys)
            if place:
                check_succession(kept[place - 1].anchor, each.anchor)
    return kept


def leaves_files(folder: Path, anchor: Anchor) -> list[Path]:
    """The files that together hold the leaves up to this anchor, in order; for ``read_parquet``. Nothing is checked."""
    kept = [each for each in read_anchors(folder) if each.anchor.position <= anchor.position]
    return [each.leaves_path for each in kept]


def leaves_up_to(folder: Path, anchor: Anchor) -> Iterator[Leaf]:
    """The leaves that this anchor covers, in order of position, a batch in memory at a time.

    Raises AnchorRefused (bad_leaves), at the end at the latest, where they are not those the anchor's root is over:
    believe none before all have come. Raises UnusableInput for a file that is missing, torn or hostile.
    """
    frontier, last = Frontier(), 0
    for path in leaves_files(folder, anchor):
        for leaf in read_leaves(path):
            if not last < leaf.position <= anchor.position or frontier.count >= anchor.count:
                raise _other_leaves(anchor, path.parent)
            last = leaf.position
            frontier.append(leaf_hash(leaf))
            yield leaf
    if frontier.count != anchor.count or frontier.root().hex() != anchor.root:
        raise _other_leaves(anchor, folder)


def read_leaves(path: Path) -> Iterator[Leaf]:
    """The leaves in one file, as they stand there. Raises UnusableInput."""
    with _whole_leaves(path) as file:
        for batch in file.iter_batches(ROWS_AT_ONCE >> 3):
            columns = [batch.column(name).to_pylist() for name in LEAF_COLUMNS]
            for row in zip(*columns, strict=True):
                if None in row:
                    raise _torn(path)
                yield Leaf(*row)


@contextlib.contextmanager
def _whole_leaves(path: Path) -> "Iterator[pq.ParquetFile]":
    """The file, opened, if no row group holds more than ``write_leaves`` puts there. Raises UnusableInput."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if path.is_symlink() or not path.is_file():
        raise UnusableInput(f"there is no file {path} with the leaves of the anchor beside it: put a copy in its place")
    try:
        with pq.ParquetFile(path) as file:
            groups = [file.metadata.row_group(each) for each in range(file.metadata.num_row_groups)]
            sound = all(
                each.num_rows <= ROWS_AT_ONCE and each.total_byte_size <= MOST_ROW_GROUP_BYTES for each in groups
            )
            if not sound or not file.schema_arrow.equals(_schema()):
                raise _torn(path)
            yield file
    except (pa.ArrowException, OSError, ValueError):
        raise _torn(path) from None


def _torn(path: Path) -> UnusableInput:
    return UnusableInput(f"{path} holds no whole leaves: fetch it again from where it was kept, with its anchor")


def index_of(folder: Path, anchor: Anchor, position: int) -> int | None:
    """Which leaf stands at a position, from 0; None where none of this anchor's does. Raises UnusableInput.

    Only positions are read, and nothing is checked: ``leaves_up_to`` does that.
    """
    import numpy as np

    before = 0
    for path in leaves_files(folder, anchor):
        with _whole_leaves(path) as file:
            for batch in file.iter_batches(ROWS_AT_ONCE, columns=["position"]):
                positions = batch.column("position").to_numpy()
                place = int(np.searchsorted(positions, position))
                if place < len(positions):
                    return before + place if positions[place] == position else None
                before += len(positions)
    return None


def write_leaves(folder: Path, leaves: Iterable[Leaf]) -> Path:
    """Write leaves to a new hidden file of the folder, durably; ``keep`` gives it its name, or it is to be removed."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir(parents=True, exist_ok=True)
    partial = partial_name(folder / LEAVES)
    rows = iter(leaves)
    try:
        with partial.open("xb") as file:
            with pq.ParquetWriter(file, _schema(), compression="zstd") as writer:
                while batch := list(islice(rows, ROWS_AT_ONCE)):
                    columns = dict(zip(LEAF_COLUMNS, zip(*batch, strict=True), strict=True))
                    writer.write_table(pa.table(columns, schema=_schema()), row_group_size=ROWS_AT_ONCE)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        _forget(partial)
        raise
    return partial


def keep(folder: Path, anchor: Anchor, frontier: Sequence[bytes], leaves: Path) -> KeptAnchor:
    """Lay an anchor down, with its leaves, written by ``write_leaves``. Nothing that an anchor names is overwritten.

    The leaves come first, so an anchor is never without them. Whoever calls this holds the folder's lock. Raises
    UnusableInput where an anchor at this position is there already.
    """
    path = folder / file_name(anchor.position)
    if path.exists() or path.is_symlink():
        _forget(leaves)
        raise UnusableInput(f"there is an anchor at {path} already, and none is ever overwritten: nothing was written")
    kept = KeptAnchor(anchor, path, list(frontier))
    leaves.replace(kept.leaves_path)  # there may be one there that a killed run left, which no anchor names
    file = _File(anchor=anchor, frontier=[each.hex() for each in frontier])
    write_new(path, msgspec.json.format(msgspec.json.encode(file)) + b"\n")
    return kept


def write_new(path: Path, content: bytes) -> None:
    """Write a file that isn't there yet: all of it or nothing. Raises UnusableInput where it is."""
    remove_partials(path.parent, path.name)
    with partial_beside(path) as (partial, file):
        file.write(content)
        bring_to_disk(file)
        _name_once(partial, path)


def remove_left(folder: Path) -> None:
    """Remove what killed runs left half written in a folder of anchors. Whoever calls this holds the folder's lock."""
    with contextlib.suppress(OSError):
        found = {half[1] for each in folder.iterdir() if (half := _HALF.fullmatch(each.name))}
        remove_partials(folder, LEAVES, *found)


def _name_once(partial: Path, path: Path) -> None:
    """Give a file its name, unless another has it: a hard link fails there, where a rename would replace."""
    taken = UnusableInput(f"{path} is there already, and is never overwritten: nothing was written")
    try:
        os.link(partial, path)
    except FileExistsError:
        raise taken from None
    except OSError:  # a file system without hard links
        if path.exists():
            raise taken from None
        partial.rename(path)


def _frontier_of(file: _File) -> list[bytes] | None:
    if not file.frontier:
        return None
    peaks = [bytes.fromhex(each) for each in file.frontier]
    if Frontier(peaks, file.anchor.count).root().hex() != file.anchor.root:
        raise ValueError("its frontier doesn't lead to its root")
    return peaks


def _other_leaves(anchor: Anchor, folder: Path) -> AnchorRefused:
    return AnchorRefused(
        "bad_leaves",
        anchor.position,
        f"the leaves in {folder} are not those that the anchor at position {anchor.position} was signed over: they "
        "were changed, or an anchor's file was taken away; fetch a copy that was kept elsewhere",
    )


def _schema() -> "pa.Schema":
    import pyarrow as pa

    kinds = (pa.int64(), pa.string(), pa.int64(), pa.string())
    return pa.schema([pa.field(name, kind, nullable=False) for name, kind in zip(LEAF_COLUMNS, kinds, strict=True)])


def _forget(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
