"""From our own store to evidence: its log, what its read models claim, and how far they had got."""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from esworkbench.archive import SCHEMAS, ArchiveWriter, Cut
from esworkbench.evidence.capturing.claims import Claims, as_columns, text_of
from esworkbench.evidence.capturing.opening import EVENT_COLUMNS, require_event_store
from esworkbench.evidence.capturing.poster import Poster
from esworkbench.evidence.capturing.progress import Progress
from esworkbench.evidence.capturing.source import SourceDatabase
from esworkbench.evidence.ledger import LedgerDefinition

COPIED_AS_THEY_ARE = ("checkpoints", "checkpoint_log", "dead_letters", "snapshots")
GAPS_KEPT = 1000


class Captured(NamedTuple):
    """What the manifest says about a capture, besides listing its files.

    ``decimals`` holds every currency that was found, with None for one whose decimals nobody says.
    """

    cut: Cut
    poster: Poster
    decimals: dict[str, int | None]


class StoreCapture:
    """One capture of our own store into an archive."""

    def __init__(
        self,
        source: SourceDatabase,
        writer: ArchiveWriter,
        ledger: LedgerDefinition,
        progress: Progress,
        clock: Callable[[], datetime],
    ) -> None:
        self._source = source
        self._writer = writer
        self._ledger = ledger
        self._progress = progress
        self._clock = clock
        self._poster = Poster(ledger)
        self._columns = source.columns()
        self._claims = Claims(writer, self._columns, self._batches, self._poster.report)
        self._currencies: set[str] = set()

    def run(self, statements: Path) -> Captured:
        """Everything at the source's one cut, and the statements in the folder beside it, if there is one."""
        require_event_store(self._columns)
        high_water, gaps = self._events()
        checkpoints: dict[str, int] = {}
        for table in COPIED_AS_THEY_ARE:
            for batch in self._copy(table):
                if table == "checkpoints":
                    checkpoints.update(zip(batch["projection"], batch["position"], strict=True))
                if table == "snapshots" and self._ledger.snapshot:
                    self._claims.snapshots(self._ledger.snapshot, batch)
        for read_model in self._ledger.read_model:
            if read_model.table in self._columns:
                self._claims.read_model(read_model)
        for path in sorted(statements.glob("*.csv")):
            self._claims.statement(path)
        cut = Cut(
            high_water=high_water,
            checkpoints=checkpoints,
            server_time=self._source.server_time() or self._clock(),
            gaps=gaps[:GAPS_KEPT],
            gaps_left_out=max(0, len(gaps) - GAPS_KEPT),
        )
        return Captured(cut, self._poster, self._poster.scales.of_all(self._currencies | self._claims.currencies))

    def _events(self) -> tuple[int | None, list[tuple[int, int]]]:
        last = 0
        gaps: list[tuple[int, int]] = []
        query = f"SELECT {', '.join(EVENT_COLUMNS)} FROM events ORDER BY global_position"
        for batch in self._batches("events", query):
            for row in batch:
                if row[0] > last + 1:
                    gaps.append((last + 1, row[0] - 1))
                last = row[0]
            self._writer.write("events", _event_columns(batch))
            self._writer.write("postings", self._posting_columns(batch))
        return last or None, gaps

    def _posting_columns(self, batch: list[tuple[Any, ...]]) -> dict[str, list[Any]]:
        rows = []
        for position, stream_id, version, event_id, kind, shape, recorded_at, valid_at, payload, metadata, *_ in batch:
            postings = self._poster.post(stream_id, version, event_id, kind, shape, text_of(payload))
            self._currencies.update(posted.currency for posted in postings)
            for ordinal, posted in enumerate(postings):
                place = (position, ordinal, stream_id, version, event_id)
                rows.append((*place, *posted, recorded_at, valid_at, _metadata(metadata).get("correlation_id")))
        return as_columns(SCHEMAS["postings"].names, rows)

    def _copy(self, table: str) -> Iterator[dict[str, list[Any]]]:
        """A table of the store that evidence keeps under the same name and columns, as far as it has them."""
        names = [name for name in SCHEMAS[table].names if name in self._columns.get(table, set())]
        if not names:
            return
        for batch in self._batches(table, f"SELECT {', '.join(names)} FROM {table} ORDER BY 1, 2"):
            columns = as_columns(names, batch)
            self._writer.write(table, columns)
            yield columns

    def _batches(self, table: str, query: str) -> Iterator[list[tuple[Any, ...]]]:
        with self._progress.of(table) as advance:
            for batch in self._source.rows(query):
                yield batch
                advance(len(batch))


def _event_columns(batch: list[tuple[Any, ...]]) -> dict[str, list[Any]]:
    columns = as_columns(EVENT_COLUMNS, batch)
    columns["position"] = columns.pop("global_position")
    columns["type"] = columns.pop("event_type")
    columns["payload"] = [text_of(payload) for payload in columns["payload"]]
    columns["metadata"] = [text_of(metadata) for metadata in columns["metadata"]]
    found = [_metadata(metadata) for metadata in columns["metadata"]]
    for name in ("correlation_id", "causation_id", "idempotency_key", "actor"):
        columns[name] = [None if (value := each.get(name)) is None else str(value) for each in found]
    versions = [each.get("decided_on_version") for each in found]
    columns["decided_on_version"] = [version if isinstance(version, int) else None for version in versions]
    return columns


def _metadata(text: str) -> dict[str, Any]:
    """The metadata as a mapping; empty if it isn't a JSON object, which is then for the hash chain to judge."""
    try:
        found = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return {}
    return found if isinstance(found, dict) else {}
