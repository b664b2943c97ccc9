"""Promise: a disk, server, permission or library that fails is told in a sentence with exit code 2; 3 is ours alone."""

import errno
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import duckdb
import psycopg
import pytest
from cli_shell import Shell
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as NoFreeConnection

from esworkbench.cli.world import fault_of_the_world
from esworkbench.event_store import EventStore, open_database
from tests.support import new_event


def raised(statement: str, database: str) -> Exception:
    """What SQLAlchemy raises for the statement."""
    engine = open_database(database)
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(statement)
    except (OperationalError, ProgrammingError) as error:
        return error
    finally:
        engine.dispose()
    raise AssertionError(statement)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device", "ev"),
        PermissionError(errno.EACCES, "Permission denied", "ev"),
        OSError(errno.EMFILE, "Too many open files"), BrokenPipeError(errno.EPIPE, "Broken pipe"), MemoryError(),
        duckdb.IOException("disk"), duckdb.OutOfMemoryException("memory"), NoFreeConnection("pool"),
        psycopg.errors.InsufficientPrivilege("permission denied for table events"),
    ],
)  # fmt: skip
def test_what_the_system_refuses_is_told_in_one_line(error: Exception) -> None:
    sentence = fault_of_the_world(error)
    assert sentence is not None
    assert "\n" not in sentence


@pytest.mark.parametrize("error", [RuntimeError("x"), KeyError("x"), duckdb.ParserException("x"), sqlite3.Error("x")])
def test_a_mistake_of_ours_is_ours(error: Exception) -> None:
    assert fault_of_the_world(error) is None


def test_a_database_that_is_not_what_a_command_needs_is_no_defect(tmp_path: Path, postgres_url: str) -> None:
    for database in (str(tmp_path / "a.db"), postgres_url):
        sentence = fault_of_the_world(raised("SELECT * FROM nowhere", database))
        assert sentence is not None
        assert "nowhere" in sentence
        assert "SELECT" not in sentence.split("LINE")[0]
        assert fault_of_the_world(raised("SELEKT 1", database)) is None


def test_a_user_without_rights_gets_a_sentence(shell: Shell, postgres_url: str) -> None:
    EventStore.open(postgres_url).append("s", [new_event()], expected_version=0)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS esworkbench_nobody")
        connection.execute("CREATE ROLE esworkbench_nobody LOGIN")
    url = postgres_url.replace("postgres:@", "esworkbench_nobody:@").replace("postgres@", "esworkbench_nobody@")
    for command in (["capture", url, "--into", "never-made"], ["shapes", url], ["lag", url], ["outbox", url]):
        ran = shell(*command)
        assert ran.code == 2, ran
        assert "Traceback" not in ran.err


@pytest.mark.parametrize("more", [[], ["--json"]])
@pytest.mark.parametrize("to", ["nobody", "a full disk"])
def test_output_that_nobody_takes_is_neither_a_finding_nor_a_defect(to: str, more: list[str]) -> None:
    if to == "nobody":
        read, write = os.pipe()
        os.close(read)
    else:
        write = os.open("/dev/full", os.O_WRONLY)
    command = [sys.executable, "-m", "esworkbench", "explain", "posting", *more]
    ran = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert ran.returncode == 2, ran
    assert b"Traceback" not in ran.stderr
    assert b"the system refused" in ran.stderr
