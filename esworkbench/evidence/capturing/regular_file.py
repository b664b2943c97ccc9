"""A path that leads to a regular file, before anybody opens it; and files that come along unnamed, with a folder."""

import os
import stat
from pathlib import Path

from esworkbench.errors import UnusableInput

KINDS = {
    stat.S_IFDIR: "a folder", stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}  # fmt: skip
WIDEST = 4
"""Bytes of the widest line end, in UTF-32."""


def regular_file(path: Path) -> Path:
    """The file itself, all links followed: SQLite's journals lie beside it, not beside the link.

    Raises UnusableInput for what is no regular file, since opening a FIFO or a device may wait for ever.
    """
    try:
        file = path.resolve(strict=True)
        kind = stat.S_IFMT(file.stat().st_mode)
    except OSError as error:
        raise UnusableInput(f"{path} can't be read: {error.strerror}") from None
    except (RuntimeError, ValueError):
        raise UnusableInput(f"{str(path)!r} can't be read: it is a circle of links, or no path at all") from None
    if kind != stat.S_IFREG:
        raise UnusableInput(f"{path} is {KINDS.get(kind, 'no file')}, not a regular file: name the file itself")
    return file


def own_file(path: Path) -> Path:
    """The path, if what lies there is a regular file and no link. Raises UnusableInput."""
    return regular_file(no_link(path))


def no_link(path: Path) -> Path:
    """The path, if no link lies there: what one leads to is not what was laid there. Raises UnusableInput."""
    if path.is_symlink():
        raise UnusableInput(
            f"{path} is a link, and files that are taken along with a store have to lie there themselves: put a copy "
            "in its place, or move it away"
        )
    return path


def says_where_it_ends(path: Path) -> bool:
    """Whether the last line of a text has its end, in any encoding: without, it may be torn and still look whole."""
    with path.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - WIDEST))
        return file.read().rstrip(b"\0").endswith((b"\n", b"\r"))


def taken_to_be_whole(path: Path) -> str:
    """What is assumed of a file whose last line has no end, in a sentence."""
    return (
        f"the last line of {path.name} has no end, and was taken to be whole: a figure that was cut off there still "
        "looks like one, so ask whoever made the file for its end"
    )
