"""The inherited log, loaded once on each engine: questions may be put to it, and nothing may be written."""

import os
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy.engine import make_url
from support import StepClock

from esworkbench.event_store import EventStore
from esworkbench.lab.inherited import load_inherited


@pytest.fixture(scope="session")
def inherited_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EventStore]:
    yield from _loaded(f"sqlite:///{tmp_path_factory.mktemp('inherited') / 'shop.db'}")


@pytest.fixture(scope="session")
def inherited_postgres(postgres_server: str) -> Iterator[EventStore]:
    name = f"esworkbench_inherited_{os.getpid()}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE \"{name}\" ENCODING 'UTF8' TEMPLATE template0")
        yield from _loaded(make_url(postgres_server).set(database=name).render_as_string(hide_password=False))
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(params=["sqlite", "postgres"])
def inherited(request: pytest.FixtureRequest) -> EventStore:
    """The inherited log, on both engines."""
    store = request.getfixturevalue(f"inherited_{request.param}")
    assert isinstance(store, EventStore)
    return store


def _loaded(url: str) -> Iterator[EventStore]:
    store = EventStore.open(url, clock=StepClock())
    load_inherited(store)
    yield store
    store.engine.dispose()
