"""The statements in a folder that comes along with a store: which of its files are some, nobody having named them.

What can't be one is said, and ends no capture: or whoever lays one file beside a store would keep everybody from
looking.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from esworkbench.errors import UnusableInput
from esworkbench.evidence.capturing.regular_file import no_link, own_file
from esworkbench.evidence.capturing.statements.recognise import format_of

OWN, DESCRIPTION = ".csv", ".toml"


class StatementFile(NamedTuple):
    """A statement, and the ledger file beside it that says what its columns mean, where there is one."""

    path: Path
    described: Path | None

    @property
    def names(self) -> set[str]:
        return {each.name for each in self if each is not None}


def statements_in(folder: Path, report: Callable[[str], None]) -> list[StatementFile]:
    """The statements of a folder, by name; none where there is no such folder.

    A CSV file is one by its ending, CAMT.053, MT940 and OFX by what is in it, and any other file where a ledger file of
    its name lies beside it, as ``march.toml`` beside ``march.txt``. No hidden file is one: editors and file managers
    leave them. Nobody named the files one by one, so none is a link, nor are the folder and the one that holds it: what
    a link leads to is not what was laid there. ``report`` is told of what is none for that, in a sentence. Raises
    UnusableInput where all that lies outside is behind a link.
    """
    no_link(folder.parent)
    try:
        no_link(folder)
        listed = sorted(folder.iterdir()) if folder.is_dir() else []
    except (UnusableInput, OSError) as error:
        report(str(error))
        return []
    found = []
    for path in listed:
        if path.name.startswith(".") or path.suffix.casefold() == DESCRIPTION:
            continue
        try:
            if path.name.casefold().endswith(OWN):
                own_file(path)
            elif not _is_one(path):
                continue
            found.append(StatementFile(path, _description(path)))
        except UnusableInput as error:
            report(str(error))
    return found


def _is_one(path: Path) -> bool:
    """Whether a file of no certain ending is one; what can't be read is none, or is none that anybody meant."""
    if path.is_symlink() or not path.is_file():
        return False
    if _beside(path):
        return True
    try:
        return format_of(path) is not None
    except UnusableInput:
        return False


def _beside(path: Path) -> Path | None:
    beside = path.with_suffix(DESCRIPTION)
    return beside if beside != path and (beside.exists() or beside.is_symlink()) else None


def _description(path: Path) -> Path | None:
    beside = _beside(path)
    return own_file(beside) if beside else None
