"""Anchors as evidence: from the store's own table, its outside folder, or given by whoever kept one elsewhere.

Nothing is judged here but what can't be read: who signed an anchor, and whether the log is what it says, is asked of
the evidence. An anchor's leaves are as many as events, and where nothing was changed they repeat them: so only those
are kept that the log doesn't hold. What can't be read is a problem that is said, and ends no capture: or whoever spoils
one file beside a store would keep everybody from looking.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby, islice
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from esworkbench.archive import SCHEMAS, ArchiveWriter, from_parquet
from esworkbench.archive.duckdb_connection import SPILL, connect_duckdb
from esworkbench.errors import UnusableInput
from esworkbench.event_store.anchors.anchor import Anchor
from esworkbench.event_store.anchors.files import (
    ANCHORS,
    KEYS,
    MOST_ANCHORS,
    NAME,
    KeptAnchor,
    file_name,
    read_anchor,
    read_leaves,
)
from esworkbench.event_store.anchors.keys import key_id_of, read_public_key
from esworkbench.event_store.anchors.timestamps import is_over
from esworkbench.event_store.anchors.tree import Frontier, Leaf, leaf_hash
from esworkbench.event_store.columns import moment_text
from esworkbench.evidence.capturing.stored_form import moment_of
from esworkbench.evidence.origins import GIVEN, OUTSIDE, STORE
from esworkbench.kept_files import opened, read_all, throwaway_folder

OWN_COPY = ("position", "event_count", "root", "anchored_at", "key_id", "signature", "log_id", "previous")
"""The columns of the store's own table."""
MEMORY = "256MB"
MOST_TOKEN_BYTES = 1 << 16
MOST_KEY_FILES = 1000
ROWS_AT_ONCE = 10_000

LOG = "SELECT position, stream_id, version, hash FROM {events} WHERE position <= $last ORDER BY ALL"

Place = tuple[Any, ...]
"""Position, stream, version and hash, as the log has them."""


class _Found(NamedTuple):
    """An anchor, how its file is called, and the token of an authority over it."""

    anchor: Anchor
    origin: str
    file: str | None
    token: bytes | None


