"""The folder outside a database for what must not live inside it: anchors, bank statements, a sealed answer."""

import os
from pathlib import Path

from esworkbench.event_store.database import parse_url


def user_folder() -> Path:
    """Where a person's own files go: ``ESWORKBENCH_HOME`` if set, else ``~/.local/share/esworkbench``."""
    override = os.environ.get("ESWORKBENCH_HOME")
    return Path(override) if override else Path.home() / ".local" / "share" / "esworkbench"


def outside_folder(url: str) -> Path:
    """The database's outside folder; it need not exist yet.

    Beside a SQLite file (``bank.db`` → ``bank.outside``); for PostgreSQL a folder of the user's, named by host, port
    and database.
    """
    parsed = parse_url(url)
    if parsed.drivername == "sqlite":
        return Path(str(parsed.database)).with_suffix(".outside")
    host = parsed.host or parsed.query.get("host") or "local"
    name = f"{host if isinstance(host, str) else host[0]}_{parsed.port or 5432}_{parsed.database or 'postgres'}"
    return user_folder() / "outside" / _file_name(name)


def _file_name(text: str) -> str:
    return "".join(c if c.isalnum() or c in "._-" else "-" for c in text).strip("-")
