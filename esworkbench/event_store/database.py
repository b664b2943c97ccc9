"""Opening a database: SQLite through the standard library's driver, PostgreSQL through psycopg 3."""

import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError

from esworkbench.credentials import UNREADABLE, begins_as_an_address, reads_one_way
from esworkbench.errors import StoreBusy, UnusableInput
from esworkbench.event_store.postgres import durability
from esworkbench.events import utc_now

SQLITE_GAVE_UP = {
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOTADB,
}  # fmt: skip

POSTGRES_GAVE_UP = ("08", "25", "53", "55", "57", "58", "XX", "40", "42501")
"""Beginnings of the codes by which PostgreSQL says that it, its disk, its settings or a right is at fault."""

BUSY_SECONDS = 60
"""How long a SQLite writer waits for the one that holds the file before it gives up."""

CONNECT_SECONDS = 10
"""How long to wait for a PostgreSQL server to answer."""

PLAIN_NAMES = "-c quote_all_identifiers=off"
"""Has names told as they are: where a session quotes them all, whoever looks a type up by its name finds none."""

CONFLICT_CODES = ("40001", "40P01")
"""How PostgreSQL says that a transaction only met another: serialization failure, deadlock."""

READ_ONLY = "25006"
CHECK_VIOLATION = "23514"
"""How PostgreSQL says that it takes no writes, or not these."""

CONFLICTS_BORNE = 20
"""How often a transaction is tried before its caller hears that it meets others all the time."""

P = ParamSpec("P")
T = TypeVar("T")


def open_database(url: str, *, create: bool = True) -> Engine:
    """An engine for ``sqlite:///bank.db``, a bare path (``bank.db``), or ``postgresql://user@host/name``.

    On SQLite it sets what the store relies on: WAL, so that readers and the writer don't wait for each other;
    synchronous=FULL, so that a commit survives a power cut; and transactions that begin where they are asked to
    begin. On PostgreSQL a commit waits for the disk as well, whatever others set. With ``create=False`` a missing
    SQLite file is refused rather than made, and the journal mode of one that is there stays as it is. Raises
    UnusableInput, without credentials in its message, when the database can't be opened.
    """
    parsed = parse_url(url)
    engine = _sqlite_engine(parsed, create) if parsed.drivername == "sqlite" else _postgres_engine(parsed)
    try:
        with engine.connect() as connection:
            if engine.dialect.name == "postgresql":
                _require_utf8(connection)
    except DBAPIError as error:
        engine.dispose()
        raise UnusableInput(f"{described(parsed)} could not be opened{_reason(error, parsed)}") from None
    return engine


@contextmanager
def write_transaction(engine: Engine) -> Iterator[Connection]:
    """Like ``engine.begin()``, for a transaction that will write after it has read.

    On SQLite it takes the write lock at once (BEGIN IMMEDIATE) and waits its turn. A transaction that only begins
    to write later may fail outright, because another writer came between its read and its write. Raises StoreBusy
    when its turn doesn't come within BUSY_SECONDS, or when a PostgreSQL takes no writes.
    """
    try:
        with engine.connect() as connection:
            options = {"esworkbench_writes": True} if engine.dialect.name == "sqlite" else {}
            with connection.execution_options(**options).begin():
                yield connection
    except DBAPIError as error:
        if is_read_only(error):
            raise store_read_only(engine.url) from error
        raise


def retried(work: Callable[P, T]) -> Callable[P, T]:
    """Do again what PostgreSQL rolled back only because two transactions met.

    ``work`` is one whole transaction, or several of which each may be done again. Raises StoreBusy when it met another
    each of CONFLICTS_BORNE times.
    """

    @wraps(work)
    def until_it_meets_nobody(*arguments: P.args, **named: P.kwargs) -> T:
        for met in range(1, CONFLICTS_BORNE + 1):
            try:
                return work(*arguments, **named)
            except Exception as error:
                if getattr(driver_error(error), "sqlstate", None) not in CONFLICT_CODES:
                    raise
                last = error
            time.sleep(met / 1000)
        raise StoreBusy(
            f"PostgreSQL rolled a transaction back {CONFLICTS_BORNE} times because it met others, and nothing was "
            f"written ({on_one_line(driver_error(last))}): end what else writes to these tables, or try again"
        ) from last

    return until_it_meets_nobody


def server_clock(engine: Engine) -> Callable[[], datetime]:
    """A clock that asks PostgreSQL what time it is, in UTC; SQLite has no server, so there it is this machine's.

    For whoever measures ages: the machines of writers and readers may disagree.
    """
    if engine.dialect.name == "sqlite":
        return utc_now

    def now() -> datetime:
        with engine.connect() as connection:
            # now() would be when the transaction began.
            moment: datetime = connection.scalars(text("SELECT clock_timestamp()")).one()
        return moment.astimezone(UTC)

    return now


