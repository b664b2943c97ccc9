"""From our own store to evidence: its log, what its read models claim, and how far they had got."""

import contextlib
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from esworkbench.archive import GAPS_KEPT, SCHEMAS, ArchiveWriter, Cut, IndexCheck
from esworkbench.errors import UnusableInput
from esworkbench.event_store.anchors.files import ANCHORS, KEYS
from esworkbench.event_store.missing_guards import missing_guards
from esworkbench.event_store.schema import events
from esworkbench.event_store.sidecar import COMPLAINT, OPERATIONS, SEALED, STATEMENTS
from esworkbench.evidence.capturing.ahead import ahead
from esworkbench.evidence.capturing.anchors import OWN_COPY, AnchorsTaken, take_from_outside
from esworkbench.evidence.capturing.claims import Claims, as_columns
from esworkbench.evidence.capturing.envelope import Envelope
from esworkbench.evidence.capturing.fitting import fitted
from esworkbench.evidence.capturing.gaps import Gaps
from esworkbench.evidence.capturing.index_checks import index_checks
from esworkbench.evidence.capturing.key_records import read_key_records
from esworkbench.evidence.capturing.opening import require_event_store
from esworkbench.evidence.capturing.poster import Poster
from esworkbench.evidence.capturing.progress import Progress
from esworkbench.evidence.capturing.set_based import SetBasedPoster
from esworkbench.evidence.capturing.source import SourceDatabase
from esworkbench.evidence.capturing.statements.folder import StatementFile, statements_in
from esworkbench.evidence.capturing.stored_form import Oddity, Stored, stored_log
from esworkbench.evidence.ledger import LedgerDefinition
from esworkbench.personal_data.keys import RECORDS
from esworkbench.projections.checkpoints import checkpoint_log

compute: Any = pc
"""Its stubs know no chunked columns."""

PERSONAL_KEYS = "personal_keys"
NAMED_AT_MOST = 5
LOCKS = (f".{ANCHORS}.lock", f".{RECORDS}.lock")
"""What whoever anchors takes turns by."""
COPIED_AS_THEY_ARE = ("checkpoints", "checkpoint_log", "dead_letters", "snapshots")
BESIDE_THE_LOG = (*COPIED_AS_THEY_ARE, "anchors")


class Captured(NamedTuple):
    """What the manifest says about a capture, besides listing its files.

    ``decimals`` holds every currency that was found, with None for one whose decimals nobody says.
    """

    cut: Cut
    poster: Poster
    decimals: dict[str, int | None]
    missing_guards: list[str]
    index_checks: list[IndexCheck]
    assumptions: list[str]


class SourceTables:
    """The tables beside the log, read with a progress bar for each."""

    def __init__(self, source: SourceDatabase, progress: Progress) -> None:
        self._source = source
        self._progress = progress
        self.engine = source.engine

    def rows(self, table: str, query: str) -> Iterator[list[tuple[Any, ...]]]:
        with self._progress.of(table) as advance:
            for batch in self._source.rows(query):
                yield batch
                advance(len(batch))

    def in_bulk(self, table: str, query: str) -> Iterator[pa.RecordBatch]:
        with self._progress.of(table) as advance, contextlib.closing(ahead(self._source.arrow(query))) as batches:
            for batch in batches:
                yield batch
                advance(len(batch))


