"""Databases for tests: every test gets an empty one of its own, on SQLite and on a real PostgreSQL server."""

import atexit
import gc
import os
import shutil
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from zlib import crc32

import psycopg
import pytest
from sqlalchemy.engine import make_url

from esworkbench.errors import UnusableInput
from esworkbench.event_store.postgres.local_server import local_postgres_url

if "ESWORKBENCH_HOME" not in os.environ:
    # What tests keep in a user's folder (the keys of incidents) is not to be found in the folder of whoever runs them.
    os.environ["ESWORKBENCH_HOME"] = tempfile.mkdtemp(prefix="esworkbench-home-")
    atexit.register(shutil.rmtree, os.environ["ESWORKBENCH_HOME"], ignore_errors=True)

_numbers = count(1)
TESTS = Path(__file__).parent

SECONDS_EACH = (
    "forensics/", "cli/", "evidence/", "lab/", "course/test_drills", "projections/test_blue_green",
    "projections/test_rebuilding", "projections/test_killed", "projections/test_elsewhere", "projections/test_sums",
    "projections/test_read_models", "compaction/", "archive/",
)  # fmt: skip
"""Where a case takes seconds: of a test's cases few run at once, the others in the sweep."""

EVERY_CASE = (
    "test_catalogue", "test_diagnose_lab", "test_diff", "test_bisect", "test_replay", "test_timeline", "test_verify",
    "test_case", "test_step", "test_sqlite_proved", "test_writer_faults", "test_several_faults", "test_sealed",
    "test_read_faults", "test_every_fault",
)  # fmt: skip
"""Modules in which each name is promised, or where a case takes no second: each case runs at once."""

ONE_IN = 10
FEW = 4
"""Of fewer cases one runs at once. Which it is follows from the test's name, so that every engine gets its turn."""

HALVED = ("cli/", "forensics/", "evidence/", "lab/")
"""Where there are so many tests of seconds that every other one, by its name, waits for the sweep."""

AT_ONCE = (
    *EVERY_CASE, "test_one_answer", "test_conserved", "test_hostile_strings", "test_bad_input", "test_every_command",
    "test_roles", "test_put_back", "test_repair", "test_in_parts", "test_anchored", "test_adding", "test_ctrl_c",
)  # fmt: skip
"""But for these: the promises that cost most if they are broken."""

MANY_CHEAP = {"course/test_grader": 3, "course/test_mistakes": 3, "course/test_answers": 3}
"""One in so many, where a case takes no seconds and there are hundreds of them."""

FIRST = (
    "notebooks/test_running", "notebooks/test_browser", "course/test_grader", "course/test_mistakes",
    "forensics/test_every_fault",
)  # fmt: skip
"""Modules of minutes, begun first, so that no core waits for one of them in the end."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    cases: dict[str, list[pytest.Item]] = {}
    for item in items:
        place = item.path.relative_to(TESTS).as_posix()
        thinned = place.startswith((*SECONDS_EACH, *MANY_CHEAP)) and item.path.stem not in EVERY_CASE
        if thinned and not item.get_closest_marker("sweep"):
            cases.setdefault(item.nodeid.partition("[")[0], []).append(item)
    for name, of_one_test in cases.items():
        usual = MANY_CHEAP.get(name.removeprefix("tests/").partition(".")[0], ONE_IN)
        every = len(of_one_test) if len(of_one_test) < FEW else usual
        first = crc32(name.encode()) % min(every, len(of_one_test))
        place, _, function = name.removeprefix("tests/").partition("::")
        waits = place.startswith(HALVED) and Path(place).stem not in AT_ONCE and crc32(function.encode()) % 2
        for at, item in enumerate(of_one_test):
            if waits or at % every != first:
                item.add_marker("sweep")
    items.sort(key=lambda item: not item.path.relative_to(TESTS).as_posix().startswith(FIRST))


def pytest_collection_finish() -> None:
    """What was imported and collected stays for good: no search for garbage goes through it again."""
    gc.collect()
    gc.freeze()


def pytest_sessionfinish() -> None:
    gc.unfreeze()


@pytest.fixture(scope="session")
def postgres_server() -> str:
    """libpq URL of a server to make databases in; skips where there is none, unless ESWORKBENCH_REQUIRE=all."""
    # Not in pytest's own folder: that is closed to others, and run as root the server has a user of its own.
    folder = Path(tempfile.mkdtemp(prefix="esworkbench-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    try:
        url = make_url(local_postgres_url(folder / "data"))
    except UnusableInput as error:
        if os.environ.get("ESWORKBENCH_REQUIRE") == "all":
            pytest.fail(f"PostgreSQL is required here: {error}")
        pytest.skip(str(error))
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    if "ESWORKBENCH_PG_DSN" not in os.environ:
        # Tests kill processes, never the machine, so this server of their own need not wait for the disk.
        with psycopg.connect(plain, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
    return plain


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """libpq URL of a fresh, empty database, dropped when the test ends."""
    name = f"esworkbench_test_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE \"{name}\" ENCODING 'UTF8' TEMPLATE template0")
        yield make_url(postgres_server).set(database=name).render_as_string(hide_password=False)
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """URL of a SQLite file that doesn't exist yet, in an empty folder."""
    return f"sqlite:///{tmp_path / 'bank.db'}"


@pytest.fixture(params=["sqlite", "postgres"])
def store_url(request: pytest.FixtureRequest) -> str:
    """URL of a fresh, empty database: each test that asks for it runs on both engines."""
    return str(request.getfixturevalue(f"{request.param}_url"))