class AnchorsTaken:
    """Takes anchors into an archive. ``report`` is told of what can't be read, in a sentence; ``known`` are anchors, by
    digest, whose leaves the evidence has already, and the digest under which it has them."""

    def __init__(
        self, writer: ArchiveWriter, report: Callable[[str], None], known: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self._writer = writer
        self._report = report
        self._known = dict(known)
        self._chains: list[list[KeptAnchor]] = []
        self._found: list[_Found] = []

    def own_copy(self, rows: Iterable[Sequence[Any]]) -> None:
        """The rows of the store's own table, as ``OWN_COPY`` names them."""
        for number, row in enumerate(rows, start=1):
            if number > MOST_ANCHORS:
                self._report(
                    f"the store's table of anchors holds more than {MOST_ANCHORS:,} rows: the rest is left out"
                )
                return
            try:
                self._keep(_anchor_of(row), STORE, None)
            except (ValueError, TypeError) as error:
                self._report(f"row {number} of the store's table of anchors is no anchor: {_in_a_line(error)}")

    def folder(self, folder: Path, origin: str) -> int:
        """The anchors of a folder, with their leaves where these are whole; how many there are."""
        kept = self._in_folder(folder)
        for each in kept:
            self._keep(each.anchor, origin, each)
        self._chains.append(kept)
        return len(kept)

    def file(self, path: Path) -> KeptAnchor:
        """The one anchor that is meant, and the leaves that lie beside it. Raises UnusableInput."""
        meant = read_anchor(path)
        self._keep(meant.anchor, GIVEN, meant)
        if meant.leaves_path.exists():
            beside = self._in_folder(path.parent, quietly=True)
            self._chains.append([*(each for each in beside if _before(each, meant)), meant])
        return meant

    def public_keys(self, folder: Path) -> None:
        """The public keys beside a store: whoever lays an anchor there can lay its key there."""
        if folder.is_symlink() or not folder.is_dir():
            return
        paths = sorted(each for each in folder.iterdir() if each.suffix == ".pem" and not each.name.startswith("."))
        for path in paths[:MOST_KEY_FILES]:
            try:
                self.public_key(path, OUTSIDE)
            except UnusableInput as error:
                self._report(str(error))
        if len(paths) > MOST_KEY_FILES:
            self._report(f"{folder} holds {len(paths):,} keys, which nobody signs with: the rest is left out")

    def public_key(self, path: Path, origin: str) -> str:
        """One public key; its id. Raises UnusableInput."""
        key = read_public_key(path)
        row = {"origin": [origin], "key_id": [key_id_of(key)], "public_key": [key.hex()]}
        self._writer.write("public_keys", row)
        return key_id_of(key)

    def finish(self, events: Callable[[], Sequence[Path]]) -> None:
        """Write the anchors, and of their leaves those that the log doesn't hold; ``events`` are its files."""
        known = self._known
        chains = [good for chain in self._chains if (good := self._whole(chain))]
        with log_of(events()) if chains else contextlib.nullcontext() as log:
            for good in chains:
                if log is not None and good[-1].anchor.digest() not in known and self._differing(good, log):
                    known.update({each.anchor.digest(): good[-1].anchor.digest() for each in good} | known)
        for each in self._found:
            row = _row(each) | {"leaves": known.get(each.anchor.digest())}
            self._writer.write("anchors", {name: [value] for name, value in row.items()})

    def _differing(self, good: Sequence[KeptAnchor], log: Callable[[int], Iterator[Place]]) -> bool:
        """Write what differs between these anchors' leaves and the log. Whether that went well."""
        last = good[-1].anchor
        anchored = (leaf for each in good for leaf in read_leaves(each.leaves_path))
        try:
            rows = differing(anchored, log(last.position))
            while batch := list(islice(rows, ROWS_AT_ONCE)):
                places = [(position, *(leaf[1:] if leaf else (None, None, None))) for position, leaf in batch]
                columns = [[last.digest()] * len(batch), *map(list, zip(*places, strict=True))]
                self._writer.write("leaves", dict(zip(SCHEMAS["leaves"].names, columns, strict=True)))
        except UnusableInput as error:
            self._report(str(error))
            return False
        return True

    def _whole(self, chain: Sequence[KeptAnchor]) -> list[KeptAnchor]:
        """The anchors, from the first, up to the last one whose root is over the leaves beside them."""
        frontier, last, good = Frontier(), 0, 0
        for number, each in enumerate(chain, start=1):
            try:
                for leaf in read_leaves(each.leaves_path):
                    if not last < leaf.position <= each.anchor.position:
                        raise UnusableInput(f"the leaves in {each.leaves_path} don't stand in order of position")
                    last = leaf.position
                    frontier.append(leaf_hash(leaf))
            except UnusableInput as error:
                self._report(f"{error}; which events the anchors cover from there on can't be told one by one")
                break
            if (frontier.count, frontier.root().hex()) == (each.anchor.count, each.anchor.root):
                good = number
            else:
                self._report(
                    f"the leaves beside {each.path} are not those that its root is over, so which events it covers "
                    "can't be told one by one"
                )
        return list(chain[:good])

    def _in_folder(self, folder: Path, *, quietly: bool = False) -> list[KeptAnchor]:
        """The anchors of a folder that can be read, in order of position."""
        if folder.is_symlink() or not folder.is_dir():
            if folder.is_symlink() and not quietly:
                self._report(f"{folder} is a link, and anchors have to lie there themselves: name the folder")
            return []
        names = sorted(each.name for each in folder.iterdir() if NAME.fullmatch(each.name))
        if len(names) > MOST_ANCHORS:
            self._report(f"{folder} holds {len(names):,} anchors, more than any log has: the rest is left out")
        kept = []
        for name in names[:MOST_ANCHORS]:
            try:
                found = read_anchor(folder / name)
                if name != file_name(found.anchor.position):
                    raise UnusableInput(
                        f"{folder / name} holds the anchor at position {found.anchor.position}: name it by that"
                    )
                kept.append(found)
            except UnusableInput as error:
                if not quietly:
                    self._report(str(error))
        return kept

    def _keep(self, anchor: Anchor, origin: str, kept: KeptAnchor | None) -> None:
        token = None if kept is None else self._token(kept.timestamp_path)
        if kept is not None and token is not None and not is_over(token, anchor.digested_bytes()):
            self._report(f"{kept.timestamp_path} is no timestamp over the anchor beside it")
        self._found.append(_Found(anchor, origin, kept.path.name if kept else None, token))

    def _token(self, path: Path) -> bytes | None:
        try:
            with opened(path, links=False) as descriptor:
                token = read_all(descriptor, path)
        except FileNotFoundError:
            return None
        except (OSError, UnusableInput) as error:
            self._report(f"the timestamp token {path} can't be read: {_in_a_line(error)}")
            return None
        if len(token) > MOST_TOKEN_BYTES:
            self._report(f"{path} is too large to be a timestamp token: it is left out")
            return None
        return token


@contextlib.contextmanager
def log_of(files: Sequence[Path]) -> Iterator[Callable[[int], Iterator[Place]]]:
    """The events in these files of an archive, in order of position up to one; sorted on disk where they are many."""
    with (
        throwaway_folder(SPILL) as spill,
        contextlib.closing(
            connect_duckdb(memory_limit=MEMORY, temp_directory=str(spill / "duckdb"), threads="2")
        ) as connection,
    ):

        def events(last: int) -> Iterator[Place]:
            rows = connection.cursor().execute(LOG.format(events=from_parquet(files)), {"last": last})
            while batch := rows.fetchmany(ROWS_AT_ONCE):
                yield from batch

        yield events


def take_from_outside(taken: AnchorsTaken, outside: Path) -> None:
    """The anchors and public keys in an outside folder."""
    taken.folder(outside / ANCHORS, OUTSIDE)
    taken.public_keys(outside / KEYS)


def differing(anchored: Iterable[Leaf], log: Iterable[Place]) -> Iterator[tuple[int, Leaf | None]]:
    """The positions at which the log doesn't hold just what was anchored, with the leaf that was, or None.

    Both in order of position. An odd log may hold two events at one position, or none with a version.
    """
    events = ((position, list(there)) for position, there in groupby(log, key=lambda event: event[0]))
    leaves = iter(anchored)
    leaf, event = next(leaves, None), next(events, None)
    while leaf is not None or event is not None:
        if event is None or (leaf is not None and leaf.position < event[0]):
            assert leaf is not None
            yield leaf.position, leaf
            leaf = next(leaves, None)
        elif leaf is None or event[0] < leaf.position:
            yield event[0], None
            event = next(events, None)
        else:
            if event[1] != [tuple(leaf)]:
                yield leaf.position, leaf
            leaf, event = next(leaves, None), next(events, None)


def _before(each: KeptAnchor, meant: KeptAnchor) -> bool:
    return each.anchor.position < meant.anchor.position and each.anchor.log_id == meant.anchor.log_id


def _anchor_of(row: Sequence[Any]) -> Anchor:
    names = ("position", "count", "root", "anchored_at", "key_id", "signature", "log_id", "previous")
    values = dict(zip(names, row, strict=True))
    said = values["anchored_at"]
    moment = said if isinstance(said, datetime) else moment_of(said) if isinstance(said, str) else None
    if moment is None:
        raise ValueError(f"{said!r} is no moment")
    return msgspec.convert(values | {"anchored_at": moment_text(moment)}, Anchor)


def _row(found: _Found) -> dict[str, Any]:
    anchor = found.anchor
    return {
        "origin": found.origin, "file": found.file, "digest": anchor.digest(), "log_id": anchor.log_id,
        "position": anchor.position, "event_count": anchor.count, "root": anchor.root, "anchored_at": anchor.moment(),
        "previous": anchor.previous, "key_id": anchor.key_id, "signature": anchor.signature,
        "token": found.token.hex() if found.token else None,
    }  # fmt: skip


def _in_a_line(error: Exception) -> str:
    return " ".join(str(error).split())[:160]
