"""Is this machine ready? One check for each thing that people trip over, and what to do if it fails."""

import importlib.metadata
import os
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from esworkbench.credentials import without_credentials
from esworkbench.errors import EsworkbenchError, UnusableInput

if TYPE_CHECKING:
    import sqlalchemy

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
OLDEST_SQLITE = (3, 35, 0)
LEAST_MEMORY_GIB = 2.0
LEAST_DISK_GIB = 1.0
GIB = 1024**3


class Check(NamedTuple):
    """One thing looked at.

    ``found`` says what is there, ``advice`` what to do if ``ok`` is false (otherwise empty).
    ``required`` is false for what only tests or one of the two databases need.
    """

    name: str
    ok: bool
    found: str
    advice: str
    required: bool = True


def check(store: str | None = None) -> list[Check]:
    """Check this machine, in the order in which problems would show. Starts a local PostgreSQL if none is named.

    ``store`` is the URL of an event store to look at besides. Raises UnusableInput where it can't be opened.
    """
    looks: list[Callable[[], Check]] = [
        check_python,
        check_packages,
        check_kernel,
        check_widgets,
        check_sqlite,
        check_postgres,
        check_data_folder,
        check_memory,
        check_disk,
        check_browser,
    ]
    found = [look() for look in looks]
    return found if store is None else [*found, check_store(store)]


def _verdict(name: str, ok: bool, found: str, advice: str, *, required: bool = True) -> Check:
    return Check(name, ok, found, "" if ok else advice, required)


def check_python() -> Check:
    """The interpreter against ``requires-python`` of the installed package."""
    found = sys.version.split()[0]
    try:
        wanted = importlib.metadata.metadata("esworkbench")["Requires-Python"]
    except importlib.metadata.PackageNotFoundError:
        return Check("python", False, f"{found}, esworkbench not installed in it", "run make, or pip install -e .")
    ok = SpecifierSet(wanted).contains(found, prereleases=True)
    return _verdict("python", ok, found, f"install a Python {wanted} and run make clean, then make test")


def check_packages() -> Check:
    """Every runtime package against the version range the package asks for."""
    try:
        requirements = [Requirement(line) for line in importlib.metadata.requires("esworkbench") or []]
    except importlib.metadata.PackageNotFoundError:
        return Check("packages", False, "esworkbench is not installed here", "run make, or pip install -e .")
    # What tests and checks need is marked with an extra, and nobody else misses it.
    needed = [each for each in requirements if each.marker is None or each.marker.evaluate()]
    misses = package_misses(needed)
    found = "; ".join(misses) if misses else f"{len(needed)} needed, all in range"
    return _verdict(
        "packages", not misses, found, "run make clean, then make test; or pip install --upgrade esworkbench"
    )


def package_misses(requirements: list[Requirement]) -> list[str]:
    """What is missing or out of range, in words."""
    misses = []
    for requirement in requirements:
        try:
            version = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            misses.append(f"{requirement.name} is missing")
            continue
        if not requirement.specifier.contains(Version(version), prereleases=True):
            misses.append(f"{requirement.name} is {version}, not {requirement.specifier}")
    return misses


def _has_jupyter() -> bool:
    return find_spec("jupyterlab") is not None


def _without_jupyter(name: str) -> Check:
    advice = "pip install 'esworkbench[course]' to open the notebooks; nothing else needs it"
    return Check(name, False, "no JupyterLab in this environment", advice, required=False)


def check_kernel() -> Check:
    """The kernel that Jupyter starts by default runs in this environment.

    A ``python3`` kernel that was once installed for the user comes before the environment's own, and then notebooks
    import different packages than the shell does.
    """
    if not _has_jupyter():
        return _without_jupyter("kernel")
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    advice = "delete that kernel (jupyter kernelspec remove python3), or set JUPYTER_PREFER_ENV_PATH=1 and try again"
    try:
        command = KernelSpecManager().get_kernel_spec("python3").argv[0]
    except NoSuchKernel:
        return Check("kernel", False, "no kernel named python3", "pip install ipykernel into this environment")
    # Jupyter itself replaces a bare "python" by the interpreter it runs on.
    here = Path(command).name == command or _same_environment(Path(command))
    return _verdict("kernel", here, sys.prefix if here else f"python3 runs {command}", advice)


def _same_environment(interpreter: Path) -> bool:
    # Not resolved: the interpreters of all virtual environments are links to the same file.
    return Path(os.path.abspath(interpreter)).is_relative_to(os.path.abspath(sys.prefix))  # noqa: PTH100


def check_widgets() -> Check:
    """JupyterLab's half of ipywidgets is where JupyterLab looks for it."""
    if not _has_jupyter():
        return _without_jupyter("widgets")
    from jupyter_core.paths import jupyter_path

    folders = [Path(each) / "@jupyter-widgets" / "jupyterlab-manager" for each in jupyter_path("labextensions")]
    found = next((folder for folder in folders if (folder / "package.json").is_file()), None)
    advice = "pip install --force-reinstall jupyterlab-widgets into this environment, then restart JupyterLab"
    return _verdict("widgets", found is not None, str(found or "no widget manager for JupyterLab"), advice)


def check_sqlite() -> Check:
    """The SQLite that Python was built with."""
    oldest = ".".join(map(str, OLDEST_SQLITE))
    advice = f"use a Python built with SQLite {oldest} or newer"
    return _verdict("sqlite", sqlite3.sqlite_version_info >= OLDEST_SQLITE, sqlite3.sqlite_version, advice)


