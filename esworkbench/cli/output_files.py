"""The one way to a file or folder that a command makes: nothing that was there is overwritten.

An earlier output of the same kind may be replaced, if it says by its own content that it is one. What is written stands
beside the target under another name until it is whole, so whoever is killed meanwhile leaves the old file as it was.
"""

import contextlib
import os
import stat
import uuid
from pathlib import Path
from typing import NamedTuple

from esworkbench.credentials import begins_as_an_address
from esworkbench.errors import UnusableInput
from esworkbench.event_store.database import parse_url
from esworkbench.event_store.sidecar import BESIDE_A_STORE

MARK_WITHIN = 1024


class Kind(NamedTuple):
    """What is written: its name, and the mark within an output's first KiB by which an earlier one is known.

    Without a mark nothing is ever replaced.
    """

    name: str
    mark: bytes | None = None


REPORT = Kind("report", b'<meta name="generator" content="esworkbench report">')
PROGRESS = Kind("record of progress", b'"kind": "esworkbench progress"')
CONTRACT_TESTS = Kind("file of contract tests")
SCORE_SHEET = Kind("score sheet", b"<!-- esworkbench interview score sheet -->")
ANKI_DECK = Kind("deck")


def writable_output(path: Path, kind: Kind) -> Path:
    """The path, if an output of this kind may be written there. Raises UnusableInput, saying what is in the way."""
    _require_parent(path)
    _require_nobodys_place(path)
    try:
        found = path.lstat()
    except FileNotFoundError:
        return path
    if stat.S_ISREG(found.st_mode) and kind.mark is not None and kind.mark in _beginning(path):
        return path
    earlier = "" if kind.mark is None else f" and is no earlier {kind.name}"
    raise UnusableInput(f"{path} is {_told(found.st_mode)}{earlier}: it stays as it is, name another file")


def write_output(path: Path, content: str | bytes, kind: Kind) -> None:
    """Write bytes, or text as UTF-8: all of it or nothing. Raises UnusableInput where it may not or can't be."""
    writable_output(path, kind)
    partial = path.with_name(f".{path.name[:100]}.partial-{uuid.uuid4().hex[:8]}")
    try:
        with partial.open("xb") as file:
            file.write(content if isinstance(content, bytes) else content.encode("utf-8", "backslashreplace"))
            file.flush()
            os.fsync(file.fileno())
        writable_output(path, kind)
        partial.replace(path)
    except OSError as error:
        raise UnusableInput(f"the {kind.name} can't be written to {path}: {error.strerror}") from None
    finally:
        with contextlib.suppress(OSError):  # renamed, or on a disk that takes nothing back
            partial.unlink()


def new_place(path: Path) -> Path:
    """The path, with a name of its own, if something new may be made there; an empty folder may be there already.

    Raises UnusableInput.
    """
    if path.name in ("", ".."):
        path = Path(os.path.abspath(path))  # noqa: PTH100 - a link is refused below, so none may be followed here
    if path.is_symlink():
        raise UnusableInput(f"{path} is a link: name the place itself")
    _require_nobodys_place(path)
    return path


def new_store(url: str) -> str:
    """The URL, if a new database may be made there, or one that this tool began goes on. Raises UnusableInput."""
    parsed = parse_url(url)
    if parsed.drivername == "sqlite":
        path = new_place(Path(str(parsed.database)))
        left = [path.name + ending for ending in BESIDE_A_STORE[:3] if path.with_name(path.name + ending).exists()]
        if left and not path.exists():
            raise UnusableInput(f"{path} isn't there, but {', '.join(left)} is: name a new file, or move that away")
    return url


def _require_parent(path: Path) -> None:
    if not path.parent.is_dir():
        raise UnusableInput(f"there is no folder {str(path.parent)!r} to write {path.name} to: make it first")


def _require_nobodys_place(path: Path) -> None:
    """Not where evidence, a store or a server keeps its own files, by name or by folder."""
    from esworkbench.archive import MANIFEST  # it brings what reads evidence

    if begins_as_an_address(str(path)):
        raise UnusableInput("a file or folder is to be written, and what is named is a database: name a file or folder")
    name, folder = path.name, path.parent.resolve()
    for each in (folder, *folder.parents):
        if (each / MANIFEST).is_file() and (each / "events").is_dir():
            raise UnusableInput(f"{path} lies inside the evidence {each}, and stays as it is: name another place")
        if each.name.endswith(".outside") or (each / "PG_VERSION").is_file():
            raise UnusableInput(f"{path} lies among a database's own files in {each}: name another place")
    owners = [name.removesuffix(ending) for ending in BESIDE_A_STORE if name.endswith(ending)]
    if ".case.jsonl" in name or any(folder.joinpath(owner).is_file() for owner in owners if owner):
        raise UnusableInput(f"{path} is the name of a file that belongs to a store or a case: name another file")


def _beginning(path: Path) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, "rb") as file:
        return file.read(MARK_WITHIN)


def _told(mode: int) -> str:
    for is_one, name in (
        (stat.S_ISREG, "a file that is there already"), (stat.S_ISDIR, "a folder"), (stat.S_ISLNK, "a link"),
        (stat.S_ISFIFO, "a pipe"),
    ):  # fmt: skip
        if is_one(mode):
            return name
    return "a device or socket"
