"""Files that a person's record is kept in, line by line or whole: read as hostile, written all or not at all.

A case, a learner's attempts, guesses and ratings, a drill: what lies under such a name may be anybody's. A pipe or a
device is never waited for, nothing endless is read, whoever adds does so alone, and a disk that is full takes nothing
away from what was there.
"""

import contextlib
import json
import os
import re
import shutil
import stat
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import msgspec

from esworkbench.errors import UnusableInput

_T = TypeVar("_T")

LOCK_SECONDS = 10
"""How long to wait for somebody else who is adding something."""

MOST_BYTES = 1 << 26
"""No record of a person's grows so large."""


@contextlib.contextmanager
def opened(path: Path, how: int = os.O_RDONLY, *, links: bool = True) -> Iterator[int]:
    """The file itself, without waiting for the other end of a pipe.

    Raises UnusableInput for what is no regular file, or one too large to be a record; OSError as ``os.open`` does.
    """
    if not links and path.is_symlink():
        raise _no_file(path, "a link")
    follow = 0 if links else getattr(os, "O_NOFOLLOW", 0)
    try:
        descriptor = os.open(path, how | follow | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0), 0o666)
    except IsADirectoryError:
        raise _no_file(path, "a folder") from None
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise _no_file(path, "a folder, pipe or device")
        if found.st_size > MOST_BYTES:
            raise _too_large(path)
        yield descriptor
    finally:
        os.close(descriptor)


def read_all(descriptor: int, path: Path) -> bytes:
    """All that is in the file. Raises UnusableInput where that has no end in sight."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    parts, size = [], 0
    while part := os.read(descriptor, 1 << 20):
        parts.append(part)
        size += len(part)
        if size > MOST_BYTES:
            raise _too_large(path)
    return b"".join(parts)


def read_kept(path: Path) -> bytes:
    """All of a file, links followed. Raises FileNotFoundError; UnusableInput, naming it, where it can't be read."""
    try:
        with opened(path) as descriptor:
            return read_all(descriptor, path)
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise UnusableInput(f"{path} can't be read: {getattr(error, 'strerror', None) or error}") from None


def unique_json(content: bytes | str) -> Any:
    """What JSON from outside says. Raises ValueError, also where a key stands twice in one object, for readers differ
    in which of the two they take; RecursionError.
    """
    return json.loads(content, object_pairs_hook=_unique)


def decoded(content: bytes, type_: type[_T]) -> _T:
    """The same as this type. Raises ValueError and RecursionError."""
    unique_json(content)
    return msgspec.json.decode(content, type=type_)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is there more than once")
    return found


def write_at(descriptor: int, end: int, content: bytes) -> None:
    """Put the content behind the first ``end`` bytes, durably, or leave no more than these. Raises OSError."""
    os.ftruncate(descriptor, end)
    os.lseek(descriptor, end, os.SEEK_SET)
    try:
        while content:
            content = content[os.write(descriptor, content) :]
        os.fsync(descriptor)
    except BaseException:
        os.ftruncate(descriptor, end)
        raise


def append_line(path: Path, line: bytes) -> None:
    """One line more, on a line of its own even where the one before was cut off: all of it or nothing.

    Raises OSError, and UnusableInput for what is no file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with opened(path, os.O_RDWR | os.O_CREAT) as descriptor, alone(descriptor, path):
        end = os.lseek(descriptor, 0, os.SEEK_END)
        os.lseek(descriptor, max(end - 1, 0), os.SEEK_SET)
        begun = b"\n" if os.read(descriptor, 1) not in (b"", b"\n") else b""
        write_at(descriptor, end, begun + line + b"\n")


def replace_whole(path: Path, content: bytes, *, first: Callable[[], object] = lambda: None) -> None:
    """Put a file with this content in the place of the one that is there: all of it or nothing. Raises OSError.

    ``first`` is called when all is on disk under another name; what it raises leaves the old file.
    """
    remove_partials(path.parent, path.name)
    with partial_beside(path) as (partial, file):
        file.write(content)
        bring_to_disk(file)
        first()
        partial.replace(path)


@contextlib.contextmanager
def partial_beside(path: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """A new file under a hidden name of its own, to be written and then given the name that is meant.

    Its lock is held as long as it is written, so that nobody takes it for what a killed process left. Whatever still
    has the hidden name at the end is removed. Raises OSError.
    """
    while True:
        partial = partial_name(path)
        file = partial.open("x+b")
        if _may_go_on(file.fileno()) and partial.exists():
            break
        file.close()  # somebody looked whether anybody holds it, just before it was held
    try:
        with file:
            yield partial, file
    finally:
        with contextlib.suppress(OSError):  # renamed, or on a disk that takes nothing back
            partial.unlink()


def bring_to_disk(file: BinaryIO) -> None:
    """All that was written. Where what is open can't be given a name, it is closed as well, and nobody removes it."""
    file.flush()
    os.fsync(file.fileno())
    if sys.platform == "win32":
        file.close()


