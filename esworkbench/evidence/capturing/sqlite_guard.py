"""Holds SQLite's own locks on a file while it is read or copied. Run as a process of its own, by ``sqlite_opening``.

Of its own, because POSIX takes every lock of a process on a file away as soon as that process closes any descriptor of
it: a capture that opened a store's file by itself would unlock it under the connections that its own process has to it.

It says one line of JSON at a time: first how the file may be read, then, once its stdin has ended, whether that was so
all the while. It imports nothing of this package. Bytes and locks are those of SQLite's file format and ``os_unix.c``.
"""

import errno
import fcntl
import json
import os
import stat
import struct
import sys
import time
from pathlib import Path

PENDING, RESERVED, READERS, OURS = 0x40000000, 0x40000001, 0x40000002, 0x40000002 + 509
"""Bytes of the file: no new reader may come; somebody writes a journal; the first and the last that readers hold.

A writer wants all of the readers' bytes for itself before it changes the file. SQLite's readers hold all of them, too;
a capture holds the last one only, so that two captures see that there is nobody else.
"""
NO_CHANGE, NO_CHANGE_SIZE, IN_USE = 120, 3, 128
"""Bytes of ``-shm``: to add to the log, to move it into the file, to recover it; and that anybody has it open."""
WAL_HEADER = 2
"""What byte 18 of the file says where it is written through a write-ahead log."""
CHUNK = 1 << 20
PAUSE = 0.005

COPIED, LIVE, AT_REST = "copied", "live", "at rest"

LOCKED = (
    "a connection writes to it, or keeps it for itself alone (locking_mode=EXCLUSIVE): end its transaction, or close it"
)
ELSEWHERE = (
    "another process has it open, but keeps no -wal file beside it under this name, as after a renaming while in use: "
    "end that process first"
)
TAKEN_OVER = "its -wal file belongs to a process that has another file open under this name: end that process first"
RESTLESS = "it was opened and closed again each time it was looked at: capture again"
LINKED = (
    "it has more than one name (hard links), and what was written last may lie in a journal beside another: remove the "
    "other names while nobody has it open, or capture a copy made by SQLite's .backup"
)
TOO_LONG = "capture gave up copying it, as its writers wait meanwhile: allow it more time, or capture a copy"
REPLACED = "another file took its place while it was read: capture again"


class Refused(Exception):
    """Why the file can't be read at one cut."""


class Busy(Exception):
    """Why it can't be read at one cut just now."""


def main(path: str, into: str, wait: str, give_up_after: str, brief: str) -> None:
    try:
        guarded = Guarded(path, into, time.monotonic() + float(give_up_after))
        _say(found=guarded.settle(float(wait), brief == "brief"))
        sys.stdin.read()
        guarded.require_same()
        _say(found="same")
    except Refused as reason:
        _say(refused=str(reason))
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        _say(refused=_no_room(into) if full else f"{error.filename or path}: {error.strerror}")


