"""Capture: from a store or a file to evidence, at one cut, with nothing written to the source."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from esworkbench.archive import ArchiveWriter
from esworkbench.errors import UnusableInput
from esworkbench.event_store.database import address_of, described, parse_url
from esworkbench.event_store.sidecar import outside_folder
from esworkbench.events import utc_now
from esworkbench.evidence.capturing.file import LAYOUT as FILE_LAYOUT
from esworkbench.evidence.capturing.file import capture_file
from esworkbench.evidence.capturing.progress import Progress
from esworkbench.evidence.capturing.source import Pace, open_postgres, open_sqlite
from esworkbench.evidence.capturing.store import StoreCapture
from esworkbench.evidence.evidence import Evidence
from esworkbench.evidence.ledger import LedgerDefinition
from esworkbench.resources import data_path

SQLITE_MAGIC = b"SQLite format 3\0"
OWN_LAYOUT = "esworkbench"


def capture(
    source: str,
    into: Path | str,
    *,
    layout: str | None = None,
    ledger: Path | str | None = None,
    progress: bool = True,
    buckets: int = 8,
    rate_limit: float | None = None,
    give_up_after: float = 1800.0,
    clock: Callable[[], datetime] = utc_now,
) -> Evidence:
    """Freeze a store or a delimited file as evidence in the new folder ``into``.

    ``source`` is a database URL, a SQLite file, or a delimited file with running balances, which needs a ``ledger``
    file that describes it; a store's is the bank's unless named. ``rate_limit`` is in rows per second,
    ``give_up_after`` in seconds. Raises UnusableInput (NotAnEventStore for a database without a log, UnknownCurrency
    where amounts would have to be scaled and nobody says by how much); then nothing is left in ``into``.
    """
    pace = Pace(rate_limit, give_up_after)
    bars = Progress(progress)
    into = Path(into)
    if "://" not in source and not _is_sqlite(Path(source)):
        _require_layout(layout, FILE_LAYOUT)
        if ledger is None:
            raise UnusableInput(
                f"{source} is read as a delimited file, which needs a ledger file that describes its columns: --ledger"
            )
        text = _read(Path(ledger))
        capture_file(Path(source), into, LedgerDefinition.parse(text, str(ledger)), text, buckets, bars)
        return Evidence.open(into, verify=False)
    _require_layout(layout, OWN_LAYOUT)
    url = parse_url(source)
    ledger_path = data_path("ledgers", "bank.toml") if ledger is None else Path(ledger)
    text = _read(ledger_path)
    definition = LedgerDefinition.parse(text, str(ledger_path))
    if not definition.posting:
        raise UnusableInput(f"ledger file {ledger_path} describes a delimited file, and {described(url)} is a database")
    if url.drivername == "sqlite" and not _is_sqlite(Path(str(url.database))):
        raise UnusableInput(f"{described(url)} is not a SQLite database")
    opened = (
        open_sqlite(Path(str(url.database)), pace)
        if url.drivername == "sqlite"
        else open_postgres(url, pace, described(url), hold=[model.table for model in definition.read_model])
    )
    with ArchiveWriter(into, buckets) as writer:
        with opened as database:
            taken = StoreCapture(database, writer, definition, bars, clock)
            captured = taken.run(outside_folder(source) / "statements")
        found = captured.poster
        writer.finish(
            ledger=text,
            source=address_of(url),
            layout=OWN_LAYOUT,
            cut=captured.cut,
            unposted=dict(found.unposted),
            problems=found.problems,
            problem_count=found.problem_count,
            decimals=captured.decimals,
        )
    return Evidence.open(into, verify=False)


def _require_layout(given: str | None, found: str) -> None:
    if given not in (None, found):
        raise UnusableInput(f"layout {given!r} is not known for this source: leave it out, or say {found!r}")


def _is_sqlite(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            head = file.read(len(SQLITE_MAGIC))
    except OSError as error:
        raise UnusableInput(f"{path} can't be read: {error.strerror}") from None
    if not head:
        raise UnusableInput(f"{path} is empty: there is nothing to capture")
    return head == SQLITE_MAGIC


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnusableInput(f"ledger file {path} can't be read: {error.strerror}") from None