def remove_partials(folder: Path, *names: str) -> None:
    """Remove what killed processes left of files with these names: under the name that only ``partial_beside`` gives,
    and held by nobody. Whatever else is called like that stays."""
    begun = set(map(_begins, names))
    with contextlib.suppress(OSError):
        for each in list(folder.iterdir()):
            if each.name[:-UUID_LENGTH] in begun and _OWN.fullmatch(each.name[-UUID_LENGTH:]):
                with contextlib.suppress(OSError), _unheld(each):
                    each.unlink()


def partial_name(path: Path) -> Path:
    """A hidden name beside the file's that nobody has had."""
    return path.with_name(f"{_begins(path.name)}{uuid.uuid4().hex}")


UUID_LENGTH = 32
_OWN = re.compile("[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}")
"""A random UUID, which stands in no name that a person gives."""


def _begins(name: str) -> str:
    return f".{name[:50]}.partial-"


def _may_go_on(descriptor: int) -> bool:
    """Whether nobody else holds the file; where files can't be locked at all, nobody does, and nobody removes it."""
    try:
        return _locked(descriptor)
    except OSError:
        return True


@contextlib.contextmanager
def _unheld(path: Path) -> Iterator[None]:
    """Hold the lock of a file that nobody holds. Raises OSError where somebody does, and for what is no file."""
    if not stat.S_ISREG(path.lstat().st_mode):
        raise OSError(f"{path} is no file")
    descriptor = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    try:
        if not _locked(descriptor):
            raise BlockingIOError(f"{path} is held")
        yield
    finally:
        os.close(descriptor)


_LOCK = "lock"


@contextlib.contextmanager
def throwaway_folder(prefix: str) -> Iterator[Path]:
    """A temporary folder, gone afterwards. Whoever is killed leaves one behind, which the next to ask for one with this
    prefix removes: a lock in it says whether its owner is still at work. Raises OSError."""
    parent = Path(tempfile.gettempdir())
    with contextlib.suppress(OSError):
        for left in [each for each in parent.iterdir() if each.name.startswith(prefix)]:
            if _OWN.fullmatch(left.name.removeprefix(prefix)) and not left.is_symlink():
                with contextlib.suppress(OSError):
                    with _unheld(left / _LOCK):
                        shutil.rmtree(left, ignore_errors=True)
                    shutil.rmtree(left, ignore_errors=True)  # where what is open can't be removed
    while True:
        folder = parent / f"{prefix}{uuid.uuid4().hex}"
        folder.mkdir(mode=0o700)
        try:
            with (folder / _LOCK).open("xb") as lock:
                if _may_go_on(lock.fileno()) and (folder / _LOCK).exists():
                    yield folder
                    return
        finally:  # also where somebody looked whether anybody holds it, just before it was held
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def turn_at(path: Path) -> Iterator[None]:
    """Hold the lock of a file that is replaced as a whole, and so can't carry its own: a hidden one beside it does.

    Raises OSError, and UnusableInput where somebody else keeps it.
    """
    lock = path.with_name(f".{path.name}.lock")
    with opened(lock, os.O_RDWR | os.O_CREAT, links=False) as descriptor, alone(descriptor, path):
        yield


@contextlib.contextmanager
def alone(descriptor: int, path: Path) -> Iterator[None]:
    """Hold the file's lock, which dies with its holder. Raises UnusableInput where somebody else keeps it."""
    deadline = time.monotonic() + LOCK_SECONDS
    while not _locked(descriptor):
        if time.monotonic() > deadline:
            raise UnusableInput(f"somebody else has kept {path} locked for {LOCK_SECONDS} seconds: try again")
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


def _no_file(path: Path, what: str) -> UnusableInput:
    return UnusableInput(f"{path} is {what} and no file: move it away, or name another place")


def _too_large(path: Path) -> UnusableInput:
    return UnusableInput(f"{path} is larger than {MOST_BYTES >> 20} MiB, and no record of a person's: move it away")
