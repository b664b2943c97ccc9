"""Which keys of people's data there are, and which of them were destroyed, as it lies beside a log. It holds no key."""

import csv
from datetime import datetime
from pathlib import Path

from esworkbench.errors import UnusableInput
from esworkbench.evidence.capturing.stored_form import moment_of
from esworkbench.kept_files import read_kept

PERSONAL_KEYS = "personal_keys.csv"


def destroyed_keys(path: Path) -> list[tuple[str, datetime | None]]:
    """Each key's id and when it was destroyed, None where it wasn't; nothing where there is no such file.

    Whose data a key sealed isn't taken along. Raises UnusableInput.
    """
    if path.is_symlink():
        raise UnusableInput(f"{path} is a link, and what belongs to a log lies there itself: put a copy in its place")
    try:
        lines = read_kept(path).decode().splitlines()
    except FileNotFoundError:
        return []
    except UnicodeDecodeError:
        raise UnusableInput(f"{path} is no UTF-8 text: fetch it again") from None
    try:
        rows = list(csv.DictReader(lines, strict=True))
        return [(row["key_id"], moment_of(row["destroyed_at"]) if row["destroyed_at"] else None) for row in rows]
    except (csv.Error, KeyError, TypeError) as error:
        raise UnusableInput(f"{path} can't be read as a list of keys ({error}): write it again") from None
