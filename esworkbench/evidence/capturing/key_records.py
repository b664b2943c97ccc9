"""What lies beside a store about the keys of personal data: which there are, and when they were destroyed. Never a key.

The file is written by ``esworkbench.personal_data``; whoever else keeps such a list may lay it there with the columns
``key_id`` and ``destroyed_at`` (RFC 3339, empty while the key is there).
"""

import csv
import io
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from esworkbench.errors import UnusableInput
from esworkbench.evidence.capturing.regular_file import own_file
from esworkbench.kept_files import read_kept

COLUMNS = {"key_id", "destroyed_at"}


def read_key_records(path: Path, report: Callable[[str], None]) -> dict[str, datetime | None]:
    """When each key was destroyed, by its id. What can't be read is reported, and the rest is taken."""
    found: dict[str, datetime | None] = {}
    try:
        text = read_kept(own_file(path)).decode("utf-8-sig", "backslashreplace")
    except UnusableInput as error:  # a link, no file, or larger than any such list
        report(str(error))
        return found
    rows = csv.DictReader(io.StringIO(text, newline=""))
    try:
        if not set(rows.fieldnames or ()) >= COLUMNS:
            report(f"{path.name} has no columns key_id and destroyed_at, so nothing is known of keys")
            return {}
        for row in rows:
            key_id, destroyed = row["key_id"], row["destroyed_at"]
            try:
                moment = datetime.fromisoformat(destroyed) if destroyed else None
                if not key_id or destroyed is None or (moment is not None and moment.tzinfo is None):
                    raise ValueError
            except ValueError:
                report(f"line {rows.line_num} of {path.name} is no record of a key, and is left out")
                continue
            found[key_id] = moment
    except csv.Error as error:
        report(f"{path.name} can't be read beyond line {rows.line_num}: {error}")
    return found
