"""What capture and the questions asked of evidence cost, beside the bare transfer of the same rows.

``python -m benchmarks.forensics --sizes 100000,1000000`` grows a bank on each engine: its log, its four read models,
the log of its checkpoints, and one balance that somebody edited, so that there is something to find. A snapshot vouches
for that account's events, so that there is a repair to try. Everything is measured in processes of their own, in turn,
and written to ``benchmarks/FORENSICS.md``. The yardstick, ``bare``, is the stream that ADBC gives of the same columns
of the same rows, each table written as one unsorted Parquet file with the same codec.
"""

import argparse
import contextlib
import io
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, Literal

import adbc_driver_manager as adbc
import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy.engine import make_url

from benchmarks import machine
from benchmarks.databases import Databases
from benchmarks.rebuilding.logs import GrowingBank
from benchmarks.rebuilding.measures import Took, measured
from esworkbench.aggregates.snapshots import SnapshotStore, SnapshottingRepository
from esworkbench.cli import run
from esworkbench.composition import capture
from esworkbench.domains.bank import BankAccount, bank_decoder
from esworkbench.domains.bank.read_models import BANK_PROJECTIONS
from esworkbench.domains.bank.read_models.set_based import BANK_QUERIES
from esworkbench.event_store import EventStore
from esworkbench.evidence import Evidence
from esworkbench.evidence.capturing.opening import EVENT_COLUMNS
from esworkbench.forensics.compare.diff import diff
from esworkbench.forensics.diagnosis.diagnose import diagnose
from esworkbench.forensics.verify import verify
from esworkbench.projections.rebuilding import Recipe, rebuild

OUT = Path(__file__).with_name("FORENSICS.md")
SMALL = 1_000_000
ROUNDS = 5
TABLES = {
    "events": f"SELECT {', '.join(EVENT_COLUMNS)} FROM events",
    "account_balances": "SELECT account_id, currency, balance_minor, version, position FROM account_balances",
    "transaction_history": "SELECT account_id, currency, balance_after_minor, amount_minor, position, event_id, "
    "recorded_at FROM transaction_history",
    "daily_summaries": "SELECT account_id, currency, closing_minor, credits_minor, debits_minor, day "
    "FROM daily_summaries",
    "pending_withdrawals": "SELECT * FROM pending_withdrawals",
    "checkpoint_log": "SELECT * FROM checkpoint_log",
}
"""What capture reads, column by column."""
ACCOUNT = "7"
EDIT = f"UPDATE account_balances SET balance_minor = balance_minor + 4723 WHERE account_id = '{ACCOUNT}'"
CODEC: Literal["zstd"] = "zstd"


def by_bare(url: str, folder: Path) -> tuple[float, Any, Any]:
    began = perf_counter()
    with contextlib.ExitStack() as opened:
        database = opened.enter_context(contextlib.closing(_database(url)))
        connection = opened.enter_context(contextlib.closing(adbc.AdbcConnection(database)))
        for table, query in TABLES.items():
            _transfer(connection, query, folder / f"bare-{table}.parquet")
    return perf_counter() - began, None, None


def _transfer(connection: adbc.AdbcConnection, query: str, target: Path) -> None:
    with contextlib.closing(adbc.AdbcStatement(connection)) as statement:
        statement.set_sql_query(query)
        stream, _ = statement.execute_query()
        with (
            pa.RecordBatchReader.from_stream(stream) as reader,
            pq.ParquetWriter(target, reader.schema, compression=CODEC) as writer,
        ):
            for batch in reader:
                writer.write_batch(batch)


def _database(url: str) -> Any:
    if not url.startswith("sqlite"):
        import adbc_driver_postgresql

        return adbc_driver_postgresql.connect(url)
    import adbc_driver_sqlite

    return adbc_driver_sqlite.connect(f"file:{make_url(url).database}?mode=ro")


def by_capture(url: str, folder: Path) -> tuple[float, Any, Any]:
    shutil.rmtree(folder / "evidence", ignore_errors=True)
    began = perf_counter()
    capture(url, folder / "evidence", progress=False)
    return perf_counter() - began, None, None


def by_diff(_url: str, folder: Path) -> tuple[float, Any, Any]:
    return _asked(folder, diff)


def by_diagnose(_url: str, folder: Path) -> tuple[float, Any, Any]:
    return _asked(folder, diagnose)


def by_verify(_url: str, folder: Path) -> tuple[float, Any, Any]:
    return _asked(folder, verify)


def by_investigate(url: str, folder: Path) -> tuple[float, Any, Any]:
    """The whole command: its capture, the seven steps, the repair tried on a scratch copy, the report."""
    shutil.rmtree(folder / "case", ignore_errors=True)
    began = perf_counter()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        code = run(["investigate", url, "--out", str(folder / "case"), "--json"])
    if code not in (0, 1):
        raise RuntimeError(f"investigate ended with {code}: its time means nothing")
    return perf_counter() - began, None, None