class StoreCapture:
    """One capture of our own store into an archive."""

    def __init__(
        self,
        source: SourceDatabase,
        writer: ArchiveWriter,
        ledger: LedgerDefinition,
        progress: Progress,
        clock: Callable[[], datetime],
        after: int | None = None,
    ) -> None:
        self._after = after
        self._source = source
        self._writer = writer
        self._ledger = ledger
        self._progress = progress
        self._clock = clock
        self._poster = Poster(ledger)
        self._posting = SetBasedPoster(ledger, self._poster)
        self._envelope = Envelope()
        self._columns = source.columns()
        self._tables = SourceTables(source, progress)
        self._accounts: set[str] = set()
        self._claims = Claims(writer, self._columns, self._tables, self._poster.report, self._keep)

    def run(self, outside: Path) -> Captured:
        """Everything at the source's one cut, and the statements in the folder outside of it, if there is one."""
        require_event_store(self._columns)
        statements = statements_in(outside / STATEMENTS, self._left_out)
        found = self._events()
        checkpoints: dict[str, int] = {}
        for table in COPIED_AS_THEY_ARE:
            for batch in self._copy(table):
                if table == "checkpoints":
                    checkpoints.update(zip(batch["projection"], batch["position"], strict=True))
                if table == "snapshots" and self._ledger.snapshot:
                    self._claims.snapshots(self._ledger.snapshot, batch)
        models = [model for model in self._ledger.read_model if model.table in self._columns]
        checks = index_checks(self._source, models)
        for model in models:
            self._claims.read_model(
                model, past_indexes=any(each.differs for each in checks if each.table == model.table)
            )
        statements = [each for each in statements if self._statement(each)]
        if self._after is None:
            self._anchors(outside)
            self._personal_keys(outside)
        gaps = found.unfilled()
        cut = Cut(
            high_water=found.high_water,
            checkpoints=checkpoints,
            server_time=self._source.server_time() or self._clock(),
            gaps=gaps[:GAPS_KEPT],
            gaps_left_out=max(0, len(gaps) - GAPS_KEPT),
            after=self._after or 0,
        )
        decimals = self._poster.scales.of_all(self._posting.currencies | self._claims.currencies)
        lacking = missing_guards(self._ask, self._source.engine, (events, checkpoint_log))
        assumptions = [*self._claims.assumptions, *_not_read(outside, statements)]
        return Captured(cut, self._poster, decimals, lacking, checks, assumptions)

    def _statement(self, found: StatementFile) -> bool:
        """Take a statement. One that can't be read is a problem, as a spoiled anchor is, and ends no capture."""
        try:
            described = LedgerDefinition.load(found.described) if found.described else None
            self._claims.statement(found.path, self._ledger, lambda: self._accounts, described=described)
        except UnusableInput as error:
            self._left_out(str(error))
            return False
        return True

    def _left_out(self, why: str) -> None:
        self._poster.report(f"left out: {why}".encode("utf-8", "backslashreplace").decode(), "", None, "")

    def _anchors(self, outside: Path) -> None:
        """The store's own copy and what lies outside, held against the log as it was taken."""
        taken = AnchorsTaken(self._writer, lambda what: self._poster.report(what, "", None, ""))
        if columns := self._columns.get("anchors"):
            lacking = [name for name in OWN_COPY if name not in columns]
            names = ", ".join("NULL" if name in lacking else name for name in OWN_COPY)
            query = f"SELECT {names} FROM anchors ORDER BY 1"
            taken.own_copy(row for rows in self._tables.rows("anchors", query) for row in rows)
        take_from_outside(taken, outside)
        taken.finish(lambda: self._writer.close_table("events"))

    def _personal_keys(self, outside: Path) -> None:
        """Which keys of people there are, and when they were destroyed: what they sealed opens no more. Never a key.

        They are kept away from the log, so a list of them lies outside; a store may hold the table itself.
        """
        told: set[str] = set()
        if {"key_id", "destroyed_at"} <= self._columns.get(PERSONAL_KEYS, set()):
            query = f"SELECT key_id, destroyed_at FROM {PERSONAL_KEYS} ORDER BY 1"
            for batch in self._tables.rows(PERSONAL_KEYS, query):
                columns, oddities = fitted("keys", PERSONAL_KEYS, as_columns(["key_id", "destroyed_at"], batch))
                self._keep(oddities)
                self._writer.write("keys", columns)
                told.update(columns["key_id"])
        path = outside / RECORDS
        if path.is_symlink() or path.exists():
            records = read_key_records(path, lambda what: self._poster.report(what, "", None, ""))
            listed = [each for each in sorted(records.items()) if each[0] not in told]
            self._writer.write("keys", as_columns(["key_id", "destroyed_at"], listed))

    def _ask(self, query: str) -> list[tuple[Any, ...]]:
        return [row for batch in self._source.rows(query) for row in batch]

    def _events(self) -> Gaps:
        gaps = Gaps(self._after or 0)
        # The next batch is read while this one is posted, and its rows fetched while it is read. Whatever happens here,
        # nobody reads any more when the source is closed.
        with self._progress.of("events") as advance, contextlib.closing(ahead(self._read())) as batches:
            for batch, said, complaints in batches:
                self._keep(batch.oddities)
                if len(batch.events):
                    gaps.seen(batch.events["position"].to_numpy(), in_order=batch.by_position)
                    self._complain(batch.events, complaints)
                    events = _with_metadata(batch.events, said)
                    self._writer.write_table("events", events)
                    postings = self._posting.post(events)
                    self._accounts.update(compute.unique(postings["account"]).to_pylist())
                    self._writer.write_table("postings", postings)
                advance(len(batch.events))
        return gaps

    def _read(self) -> Iterator[tuple[Stored, pa.Table, list[tuple[int, str]]]]:
        """The stored log, what its metadata says, and what is odd about that."""
        for batch in stored_log(self._source, self._after):
            yield batch, *self._envelope.read(batch.events["metadata"])

    def _complain(self, events: pa.Table, complaints: list[tuple[int, str]]) -> None:
        for row, what in complaints:
            ((stream_id, version, event_id),) = zip(
                *(events[name].slice(row, 1).to_pylist() for name in ("stream_id", "version", "event_id")), strict=True
            )
            self._poster.report(what, stream_id, version, event_id)

    def _keep(self, oddities: list[Oddity]) -> None:
        """Write down what is stored in another form than its writer's, and report each event or row of it once."""
        self._writer.write("oddities", as_columns(Oddity._fields, oddities))
        for (source, _, stream_id, version, event_id, account), found in groupby(oddities, key=lambda each: each[:6]):
            whose = "" if source == "events" else f"{source}: "
            words = whose + "; ".join(each.why for each in found)
            self._poster.report(words, stream_id or account or "", version, event_id or "")

    def _copy(self, table: str) -> Iterator[dict[str, list[Any]]]:
        """A table of the store that evidence keeps under the same name and columns, as far as it has them."""
        names = [name for name in SCHEMAS[table].names if name in self._columns.get(table, set())]
        if not names:
            return
        for batch in self._tables.rows(table, f"SELECT {', '.join(names)} FROM {table} ORDER BY 1, 2"):
            columns, oddities = fitted(table, table, as_columns(names, batch))
            self._keep(oddities)
            self._writer.write(table, columns)
            yield columns