def check_postgres() -> Check:
    """A PostgreSQL answers: the one ESWORKBENCH_PG_DSN names, else one started from the package.

    Where it holds an event store, its positions are drawn in order, and its guards are in place.
    """
    import sqlalchemy

    from esworkbench.event_store.database import open_database
    from esworkbench.event_store.missing_guards import unguarded
    from esworkbench.event_store.postgres.local_server import local_postgres_url
    from esworkbench.event_store.postgres.sequence import require_order

    named = "ESWORKBENCH_PG_DSN" in os.environ
    advice = (
        "check the server, user and database that ESWORKBENCH_PG_DSN names"
        if named
        else "pip install 'esworkbench[postgres]', and set ESWORKBENCH_PG_DSN or let it start a server of its own; "
        "everything also works on SQLite"
    )
    try:
        engine = open_database(local_postgres_url())
        with engine.connect() as connection:
            version = connection.execute(sqlalchemy.text("SHOW server_version")).scalar_one()
            holds_events = sqlalchemy.inspect(connection).has_table("events")
        lacking = _missing_guards(engine) if holds_events else []
        if holds_events:
            require_order(engine)
        engine.dispose()
    except (EsworkbenchError, ModuleNotFoundError) as error:
        dsn = os.environ.get("ESWORKBENCH_PG_DSN", "")
        return Check("postgres", False, without_credentials(str(error), [dsn]), advice, required=False)
    except sqlalchemy.exc.SQLAlchemyError as error:
        # Only the kind of error: its text may contain the address, password included.
        return Check("postgres", False, f"no connection ({type(error).__name__})", advice, required=False)
    origin = "ESWORKBENCH_PG_DSN" if named else "started here"
    if lacking:
        return Check("postgres", False, f"{version}, {origin}", unguarded(lacking), required=False)
    return Check("postgres", True, f"{version}, {origin}", "", required=False)


def check_store(url: str) -> Check:
    """An event store: its positions are drawn in order, what keeps its log append-only is in place, its server keeps
    what it committed, and a capture can read all of it.

    Raises UnusableInput where there is none, or its positions aren't drawn in order.
    """
    from esworkbench.event_store import EventStore
    from esworkbench.event_store.database import described
    from esworkbench.event_store.missing_guards import unguarded
    from esworkbench.event_store.postgres.durability import undurable
    from esworkbench.evidence.capturing.opening import event_types_in

    engine = EventStore.open(url, create=False).engine
    lacking = _missing_guards(engine)
    with engine.connect() as connection:
        weak = undurable(connection)
    engine.dispose()
    try:
        event_types_in(url)
    except UnusableInput as refusal:
        return _verdict("store", False, str(refusal), "until then nothing here can answer for the log")
    found = f"{described(engine.url)}, " + (
        f"not with all its guards: {', '.join(lacking)}" if lacking else "with all its guards"
    )
    advice = [unguarded(lacking)] if lacking else []
    if weak:
        advice.append("set it on again in the server's configuration: events are worth what their disk keeps")
    return _verdict("store", not lacking and not weak, "; ".join([found, *weak]), "; ".join(advice))


def _missing_guards(engine: "sqlalchemy.Engine") -> list[str]:
    from esworkbench.event_store.missing_guards import missing_in
    from esworkbench.event_store.schema import events
    from esworkbench.projections.checkpoints import checkpoint_log

    with engine.connect() as connection:
        return missing_in(connection, [events, checkpoint_log])


def _nearest_existing(folder: Path) -> Path:
    return next(each for each in (folder, *folder.absolute().parents) if each.exists())


def check_data_folder() -> Check:
    """The data folder, or the nearest folder above it that exists, takes a new file."""
    from esworkbench.event_store.sidecar import user_folder

    home = user_folder()
    try:
        with tempfile.TemporaryFile(dir=_nearest_existing(home)):
            pass
    except OSError as error:
        return Check("data folder", False, f"{home}: {error.strerror}", "set ESWORKBENCH_HOME to a folder of yours")
    return Check("data folder", True, str(home), "")


def check_memory() -> Check:
    """Physical memory, if the system tells."""
    try:
        gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB
    except (AttributeError, ValueError, OSError):
        return Check("memory", True, "this system doesn't tell", "", required=False)
    advice = f"close something: below {LEAST_MEMORY_GIB:.0f} GiB the notebooks may be slow"
    return _verdict("memory", gib >= LEAST_MEMORY_GIB, f"{gib:.1f} GiB", advice, required=False)


def check_disk() -> Check:
    """Room for evidence and case folders."""
    from esworkbench.event_store.sidecar import user_folder

    gib = shutil.disk_usage(_nearest_existing(user_folder())).free / GIB
    advice = f"free some space, or set ESWORKBENCH_HOME to a disk with at least {LEAST_DISK_GIB:.0f} GiB"
    return _verdict("disk", gib >= LEAST_DISK_GIB, f"{gib:.1f} GiB free", advice)


def check_browser() -> Check:
    """A Chromium for the tests that click through JupyterLab; nothing else needs it."""
    found = next((path for path in map(shutil.which, BROWSERS) if path), None)
    advice = "install Chromium (Debian: apt-get install chromium) to run the browser tests; nothing else needs it"
    return _verdict("browser", found is not None, found or "no Chromium on PATH", advice, required=False)
