"""Store, repository, runner and rebuild together, in any order of calls, against the model in ``machine``."""

import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from sqlalchemy.engine import make_url

from tests.stateful.machine import BankMachine

BRIEF = settings(
    max_examples=30,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
LONG = settings(BRIEF, max_examples=300, stateful_step_count=60)
HOW = pytest.mark.parametrize(
    "how", [pytest.param(BRIEF, id="brief"), pytest.param(LONG, id="long", marks=pytest.mark.sweep)]
)


@HOW
def test_on_sqlite(tmp_path: Path, how: settings) -> None:
    numbers = count(1)

    class OnSqlite(BankMachine):
        fresh_url = staticmethod(lambda: f"sqlite:///{tmp_path / f'{next(numbers)}.db'}")

    run_state_machine_as_test(OnSqlite, settings=how)


@pytest.fixture
def databases(postgres_server: str) -> Iterator[Iterator[str]]:
    """URLs of new, empty PostgreSQL databases, as many as are asked for, all dropped at the end."""
    names: list[str] = []
    with psycopg.connect(postgres_server, autocommit=True) as connection:

        def fresh() -> Iterator[str]:
            for number in count(1):
                names.append(f"esworkbench_model_{os.getpid()}_{number}")
                connection.execute(f"CREATE DATABASE {names[-1]} ENCODING 'UTF8' TEMPLATE template0")
                yield make_url(postgres_server).set(database=names[-1]).render_as_string(hide_password=False)

        yield fresh()
        for name in names:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@HOW
def test_on_postgresql(databases: Iterator[str], how: settings) -> None:
    class OnPostgresql(BankMachine):
        fresh_url = staticmethod(lambda: next(databases))

    # A database there takes longer to make than a file.
    run_state_machine_as_test(OnPostgresql, settings=settings(how, max_examples=how.max_examples // 3))
