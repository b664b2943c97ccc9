"""Fresh databases for one run, on one disk and one server, gone when it ends."""

import os
import tempfile
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
from sqlalchemy.engine import make_url

from esworkbench.event_store.postgres.local_server import local_postgres_url


class Databases:
    def __init__(self, folder: Path | None = None) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="esworkbench-benchmarks-", dir=folder)
        self.folder = Path(self._folder.name)
        url = make_url(local_postgres_url())
        self.server = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._names: list[str] = []
        self._numbers = count(1)

    def fresh(self, engine: str) -> str:
        """URL of a new, empty database."""
        name = f"esworkbench_benchmark_{os.getpid()}_{next(self._numbers)}"
        if engine == "sqlite":
            return f"sqlite:///{self.folder / name}.db"
        with psycopg.connect(self.server, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0")
        self._names.append(name)
        return make_url(self.server).set(database=name).render_as_string(hide_password=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with psycopg.connect(self.server, autocommit=True) as connection:
            for name in self._names:
                connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        self._folder.cleanup()