def sqlite_url(path: str | Path) -> str:
    """The URL of a SQLite file. Whatever its path holds, a ``?`` or a ``%20``, stays a part of the path.

    Raises UnusableInput for a name that isn't text.
    """
    name = Path(path).as_posix()
    try:
        # SQLite would read "file:" at the beginning as a URI of its own.
        return URL.create("sqlite", database=f"./{name}" if name.startswith("file:") else name).render_as_string()
    except UnicodeEncodeError:
        raise UnusableInput(f"{name!r} holds bytes that are no text: name another place") from None


def parse_url(url: str) -> URL:
    """The URL with its driver settled and its password, if any, where no rendering shows it.

    Raises UnusableInput for a kind that isn't served, for no file, and for what looks like an address but isn't one:
    it is not repeated, because a password may stand anywhere in it.
    """
    if "://" not in url:
        require_no_address(url)
        return _on_disk(URL.create("sqlite", database=url))
    if not reads_one_way(url):
        raise UnusableInput(UNREADABLE)
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise UnusableInput(UNREADABLE) from None
    kind = parsed.drivername.partition("+")[0]
    if kind == "sqlite":
        if parsed.host or parsed.username or parsed.password:
            raise UnusableInput(UNREADABLE)
        return _on_disk(parsed.set(drivername="sqlite"))
    if kind not in ("postgresql", "postgres"):
        raise UnusableInput(f"no event store can be kept in a {kind!r} database: use sqlite:///… or postgresql://…")
    return _with_hidden_password(parsed.set(drivername="postgresql+psycopg"))


def require_no_address(path: str) -> None:
    """Raises UnusableInput for a mistyped URL, or libpq's ``host=… password=…``, where a file or folder is to be named.

    Whoever is given the name of one asks this first: the sentences about files repeat their names.
    """
    file = Path(path)
    if os.path.exists(path):  # noqa: PTH110 - Path.exists fails for a name that is too long
        return
    named = "@" not in file.name and file.parent.is_dir()
    if begins_as_an_address(path) or ("@" in path and not named):
        raise UnusableInput(UNREADABLE)


def _with_hidden_password(url: URL) -> URL:
    """A password in the query belongs where it is hidden: ``URL`` shows its query to anybody."""
    passwords = _as_list(url.query.get("password"))
    if not passwords:
        return url
    return url.difference_update_query(["password"]).set(password=url.password or passwords[0])


def servers_of(url: URL) -> str:
    """Where the PostgreSQL server listens: ``host:port``, several by commas, as the URL or its query says."""
    hosts = ",".join(_as_list(url.query.get("host"))) or url.host or os.environ.get("PGHOST") or "local"
    ports = ",".join(_as_list(url.query.get("port"))) or url.port or os.environ.get("PGPORT") or 5432
    return f"{hosts}:{ports}"


def options_of(url: URL, *more: str) -> str:
    """The settings that a URL gives to its PostgreSQL session, and ``more``, as libpq's one ``options``."""
    return " ".join([*_as_list(url.query.get("options")), *more])


def libpq_arguments(url: URL, *settings: str) -> dict[str, Any]:
    """What to hand to libpq one by one to connect as the URL says: written as one URL it reads ``+`` as a plus."""
    settled = url.set(drivername="postgresql+psycopg")
    arguments = dict(settled.get_dialect()().create_connect_args(settled)[1])
    return {**arguments, "options": options_of(url, *settings)}


def described(url: URL) -> str:
    """The database's kind, place and name; never its user, password or options."""
    if url.drivername == "sqlite":
        return f"SQLite file {url.database!r}"
    return f"PostgreSQL database {url.database!r} at {servers_of(url)}"


def address_of(url: URL) -> str:
    """Where a database is, without who may enter."""
    kind = url.drivername.partition("+")[0]
    where = {name: url.query[name] for name in ("host", "port") if name in url.query}
    return URL.create(kind, host=url.host, port=url.port, database=url.database, query=where).render_as_string()


def gave_up(error: Exception) -> str | None:
    """A sentence for a database that stopped serving (full disk, lost server, lock, damage); None for our mistakes."""
    cause = driver_error(error)
    if isinstance(cause, sqlite3.Error):
        stopped = getattr(cause, "sqlite_errorcode", 0) & 0xFF in SQLITE_GAVE_UP
    else:
        # A SQLite store never imports psycopg, and a library that nobody imported raises nothing.
        psycopg = sys.modules.get("psycopg")
        stopped = psycopg is not None and (
            isinstance(cause, psycopg.OperationalError)
            or (isinstance(cause, psycopg.Error) and (cause.sqlstate or "").startswith(POSTGRES_GAVE_UP))
        )
    return f"the database stopped the work: {on_one_line(cause)}" if stopped else None


