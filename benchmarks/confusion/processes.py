"""Holds trials in processes of their own, each in a folder and a database that are gone afterwards.

Not part of ``__main__``: a spawned process imports whatever module the work came from, and never a package's
``__main__``.
"""

import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import psycopg
from sqlalchemy.engine import make_url

from benchmarks.confusion.trials import Held, Trial, hold
from esworkbench.event_store.postgres.local_server import local_postgres_url


def all_held(trials: Sequence[Trial], workers: int) -> Iterator[Held]:
    """What came of each trial, as they come."""
    server = _server() if any(each.engine == "postgresql" for each in trials) else ""
    with tempfile.TemporaryDirectory(prefix="esworkbench-confusion-") as folder:
        if workers == 1:
            yield from (_hold_apart(each, server, folder) for each in trials)
            return
        spawned = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, mp_context=spawned) as pool:
            for future in as_completed([pool.submit(_hold_apart, each, server, folder) for each in trials]):
                yield future.result()


def _server() -> str:
    return make_url(local_postgres_url()).set(drivername="postgresql").render_as_string(hide_password=False)


def _hold_apart(trial: Trial, server: str, folder: str) -> Held:
    """In a folder and a database of its own, both gone afterwards."""
    mine = Path(tempfile.mkdtemp(dir=folder))
    try:
        if trial.engine == "sqlite":
            return hold(trial, f"sqlite:///{mine / 'bank.db'}", mine)
        name = f"esworkbench_confusion_{os.getpid()}_{mine.name.replace('-', '_')}".lower()
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE \"{name}\" ENCODING 'UTF8' TEMPLATE template0")
            url = make_url(server).set(database=name).render_as_string(hide_password=False)
            try:
                return hold(trial, url, mine)
            finally:
                connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    finally:
        shutil.rmtree(mine, ignore_errors=True)