def _asked(folder: Path, question: Callable[[Evidence], object]) -> tuple[float, Any, Any]:
    began = perf_counter()
    question(Evidence.open(folder / "evidence"))
    return perf_counter() - began, None, None


WAYS = {"bare": by_bare, "capture": by_capture, "diff": by_diff, "diagnose": by_diagnose, "verify": by_verify,
        "investigate": by_investigate}  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="100000,1000000", help="numbers of events, smallest first")
    parser.add_argument("--engines", default="sqlite,postgresql")
    parser.add_argument("--only", default=",".join(WAYS), help="what to measure; every question needs a capture")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"up to {SMALL:,} events; one beyond")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--append", action="store_true", help="keep what the file holds, and add this run below it")
    given = parser.parse_args(arguments)
    ways = given.only.split(",")
    if "capture" not in ways and not {"bare", "investigate"}.issuperset(ways):
        parser.error("diff, diagnose and verify are asked of what capture takes: add it to --only")
    lines: list[str] = []
    with Databases() as databases, tempfile.TemporaryDirectory(prefix="esworkbench-forensics-") as folder:
        about = machine.describe(Path(folder), databases.server)
        for engine in given.engines.split(","):
            url = databases.fresh(engine)
            EventStore.open(url).engine.dispose()
            for events in map(int, given.sizes.split(",")):
                _grow(url, events)
                rounds = given.rounds if events <= SMALL else 1
                lines += _measure(url, engine, events, ways, rounds, Path(folder))
    command = f"python -m benchmarks.forensics {' '.join(sys.argv[1:] if arguments is None else arguments)}".strip()
    before = given.out.read_text(encoding="utf-8") if given.append and given.out.exists() else HEAD
    given.out.write_text(before + _run(lines, about, command), encoding="utf-8")


def _grow(url: str, events: int) -> None:
    log = GrowingBank(url)
    log.grow_to(events)
    log.close()
    store = EventStore.open(url)
    for name, projection in BANK_PROJECTIONS.items():
        rebuild(store, Recipe(projection, bank_decoder, BANK_QUERIES[name]), strategy="set-based")
    with store.engine.begin() as connection:
        connection.exec_driver_sql(EDIT)
    # A rebuilt read model only repeats the log, and nothing is rebuilt on the word of the log alone.
    kept = SnapshotStore(store.engine)
    accounts = SnapshottingRepository(store, BankAccount, bank_decoder(), snapshots=kept)
    accounts.take_snapshot(accounts.load(ACCOUNT))
    store.engine.dispose()


def _measure(url: str, engine: str, events: int, ways: Sequence[str], rounds: int, folder: Path) -> list[str]:
    took: dict[str, list[Took]] = {way: [] for way in ways}
    for first in range(rounds):
        # Who goes first moves on by one each round; what is asked first is asked of the last round's evidence.
        for way in (*ways[first % len(ways) :], *ways[: first % len(ways)]):
            took[way].append(measured(WAYS[way], url, folder))
    lines = []
    for way, found in took.items():
        seconds = [each.seconds for each in found]
        to_bare = _spread([bare / mine for bare, mine in zip(_seconds(took, "bare"), seconds, strict=False)])
        to_capture = _spread([mine / theirs for theirs, mine in zip(_seconds(took, "capture"), seconds, strict=False)])
        lines.append(
            f"| {engine} | {events:,} | {way} | {_spread(seconds)} "
            f"| {median(each.cpu_seconds for each in found):.2f} | {events / median(seconds):,.0f} | {to_bare} "
            f"| {to_capture} | {max(each.peak_megabytes for each in found):,.0f} |"
        )
        print(lines[-1], flush=True)
    return lines


def _seconds(took: dict[str, list[Took]], way: str) -> list[float]:
    return [each.seconds for each in took.get(way, [])]


def _spread(values: Sequence[float]) -> str:
    """The median, and the least and the most where there are several."""
    if not values:
        return "–"
    least, most = f"{min(values):.2f}", f"{max(values):.2f}"
    return f"{median(values):.2f}" + (f" ({least}–{most})" if len(values) > 1 else "")


HEAD = """# Forensics: what capture and its questions cost

Medians of the rounds (least–most): of wall time, one process each, in turn; CPU is all threads'. `bare` is ADBC's
stream of the same columns of the log, the read models and the log of checkpoints, a table to one unsorted Parquet file
with the same codec; the first ratio is the speed beside it, the second the time beside the capture's, each within one
round. `investigate` is the whole command: capture, seven steps, a repair tried on a scratch copy and looked at again,
report.
"""


def _run(lines: Sequence[str], about: dict[str, Any], command: str) -> str:
    """One run: how it was made, its table, and the machine as it was."""
    head = (
        f"\n## `{command}`\n\n"
        "| engine | events | what | seconds | CPU s | events/s | of bare | × capture | peak MB |\n"
        "| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n"
    )
    machine_lines = "\n".join(f"- {name}: {value}" for name, value in about.items())
    return head + "\n".join(lines) + f"\n\nMeasured on:\n\n{machine_lines}\n"


if __name__ == "__main__":
    main()
