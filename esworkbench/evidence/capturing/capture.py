"""Capture: from a store or a file to evidence, at one cut, with nothing written to the source."""

import contextlib
from collections.abc import Callable, Iterator
from datetime import datetime
from hashlib import sha256
from pathlib import Path

import pyarrow as pa

from esworkbench.archive import ArchiveWriter, LedgerRecord
from esworkbench.errors import UnusableInput
from esworkbench.event_store.database import address_of, described, parse_url
from esworkbench.event_store.sidecar import outside_folder
from esworkbench.events import utc_now
from esworkbench.evidence.capturing.file import LAYOUT as FILE_LAYOUT
from esworkbench.evidence.capturing.file import capture_file
from esworkbench.evidence.capturing.opening import event_types_in, is_database, opened
from esworkbench.evidence.capturing.progress import Progress
from esworkbench.evidence.capturing.regular_file import regular_file
from esworkbench.evidence.capturing.shipped_ledgers import shipped_ledger
from esworkbench.evidence.capturing.source import Pace
from esworkbench.evidence.capturing.store import BESIDE_THE_LOG, StoreCapture
from esworkbench.evidence.evidence import Evidence
from esworkbench.evidence.ledger import LedgerDefinition

OWN_LAYOUT = "esworkbench"


def capture(
    source: str,
    into: Path | str,
    *,
    layout: str | None = None,
    ledger: Path | str | None = None,
    ledger_origin: str | None = None,
    domain: str | None = None,
    progress: bool = True,
    buckets: int = 8,
    rate_limit: float | None = None,
    give_up_after: float = 1800.0,
    clock: Callable[[], datetime] = utc_now,
    after: int | None = None,
) -> Evidence:
    """Freeze a store or a delimited file as evidence in the new folder ``into``.

    ``source`` is a database URL, a SQLite file, or a delimited file with running balances; ``ledger`` is the file that
    says what its events post, or what its columns mean. Without one a store is judged by the shipped ledger that knows
    its event types, and refused where none does. ``ledger_origin`` says in words where the ledger came from, ``domain``
    whose code the source belongs to: both are recorded in the manifest as text. ``rate_limit`` is in rows per second,
    ``give_up_after`` in seconds; ``after`` leaves the log of a store up to that position out. Raises UnusableInput
    (NotAnEventStore for a database without a log, UnknownCurrency where amounts have to be scaled and nobody says by
    how much); then nothing is left in ``into``.
    """
    pace = Pace(rate_limit, give_up_after)
    bars = Progress(progress)
    into = Path(into)
    if not is_database(source):
        _require_layout(layout, FILE_LAYOUT)
        if ledger is None:
            raise UnusableInput(
                f"{source} is read as a delimited file, which needs a ledger file that describes its columns: --ledger"
            )
        text = _read(Path(ledger))
        definition = LedgerDefinition.parse(text, str(ledger))
        used = _record(definition, text, ledger_origin or f"the file {ledger}")
        capture_file(Path(source), into, definition, text, used, buckets, bars)
        return Evidence.open(into, verify=False)
    _require_layout(layout, OWN_LAYOUT)
    url = parse_url(source)
    if ledger is None:
        ledger = shipped_ledger(event_types_in(source))
        ledger_origin = ledger_origin or "the shipped one that knows the log's event types"
    if ledger is None:
        raise UnusableInput(
            f"no shipped ledger knows the event types in {described(url)}, and what they post is not "
            "guessed: name the ledger file that says it with --ledger"
        )
    text = _read(Path(ledger))
    definition = LedgerDefinition.parse(text, str(ledger))
    if definition.file is not None:
        raise UnusableInput(f"ledger file {ledger} describes a delimited file, and {described(url)} is a database")
    reading = opened(url, pace, [*BESIDE_THE_LOG, *(model.table for model in definition.read_model)])
    with _memory_of_the_system(), ArchiveWriter(into, buckets) as writer:
        with reading as database:
            taken = StoreCapture(database, writer, definition, bars, clock, after)
            captured = taken.run(outside_folder(source))
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
            judged_by=_record(definition, text, ledger_origin or f"the file {ledger}"),
            domain=domain,
            missing_guards=captured.missing_guards,
            index_checks=captured.index_checks,
            assumptions=captured.assumptions,
        )
    return Evidence.open(into, verify=False)


@contextlib.contextmanager
def _memory_of_the_system() -> Iterator[None]:
    """Arrow's own allocator gives pages back and takes them anew with every batch, which costs as much as reading."""
    before = pa.default_memory_pool()
    pa.set_memory_pool(pa.system_memory_pool())
    try:
        yield
    finally:
        pa.set_memory_pool(before)


def _record(definition: LedgerDefinition, text: bytes, origin: str) -> LedgerRecord:
    return LedgerRecord(name=definition.name, sha256=sha256(text).hexdigest(), origin=origin)


def _require_layout(given: str | None, found: str) -> None:
    if given not in (None, found):
        raise UnusableInput(f"layout {given!r} doesn't fit this source: leave it out, or say {found!r}")


def _read(path: Path) -> bytes:
    try:
        return regular_file(path).read_bytes()
    except OSError as error:
        raise UnusableInput(f"ledger file {path} can't be read: {error.strerror}") from None
