"""Snapshots as files in a folder, for where a database would be too much: domain code can't tell the difference."""

import hashlib
import logging
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import msgspec

from esworkbench.aggregates.snapshots.snapshot import Snapshot
from esworkbench.events import utc_now

logger = logging.getLogger(__name__)


class SnapshotFile(msgspec.Struct, frozen=True, kw_only=True):
    """What a file holds, as one JSON object; ``state`` is an object in it, so that a person can read it."""

    stream_id: str
    version: int
    state_version: int
    state: msgspec.Raw
    event_shapes: dict[str, int] | None
    event_hash: str | None
    based_on_version: int | None
    taken_at: datetime


class SnapshotFolder:
    """Keeps each snapshot in a file of its own, named by version and shape, in a folder for each stream.

    That folder is named by the SHA-256 of the stream's id, since an id may hold what no file name can, and two ids may
    differ in what a file system takes for the same. ``clock`` says when a snapshot is taken.
    """

    def __init__(self, path: Path, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._path = path
        self._clock = clock

    def candidates(self, stream_id: str) -> Iterator[Snapshot]:
        """A damaged file is logged and passed over."""
        for path in sorted(self._stream_folder(stream_id).glob("*.json"), reverse=True):
            found = _read(path)
            if found is not None:
                yield Snapshot(
                    stream_id=found.stream_id,
                    version=found.version,
                    state_version=found.state_version,
                    state=bytes(found.state),
                    event_shapes=found.event_shapes,
                    event_hash=found.event_hash,
                    based_on_version=found.based_on_version,
                )

    def keep(self, snapshot: Snapshot) -> None:
        """Written aside, flushed to the disk and renamed: whoever is killed on the way leaves no half of a snapshot."""
        folder = self._stream_folder(snapshot.stream_id)
        path = folder / f"{snapshot.version:019d}-{snapshot.state_version:010d}.json"
        if path.exists():
            return
        content = SnapshotFile(
            stream_id=snapshot.stream_id,
            version=snapshot.version,
            state_version=snapshot.state_version,
            state=msgspec.Raw(snapshot.state),
            event_shapes=None if snapshot.event_shapes is None else dict(snapshot.event_shapes),
            event_hash=snapshot.event_hash,
            based_on_version=snapshot.based_on_version,
            taken_at=self._clock(),
        )
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, suffix=".unfinished", delete=False) as aside:
            aside.write(msgspec.json.encode(content))
            aside.flush()
            os.fsync(aside.fileno())
        Path(aside.name).replace(path)

    def invalidate(self, category: str, state_version: int) -> int:
        deleted = 0
        for path in list(self._path.glob(f"*/*-{state_version:010d}.json")):
            found = _read(path)
            if found is not None and found.stream_id.startswith(f"{category}-"):
                path.unlink()
                deleted += 1
        return deleted

    def _stream_folder(self, stream_id: str) -> Path:
        return self._path / hashlib.sha256(stream_id.encode("utf-8")).hexdigest()


def _read(path: Path) -> SnapshotFile | None:
    if not stat.S_ISREG(path.lstat().st_mode):
        logger.error("%s is a link or no file, and passed over: a snapshot lies in its folder itself", path)
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=SnapshotFile)
    except msgspec.DecodeError:
        logger.exception("the snapshot file %s is damaged and passed over", path)
        return None
