"""One measurement, in a process of its own, so that its peak memory is its own too."""

import hashlib
import multiprocessing
import resource
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, NamedTuple

import duckdb

from benchmarks.peer import PeerFollow, open_peer
from esworkbench.archive import from_parquet
from esworkbench.domains.bank import bank_decoder
from esworkbench.domains.bank.read_models import AccountBalances
from esworkbench.domains.bank.read_models.set_based import BANK_QUERIES
from esworkbench.event_store import EventStore, write_transaction
from esworkbench.projections import ProjectionRunner
from esworkbench.projections.built_tables import drop_and_reset
from esworkbench.projections.rebuilding import Options, Recipe, rebuild
from esworkbench.projections.rebuilding.in_duckdb import fold_in_duckdb
from esworkbench.projections.rebuilding.job import Job, Watch
from esworkbench.projections.rebuilding.shadow_tables import next_tables

BALANCES = Recipe(AccountBalances, bank_decoder, BANK_QUERIES["account_balances"])
BARE_QUERY = """
    SELECT substr(stream_id, 13) AS account_id, payload ->> '$.currency' AS currency,
           sum(CASE WHEN type = 'MoneyWithdrawn' THEN -(payload ->> '$.amount_minor')::BIGINT
                    WHEN schema_version = 2 THEN round((payload ->> '$.amount')::DECIMAL(18, 4) * 100)::BIGINT
                    ELSE (payload ->> '$.amount_minor')::BIGINT END)::BIGINT AS balance_minor,
           arg_max(version, position) AS version, max(position) AS position
    FROM {files} GROUP BY ALL ORDER BY ALL
"""
"""What somebody would type who trusts every payload: no check of its fields, no table to load."""


class Took(NamedTuple):
    """One measurement: seconds, their parts where there are any, peak memory in MB, and a digest of the rows.

    ``cpu_seconds`` are the process's while it worked, all threads together.
    """

    seconds: float
    parts: tuple[float, float, float] | None
    peak_megabytes: float
    rows: str
    cpu_seconds: float = 0.0


class FilesOnly(NamedTuple):
    """In place of archives, for files that no store stands behind."""

    files: list[Path]
    high_water: int


def measured(work: Callable[..., tuple[float, Any, Any]], *arguments: Any) -> Took:
    """Run a function of this module in a spawned process."""
    ours, theirs = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(target=_measure, args=(theirs, work, arguments))
    process.start()
    theirs.close()
    try:
        took: Took = ours.recv()
    finally:
        process.join()
    return took


def _measure(end: Connection, work: Callable[..., tuple[float, Any, Any]], arguments: tuple[Any, ...]) -> None:
    began = process_time()
    seconds, parts, rows = work(*arguments)
    cpu_seconds = process_time() - began
    digest = hashlib.sha256(repr(rows).encode()).hexdigest()[:12] if rows else ""
    end.send(Took(seconds, parts, _peak_megabytes(), digest, cpu_seconds))


def _peak_megabytes() -> float:
    """The kernel's own count where it tells: what ``getrusage`` says begins with the parent's peak."""
    status = Path("/proc/self/status")
    if status.is_file():
        [line] = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
        return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


def by_strategy(url: str, strategy: str, options: Options) -> tuple[float, Any, Any]:
    store = EventStore.open(url, create=False)
    done = rebuild(store, BALANCES, strategy=strategy, options=options)
    return done.seconds, (done.read_seconds, done.fold_seconds, done.write_seconds), balances(store)


def by_live_runner(url: str, batch_size: int, up_to: int | None) -> tuple[float, Any, Any]:
    """Drop and replay: what there is without any of this. With ``up_to`` only so many events."""
    store = EventStore.open(url, create=False)
    runner = ProjectionRunner(store, AccountBalances(), bank_decoder(), run_id="benchmark", batch_size=batch_size)
    began = perf_counter()
    with write_transaction(store.engine) as connection:
        drop_and_reset(connection, runner.projection, "benchmark", store.clock())
    runner.catch_up(up_to=up_to)
    return perf_counter() - began, None, balances(store) if up_to is None else None


def by_peer(url: str, events: int) -> tuple[float, Any, Any]:
    follower = PeerFollow(open_peer(url), events)
    follower.prepare(1)
    began = perf_counter()
    follower.work()
    return perf_counter() - began, None, None


def by_query(files: list[Path], events: int, folder: Path) -> tuple[float, Any, Any]:
    """The set-based rebuild up to its swap: query, rows loaded into a fresh SQLite table, the count."""
    folder.mkdir(parents=True)
    store = EventStore.open(str(folder / "store.db"))
    job = Job(store, BALANCES, "benchmark", store.clock, 20_000, lambda _: None)
    definition, watch = BANK_QUERIES["account_balances"](AccountBalances()), Watch()
    tables = next_tables(store, AccountBalances())
    began = perf_counter()
    fold_in_duckdb(job, definition, FilesOnly(files, events), tables, folder, watch)  # type: ignore[arg-type]
    seconds = perf_counter() - began
    with store.engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT * FROM account_balances__next ORDER BY 1, 2").all()
    return seconds, (watch.read, watch.fold, watch.write), [tuple(row) for row in rows]


def by_bare_duckdb(files: list[Path], folder: Path) -> tuple[float, Any, Any]:
    with duckdb.connect(config={"memory_limit": "2GB", "temp_directory": str(folder)}) as connection:
        connection.execute("SET enable_progress_bar = false")
        began = perf_counter()
        rows = connection.execute(BARE_QUERY.format(files=from_parquet(files))).fetchall()
        return perf_counter() - began, None, rows


def balances(store: EventStore) -> list[tuple[Any, ...]]:
    with store.engine.connect() as connection:
        found = connection.exec_driver_sql("SELECT * FROM account_balances ORDER BY account_id, currency").all()
    return [tuple(row) for row in found]
