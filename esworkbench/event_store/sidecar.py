"""The folder outside a database for what must not live inside it: anchors, bank statements, a sealed answer.

What else lies there: see ``anchors.files`` (anchors and public keys) and ``personal_data`` (which keys were destroyed).
"""

import os
from pathlib import Path
from urllib.parse import quote

from esworkbench.errors import UnusableInput
from esworkbench.event_store.database import parse_url, servers_of

BESIDE_A_STORE = ("-wal", "-shm", "-journal", ".outside")
"""What the names of a SQLite file's companions end in, after the file's own full name."""

STATEMENTS, COMPLAINT, OPERATIONS, SEALED = "statements", "complaint.json", "operations.csv", "answer.sealed"
"""What may lie in an outside folder: a folder of bank statements, a customer's complaint, the log of those who run the
network, the lab's sealed answer."""


def user_folder() -> Path:
    """Where a person's own files go: ``ESWORKBENCH_HOME`` if set, else ``~/.local/share/esworkbench``."""
    override = os.environ.get("ESWORKBENCH_HOME")
    return Path(override) if override else Path.home() / ".local" / "share" / "esworkbench"


def outside_folder(url: str) -> Path:
    """The database's outside folder, which belongs to it alone; it need not exist yet.

    Beside a SQLite file, links followed, by its full name (``bank.db`` → ``bank.db.outside``). The ``bank.outside`` of
    an earlier release is taken where it is there and no other file shares that name. For PostgreSQL a folder of the
    user's, named by host, port and database. Raises UnusableInput where two stores might own the earlier folder.
    """
    parsed = parse_url(url)
    if parsed.drivername == "sqlite":
        return _beside(_followed(Path(str(parsed.database))))
    host, _, port = servers_of(parsed).rpartition(":")
    database = parsed.database or parsed.username or "postgres"
    # A host with its underscores written out can't run into the port: different databases have different names.
    where = quote(host.lower(), safe="").replace("_", "%5F")
    return user_folder() / "outside" / f"{where}_{quote(port, safe='')}_{quote(database, safe='')}"


def _beside(path: Path) -> Path:
    own = path.with_name(f"{path.name}.outside")
    earlier = path.with_suffix(".outside")
    if own.exists() or earlier in (own, path) or not earlier.is_dir():
        return own
    others = [each.name for each in path.parent.iterdir() if _may_own(each, earlier) and each.name != path.name]
    if others:
        raise UnusableInput(
            f"the folder {str(earlier)!r} may belong to {path.name} or to {', '.join(sorted(others)[:3])}: rename "
            f"it after the file it is about, by its full name, such as {own.name}"
        )
    return earlier


def _may_own(file: Path, folder: Path) -> bool:
    """Whether an earlier release would have taken ``folder`` as this file's."""
    companion = file.name.endswith(BESIDE_A_STORE)
    return file.stem == folder.stem and not companion and file.is_file()


def _followed(path: Path) -> Path:
    try:
        return path.resolve() if path.is_symlink() else path
    except (OSError, RuntimeError):
        raise UnusableInput(f"the link {str(path)!r} leads in a circle: name the file itself") from None
