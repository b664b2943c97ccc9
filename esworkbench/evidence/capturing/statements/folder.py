"""The statements in a folder that comes along with a store: which of its files are some, nobody having named them."""

from pathlib import Path
from typing import NamedTuple

from esworkbench.errors import UnusableInput
from esworkbench.evidence.capturing.regular_file import own_file, own_files
from esworkbench.evidence.capturing.statements.recognise import format_of

OWN, DESCRIPTION = ".csv", ".toml"


class StatementFile(NamedTuple):
    """A statement, and the ledger file beside it that says what its columns mean, where there is one."""

    path: Path
    described: Path | None

    @property
    def names(self) -> set[str]:
        return {each.name for each in self if each is not None}


def statements_in(folder: Path) -> list[StatementFile]:
    """The statements of a folder, by name; none where there is no such folder.

    A CSV file is one by its ending, CAMT.053, MT940 and OFX by what is in it, and any other file where a ledger file of
    its name lies beside it, as ``march.toml`` beside ``march.txt``. No hidden file is one, and none is a link. Raises
    UnusableInput.
    """
    found = {path.name: path for path in own_files(folder, OWN)}
    if not folder.is_dir():
        return []
    for path in folder.iterdir():
        if not path.name.startswith(".") and path.suffix.casefold() != DESCRIPTION and _is_one(path):
            found[path.name] = path
    return [StatementFile(path, _description(path)) for _, path in sorted(found.items())]


def _is_one(path: Path) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    try:
        return format_of(path) is not None or _description(path) is not None
    except UnusableInput:
        return False


def _description(path: Path) -> Path | None:
    beside = path.with_suffix(DESCRIPTION)
    return own_file(beside) if beside != path and (beside.exists() or beside.is_symlink()) else None
