"""A path that leads to a regular file, before anybody opens it."""

import stat
from pathlib import Path

from esworkbench.errors import UnusableInput

KINDS = {
    stat.S_IFDIR: "a folder", stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}  # fmt: skip


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