class Guarded:
    """A SQLite file under a reader's lock, with what lies beside it."""

    def __init__(self, path: str, into: str, deadline: float) -> None:
        self._path = path
        self._into = into
        self._deadline = deadline
        self._file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        self._beside: dict[str, int] = {}
        self._must_stay_alone = False
        self.require_same()

    def settle(self, wait: float, brief: bool) -> str:
        """Lock the file and copy it where that is needed; how it may be read. Raises Refused after ``wait`` seconds.

        ``copied``: as it was, with the journal or log that a crash left behind, in the folder ``into``. ``live``:
        its write-ahead log is in use, and SQLite's own transactions hold a cut. ``at rest``: all of it is in the file,
        which nobody can change but through a new ``-wal`` (told at the end). A ``brief`` look at a file with a rollback
        journal needs no copy: its writers wait that long.
        """
        until = time.monotonic() + wait
        while True:
            try:
                return self._look(brief)
            except Busy as reason:
                if time.monotonic() > until:
                    raise Refused(str(reason)) from None
            self._let_go()
            time.sleep(PAUSE)

    def require_same(self) -> None:
        """Raises Refused unless the name still leads to this file, and this name alone, and nobody wrote beside it."""
        mine, named = os.fstat(self._file), Path(self._path).stat()
        if not stat.S_ISREG(mine.st_mode):
            raise Refused("it is not a regular file")
        if mine.st_nlink > 1:
            raise Refused(LINKED)
        if (mine.st_dev, mine.st_ino) != (named.st_dev, named.st_ino):
            raise Refused(REPLACED)
        if self._must_stay_alone and os.path.lexists(self._path + "-wal"):
            raise Refused("it was written to while it was captured: capture again")

    def _look(self, brief: bool) -> str:
        self._lock_as_reader()
        self.require_same()
        log, index, journal = (self._find(suffix) for suffix in ("-wal", "-shm", "-journal"))
        others = _is_held(self._file, READERS, 1)
        if log is not None:
            if index is not None and _is_held(index, IN_USE, 1):
                if not others:
                    raise Busy(TAKEN_OVER)
                return LIVE
            if others:
                raise Busy(ELSEWHERE)
            if index is not None and not _lock(index, NO_CHANGE, NO_CHANGE_SIZE):
                raise Busy(RESTLESS)
            self._copy()
            if index is None and os.path.lexists(self._path + "-shm"):
                raise Busy(RESTLESS)
            return COPIED
        # While somebody writes, the journal holds what the file holds, too: nothing is moved there past a reader.
        left_behind = journal is not None and os.fstat(journal).st_size > 0 and not _is_held(self._file, RESERVED, 1)
        if not left_behind and os.pread(self._file, 1, 18) == bytes([WAL_HEADER]):
            if others:
                raise Busy(ELSEWHERE)
            self._must_stay_alone = True
            return AT_REST
        if not left_behind and brief:
            return AT_REST
        if not left_behind:
            self._beside.pop("-journal", None)
        self._copy()
        return COPIED

    def _lock_as_reader(self) -> None:
        """As SQLite does it: past a writer that waits for the readers to leave, no new one comes in."""
        if not (_lock(self._file, PENDING, 1) and _lock(self._file, OURS, 1)):
            raise Busy(LOCKED)
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, PENDING)

    def _let_go(self) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_UN, OURS + 1 - PENDING, PENDING)
        for descriptor in self._beside.values():
            os.close(descriptor)
        self._beside.clear()

    def _find(self, suffix: str) -> int | None:
        path = self._path + suffix
        if not os.path.lexists(path):
            return None
        try:
            if not stat.S_ISREG(os.lstat(path).st_mode):
                raise Refused(f"{path} is not a regular file")
            self._beside[suffix] = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            # Cleaned up since the line above; what was found beside it may be gone, too.
            raise Busy(RESTLESS) from None
        return self._beside[suffix]

    def _copy(self) -> None:
        sources = {"": self._file, **self._beside}
        sources.pop("-shm", None)
        space = os.statvfs(self._into)
        if sum(os.fstat(source).st_size for source in sources.values()) > space.f_bavail * space.f_frsize:
            raise Refused(_no_room(self._into))
        for suffix, source in sources.items():
            with (Path(self._into) / f"source.db{suffix}").open("wb") as target:
                place = 0
                while chunk := os.pread(source, CHUNK, place):
                    target.write(chunk)
                    place += len(chunk)
                    if time.monotonic() > self._deadline:
                        raise Refused(TOO_LONG)
        self.require_same()


def _say(**words: str) -> None:
    print(json.dumps(words), flush=True)


def _no_room(folder: str) -> str:
    return f"there is no room for a private copy in {folder}: make room, or name another folder in TMPDIR"


def _lock(descriptor: int, start: int, length: int) -> bool:
    """Take a reader's lock; whether it could be had."""
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB, length, start)
    except (BlockingIOError, PermissionError):
        return False
    return True


def _is_held(descriptor: int, start: int, length: int) -> bool:
    """Whether another process has any lock there."""
    if sys.platform == "darwin":
        layout, ask = "qqihh", (start, length, 0, fcntl.F_WRLCK, os.SEEK_SET)
        kind = 3
    else:
        layout, ask = "hhqqi0q", (fcntl.F_WRLCK, os.SEEK_SET, start, length, 0)
        kind = 0
    answer = fcntl.fcntl(descriptor, fcntl.F_GETLK, struct.pack(layout, *ask))
    return bool(struct.unpack(layout, answer)[kind] != fcntl.F_UNLCK)


if __name__ == "__main__":
    main(*sys.argv[1:])
