"""Places for a notebook to work in. Each call gives an empty one, so a notebook can be run again from any state."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from sqlalchemy.engine import URL, make_url

from esworkbench.errors import UnusableInput
from esworkbench.event_store.database import sqlite_url
from esworkbench.event_store.postgres.local_server import local_postgres_url
from esworkbench.event_store.sidecar import outside_folder
from esworkbench.resources import notebooks_path

DATABASE_PREFIX = "esworkbench_notebook_"
"""Databases whose names begin with this belong to notebooks: they are dropped without asking."""


def fresh_store(name: str, kind: str = "sqlite") -> str:
    """URL of an empty database, ``kind`` sqlite or postgres. What an earlier call left under ``name`` is removed.

    Raises UnusableInput for any other kind, a name that isn't plain, or if there is no PostgreSQL to use.
    """
    _require_plain(name)
    if kind == "sqlite":
        return sqlite_url(fresh_folder(name) / "bank.db")
    if kind != "postgres":
        raise UnusableInput(f"there is no kind of store {kind!r}: choose sqlite or postgres")
    url = _fresh_database(make_url(local_postgres_url()), DATABASE_PREFIX + name)
    shutil.rmtree(outside_folder(url), ignore_errors=True)
    return url


def fresh_folder(name: str) -> Path:
    """An empty folder in the work folder beside the notebook, as a relative path where possible."""
    _require_plain(name)
    folder = work_folder() / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def work_folder() -> Path:
    """``work`` beside the notebook. For the originals, which must stay clean, a folder that is removed at exit."""
    originals = notebooks_path()
    if originals.is_dir() and Path.cwd().samefile(originals):
        return _temporary_folder()
    return Path("work")


@cache
def _temporary_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="esworkbench-work-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _fresh_database(server: URL, name: str) -> str:
    import psycopg

    plain = server.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        connection.execute(f"CREATE DATABASE \"{name}\" ENCODING 'UTF8' TEMPLATE template0")
    return server.set(drivername="postgresql", database=name).render_as_string(hide_password=False)


def _require_plain(name: str) -> None:
    if not (name.isascii() and name.replace("_", "").isalnum() and name == name.lower()):
        raise UnusableInput(f"{name!r} can't name a place to work in: use small letters, digits and underscores")