def is_of_a_value(error: BaseException) -> bool:
    """Whether a database refused a value rather than to work: a number past 64 bits, say, or one that breaks a CHECK.

    Then what was to be written is to blame, as for an error of a handler's own.
    """
    cause = driver_error(error)
    refused_by_sqlite = getattr(cause, "sqlite_errorcode", None) == sqlite3.SQLITE_CONSTRAINT_CHECK
    return isinstance(error, DataError) or refused_by_sqlite or getattr(cause, "sqlstate", None) == CHECK_VIOLATION


def driver_error(error: BaseException) -> BaseException:
    """What the driver raised, under what SQLAlchemy makes of it."""
    return error.orig if isinstance(error, DBAPIError) and error.orig is not None else error


def on_one_line(error: BaseException) -> str:
    return " ".join(str(error).split())


def _on_disk(url: URL) -> URL:
    if url.database in (None, "", ":memory:"):
        raise UnusableInput("an event store in memory dies with its connection: name a file, like sqlite:///store.db")
    if Path(url.database).name in ("", ".."):
        raise UnusableInput(f"{url.database!r} is a folder: name a file in it, like sqlite:///store.db")
    return url


def is_busy(error: BaseException | None) -> bool:
    """Whether SQLite gave up waiting for another writer."""
    return isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode == sqlite3.SQLITE_BUSY


def store_busy(url: URL) -> StoreBusy:
    return StoreBusy(
        f"{described(url)} stayed locked by another writer for {BUSY_SECONDS} seconds, and nothing was written: "
        "end that writer, or try again"
    )


def is_read_only(error: BaseException) -> bool:
    """Whether PostgreSQL refused to write at all."""
    return getattr(driver_error(error), "sqlstate", None) == READ_ONLY


def store_read_only(url: URL) -> StoreBusy:
    return StoreBusy(
        f"{described(url)} takes no writes, being a standby or set to default_transaction_read_only: write to the "
        "primary, with a role that may; only to read, open the store with create=False"
    )


def _sqlite_engine(url: URL, create: bool) -> Engine:
    path = Path(str(url.database))
    if not create and not path.is_file():
        raise UnusableInput(f"there is no SQLite file {str(path)!r}")
    if not path.parent.is_dir():
        raise UnusableInput(f"there is no folder {str(path.parent)!r} to keep the SQLite file {path.name!r} in")
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS})
    event.listen(engine, "connect", _prepare_sqlite)
    if create:
        event.listen(engine, "connect", _use_wal)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    # The driver would otherwise decide by itself when a transaction begins, and never before a SELECT or SAVEPOINT.
    connection.isolation_level = None
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _use_wal(connection: sqlite3.Connection, _record: Any) -> None:
    # This writes to the file, where the mode then stays, so it is no way to treat a file that is only looked at.
    # Of two processes that make one file at once each may hold what the other waits for, so SQLite refuses one of them
    # without waiting at all; it has only to try again.
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() > deadline:
                raise
        time.sleep(0.005)


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("esworkbench_writes", False)
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
    except DBAPIError as error:
        if is_busy(error.orig):
            raise store_busy(connection.engine.url) from error
        raise


def _postgres_engine(url: URL) -> Engine:
    # What a DBA set as the default for all would make readers of heads rely on a snapshot that has grown old, and
    # names that are looked up be spelt otherwise.
    own = (
        "-c timezone=UTC",
        r"-c default_transaction_isolation=read\ committed",
        PLAIN_NAMES,
    )
    options = options_of(url, *own)
    arguments: dict[str, Any] = {"options": options, "client_encoding": "utf8"}
    if "connect_timeout" not in url.query:
        arguments["connect_timeout"] = CONNECT_SECONDS
    engine = create_engine(url, connect_args=arguments)
    if durability.NAME not in options:  # a staging area's address says that it need not wait for the disk
        event.listen(engine, "connect", durability.commit_to_disk)
    return engine


def _require_utf8(connection: Connection) -> None:
    encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
    if encoding != "UTF8":
        raise UnusableInput(f"the PostgreSQL database is encoded in {encoding}: the store needs one in UTF8")


def _as_list(value: str | tuple[str, ...] | None) -> list[str]:
    if value is None:
        return []
    return [value] if isinstance(value, str) else list(value)


def _reason(error: DBAPIError, url: URL) -> str:
    """The driver's own words on one line, or nothing if they hold a password."""
    words = " ".join(str(error.orig).split())
    secrets = [url.password, *_as_list(url.query.get("sslpassword"))]
    if any(secret and str(secret) in words for secret in secrets):
        return ""
    return f": {words}"