def _not_read(outside: Path, statements: list[StatementFile]) -> list[str]:
    """What lies outside and was not taken for a statement, in a sentence: what nobody reads proves nothing."""
    read = {f"{STATEMENTS}/{name}" for each in statements for name in each.names}
    known = {STATEMENTS, ANCHORS, *LOCKS, KEYS, RECORDS, COMPLAINT, OPERATIONS, SEALED, *read}
    lies_there = [each for folder in (outside, outside / STATEMENTS) if folder.is_dir() for each in folder.iterdir()]
    names = sorted({each.relative_to(outside).as_posix() for each in lies_there} - known)
    names = [each.encode("utf-8", "backslashreplace").decode() for each in names]
    if not names:
        return []
    more = f" and {len(names) - NAMED_AT_MOST} more" if len(names) > NAMED_AT_MOST else ""
    return [
        f"not read of what lies outside: {', '.join(names[:NAMED_AT_MOST])}{more}; statements are the files in the "
        f"folder {STATEMENTS} that end in .csv, or hold CAMT.053, MT940 or OFX, and no hidden ones and no links"
    ]


def _with_metadata(events: pa.Table, said: pa.Table) -> pa.Table:
    """The events with all columns of evidence."""
    columns = {name: (said if name in said.schema.names else events)[name] for name in SCHEMAS["events"].names}
    return pa.Table.from_arrays(list(columns.values()), schema=SCHEMAS["events"])
