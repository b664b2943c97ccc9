"""The one way to a file or folder that a command makes: nothing that was there is overwritten.

An earlier output of the same kind may be replaced, if it says by its own content that it is one. What is written stands
beside the target under another name until it is whole, so whoever is killed meanwhile leaves the old file as it was.
"""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from esworkbench.credentials import begins_as_an_address, may_hold_a_password
from esworkbench.errors import UnusableInput
from esworkbench.event_store.database import parse_url
from esworkbench.event_store.sidecar import BESIDE_A_STORE
from esworkbench.kept_files import opened, read_all, replace_whole, unique_json

GoesOn = Callable[[bytes, bytes], bool]
"""Whether what is to be written holds all that an earlier output tells."""


class Kind(NamedTuple):
    """What is written: its name, and the mark with which an output begins, by which an earlier one is known.

    A mark further inside may be a quotation in somebody's own file. Without a mark nothing is ever replaced: so what
    people write into, or what nobody can make again, has none. With ``goes_on`` an earlier one stays unless all that it
    tells is in the new one as well.
    """

    name: str
    mark: bytes | None = None
    goes_on: GoesOn | None = None


def _same_learner(earlier: bytes, later: bytes) -> bool:
    """Whether no attempt is lost, and whatever was solved was solved at the same moment."""
    try:
        told = [{row["exercise"]: row for row in unique_json(each)["exercises"]} for each in (earlier, later)]
        return all(
            row["attempts"] <= told[1][name]["attempts"] and row["solved"] in (None, told[1][name]["solved"])
            for name, row in told[0].items()
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False  # nobody knows what it tells


REPORT = Kind(
    "report",
    b'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    b'<meta name="generator" content="esworkbench report">',
)
PROGRESS = Kind("record of progress of the same learner", b'{\n  "kind": "esworkbench progress"', _same_learner)
CHALLENGE = Kind("table of a challenge", b'{\n  "kind": "esworkbench challenge"')
CONTRACT_TESTS = Kind("file of contract tests")
SCORE_SHEET = Kind("score sheet")
ANKI_DECK = Kind("deck")


def writable_output(path: Path, kind: Kind, content: bytes | None = None) -> Path:
    """The path, if an output of this kind, and with this content, may be written there.

    Raises UnusableInput, saying what is in the way.
    """
    _require_parent(path)
    _require_nobodys_place(path)
    try:
        found = path.lstat()
    except FileNotFoundError:
        return path
    if stat.S_ISREG(found.st_mode) and kind.mark is not None and _may_be_replaced(path, kind, content):
        return path
    earlier = "" if kind.mark is None else f" and is no earlier {kind.name}"
    raise UnusableInput(f"{path} is {_told(found.st_mode)}{earlier}: it stays as it is, name another file")


def write_output(path: Path, content: str | bytes, kind: Kind) -> None:
    """Write bytes, or text as UTF-8: all of it or nothing. Raises UnusableInput where it may not or can't be."""
    content = content if isinstance(content, bytes) else content.encode("utf-8", "backslashreplace")
    writable_output(path, kind, content)
    try:
        replace_whole(path, content, first=lambda: writable_output(path, kind, content))
    except OSError as error:
        raise UnusableInput(f"the {kind.name} can't be written to {path}: {error.strerror}") from None


def growing_file(path: Path) -> Path:
    """The path, if a file that a command adds to may lie there: it is one already, or nothing. Raises UnusableInput."""
    _require_parent(path)
    _require_nobodys_place(path)
    if path.is_symlink():
        raise UnusableInput(f"{path} is a link: name the file itself")
    return path


def course_folder(path: Path) -> Path:
    """The path, if a copy of the course may be kept there; it may be there already. Raises UnusableInput."""
    _require_nobodys_place(path / "work")
    return path


def anchors_place(path: Path, own: Path) -> Path:
    """The folder, if anchors may be kept there: a store's ``own`` outside folder, or one that is no database's.

    Raises UnusableInput.
    """
    if path.is_symlink():
        raise UnusableInput(f"{path} is a link: name the folder itself")
    if path.resolve() != own.resolve():
        _require_nobodys_place(path / "anchors")
    return path


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
    """Not where evidence, a store, a server or who anchors keeps their own files, by name or by folder."""
    from esworkbench.archive import MANIFEST  # it brings what reads evidence
    from esworkbench.event_store.anchors.files import ANCHORS, KEYS

    if begins_as_an_address(str(path)) or may_hold_a_password(str(path).replace(":/", "://", 1)):
        raise UnusableInput("a file or folder is to be written, and what is named is a database: name a file or folder")
    name, folder = path.name, path.parent.resolve()
    for each in (folder, *folder.parents):
        if (each / MANIFEST).is_file() and (each / "events").is_dir():
            raise UnusableInput(f"{path} lies inside the evidence {each}, and stays as it is: name another place")
        if each.name.endswith(".outside") or (each / "PG_VERSION").is_file():
            raise UnusableInput(f"{path} lies among a database's own files in {each}: name another place")
    for each in (folder, folder.parent):
        anchors = each.parent / ANCHORS if each.name == KEYS else each
        if next(anchors.glob(f"{'[0-9]' * 20}.json"), None) is not None:
            raise UnusableInput(f"{path} lies among the anchors in {anchors}: name another place")
    owners = [name.removesuffix(ending) for ending in BESIDE_A_STORE if name.endswith(ending)]
    if (
        ".case.jsonl" in name
        or ".custody.jsonl" in name
        or any(folder.joinpath(owner).is_file() for owner in owners if owner)
    ):
        raise UnusableInput(f"{path} is the name of a file that belongs to a store or a case: name another file")


def _may_be_replaced(path: Path, kind: Kind, content: bytes | None) -> bool:
    with opened(path, links=False) as descriptor:
        earlier = read_all(descriptor, path)
    known = kind.mark is not None and earlier.startswith(kind.mark)
    return known and (kind.goes_on is None or content is None or kind.goes_on(earlier, content))


def _told(mode: int) -> str:
    for is_one, name in (
        (stat.S_ISREG, "a file that is there already"), (stat.S_ISDIR, "a folder"), (stat.S_ISLNK, "a link"),
        (stat.S_ISFIFO, "a pipe"),
    ):  # fmt: skip
        if is_one(mode):
            return name
    return "a device or socket"
